// split_call.hpp: a call whose keys lie in several slots, split into one command a slot where its command
// tips allow that, and what the replies make together. It is compiled with the client, behind
// calling::encoding.
#pragma once

#include <umbel/client/encode_prefixed.hpp>
#include <umbel/client/joined_replies.hpp>
#include <umbel/client/multi_key.hpp>

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace umbel::calling {

/// The keys of a command that may be split, each the first of `step` words; nothing where it may not be.
/// MSETNX and its kind are no such commands: they do all or nothing. Rule: Redis documentation, "Command
/// tips", "request_policy", multi_shard.
inline std::optional<command::key_range> split_keys(command::command_traits const& traits,
                                                    std::size_t words) noexcept {
    if (traits.request != command::request_policy::multi_shard ||
        traits.keys.search != command::key_search::range ||
        traits.response == command::response_policy::special)
        return std::nullopt;
    return command::detail::find_range(traits.keys, words);
}

/// The parts of a split command: its keys by slot, and how their replies are joined.
struct split_parts {
    std::vector<placed_key> placed;
    command::command_traits const* traits;

    /// Stores the result of the whole in its call. `first`: of the parts, which have settled.
    void join(async::batch_part* first, std::size_t count, async::pooled_call& whole) const noexcept {
        UMBEL_TRY {
            std::vector<result<reply>> told;
            told.reserve(count);
            for (async::batch_part* part = first; told.size() < count; part = part->next)
                told.push_back(std::move(async::part_result<reply>::at(part->place)));
            result<reply> const joined = join_parts(told);
            if (joined) return whole.kind->decode(whole, joined->root());
            whole.kind->fail(whole, error{joined.error()});
        }
        UMBEL_CATCH(...) {
            whole.kind->fail(whole, error{errc::no_memory, delivery::unknown});
        }
    }

private:
    result<reply> join_parts(std::span<result<reply> const> told) const {
        if (traits->response != command::response_policy::one_succeeded)
            if (std::optional<error> wrong = first_error<reply>(told))
                return tl::unexpected<error>{std::move(*wrong)};
        if (traits->response == command::response_policy::none) return in_order_of_keys(told);
        std::vector<result<reply> const*> all;
        for (result<reply> const& part : told) all.push_back(&part);
        return join_replies(*traits, all, 0);
    }
    /// Rule: Redis documentation, "Command tips", "response_policy": without one, a command with keys is
    /// answered in their order.
    result<reply> in_order_of_keys(std::span<result<reply> const> told) const {
        std::vector<resp::view> values(placed.size());
        std::size_t at = 0;
        for (result<reply> const& part : told) {
            std::size_t asked = at;
            while (asked < placed.size() && placed[asked].slot == placed[at].slot) ++asked;
            resp::view const root = part->root();
            if (root.kind() != resp::type::array || root.children_count() != asked - at)
                return fail(errc::unexpected_type, delivery::executed,
                            "the parts of a command that was split by slot were not answered with an array "
                            "of one value a key");
            for (resp::view const value : root.children()) values[placed[at++].at] = value;
        }
        reply_builder made;
        made.begin(resp::type::array);
        for (resp::view const value : values)
            if (!made.add(value))
                return fail(errc::no_memory, delivery::executed, "the joined reply is too large");
        return reply{made.view()};
    }
};

/// Appends one command a slot for an encoded call, whose words they keep: the call must outlive them.
/// Errors: bad_argument; throws std::bad_alloc.
inline result<split_parts> append_parts(async::batch_list& list, async::pooled_call const& call,
                                        command::command_traits const& traits) {
    // Below this, a copy costs less than lending.
    constexpr std::size_t lent_bytes_min = 4096;
    std::vector<command::argument> const words = encoded_words{{call.bytes, call.size}, call.borrowed}.read();
    command::key_range const keys = *split_keys(traits, words.size());
    std::size_t const end = keys.first + std::size_t{keys.count} * keys.step;
    if (end > words.size())
        return fail(errc::bad_argument, delivery::not_sent,
                    std::string{words[0].text()} + ": the last key lacks what belongs to it");
    split_parts made{place_keys({}, keys.count, [&](std::size_t nth) { return words[keys[nth]].text(); }),
                     &traits};
    bool const in_block = call.bytes != call.inline_space;
    std::vector<command::argument> part;
    auto const add = [&](command::argument const& word) {
        part.push_back(in_block && word.size() >= lent_bytes_min ? umbel::borrow(word.text()) : word);
    };
    for (std::size_t first = 0; first < keys.count;) {
        part.clear();
        for (std::size_t at = 0; at < keys.first; ++at) add(words[at]);
        std::size_t last = first;
        for (; last < keys.count && made.placed[last].slot == made.placed[first].slot; ++last) {
            std::size_t const at = keys[made.placed[last].at];
            part.emplace_back(umbel::key{words[at].text()});
            for (std::size_t beside = 1; beside < keys.step; ++beside) add(words[at + beside]);
        }
        for (std::size_t at = end; at < words.size(); ++at) add(words[at]);
        // What is encoded has its prefix already.
        bare_command<reply> command{std::span<command::argument const>{part}, command::key_prefix{},
                                    call.flags};
        // The words were taken before: nothing but memory can be missing.
        if (command.refusal()) throw_bad_alloc();
        append(list, std::move(command));
        first = last;
    }
    return made;
}

/// True when a command given word by word is split: its keys lie in several slots, and its tips allow it.
inline bool is_split(site const& site, command::command_traits const* traits,
                     std::span<std::string_view const> words) {
    if (!traits || !traits->takes(words.size())) return false;
    std::optional<command::key_range> const keys = split_keys(*traits, words.size());
    if (!keys || keys->count < 2) return false;
    auto const placed =
        place_keys(site.prefix.text(), keys->count, [&](std::size_t nth) { return words[(*keys)[nth]]; });
    return placed.front().slot != placed.back().slot;
}
/// True when the caller has marked just the keys that the command table knows, or none.
inline bool marks_agree(command::key_range const& keys, std::span<bool const> marked) noexcept {
    for (std::size_t at = 0; at < marked.size(); ++at) {
        bool const is_key = at >= keys.first && at < keys.first + std::size_t{keys.count} * keys.step &&
                            (at - keys.first) % keys.step == 0;
        if (marked[at] != is_key) return false;
    }
    return true;
}

/// Has a call whose keys lie in several slots stand for its parts, where it may be split and there is more
/// than one server. Else it stays as it is.
inline async::pooled_call& split(async::pooled_call& call, site const& site,
                                 command::command_traits const* traits, std::span<bool const> marked_keys,
                                 std::size_t words, value_kind const& value) noexcept {
    if (!traits || call.launch != async::launch_kind::direct || undivided(site)) return call;
    std::optional<command::key_range> const keys = split_keys(*traits, words);
    if (!keys || !marks_agree(*keys, marked_keys)) return call;
    UMBEL_TRY {
        async::batch_list list;
        result<split_parts> made = append_parts(list, call, *traits);
        if (!made) return refuse(call, value, std::move(made.error()));
        auto* const finish = +[](void* state, async::batch_list& parts, async::pooled_call& whole) noexcept {
            static_cast<batch_state<split_parts>*>(state)->join.join(parts.first(), parts.size(), whole);
        };
        if (stand_for(call, site, std::move(list), {}, std::move(*made), finish)) return call;
    }
    UMBEL_CATCH(...) {
    }
    return refuse(call, value, error{errc::no_memory, delivery::not_sent});
}

/// A command of a batch that was split: it keeps the call that its result is decoded by, and its parts,
/// which stand behind it in the batch until all have settled.
class split_command final : public async::unusual_command {
public:
    /// Takes over the call, and the parts, which are put behind `whole`.
    split_command(async::batch_part& whole, async::pooled_call& call, async::batch_list&& parts,
                  split_parts&& made) noexcept
        : whole_{whole}, call_{call}, parts_{std::move(parts)}, made_{std::move(made)} {
        parts_.last()->next = std::exchange(whole_.next, parts_.first());
        linked_ = true;
    }
    ~split_command() override {
        unlink();
        async::pool::recycle(&call_);
    }
    cluster::slot_target slot(async::batch_origin const&) noexcept override {
        return cluster::slot_target::several();
    }
    result<void> fill(async::pooled_call&, async::batch_origin const&) override {
        return fail(errc::bad_argument, delivery::not_sent, "the command has been split");
    }
    void join() noexcept override {
        unlink();
        made_.join(parts_.first(), parts_.size(), call_);
        parts_.clear();
    }

private:
    void unlink() noexcept {
        if (std::exchange(linked_, false)) whole_.next = std::exchange(parts_.last()->next, nullptr);
    }

    async::batch_part& whole_;
    async::pooled_call& call_;
    async::batch_list parts_;
    split_parts made_;
    bool linked_;
};

/// Behind encoding::split_part.
inline result<bool> split_part(async::batch_list& list, async::batch_part& part, async::pooled_call& call,
                               site const& site) {
    if (undivided(site)) return false;
    command::command_traits const* const traits = row_of_encoded(site, {call.bytes, call.size});
    std::size_t const words = encoded_words{{call.bytes, call.size}, call.borrowed}.read().size();
    if (!traits || !split_keys(*traits, words)) return false;
    async::batch_list parts;
    result<split_parts> made = append_parts(parts, call, *traits);
    if (!made) return tl::unexpected<error>{std::move(made.error())};
    void* const at = list.allocate(sizeof(split_command), alignof(split_command));
    part.unusual->~unusual_command();
    part.unusual = ::new (at) split_command{part, call, std::move(parts), std::move(*made)};
    return true;
}

}  // namespace umbel::calling
