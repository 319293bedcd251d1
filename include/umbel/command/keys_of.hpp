// keys_of.hpp: finds the keys of any argv and from them its slot, as a cluster node does when it routes the
// command. It knows no node and no owner of a slot, and it does not judge arguments beyond what finding the
// keys needs: the server does.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/command/command_table.hpp>
#include <umbel/command/key_positions.hpp>
#include <umbel/command/learned_command.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace umbel::command {

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

/// The same with the row, or nullptr, already found: the table's, or one that was learned from a server.
result<key_positions> keys_of(command_traits const* traits, argv_view argv,
                              unknown_command unknown = unknown_command::leave_open);

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
/// The same with the row, or nullptr, already found.
result<route> route_of(command_traits const* traits, argv_view argv,
                       unknown_command unknown = unknown_command::leave_open);

// -------------------------------------------------------------------------------------------------

namespace detail {

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

constexpr key_range find_range(key_spec keys, std::size_t size) noexcept {
    std::size_t const back = keys.last < 0 ? static_cast<std::size_t>(-keys.last) : 0;
    std::size_t end = keys.last < 0 ? (size > back ? size - back : 0) : static_cast<std::size_t>(keys.last);
    if (end >= size) end = size - 1;
    return end < keys.first ? key_range{}
                            : range_of(keys.first, (end - keys.first) / keys.step + 1, keys.step);
}

inline result<key_positions> find_counted(command_traits const& traits, argv_view argv) {
    std::size_t const at = traits.keys.first;
    std::optional<std::size_t> const count = read_key_count(argv[at]);
    if (!count) return bad_key_count(argv, traits, at, "is not a number above zero");
    if (*count == 0 && !traits.has(command_flag::no_mandatory_keys))
        return bad_key_count(argv, traits, at, "must be above zero");
    if (*count * traits.keys.step > argv.size() - at - 1)
        return bad_key_count(argv, traits, at, "is larger than the number of arguments behind it");
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
        case key_search::specified: return find_specified(static_cast<learned_command const&>(traits), argv);
    }
    return key_positions{.traits = &traits};
}

/// True when there is exactly one key, in its usual place, as most commands have it.
constexpr bool has_one_key(command_traits const& traits, argv_view argv) noexcept {
    return traits.keys.search == key_search::range && traits.keys.first == traits.keys.last &&
           traits.takes(argv.size());
}

}  // namespace detail

inline result<key_positions> keys_of(command_traits const* traits, argv_view argv, unknown_command unknown) {
    if (argv.empty()) return detail::no_command();
    if (argv.size() > std::numeric_limits<std::int32_t>::max())
        return detail::too_many_arguments(argv.size());
    if (traits == nullptr) {
        key_positions found{.unknown = true};
        if (unknown == unknown_command::first_argument_is_key && argv.size() > 1)
            found.ranges[0] = detail::range_of(1, 1);
        return found;
    }
    if (!traits->takes(argv.size())) return detail::wrong_arity(argv, *traits);
    return detail::find_keys(*traits, argv);
}
inline result<key_positions> keys_of(argv_view argv, unknown_command unknown) {
    return keys_of(find_command(argv), argv, unknown);
}

inline result<route> route_of(command_traits const* traits, argv_view argv, unknown_command unknown) {
    if (traits != nullptr && detail::has_one_key(*traits, argv))
        return route{.slot = cluster::slot_of(argv[traits->keys.first]), .traits = traits};
    result<key_positions> const keys = keys_of(traits, argv, unknown);
    if (!keys) return tl::unexpected<error>{keys.error()};
    route found{.slot = std::nullopt, .traits = traits, .keyless = keys->empty() && !keys->unknown};
    if (keys->empty()) return found;
    found.slot = cluster::slot_of(argv[(*keys)[0]]);
    for (std::size_t nth = 1; nth < keys->size(); ++nth)
        if (cluster::slot_of(argv[(*keys)[nth]]) != *found.slot)
            return detail::slots_differ(argv, *keys, nth);
    return found;
}
inline result<route> route_of(argv_view argv, unknown_command unknown) {
    return route_of(find_command(argv), argv, unknown);
}

}  // namespace umbel::command
