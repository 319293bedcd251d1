// server_admin.hpp: commands with which people look after servers, as typed functions: settings, clients,
// time, what a server says of itself. To which nodes they go is the business of who submits them.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reply.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace umbel::command {

/// What TIME and LASTSAVE tell. Units: microseconds of Unix time.
struct server_time {
    std::chrono::sys_time<std::chrono::microseconds> at;
    friend bool operator==(server_time, server_time) = default;
};

/// Which commands CLIENT PAUSE holds back. Rule: CLIENT PAUSE command.
enum class pause_mode : std::uint8_t { all, write };

}  // namespace umbel::command

namespace umbel {
using command::pause_mode;
using command::server_time;
}  // namespace umbel

/// TIME: seconds and microseconds; LASTSAVE: seconds.
template <>
struct umbel::from_reply<umbel::command::server_time> {
    template <class View = resp::view>
    static result<later<View, command::server_time>> from(View const& reply) {
        using std::chrono::microseconds;
        if (reply.is_aggregate()) {
            auto const both = from_reply<std::pair<std::int64_t, std::int64_t>>::from(reply);
            if (!both) return tl::unexpected<error>{both.error()};
            if (both->first < 0 || both->first > seconds_max || both->second < 0 || both->second >= 1'000'000)
                return umbel::unexpected("seconds and microseconds of Unix time", reply);
            return made(both->first, both->second);
        }
        auto const seconds = from_reply<std::int64_t>::from(reply);
        if (!seconds) return tl::unexpected<error>{seconds.error()};
        if (*seconds < 0 || *seconds > seconds_max) return umbel::unexpected("seconds of Unix time", reply);
        return made(*seconds, 0);
    }

private:
    static constexpr std::int64_t seconds_max = 9'000'000'000'000;
    static command::server_time made(std::int64_t seconds, std::int64_t micros) noexcept {
        return {std::chrono::sys_time<std::chrono::microseconds>{
            std::chrono::microseconds{seconds * 1'000'000 + micros}}};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec acl_deluser{"ACL DELUSER", none};
inline constexpr command_spec acl_list{"ACL LIST", idempotent};
inline constexpr command_spec acl_setuser{"ACL SETUSER", none};
inline constexpr command_spec acl_whoami{"ACL WHOAMI", idempotent};
inline constexpr command_spec bgrewriteaof{"BGREWRITEAOF", none};
inline constexpr command_spec bgsave{"BGSAVE", none};
inline constexpr command_spec client_id{"CLIENT ID", idempotent};
inline constexpr command_spec client_info{"CLIENT INFO", idempotent};
inline constexpr command_spec client_kill{"CLIENT KILL", none};
inline constexpr command_spec client_list{"CLIENT LIST", idempotent};
inline constexpr command_spec client_pause{"CLIENT PAUSE", none};
inline constexpr command_spec client_unpause{"CLIENT UNPAUSE", none};
inline constexpr command_spec cluster_info{"CLUSTER INFO", idempotent};
inline constexpr command_spec cluster_keyslot{"CLUSTER KEYSLOT", idempotent};
inline constexpr command_spec cluster_myid{"CLUSTER MYID", idempotent};
inline constexpr command_spec cluster_nodes{"CLUSTER NODES", idempotent};
inline constexpr command_spec command_count{"COMMAND COUNT", idempotent};
inline constexpr command_spec config_get{"CONFIG GET", idempotent};
inline constexpr command_spec config_resetstat{"CONFIG RESETSTAT", none};
inline constexpr command_spec config_rewrite{"CONFIG REWRITE", none};
inline constexpr command_spec config_set{"CONFIG SET", none};
inline constexpr command_spec echo{"ECHO", idempotent};
inline constexpr command_spec info{"INFO", idempotent};
inline constexpr command_spec lastsave{"LASTSAVE", idempotent};
inline constexpr command_spec latency_reset{"LATENCY RESET", none};
inline constexpr command_spec memory_purge{"MEMORY PURGE", none};
inline constexpr command_spec role{"ROLE", idempotent};
inline constexpr command_spec slowlog_len{"SLOWLOG LEN", idempotent};
inline constexpr command_spec slowlog_reset{"SLOWLOG RESET", none};
inline constexpr command_spec time{"TIME", idempotent};
}  // namespace specs

/// Commands that look after servers, for whatever can submit an invocation.
///
/// On a client those of "all nodes" go to every node that is not held for failed, and have succeeded when all
/// have; the others are answered by any node, another one each time: client::on() asks a certain node,
/// client::on_each_node() all of them with a result for each.
/// Errors and Cancellation of each: as of server_commands; many need permissions of the category @admin or
/// @dangerous (no_permission).
template <class Self>
class server_admin_commands {
public:
    // ---- All nodes ------------------------------------------------------------------------------

    /// CONFIG SET on all nodes: settings and values in turn. Errors: server_error for an unknown setting or a
    /// bad value; where a node refuses, others may have set it. Since 2.0.0 (several 7.0.0). Complexity:
    /// O(settings).
    template <word... More>
        requires(sizeof...(More) % 2 == 0)
    auto config_set(argument const& setting, argument const& value, More const&... more) const {
        return run_on_servers<ok>(*this, specs::config_set, setting, value, more...);
    }
    template <word_pair_range Settings>
    auto config_set(Settings const& settings) const {
        return run_on_servers<ok>(*this, specs::config_set, word_list{}.add_pairs(settings),
                                  specs::config_set.flags());
    }
    /// CONFIG RESETSTAT: all nodes begin their counters anew. Since 2.0.0. Complexity: O(1).
    auto config_resetstat() const { return run_on_servers<ok>(*this, specs::config_resetstat); }
    /// CONFIG REWRITE: all nodes write their settings to their files. Since 2.8.0. Complexity: O(settings).
    auto config_rewrite() const { return run_on_servers<ok>(*this, specs::config_rewrite); }
    /// SLOWLOG LEN: entries of all nodes together. Since 2.2.12. Complexity: O(1).
    auto slowlog_len() const { return run_on_servers<std::int64_t>(*this, specs::slowlog_len); }
    /// SLOWLOG RESET: all nodes empty their slow logs. Since 2.2.12. Complexity: O(entries).
    auto slowlog_reset() const { return run_on_servers<ok>(*this, specs::slowlog_reset); }
    /// LATENCY RESET: how many event series all nodes have dropped; without an event all of them. Since
    /// 2.8.13. Complexity: O(1).
    template <word... Events>
    auto latency_reset(Events const&... events) const {
        return run_on_servers<std::int64_t>(*this, specs::latency_reset, events...);
    }
    /// MEMORY PURGE: the allocators of all primaries give back what they can. Since 4.0.0.
    auto memory_purge() const { return run_on_servers<ok>(*this, specs::memory_purge); }
    /// ACL SETUSER on all nodes: makes a user, or changes it by the rules. Since 6.0.0. Complexity: O(rules).
    template <word... Rules>
    auto acl_setuser(std::string_view user, Rules const&... rules) const {
        return run_on_servers<ok>(*this, specs::acl_setuser, user, rules...);
    }
    /// ACL DELUSER on all nodes: how many of the users the first node had. Since 6.0.0. Complexity: O(users).
    template <word... Users>
        requires(sizeof...(Users) >= 1)
    auto acl_deluser(Users const&... users) const {
        return run_on_servers<std::int64_t>(*this, specs::acl_deluser, users...);
    }

    // ---- One node -------------------------------------------------------------------------------

    /// CONFIG GET: settings whose names match, with their values. Since 2.0.0 (several patterns 7.0.0).
    /// Complexity: O(settings).
    template <word... Patterns>
        requires(sizeof...(Patterns) >= 1)
    auto config_get(Patterns const&... patterns) const {
        return run_on_servers<std::unordered_map<std::string, std::string>>(*this, specs::config_get,
                                                                            patterns...);
    }
    /// INFO: what a node says of itself; of all sections, or of those given. Since 1.0.0 (several sections
    /// 7.0.0). Complexity: O(1).
    template <word... Sections>
    auto info(Sections const&... sections) const {
        return run_on_servers<std::string>(*this, specs::info, sections...);
    }
    /// TIME: the node's clock. Since 2.6.0. Complexity: O(1).
    auto time() const { return run_on_servers<server_time>(*this, specs::time); }
    /// LASTSAVE: when the node last saved its keys to disk. Since 1.0.0. Complexity: O(1).
    auto lastsave() const { return run_on_servers<server_time>(*this, specs::lastsave); }
    /// BGSAVE: the node begins to save its keys; what it says to that. Since 1.0.0. Complexity: O(1).
    auto bgsave() const { return run_on_servers<std::string>(*this, specs::bgsave); }
    /// BGREWRITEAOF: the node begins to rewrite its log. Since 1.0.0. Complexity: O(1).
    auto bgrewriteaof() const { return run_on_servers<std::string>(*this, specs::bgrewriteaof); }
    /// ROLE: primary or replica, and how replication stands. Since 2.8.12. Complexity: O(1).
    auto role() const { return run_on_servers<reply>(*this, specs::role); }
    /// ECHO: the message comes back. Since 1.0.0. Complexity: O(1).
    auto echo(argument const& message) const {
        return run_on_servers<std::string>(*this, specs::echo, message);
    }
    /// COMMAND COUNT: how many commands the node has. Since 2.8.13. Complexity: O(1).
    auto command_count() const { return run_on_servers<std::int64_t>(*this, specs::command_count); }

    /// CLIENT LIST: a line for each connection of the node. Since 2.4.0. Complexity: O(connections).
    auto client_list() const { return run_on_servers<std::string>(*this, specs::client_list); }
    /// CLIENT INFO: the line of the connection that asks. Since 6.2.0. Complexity: O(1).
    auto client_info() const { return run_on_servers<std::string>(*this, specs::client_info); }
    /// CLIENT ID: the number of the connection that asks. Since 5.0.0. Complexity: O(1).
    auto client_id() const { return run_on_servers<std::int64_t>(*this, specs::client_id); }
    /// CLIENT KILL: how many connections were ended that fit the filters, names and values in turn:
    /// `client_kill("ID", 12)`. Since 2.8.12. Complexity: O(connections).
    template <word... More>
        requires(sizeof...(More) % 2 == 0)
    auto client_kill(argument const& filter, argument const& value, More const&... more) const {
        return run_on_servers<std::int64_t>(*this, specs::client_kill, filter, value, more...);
    }
    /// CLIENT PAUSE: the node holds back all commands, or those that write, for a while. Errors: bad_argument
    /// for a negative time. Since 3.0.0 (a mode 6.2.0). Complexity: O(1).
    auto client_pause(std::chrono::milliseconds span, pause_mode mode = pause_mode::all) const {
        word_list list{span.count()};
        list.refuse_if(span.count() < 0, "client_pause: the time is negative");
        list.add_if(mode == pause_mode::write, "WRITE");
        return run_on_servers<ok>(*this, specs::client_pause, list, specs::client_pause.flags());
    }
    /// CLIENT UNPAUSE: ends a pause. Since 6.2.0. Complexity: O(connections).
    auto client_unpause() const { return run_on_servers<ok>(*this, specs::client_unpause); }

    /// ACL WHOAMI: the user of the connection. Since 6.0.0. Complexity: O(1).
    auto acl_whoami() const { return run_on_servers<std::string>(*this, specs::acl_whoami); }
    /// ACL LIST: the users of the node, each with its rules. Since 6.0.0. Complexity: O(users).
    auto acl_list() const { return run_on_servers<std::vector<std::string>>(*this, specs::acl_list); }

    /// CLUSTER INFO: how the cluster stands, as the node sees it. Since 3.0.0. Complexity: O(1).
    auto cluster_info() const { return run_on_servers<std::string>(*this, specs::cluster_info); }
    /// CLUSTER NODES: the nodes of the cluster, as the node sees them. client::topology() tells what this
    /// client lives by. Since 3.0.0. Complexity: O(nodes).
    auto cluster_nodes() const { return run_on_servers<std::string>(*this, specs::cluster_nodes); }
    /// CLUSTER MYID: the id of the node. Since 3.0.0. Complexity: O(1).
    auto cluster_myid() const { return run_on_servers<std::string>(*this, specs::cluster_myid); }
    /// CLUSTER KEYSLOT: the slot of a key, as a server counts. Since 3.0.0. Complexity: O(length).
    auto cluster_keyslot(std::string_view name) const {
        return run_on_servers<std::int64_t>(*this, specs::cluster_keyslot, name);
    }
};

}  // namespace umbel::command
