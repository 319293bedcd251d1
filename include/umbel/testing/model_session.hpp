// model_session.hpp: one connection of a model node, how the servers are configured, how they greet, and
// what they tell of the cluster. It knows no command beyond that.
#pragma once

#include <umbel/testing/model_script.hpp>
#include <umbel/testing/model_store.hpp>
#include <umbel/testing/model_topology_reply.hpp>
#include <umbel/testing/model_transaction.hpp>
#include <umbel/testing/network.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::testing {

/// How the servers are configured.
struct model_options {
    duration node_timeout = 500ms;
    duration heartbeat = 100ms;
    duration bus_latency_max = 3ms;
    duration replication_lag_max = 10ms;
    duration rejoin_delay =
        300ms;  ///< A primary that was cut off, or has just started, refuses service for this long.
    endpoint_style style = endpoint_style::ip;
    bool one_host = false;  ///< All nodes on one address, with different ports.
    bool knows_hello = true;
    bool knows_shards = true;
    bool knows_setinfo = true;
    bool announces = false;         ///< CLIENT MAINT_NOTIFICATIONS, as managed servers have it.
    bool serves_stale = true;       ///< replica-serve-stale-data
    bool runs_waits_again = false;  ///< As since 7.2: XREADGROUP whose stream has gone is run again.
    std::string password{};
    /// Whether a password opens a server at this moment; empty: `password` does, at any time. A connection
    /// whose password does so no longer is told NOAUTH.
    std::function<bool(std::string const& said, engine::instant now)> lets_in{};
    std::set<std::string> denied{};  ///< Subcommands of CLUSTER that this user may not call.
    std::vector<model_script> scripts{};
};

/// One connection, as its server sees it.
struct model_session {
    std::shared_ptr<stream> wire{};
    std::string bytes{};
    bool resp3 = false;
    bool hears_notices = false;
    bool authenticated = true;
    std::string said{};  ///< The password that has opened it.
    bool readonly = false;
    bool asking = false;
    model_transaction transaction{};
};

/// What a client that waits is told when its time is over, and when its node becomes a replica.
inline std::string nothing_came(model_session const& to) { return to.resp3 ? "_\r\n" : "*-1\r\n"; }
inline constexpr std::string_view became_replica =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
inline constexpr char wrong_password[] = "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr std::string_view stream_is_gone = "UNBLOCKED the stream key no longer exists";

/// Lets a connection in whose password opens the server now; false for one that does not.
inline bool let_in(model_session& from, std::string const& password, model_options const& options,
                   engine::instant now) {
    bool const opens = options.lets_in ? options.lets_in(password, now) : password == options.password;
    if (opens) from.said = password;
    return from.authenticated = from.authenticated || opens, opens;
}
/// Whether a connection is still let in.
inline bool is_let_in(model_session& from, model_options const& options, engine::instant now) {
    if (options.lets_in && !options.lets_in(from.said, now)) from.authenticated = false;
    return from.authenticated;
}

/// HELLO.
inline std::string greet(model_session& from, model_words const& words, model_options const& options,
                         bool primary, engine::instant now) {
    if (!options.knows_hello)
        return wire::error("ERR unknown command 'HELLO', with args beginning with: '3' ");
    for (std::size_t i = 2; i + 2 < words.size(); ++i)
        if (same_word(words[i], "auth") && !let_in(from, words[i + 2], options, now))
            return wire::error(wrong_password);
    if (!from.authenticated)
        return wire::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
            "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
            "protocol version at the same time");
    from.resp3 = words.size() > 1 && words[1] == "3";
    std::string text = wire::map(7, from.resp3) + wire::bulk("server") + wire::bulk("redis") +
                       wire::bulk("version") + wire::bulk("7.0.15");
    text += wire::bulk("proto") + wire::integer(from.resp3 ? 3 : 2) + wire::bulk("id") +
            wire::integer(static_cast<std::int64_t>(from.wire->number()));
    text += wire::bulk("mode") + wire::bulk("cluster") + wire::bulk("role") +
            wire::bulk(primary ? "master" : "replica");
    return text + wire::bulk("modules") + wire::array(0);
}

/// CLUSTER.
inline std::string tell_of_cluster(model_session const& from, model_words const& words,
                                   model_options const& options, model_view& view, engine::instant now) {
    std::string_view const what = words.size() > 1 ? std::string_view{words[1]} : std::string_view{};
    topology_words const told{view, from.resp3};
    for (std::string const& text : options.denied)
        if (same_word(what, text))
            return wire::error("NOPERM User default has no permissions to run the 'cluster|" + text +
                               "' command");
    if (same_word(what, "shards") && options.knows_shards) return told.shards(now);
    if (same_word(what, "slots")) return told.slots();
    if (same_word(what, "nodes")) return told.nodes();
    if (same_word(what, "myid")) return wire::bulk(view.me().id);
    if (same_word(what, "keyslot") && words.size() == 3)
        return wire::integer(cluster::slot_of(words[2]).value());
    return wire::error("ERR unknown subcommand '" + std::string{what} + "'. Try CLUSTER HELP.");
}

/// CLIENT, of what only this connection knows afterwards.
inline std::string set_client(model_session& from, model_words const& words, model_options const& options) {
    std::string const what = words.size() > 1 ? words[1] : std::string{};
    bool const notices = same_word(what, "maint_notifications");
    if ((notices && !options.announces) || (same_word(what, "setinfo") && !options.knows_setinfo))
        return wire::error("ERR unknown subcommand '" + what + "'. Try CLIENT HELP.");
    if (notices) from.hears_notices = from.resp3 && words.size() > 2 && same_word(words[2], "on");
    return wire::simple("OK");
}

/// AUTH.
inline std::string authenticate(model_session& from, std::string const& password,
                                model_options const& options, engine::instant now) {
    if (options.password.empty() && !options.lets_in)
        return wire::error(
            "ERR AUTH <password> called without any password configured for the default user. Are you "
            "sure your configuration is correct?");
    if (!let_in(from, password, options, now)) return wire::error(wrong_password);
    return wire::simple("OK");
}

}  // namespace umbel::testing
