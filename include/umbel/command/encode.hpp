// encode.hpp: from a command_spec and its arguments to bytes and a slot, in one pass over the arguments.
// It knows no memory of its own and no connection.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/slot_target.hpp>
#include <umbel/command/argument.hpp>
#include <umbel/command/command_spec.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstring>
#include <span>
#include <string>

namespace umbel::command {

/// Why a command must not be sent: bad_argument and what is wrong with its arguments, or no_memory.
/// Lifetime: the message lasts as long as the program.
struct refusal {
    char const* message = nullptr;  ///< Null: there is no refusal.
    errc code = errc::bad_argument;
    constexpr explicit operator bool() const noexcept { return message != nullptr; }
};

/// A command as the typed functions hand it on: the type of its reply, its name and its arguments.
/// Lifetime: borrows; whoever takes it encodes it before the end of the full expression.
template <class Reply>
struct invocation {
    using reply_type = Reply;
    command_spec const& name;
    std::span<argument const> words;
    cluster::command_flags flags;
    command::refusal refusal{};  ///< Where there is one, the command fails with it and nothing is encoded.
};

/// An invocation without keys that concerns servers: who speaks to a whole cluster sends it to those that the
/// command's tips name; who speaks to one node, there. Rule: Redis documentation, "Command tips".
template <class Reply>
struct server_invocation : invocation<Reply> {};

/// A command whose only argument is a key. Its flags are those of its command_spec.
/// Lifetime: borrows like an invocation.
template <class Reply>
struct key_invocation {
    using reply_type = Reply;
    command_spec const& name;
    std::string_view key;
};

/// Hands a typed command to whatever can submit one, in the form that costs least.
template <class Reply, class Self, class... Arguments>
UMBEL_ALWAYS_INLINE auto submit_to(Self const& self, command_spec const& name, Arguments const&... values) {
    if constexpr (sizeof...(Arguments) == 0) {
        return self.submit(invocation<Reply>{name, {}, name.flags()});
    } else if constexpr (sizeof...(Arguments) == 1 && (std::same_as<Arguments, umbel::key> && ...)) {
        return self.submit(key_invocation<Reply>{name, values.text...});
    } else {
        // One expression: what to_argument makes of the values lives until its end.
        using words = argument const[sizeof...(Arguments)];
        return self.submit(invocation<Reply>{name, words{argument{values}...}, name.flags()});
    }
}

/// The most pieces that are lent to one write; what goes beyond is copied.
inline constexpr std::size_t lent_pieces_max = 24;

/// What a command needs: an upper bound of the bytes that encode() writes, how many pieces are lent, and how
/// long its longest argument is.
struct measured {
    std::size_t bytes = 0;
    std::size_t lent = 0;
    std::size_t longest = 0;
};

inline measured measure(std::span<argument const> words) noexcept {
    measured need{24 + command_spec::wire_bytes_max + 16 * words.size(), 0, 0};
    for (argument const& argument : words) {
        need.bytes += argument.size();
        need.longest = std::max(need.longest, argument.size());
        if (!argument.is_lent() || need.lent == lent_pieces_max) [[likely]]
            continue;
        need.bytes -= argument.size();
        ++need.lent;
    }
    return need;
}

/// A command of one key this long is written by put_key_command().
inline constexpr std::size_t short_key_max = 96;
/// What such a command takes at most.
inline constexpr std::size_t short_command_max = 24 + command_spec::wire_bytes_max + 16 + short_key_max;

/// Writes a command whose only argument is a key. Returns its end. Precondition: the key has at most
/// short_key_max bytes, and short_command_max bytes are writable.
UMBEL_ALWAYS_INLINE char* put_key_command(char* at, command_spec const& name, std::string_view key) noexcept {
    UMBEL_ASSERT(key.size() <= short_key_max);
    return resp::put_bulk(name.put_with_header(at), key);
}
/// put_key_command() for a key of 8 to 16 bytes, as most are. Precondition: the key has that length, and
/// short_command_max bytes are writable.
UMBEL_ALWAYS_INLINE char* put_plain_key_command(char* at, command_spec const& name,
                                                std::string_view key) noexcept {
    return resp::put_bulk_by_ends(name.put_with_header(at), key);
}

/// True for a key and one more argument that are short enough for put_pair_command(), as SET and HGET have.
UMBEL_ALWAYS_INLINE bool is_short_pair(argument const& name, argument const& other) noexcept {
    return name.is_key() && other.is_plain() && name.size() + other.size() <= short_key_max;
}
/// What such a command takes at most.
inline constexpr std::size_t short_pair_max = 24 + command_spec::wire_bytes_max + 2 * 8 + short_key_max;
/// Writes a command of a key and one more argument. Returns its end. Precondition: is_short_pair(key, other),
/// and short_pair_max bytes are writable.
UMBEL_ALWAYS_INLINE char* put_pair_command(char* at, command_spec const& name, argument const& key,
                                           argument const& other) noexcept {
    char* const to = name.put(resp::put_array_header(at, name.words() + 2));
    return resp::put_bulk(resp::put_bulk(to, key.text()), other.text());
}

/// What encoding found out.
struct encoded {
    char* end = nullptr;
    cluster::slot_target slot;
    std::string_view first_key{};
    std::string_view other_key{};  ///< A key of another slot than the first, where there is one.
};

/// What stands in front of each key: nothing.
struct no_prefix {};

/// Writes arguments to `to`: a part of encode().
template <class Lend, class Prefix>
UMBEL_ALWAYS_INLINE encoded encode_arguments(char* const at, char* to, std::span<argument const> words,
                                             Lend&& lend, [[maybe_unused]] Prefix const& prefix) noexcept {
    encoded outcome;
    std::size_t lent = 0;
    for (argument const& argument : words) {
        std::string_view text = argument.text();
        if (argument.is_lent() && lent < lent_pieces_max) [[unlikely]] {
            ++lent;
            to = resp::put_bulk_header(to, text.size());
            lend(static_cast<std::size_t>(to - at), text);
            to = resp::put_bulk_end(to);
            continue;
        }
        if constexpr (std::same_as<Prefix, no_prefix>) {
            to = resp::put_bulk(to, text);
        } else if (!argument.is_key()) {
            to = resp::put_bulk(to, text);
        } else {
            to = prefix.put_key(to, text);
            text = prefix.last_key(to, text);
        }
        if (!argument.has_slot()) continue;
        if (outcome.slot.is_any()) outcome.first_key = text;
        if (outcome.slot.add(cluster::slot_of(text))) outcome.other_key = text;
    }
    outcome.end = to;
    return outcome;
}

/// Writes the command to `at`, which has room for what measure() says, and for the prefix of each key.
/// `lend(offset, bytes)` is told of every piece that goes out from where it stands, `offset` bytes behind
/// `at`. Rule: RESP specification, "Sending commands to a Redis server"; Redis Cluster specification, "Hash
/// tags".
template <class Lend, class Prefix = no_prefix>
inline encoded encode(char* const at, command_spec const& name, std::span<argument const> words, Lend&& lend,
                      Prefix const& prefix = {}) noexcept {
    char* const to = name.put(resp::put_array_header(at, name.words() + words.size()));
    return encode_arguments(at, to, words, lend, prefix);
}

/// The message of errc::cross_slot.
inline std::string cross_slot_message(std::string_view first, std::string_view other) {
    std::string text = "the keys \"";
    text.append(first.substr(0, 64))
        .append("\" (slot ")
        .append(std::to_string(cluster::slot_of(first).value()));
    text.append(") and \"")
        .append(other.substr(0, 64))
        .append("\" (slot ")
        .append(std::to_string(cluster::slot_of(other).value()));
    return text.append(") lie in different slots; a hash tag would join them");
}

}  // namespace umbel::command
