// command_table_traits.hpp: the vocabulary of the command table: flags, where keys stand, repetition,
// sharing, policies. It knows no command (the rows stand in command_table_data.hpp) and no argv (keys_of.hpp
// reads that).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace umbel::command {

/// The flags that COMMAND reports, joined over Redis and Valkey, and three of our own (`has_subcommands`,
/// `learned`, `untold_keys`). Rule: Redis documentation, "COMMAND", "Flags".
enum class command_flag : std::uint32_t {
    none = 0,
    write = 1U << 0,
    read_only = 1U << 1,
    deny_oom = 1U << 2,
    admin = 1U << 3,
    pubsub = 1U << 4,
    no_script = 1U << 5,
    blocking = 1U << 6,
    loading = 1U << 7,
    stale = 1U << 8,
    skip_monitor = 1U << 9,
    skip_slowlog = 1U << 10,
    asking = 1U << 11,
    fast = 1U << 12,
    no_auth = 1U << 13,
    no_mandatory_keys = 1U << 14,
    no_async_loading = 1U << 15,
    no_multi = 1U << 16,
    movable_keys = 1U << 17,
    allow_busy = 1U << 18,
    module = 1U << 19,           ///< A module brings it: the vector sets of Redis 8.
    has_subcommands = 1U << 20,  ///< A container: its rows follow it in the table as "name|subcommand".
    learned = 1U << 21,          ///< It is not in the table: a server has told of it.
    untold_keys = 1U << 22,      ///< Learned, and it may have more keys than the server has told of.
};

constexpr command_flag operator|(command_flag left, command_flag right) noexcept {
    return static_cast<command_flag>(static_cast<std::uint32_t>(left) | static_cast<std::uint32_t>(right));
}

/// How a cluster node looks for the keys of a command when it routes it. This is what getNodeByQuery does,
/// not what the published key specifications say: where the two differ, the routing counts.
enum class key_search : std::uint8_t {
    none,     ///< No key.
    range,    ///< From `first` to `last` by `step`; a `last` below zero counts from the end.
    counted,  ///< argv[first] is the number of keys, which follow it, each `step` behind the last (MSETEX has
              ///< values between); `destination` is one more key when not zero.
    streams,  ///< XREAD, XREADGROUP: the first half of what follows STREAMS.
    sort,     ///< SORT: the first argument and the last STORE's; BY and GET are patterns, not keys.
    georadius,  ///< GEORADIUS, GEORADIUSBYMEMBER: the first argument and that of the last STORE or STOREDIST.
    migrate,    ///< MIGRATE: the third argument, or all behind KEYS when that one is empty.
    channels,  ///< A range of shard channels, or the cursor of CLUSTERSCAN: no keys, yet hashed to a slot and
               ///< redirected like keys.
    specified,  ///< As a server has told: the row is a learned_command, whose specifications say it.
};

/// Where the keys of a command stand. Units/shape: indices into argv, the command's name being 0.
struct key_spec {
    key_search search = key_search::none;
    std::uint8_t first = 0;
    std::int8_t last = 0;
    std::uint8_t step = 1;
    std::uint8_t destination = 0;
    friend constexpr bool operator==(key_spec, key_spec) noexcept = default;
};

/// Whether a command may run twice in place of once: the same state afterwards and the same reply to the
/// caller, with nobody else writing in between, and with any pause between the two runs. An expiry may count
/// from the second run.
enum class repetition : std::uint8_t {
    changes,  ///< State or reply may differ the second time (DEL: 1, then 0), or nobody has proven otherwise.
    harmless,       ///< It reads, or writes what it wrote before (MSET, LSET).
    set_options,    ///< SET: harmless plain or with EX, PX, EXAT, PXAT; the other options look at what is
                    ///< there.
    getex_options,  ///< GETEX: harmless plain or with PERSIST; with an expiry the key may be gone the second
                    ///< time.
    with_replace,   ///< COPY, RESTORE, FUNCTION LOAD: harmless with REPLACE, otherwise the second run is
                    ///< refused.
    without_store,  ///< SORT, GEORADIUS: harmless as long as nothing is stored.
    destination_apart,  ///< SUNIONSTORE and its kind: harmless unless the destination is one of the sources.
};

/// Whether a command may travel on a connection that others use.
enum class sharing : std::uint8_t {
    shared,  ///< It may.
    leased,  ///< It changes connection state or the number of replies, or blocks: it needs a connection of
             ///< its own.
    unless_block  ///< XREAD, XREADGROUP: it needs one when BLOCK is given.
};

/// Which nodes a client should ask. Rule: Redis documentation, "Command tips", "request_policy".
enum class request_policy : std::uint8_t { none, all_nodes, all_shards, multi_shard, special };

/// How a client should join what they answer. Rule: Redis documentation, "Command tips", "response_policy".
enum class response_policy : std::uint8_t {
    none,
    one_succeeded,
    all_succeeded,
    agg_logical_and,
    agg_logical_or,
    agg_min,
    agg_max,
    agg_sum,
    special
};

/// What is known of a command, or of one subcommand.
/// Lifetime: a row of the static table is valid for ever, a learned one as long as the backend of the client
/// that has learned it. Threading: immutable.
struct command_traits {
    std::string_view name;  ///< Lower case; a subcommand's is "object|encoding".
    std::int8_t arity;      ///< Number of arguments with the name; negative: at least that many.
    command_flag flags;
    key_spec keys;
    repetition repeated = repetition::changes;
    sharing shares = sharing::shared;
    request_policy request = request_policy::none;
    response_policy response = response_policy::none;

    friend constexpr bool operator==(command_traits const&, command_traits const&) noexcept = default;

    constexpr bool has(command_flag flag) const noexcept {
        return (static_cast<std::uint32_t>(flags) & static_cast<std::uint32_t>(flag)) != 0;
    }
    constexpr bool read_only() const noexcept { return has(command_flag::read_only); }
    constexpr bool write() const noexcept { return has(command_flag::write); }
    constexpr bool blocking() const noexcept { return has(command_flag::blocking); }
    constexpr bool admin() const noexcept { return has(command_flag::admin); }
    constexpr bool movable_keys() const noexcept { return has(command_flag::movable_keys); }
    /// True for scripts and functions: an error reply does not prove that nothing was executed. Only they
    /// skip MONITOR.
    constexpr bool scripted() const noexcept { return has(command_flag::skip_monitor); }
    constexpr bool is_container() const noexcept { return has(command_flag::has_subcommands); }

    /// True when it may run twice whatever its arguments are; is_idempotent() also looks at those.
    constexpr bool idempotent() const noexcept { return repeated == repetition::harmless; }
    /// True when it always needs a connection of its own; needs_lease() also looks at the arguments.
    constexpr bool leased() const noexcept { return shares == sharing::leased; }
    /// True when `count` arguments, the name among them, are as many as the command takes.
    constexpr bool takes(std::size_t count) const noexcept {
        return arity < 0 ? count >= static_cast<std::size_t>(-arity)
                         : count == static_cast<std::size_t>(arity);
    }
};

}  // namespace umbel::command
