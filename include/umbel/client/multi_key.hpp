// multi_key.hpp: commands with many keys, split by slot, sent side by side and joined in the order of the
// keys. It knows what the parts mean; they are sent as a batch.
#pragma once

#include <umbel/client/batch.hpp>
#include <umbel/command/keys.hpp>
#include <umbel/command/ranges.hpp>
#include <umbel/command/strings.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel {

namespace command::specs {
inline constexpr command_spec mget{"MGET", cluster::command_flags::read_only};
inline constexpr command_spec mset{"MSET", cluster::command_flags::idempotent};
}  // namespace command::specs

using command::key_range_of_texts;
using command::key_value_range;

namespace calling {

/// One key of a command with many: its slot, and its place among the keys.
struct placed_key {
    std::uint16_t slot;
    std::uint32_t at;
};

/// The keys sorted by slot, in their own order within a slot.
template <class KeyAt>
std::vector<later<KeyAt, placed_key>> place_keys(std::string_view prefix, std::size_t count, KeyAt&& key_at) {
    std::vector<later<KeyAt, placed_key>> placed(count);
    std::string with_prefix;
    for (std::uint32_t at = 0; at < count; ++at) {
        std::string_view key = key_at(at);
        if (!prefix.empty()) key = with_prefix.assign(prefix).append(key);
        placed[at] = {cluster::slot_of(key).value(), at};
    }
    std::sort(placed.begin(), placed.end(), [](placed_key left, placed_key right) {
        return left.slot != right.slot ? left.slot < right.slot : left.at < right.at;
    });
    return placed;
}

/// The first error among the parts, with the delivery of the whole: when a part may have run, so may the
/// whole. The message tells how many have.
template <class Part>
std::optional<error> first_error(std::span<result<Part> const> parts) {
    error const* found = nullptr;
    std::size_t ran = 0;
    std::size_t perhaps = 0;
    for (auto const& part : parts) {
        if (!part && !found) found = &part.error();
        if (part || part.error().delivery() == delivery::executed)
            ++ran;
        else if (part.error().may_have_executed())
            ++perhaps;
    }
    if (!found) return std::nullopt;
    if (ran + perhaps == 0 || parts.size() == 1) return *found;
    return error{
        found->code(),
        ran == parts.size() ? delivery::executed : delivery::unknown,
        {.message = std::string{found->message()} + " (of the command's " + std::to_string(parts.size()) +
                    " parts, each of one slot, " + std::to_string(ran) + " were executed, and " +
                    std::to_string(perhaps) + " more may have been)",
         .node = std::string{found->node()},
         .slot = found->slot(),
         .trail = {found->trail().begin(), found->trail().end()}}};
}

/// True when one server holds all slots, so that nothing needs to be split.
inline bool undivided(site const& site) noexcept {
    async::backend const* const there = async::backend_of(site.owner, site.generation);
    return there && there->standalone();
}

/// What joins the results of the parts: `join(results, places)` makes the whole.
template <class Value, class Part, class Join>
struct split_join {
    std::vector<later<Value, placed_key>> placed;
    Join join;

    static void finish(void* state, async::batch_list& list, async::pooled_call& whole) noexcept {
        auto const& self = static_cast<batch_state<split_join>*>(state)->join;
        UMBEL_TRY {
            std::vector<result<Part>> told;
            told.reserve(list.size());
            for (async::batch_part* part = list.first(); part; part = part->next)
                told.push_back(std::move(async::part_result<Part>::at(part->place)));
            async::result_slot<Value>::put(whole, [&] { return self.join(told, self.placed); });
        }
        UMBEL_CATCH(...) {
            async::result_slot<Value>::fail(whole, error{errc::no_memory, delivery::unknown});
        }
    }
};

/// A command with `words_per_key` arguments a key, split by slot: a batch of one command a slot.
/// `word(i, k)` gives word k of key i; `join(results, places)` the whole.
template <class Value, class Part, class Word, class Join>
operation<Value> make_split(site const& site, command::command_spec const& name, std::size_t keys,
                            std::size_t words_per_key, Word&& word, Join join) {
    async::pooled_call& whole = obtain<Value>(site);
    prepare(whole, site, name.flags());
    UMBEL_TRY {
        if (site.wrong) return refused<Value>(whole, *site.wrong);
        if (keys == 0)
            return refused<Value>(whole, error{errc::bad_argument, delivery::not_sent,
                                               "a command with many keys needs at least one"});
        split_join<Value, Part, Join> joins{{}, join};
        auto& placed = joins.placed;
        if (undivided(site)) {
            placed.resize(keys);
            for (std::uint32_t at = 0; at < keys; ++at) placed[at] = {0, at};
        } else {
            placed = place_keys(site.prefix.text(), keys,
                                [&](std::size_t at) { return word(at, std::size_t{0}); });
        }
        async::batch_list list;
        std::vector<later<Value, command::argument>> words;
        for (std::size_t first = 0; first < keys;) {
            std::size_t last = first;
            words.clear();
            for (; last < keys && placed[last].slot == placed[first].slot; ++last) {
                words.emplace_back(umbel::key{word(placed[last].at, std::size_t{0})});
                for (std::size_t k = 1; k < words_per_key; ++k) words.emplace_back(word(placed[last].at, k));
            }
            bare_command<Part> part{name, words, name.flags(), command::refusal{}};
            // Before any part is sent: a command with a bad argument is not half done.
            if (result<void> good = check(site, part); !good)
                return refused<Value>(whole, std::move(good.error()));
            append(list, std::move(part));
            first = last;
        }
        if (stand_for(whole, site, std::move(list), {}, std::move(joins),
                      &split_join<Value, Part, Join>::finish))
            return operation<Value>{whole};
    }
    UMBEL_CATCH(...) {
    }
    return refused<Value>(whole, error{errc::no_memory, delivery::not_sent});
}

/// What `make()` makes; without memory for its preparations, an operation that says so.
template <class Value, class Self, class Make>
auto if_memory_lasts(Self const& self, Make&& make) {
    return give(self, [&]() -> operation<Value> {
        UMBEL_TRY { return make(); }
        UMBEL_CATCH(std::bad_alloc const&) {
            async::pooled_call& call = obtain<Value>(self.site());
            prepare(call, self.site(), cluster::command_flags::none);
            return refused<Value>(call, error{errc::no_memory, delivery::not_sent});
        }
    });
}

/// Joins counts.
template <class Count>
struct add_up {
    result<Count> operator()(std::vector<result<Count>>& told, std::vector<placed_key> const&) const {
        if (auto wrong = first_error<Count>(told)) return tl::unexpected<error>{std::move(*wrong)};
        Count sum = 0;
        for (auto const& count : told) sum += *count;
        return sum;
    }
};

/// Puts values back into the order of their keys.
template <class Value>
struct put_in_order {
    using values = std::vector<std::optional<Value>>;
    result<values> operator()(std::vector<result<values>>& told,
                              std::vector<placed_key> const& placed) const {
        if (auto wrong = first_error<values>(told)) return tl::unexpected<error>{std::move(*wrong)};
        values all(placed.size());
        std::size_t at = 0;
        for (auto& part : told) {
            std::size_t asked = at;
            while (asked < placed.size() && placed[asked].slot == placed[at].slot) ++asked;
            if (part->size() != asked - at)
                return fail(errc::unexpected_type, delivery::executed,
                            "MGET answered with another number of values than it has keys");
            for (auto& value : *part) all[placed[at++].at] = std::move(value);
        }
        return all;
    }
};

/// Gives each key its own result.
template <class Value>
struct put_each {
    using values = std::vector<std::optional<Value>>;
    using whole = std::vector<result<std::optional<Value>>>;
    result<whole> operator()(std::vector<result<values>>& told, std::vector<placed_key> const& placed) const {
        whole all(placed.size());
        std::size_t at = 0;
        for (auto& part : told) {
            std::size_t asked = at;
            while (asked < placed.size() && placed[asked].slot == placed[at].slot) ++asked;
            bool const fits = part && part->size() == asked - at;
            for (std::size_t nth = 0; at < asked; ++nth, ++at) {
                auto& here = all[placed[at].at];
                if (fits)
                    here = std::move((*part)[nth]);
                else if (!part)
                    here = tl::unexpected<error>{part.error()};
                else
                    here = fail(errc::unexpected_type, delivery::executed,
                                "MGET answered with another number of values than it has keys");
            }
        }
        return all;
    }
};

/// Joins what has no value.
template <class Done>
struct all_done {
    result<Done> operator()(std::vector<result<Done>>& told, std::vector<placed_key> const&) const {
        if (auto wrong = first_error<Done>(told)) return tl::unexpected<error>{std::move(*wrong)};
        return Done{};
    }
};

/// Random access to any forward range of texts, without copying a text.
template <class Range>
std::vector<std::string_view> texts_of(Range const& range) {
    std::vector<later<Range, std::string_view>> all;
    for (auto const& key : range) all.emplace_back(key);
    return all;
}

}  // namespace calling

/// Commands with many keys in any slots. In a cluster each slot's part is one command; the parts are not
/// atomic together.
/// Errors of each: those of every command, listed at umbel::client; bad_argument where there is no key. Any
/// part's error is the whole's, with the delivery unknown when another part may have run. Cancellation: as of
/// every command, for each part: some may have written, others not.
template <class Self>
class multi_key_commands {
public:
    /// MGET: values in the order of the keys, nullopt for missing ones. Any failed part fails the whole.
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto mget(Keys const& keys) const {
        using values = std::vector<std::optional<Value>>;
        return calling::if_memory_lasts<values>(command::self_of(*this), [&] {
            auto const all = calling::texts_of(keys);
            return calling::make_split<values, values>(
                command::self_of(*this).site(), command::specs::mget, all.size(), 1,
                [&](std::size_t at, std::size_t) { return all[at]; }, calling::put_in_order<Value>{});
        });
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto mget(Keys const&... keys) const {
        return mget<Value>(std::array<std::string_view, sizeof...(Keys)>{std::string_view{keys}...});
    }

    /// MGET with a result for each key, in the order of the keys: a slot that cannot be read costs only the
    /// keys of that slot. Errors of the whole: bad_argument, no_memory, cancelled before it was begun.
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto mget_each(Keys const& keys) const {
        using whole = std::vector<result<std::optional<Value>>>;
        auto const& self = command::self_of(*this);
        return calling::if_memory_lasts<whole>(self, [&] {
            auto const all = calling::texts_of(keys);
            return calling::make_split<whole, std::vector<std::optional<Value>>>(
                self.site(), command::specs::mget, all.size(), 1,
                [&](std::size_t at, std::size_t) { return all[at]; }, calling::put_each<Value>{});
        });
    }

    /// MSET: writes all pairs; in a cluster, slot by slot. When a part fails, others may have been written:
    /// the delivery says so.
    template <key_value_range Pairs>
    auto mset(Pairs const& pairs) const {
        return calling::if_memory_lasts<later<Pairs, ok>>(command::self_of(*this), [&] {
            std::vector<later<Pairs, std::string_view>> all;
            for (auto const& pair : pairs) {
                all.emplace_back(pair.first);
                all.emplace_back(pair.second);
            }
            using written = later<Pairs, ok>;
            return calling::make_split<written, written>(
                command::self_of(*this).site(), command::specs::mset, all.size() / 2, 2,
                [&](std::size_t at, std::size_t k) { return all[at * 2 + k]; }, calling::all_done<written>{});
        });
    }

    /// DEL, UNLINK, EXISTS and TOUCH of many keys: how many there were.
    template <key_range_of_texts Keys>
    auto del(Keys const& keys) const {
        return counted(command::specs::del, keys);
    }
    template <key_range_of_texts Keys>
    auto unlink(Keys const& keys) const {
        return counted(command::specs::unlink, keys);
    }
    template <key_range_of_texts Keys>
    auto exists(Keys const& keys) const {
        return counted(command::specs::exists, keys);
    }
    template <key_range_of_texts Keys>
    auto touch(Keys const& keys) const {
        return counted(command::specs::touch, keys);
    }

private:
    template <class Keys>
    auto counted(command::command_spec const& name, Keys const& keys) const {
        using count = later<Keys, std::int64_t>;
        return calling::if_memory_lasts<count>(command::self_of(*this), [&] {
            auto const all = calling::texts_of(keys);
            return calling::make_split<count, count>(
                command::self_of(*this).site(), name, all.size(), 1,
                [&](std::size_t at, std::size_t) { return all[at]; }, calling::add_up<count>{});
        });
    }
};

}  // namespace umbel
