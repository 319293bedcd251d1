// keys_of.hpp: finds the keys of any argv and from them its slot, as a cluster node does when it routes the
// command. It knows no node and no owner of a slot, and it does not judge arguments beyond what finding the
// keys needs: the server does.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/command/command_table.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace umbel::command {

/// Every `step`-th argument from `first` on, `count` of them. Units/shape: indices into argv.
struct key_range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t step = 1;

    constexpr std::size_t operator[](std::size_t nth) const noexcept { return first + nth * step; }
    friend constexpr bool operator==(key_range, key_range) noexcept = default;
};

/// Where the keys of one argv stand, in the order of COMMAND GETKEYS: two ranges suffice for every command,
/// however many keys. Lifetime: holds indices only, so it outlives the argv it was read from.
struct key_positions {
    std::array<key_range, 2> ranges{};
    command_traits const* traits = nullptr;
    bool unknown =
        false;  ///< The table does not have the command (a module's); nothing is known of its keys.
    bool channels =
        false;  ///< They are shard channels, or CLUSTERSCAN's cursor: hashed like keys, and no keys.

    constexpr std::size_t size() const noexcept { return std::size_t{ranges[0].count} + ranges[1].count; }
    constexpr bool empty() const noexcept { return size() == 0; }
    /// Returns the argv index of a key. Precondition: nth < size().
    constexpr std::size_t operator[](std::size_t nth) const noexcept {
        UMBEL_ASSERT(nth < size());
        return nth < ranges[0].count ? ranges[0][nth] : ranges[1][nth - ranges[0].count];
    }
};

/// What to do with a command that the table does not have.
enum class unknown_command : std::uint8_t {
    leave_open,             ///< Report it as `unknown`, without keys; the caller decides where it goes.
    first_argument_is_key,  ///< Take the first argument as its only key, as most modules' commands have it.
};

/// Finds the keys of `argv`, which may be none.
/// Errors: bad_argument (an empty argv; more or fewer arguments than the command takes; a number of keys that
/// is none or that the arguments do not have; XREAD without STREAMS); the message names command and argument.
/// Always not_sent. Cost: no allocation unless it fails. Rule: Redis Cluster specification, "Redirection and
/// resharding"; the keys are those that a node's own routing takes.
result<key_positions> keys_of(argv_view argv, unknown_command unknown = unknown_command::leave_open);

/// Where `argv` is to be sent.
struct route {
    std::optional<cluster::slot> slot;       ///< The slot of all its keys or shard channels.
    command_traits const* traits = nullptr;  ///< nullptr for an unknown command.
    bool keyless = false;  ///< It has no key: any node may serve it. Neither this nor a slot: unknown.
};

/// Finds the slot of `argv`.
/// Errors: those of keys_of(); cross_slot when two keys lie in different slots, the message names both.
/// Always not_sent. Cost: one look-up and one hash per key; no allocation unless it fails.
result<route> route_of(argv_view argv, unknown_command unknown = unknown_command::leave_open);

// -------------------------------------------------------------------------------------------------

namespace detail {

/// Renders an argument for a message: at most 48 bytes of it, what is not printable as \xNN.
inline std::string quoted(std::string_view argument) {
    constexpr std::size_t shown_max = 48;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\"";
    for (char const letter : argument.substr(0, shown_max)) {
        auto const byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte < 0x7f && letter != '"' && letter != '\\')
            text += letter;
        else
            text.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
    return text.append(argument.size() > shown_max ? "…\"" : "\"");
}

/// Opens a message with the command as the caller wrote it.
inline std::string blame(argv_view argv, command_traits const* traits) {
    std::string text = quoted(argv[0]);
    if (traits != nullptr && traits->name.find('|') != std::string_view::npos)
        text.append(" ").append(quoted(argv[1]));
    return text;
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> no_command() {
    return fail(errc::bad_argument, delivery::not_sent, "the argv is empty, it has no command");
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> too_many_arguments(std::size_t count) {
    return fail(errc::bad_argument, delivery::not_sent,
                std::to_string(count) + " arguments are more than a server takes");
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> wrong_arity(argv_view argv, command_traits const& traits) {
    int const expected = traits.arity < 0 ? -traits.arity : traits.arity;
    std::string text = blame(argv, &traits).append(traits.arity < 0 ? " takes at least " : " takes ");
    text.append(std::to_string(expected))
        .append(" arguments, the name included; ")
        .append(std::to_string(argv.size()));
    text.append(" given");
    return fail(errc::bad_argument, delivery::not_sent, text);
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> bad_key_count(argv_view argv, command_traits const& traits,
                                                              std::string_view why) {
    std::string text =
        blame(argv, &traits).append(": the number of keys ").append(quoted(argv[traits.keys.first]));
    return fail(errc::bad_argument, delivery::not_sent, text.append(" ").append(why));
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> no_streams(argv_view argv, command_traits const& traits) {
    return fail(errc::bad_argument, delivery::not_sent,
                blame(argv, &traits).append(" names no stream behind STREAMS"));
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> keys_beside_key(argv_view argv,
                                                                command_traits const& traits) {
    std::string text = blame(argv, &traits).append(": beside KEYS the key argument must be empty, it is ");
    text.append(quoted(argv[3]));
    return fail(errc::bad_argument, delivery::not_sent, text);
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> slots_differ(argv_view argv, key_positions const& keys,
                                                             std::size_t nth) {
    std::string_view const first = argv[keys[0]];
    std::string_view const other = argv[keys[nth]];
    std::string text =
        blame(argv, keys.traits).append(keys.channels ? ": channel " : ": key ").append(quoted(first));
    text.append(" is in slot ")
        .append(std::to_string(cluster::slot_of(first).value()))
        .append(" and ")
        .append(quoted(other));
    text.append(" in slot ")
        .append(std::to_string(cluster::slot_of(other).value()))
        .append("; one command needs one slot");
    return fail(errc::cross_slot, delivery::not_sent, text);
}

/// Makes a range; the caller has checked that argv is no longer than fits.
constexpr key_range range_of(std::size_t first, std::size_t count, std::size_t step = 1) noexcept {
    return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count),
            static_cast<std::uint32_t>(step)};
}

constexpr key_range find_range(key_spec keys, std::size_t size) noexcept {
    std::size_t const back = keys.last < 0 ? static_cast<std::size_t>(-keys.last) : 0;
    std::size_t end = keys.last < 0 ? (size > back ? size - back : 0) : static_cast<std::size_t>(keys.last);
    if (end >= size) end = size - 1;
    return end < keys.first ? key_range{}
                            : range_of(keys.first, (end - keys.first) / keys.step + 1, keys.step);
}

/// Reads a number of keys as a node's routing does, with atoi: blanks and a sign in front, and anything
/// behind, are let pass. Returns a number above any argv's length for one too large, and nothing where atoi
/// sees no digit or a negative number.
constexpr std::optional<std::size_t> read_key_count(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))) ++i;
    if (i < text.size() && text[i] == '+') ++i;
    if (i == text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    std::size_t count = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9' &&
           count <= std::numeric_limits<std::uint32_t>::max();
         ++i)
        count = count * 10 + static_cast<std::size_t>(text[i] - '0');
    return count;
}

inline result<key_positions> find_counted(command_traits const& traits, argv_view argv) {
    std::size_t const at = traits.keys.first;
    std::optional<std::size_t> const count = read_key_count(argv[at]);
    if (!count) return bad_key_count(argv, traits, "is not a number above zero");
    if (*count == 0 && !traits.has(command_flag::no_mandatory_keys))
        return bad_key_count(argv, traits, "must be above zero");
    if (*count * traits.keys.step > argv.size() - at - 1)
        return bad_key_count(argv, traits, "is larger than the number of arguments behind it");
    key_positions found{.traits = &traits};
    key_range const counted = range_of(at + 1, *count, traits.keys.step);
    if (traits.keys.destination == 0) {
        found.ranges = {counted, key_range{}};
    } else {
        found.ranges = {range_of(traits.keys.destination, 1), counted};
    }
    return found;
}

/// Finds the word STREAMS that is an option, not a consumer group's or a stream's name; 0 when there is none.
/// Where an option is unknown, a newer server's perhaps, the published key specification is followed: the
/// first STREAMS counts.
constexpr std::size_t find_streams_word(argv_view argv) noexcept {
    std::size_t i = 1;
    for (; i < argv.size(); ++i) {
        if (equal_ignoring_case(argv[i], "streams")) return i;
        if (equal_ignoring_case(argv[i], "block") || equal_ignoring_case(argv[i], "count")) {
            i += 1;
        } else if (equal_ignoring_case(argv[i], "group")) {
            i += 2;
        } else if (!equal_ignoring_case(argv[i], "noack")) {
            break;
        }
    }
    for (; i < argv.size(); ++i)
        if (equal_ignoring_case(argv[i], "streams")) return i;
    return 0;
}

/// The first half of what follows STREAMS. An odd number is an error that the server names better; any of its
/// slots will do.
inline result<key_positions> find_streams(command_traits const& traits, argv_view argv) {
    std::size_t const word = find_streams_word(argv);
    std::size_t const behind = word == 0 ? 0 : argv.size() - word - 1;
    if (behind < 2) return no_streams(argv, traits);
    return key_positions{.ranges = {range_of(word + 1, behind / 2), key_range{}}, .traits = &traits};
}

/// The source and the last STORE's destination. A node does not skip what follows STORE, so neither does
/// this.
constexpr key_positions find_sort(command_traits const& traits, argv_view argv) noexcept {
    key_positions found{.ranges = {range_of(1, 1), key_range{}}, .traits = &traits};
    for (std::size_t i = 2; i < argv.size(); ++i) {
        if (equal_ignoring_case(argv[i], "limit")) {
            i += 2;
        } else if (equal_ignoring_case(argv[i], "get") || equal_ignoring_case(argv[i], "by")) {
            i += 1;
        } else if (equal_ignoring_case(argv[i], "store") && i + 1 < argv.size()) {
            found.ranges[1] = range_of(i + 1, 1);
        }
    }
    return found;
}

/// The source and the destination of the last STORE or STOREDIST, which overrides those before it.
constexpr key_positions find_georadius(command_traits const& traits, argv_view argv) noexcept {
    key_positions found{.ranges = {range_of(1, 1), key_range{}}, .traits = &traits};
    for (std::size_t i = 5; i + 1 < argv.size(); ++i) {
        if (!equal_ignoring_case(argv[i], "store") && !equal_ignoring_case(argv[i], "storedist")) continue;
        found.ranges[1] = range_of(++i, 1);
    }
    return found;
}

/// The key, or the keys behind KEYS, which are allowed only where the key is empty. A password that reads
/// KEYS is skipped.
inline result<key_positions> find_migrate(command_traits const& traits, argv_view argv) noexcept {
    key_positions found{.ranges = {range_of(3, 1), key_range{}}, .traits = &traits};
    for (std::size_t i = 6; i < argv.size(); ++i) {
        if (equal_ignoring_case(argv[i], "keys")) {
            if (argv[3].empty())
                found.ranges[0] = range_of(i + 1, argv.size() - i - 1);
            else if (i + 1 < argv.size())
                return keys_beside_key(argv, traits);
            break;
        }
        if (equal_ignoring_case(argv[i], "auth"))
            i += 1;
        else if (equal_ignoring_case(argv[i], "auth2"))
            i += 2;
    }
    return found;
}

inline result<key_positions> find_keys(command_traits const& traits, argv_view argv) {
    switch (traits.keys.search) {
        case key_search::none: return key_positions{.traits = &traits};
        case key_search::range:
            return key_positions{.ranges = {find_range(traits.keys, argv.size()), key_range{}},
                                 .traits = &traits};
        case key_search::counted: return find_counted(traits, argv);
        case key_search::streams: return find_streams(traits, argv);
        case key_search::sort: return find_sort(traits, argv);
        case key_search::georadius: return find_georadius(traits, argv);
        case key_search::migrate: return find_migrate(traits, argv);
        case key_search::channels:
            return key_positions{.ranges = {find_range(traits.keys, argv.size()), key_range{}},
                                 .traits = &traits,
                                 .channels = true};
    }
    return key_positions{.traits = &traits};
}

/// keys_of() with the row, or nullptr, already found.
inline result<key_positions> keys_of(command_traits const* traits, argv_view argv, unknown_command unknown) {
    if (argv.empty()) return no_command();
    if (argv.size() > std::numeric_limits<std::int32_t>::max()) return too_many_arguments(argv.size());
    if (traits == nullptr) {
        key_positions found{.unknown = true};
        if (unknown == unknown_command::first_argument_is_key && argv.size() > 1)
            found.ranges[0] = range_of(1, 1);
        return found;
    }
    if (!traits->takes(argv.size())) return wrong_arity(argv, *traits);
    return find_keys(*traits, argv);
}

/// True when there is exactly one key, in its usual place, as most commands have it.
constexpr bool has_one_key(command_traits const& traits, argv_view argv) noexcept {
    return traits.keys.search == key_search::range && traits.keys.first == traits.keys.last &&
           traits.takes(argv.size());
}

}  // namespace detail

inline result<key_positions> keys_of(argv_view argv, unknown_command unknown) {
    return detail::keys_of(find_command(argv), argv, unknown);
}

inline result<route> route_of(argv_view argv, unknown_command unknown) {
    command_traits const* const traits = find_command(argv);
    if (traits != nullptr && detail::has_one_key(*traits, argv))
        return route{.slot = cluster::slot_of(argv[traits->keys.first]), .traits = traits};
    result<key_positions> const keys = detail::keys_of(traits, argv, unknown);
    if (!keys) return tl::unexpected<error>{keys.error()};
    route found{.slot = std::nullopt, .traits = traits, .keyless = keys->empty() && !keys->unknown};
    if (keys->empty()) return found;
    found.slot = cluster::slot_of(argv[(*keys)[0]]);
    for (std::size_t nth = 1; nth < keys->size(); ++nth)
        if (cluster::slot_of(argv[(*keys)[nth]]) != *found.slot)
            return detail::slots_differ(argv, *keys, nth);
    return found;
}

}  // namespace umbel::command
