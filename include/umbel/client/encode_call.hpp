// encode_call.hpp: how commands are encoded into calls, typed ones and those given word by word: what stands
// behind calling::encoding. It sends nothing.
#pragma once

#include <umbel/client/audience_of.hpp>
#include <umbel/client/bare_command.hpp>
#include <umbel/client/make_operation.hpp>
#include <umbel/client/route_words.hpp>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

/// Marks a call that only a stand-alone server may serve, which the router knows: its keys lie in several
/// slots, say. A cluster answers it with this error.
inline void mark_undivided(async::pooled_call& call, errc code, std::string message) {
    call.slot = cluster::slot_target::several();
    engine::retry_state* const retry = call.make_retry_state();
    if (!retry) throw_bad_alloc();
    retry->reported = code;
    retry->message = std::move(message);
}
inline void mark_several_slots(async::pooled_call& call, std::string message) {
    mark_undivided(call, errc::cross_slot, std::move(message));
}

/// Encodes any command into what measure() has said it needs, behind so many bytes that are left as they
/// are. See encode().
template <class Prefix = command::no_prefix>
bool encode_measured(async::pooled_call& call, command::command_spec const& name,
                     std::span<command::argument const> words, std::uint64_t argument_bytes_max,
                     command::measured const& need, std::size_t behind, Prefix const& prefix = {}) {
    if (need.bytes > 0xffffffffu || need.longest > argument_bytes_max) [[unlikely]]
        return false;
    char* const at = call.reserve(behind + need.bytes) + behind;
    if (need.lent != 0) [[unlikely]]
        call.borrowed = new engine::borrowed_piece[need.lent]{};
    auto const lend = [&](std::size_t offset, std::string_view bytes) {
        auto* const pieces = const_cast<engine::borrowed_piece*>(call.borrowed);
        std::uint32_t const count = pieces->count;
        pieces[count] = {static_cast<std::uint32_t>(offset), pieces[0].count, bytes.data(), bytes.size()};
        pieces->count = count + 1;
    };
    command::encoded const made = command::encode(at, name, words, lend, prefix);
    call.bytes = at;
    call.size = static_cast<std::uint32_t>(made.end - at);
    call.slot = made.slot;
    if (made.slot.is_several()) [[unlikely]]
        mark_several_slots(call, command::cross_slot_message(made.first_key, made.other_key));
    return true;
}
UMBEL_NEVER_INLINE inline bool encode_any(async::pooled_call& call, command::command_spec const& name,
                                          std::span<command::argument const> words,
                                          std::uint64_t argument_bytes_max, std::size_t behind = 0) {
    return encode_measured(call, name, words, argument_bytes_max, command::measure(words), behind);
}

inline error longer_than_allowed(std::size_t bytes, std::uint64_t argument_bytes_max) noexcept {
    char text[200];
    std::snprintf(text, sizeof text,
                  "an argument of %zu bytes is longer than options.argument_bytes_max (%llu), which goes "
                  "with the server's proto-max-bulk-len",
                  bytes, static_cast<unsigned long long>(argument_bytes_max));
    return error{errc::bad_argument, delivery::not_sent, std::string_view{text}};
}
/// Behind encoding::too_long.
inline error too_long(std::span<command::argument const> words, site const& site) noexcept {
    std::size_t const longest = command::measure(words).longest;
    if (longest > site.argument_bytes_max) return longer_than_allowed(longest, site.argument_bytes_max);
    return error{errc::bad_argument, delivery::not_sent, "the command is longer than 4 GiB"};
}

/// Notes what was encoded into the call's own memory.
UMBEL_ALWAYS_INLINE void encoded_inside(async::pooled_call& call, char const* end) noexcept {
    static_assert(command::short_command_max <= async::pooled_call::inline_bytes &&
                  command::short_pair_max <= async::pooled_call::inline_bytes);
    call.bytes = call.inline_space;
    call.size = static_cast<std::uint32_t>(end - call.inline_space);
}

/// Behind encoding::encode.
inline bool encode(async::pooled_call& call, site const& site, command::command_spec const& name,
                   std::span<command::argument const> words) {
    if (words.size() == 2 && command::is_short_pair(words[0], words[1])) [[likely]] {
        encoded_inside(call, command::put_pair_command(call.inline_space, name, words[0], words[1]));
        call.slot = cluster::slot_of(words[0].text());
        return true;
    }
    if (words.size() != 1 || !words[0].is_key() || words[0].size() > command::short_key_max)
        return encode_any(call, name, words, site.argument_bytes_max);
    std::string_view const key = words[0].text();
    encoded_inside(call, command::put_key_command(call.inline_space, name, key));
    call.slot = cluster::slot_of(key);
    return true;
}

/// take_keyed() for a key with a hash tag, or of unusual length. Null if it is too long for a short command.
UMBEL_NEVER_INLINE inline async::pooled_call* take_keyed_slow(site const& site,
                                                              command::command_spec const& name,
                                                              std::string_view key) noexcept {
    if (key.size() > command::short_key_max) return nullptr;
    async::pooled_call* const call = async::pool::take_recycled();
    if (!call) [[unlikely]]
        return nullptr;
    prepare(*call, site, name.flags());
    encoded_inside(*call, command::put_key_command(call->inline_space, name, key));
    call->slot = cluster::slot_of_any(key);
    return call;
}

/// Behind encoding::take_keyed.
inline async::pooled_call* take_keyed(site const& site, command::command_spec const& name,
                                      std::string_view key) noexcept {
    if (site.wrong || site.options.hedge > std::chrono::nanoseconds{0}) [[unlikely]]
        return nullptr;
    // A tail call, so that this path spills no registers.
    if (!cluster::is_plain_key(key)) [[unlikely]]
        return take_keyed_slow(site, name, key);
    async::pooled_call* const call = async::pool::take_recycled();
    if (!call) [[unlikely]]
        return nullptr;
    prepare(*call, site, name.flags());
    encoded_inside(*call, command::put_plain_key_command(call->inline_space, name, key));
    call->slot = cluster::slot_of_plain(key);
    return call;
}

/// Encodes a command given word by word. Errors (as a value): bad_argument, needs_lease.
inline result<void> encode_words(async::pooled_call& call, site const& site,
                                 command::command_traits const* traits,
                                 std::span<std::string_view const> words, std::span<bool const> marked_keys,
                                 unlearned how) {
    bool const marked = !marked_keys.empty();
    std::uint64_t const argument_bytes_max = site.argument_bytes_max;
    result<routed_words> found = route_words(site, traits, words, marked, how);
    if (!found) return tl::unexpected<error>{std::move(found.error())};
    call.flags = found->flags;
    std::size_t total = resp::header_size(words.size()) + 16;
    for (std::string_view const word : words) {
        if (word.size() > argument_bytes_max) [[unlikely]]
            return tl::unexpected<error>{longer_than_allowed(word.size(), argument_bytes_max)};
        total += resp::bulk_size(word.size());
    }
    if (total > 0xffffffffu)
        return fail(errc::bad_argument, delivery::not_sent, "the command is longer than 4 GiB");
    char* const at = call.reserve(total);
    char* to = resp::put_array_header(at, words.size());
    for (std::string_view const word : words) to = resp::put_bulk(to, word);
    call.bytes = at;
    call.size = static_cast<std::uint32_t>(to - at);
    call.slot = found->slot;
    if (marked) {
        std::string_view first;
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (!marked_keys[i]) continue;
            if (call.slot.is_any()) first = words[i];
            if (!call.slot.add(cluster::slot_of(words[i]))) continue;
            mark_several_slots(call, command::cross_slot_message(first, words[i]));
            break;
        }
    } else if (found->slot.is_several() && !found->several.empty()) {
        mark_several_slots(call, std::move(found->several));
    }
    return {};
}

/// The words of an encoded command, where they stand. Precondition: nothing of it is lent.
inline std::vector<std::string_view> words_of(std::string_view encoded) {
    auto const read_number = [&encoded] {
        std::size_t number = 0;
        std::size_t at = 1;
        for (; encoded[at] != '\r'; ++at) number = number * 10 + static_cast<std::size_t>(encoded[at] - '0');
        encoded.remove_prefix(at + 2);
        return number;
    };
    std::vector<std::string_view> words(read_number());
    for (std::string_view& word : words) {
        std::size_t const length = read_number();
        word = encoded.substr(0, length);
        encoded.remove_prefix(length + 2);
    }
    return words;
}

/// Refuses what one node alone would answer wrongly, and a batch or a transaction sends to one node.
/// Precondition: the command has no key. Errors: throws std::bad_alloc.
inline void refuse_divided(encoded_command& command, site const& site) {
    command::command_traits const* const row = row_of_encoded(site, command.bytes());
    if (!row) return;
    if (row->name == "scan") return command.found_several(std::string{scan_message}, errc::bad_argument);
    if (audience_of(*row)) command.found_several(divided_message(row->name), errc::bad_argument);
}

/// As check_bare(). `traits`: takes the row of a command given by its words, which is looked up once.
inline result<void> check_bare_as(encoded_command& command, site const& site,
                                  command::command_traits const*& traits) {
    if (command.refusal())
        return fail(command.refusal().code, delivery::not_sent, std::string_view{command.refusal().message});
    if (command.longest() > site.argument_bytes_max)
        return tl::unexpected<error>{longer_than_allowed(command.longest(), site.argument_bytes_max)};
    UMBEL_TRY {
        if (command.by_words()) {
            std::vector<std::string_view> const words = words_of(command.bytes());
            traits = row_of(site, words);
            result<routed_words> found = route_words(site, traits, words, command.marks_keys());
            if (!found) return tl::unexpected<error>{std::move(found.error())};
            if (found->slot.is_several()) command.found_several(std::move(found->several));
            command.found(command.marks_keys() ? command.slot() : found->slot, found->flags);
        }
        if (command.slot().is_any() && !command.is_for_one_node() && !site.options.lease)
            refuse_divided(command, site);
        return {};
    }
    UMBEL_CATCH(std::bad_alloc const&) {
        return fail(errc::no_memory, delivery::not_sent);
    }
}
/// Behind encoding::check_bare.
inline result<void> check_bare(encoded_command& command, site const& site) {
    command::command_traits const* traits = nullptr;
    return check_bare_as(command, site, traits);
}

/// Stores an error as the result of a call that will not be sent.
inline async::pooled_call& refuse(async::pooled_call& call, value_kind const& value, error&& why) noexcept {
    value.result.part.fail(call, std::move(why));
    call.launch = async::launch_kind::ready;
    return call;
}

/// A read that is asked of a second node when the first takes long; anything else as it is. `fill` encodes
/// the command into a call.
template <class Fill>
UMBEL_NEVER_INLINE async::pooled_call& make_hedged(site const& site, async::pooled_call& first,
                                                   value_kind const& value, Fill&& fill) {
    if (first.launch != async::launch_kind::direct || !has(first.flags, cluster::command_flags::read_only))
        return first;
    struct unlaunched {
        async::pooled_call* call;
        value_kind const& value;
        ~unlaunched() {
            if (call) value.result.recycle(*call);
        }
    } plain{&first, value};
    // If the deadline comes before the delay, no second node is asked.
    bool const too_late = first.timeout > engine::duration{0} && first.timeout <= site.options.hedge;
    if (too_late && site.options.reads != umbel::read_from::primary)
        return *std::exchange(plain.call, nullptr);
    async::pooled_call& whole = value.obtain(*site.owner);
    prepare(whole, site, first.flags);
    if (site.options.reads == umbel::read_from::primary)
        return refuse(whole, value,
                      error{errc::bad_argument, delivery::not_sent,
                            "a hedged read needs a read_from that a second node may serve"});
    UMBEL_TRY {
        unlaunched second{&value.obtain(*site.owner), value};
        static_cast<void>(fill(*second.call));  // It was well the first time.
        if (second.call->timeout > engine::duration{0}) second.call->timeout -= site.options.hedge;
        whole.group =
            site.owner->code->make_hedge(whole, first, *second.call, site.options.hedge, value.result);
        second.call = nullptr;
        plain.call = nullptr;
        whole.launch = async::launch_kind::group;
    }
    UMBEL_CATCH(...) {
        return refuse(whole, value, error{errc::no_memory, delivery::not_sent});
    }
    return whole;
}

/// A call that `fill` has prepared and encoded; `fill` returns what is wrong with the command.
template <class Fill>
UMBEL_ALWAYS_INLINE async::pooled_call& make_with(site const& site, value_kind const& value, Fill&& fill) {
    async::pooled_call& call = value.obtain(*site.owner);
    if (site.wrong) [[unlikely]] {
        prepare(call, site, cluster::command_flags::none);
        return refuse(call, value, error{*site.wrong});
    }
    UMBEL_TRY {
        if (result<void> good = fill(call); !good) [[unlikely]]
            return refuse(call, value, std::move(good.error()));
    }
    UMBEL_CATCH(...) {
        return refuse(call, value, error{errc::no_memory, delivery::not_sent});
    }
    if (site.options.hedge <= std::chrono::nanoseconds{0}) [[likely]]
        return call;
    if (!site.options.lease) return make_hedged(site, call, value, fill);
    site.owner->code->put_on_lease(*site.options.lease, call);
    return call;
}

/// Behind encoding::make.
inline async::pooled_call& make(site const& site, command::command_spec const& name,
                                std::span<command::argument const> words, cluster::command_flags flags,
                                command::refusal refusal, value_kind const& value) {
    return make_with(site, value, [&](async::pooled_call& call) -> result<void> {
        prepare(call, site, flags);
        if (refusal) [[unlikely]]
            return fail(refusal.code, delivery::not_sent, std::string_view{refusal.message});
        if (!encode(call, site, name, words)) [[unlikely]]
            return tl::unexpected<error>{too_long(words, site)};
        return {};
    });
}
/// Behind encoding::make_keyed.
inline async::pooled_call& make_keyed(site const& site, command::command_spec const& name,
                                      std::string_view key, value_kind const& value) {
    command::argument const word{umbel::key{key}};
    return make(site, name, {&word, 1}, name.flags(), {}, value);
}
inline async::pooled_call& make_words_as(site const& site, command::command_traits const* traits,
                                         std::span<std::string_view const> words,
                                         std::span<bool const> marked_keys, value_kind const& value,
                                         unlearned how) {
    return make_with(site, value, [&](async::pooled_call& call) {
        prepare(call, site, cluster::command_flags::none);
        return encode_words(call, site, traits, words, marked_keys, how);
    });
}
/// Behind encoding::make_words.
inline async::pooled_call& make_words(site const& site, std::span<std::string_view const> words,
                                      std::span<bool const> marked_keys, value_kind const& value) {
    return make_words_as(site, row_of(site, words), words, marked_keys, value, unlearned::guessed);
}

}  // namespace umbel::calling
