// notice.hpp: what happened, for whoever watches a client. Values that nothing depends on.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace umbel::engine {

/// For the observer: the topology is another one now.
struct topology_changed {
    std::uint32_t version = 0;
    std::size_t nodes = 0;
    std::size_t shards = 0;
};

/// For the observer: a refresh of the topology has ended.
struct refresh_ended {
    enum class outcome : std::uint8_t {
        unchanged,  ///< A node told what was known.
        changed,    ///< Commands are routed otherwise from now on.
        failed,     ///< No node told a topology that could be believed; `message` says what each said.
    };
    outcome how = outcome::unchanged;
    std::string node;  ///< The node that told it; empty where none did.
    std::string message;
    unsigned queries = 0;  ///< Nodes asked.
    duration took{};
};

/// For the observer: a connection to a node serves; a client of several contexts has several to one node.
struct node_connected {
    std::string node;
    link_mode mode = link_mode::primary;
};
/// For the observer: an attempt to open a connection has failed.
struct node_connect_failed {
    std::string node;
    errc why{};
    std::string message;
    link_mode mode = link_mode::primary;
};
/// For the observer: a connection that served has ended. Each one that node_connected told of ends with this,
/// also those that the client closes itself: then `why` is errc::cancelled.
struct node_disconnected {
    std::string node;
    errc why{};
    std::string message;
    link_mode mode = link_mode::primary;
};
/// For the observer: a connection that serves has said AUTH again. One that was refused drains, and is
/// closed.
struct node_reauthenticated {
    std::string node;
    bool accepted = false;
    std::string message;  ///< The server's line, where it has refused.
    link_mode mode = link_mode::primary;
};
/// For the observer: the credential provider has given none, or what cannot be used.
struct credentials_failed {
    std::string message;
};
/// For the observer: a call follows a MOVED or an ASK.
struct call_redirected {
    std::string from;
    std::string to;
    std::int32_t slot = -1;
    errc why{};
};
/// For the observer: a call will be sent again.
struct call_retried {
    std::string from;
    errc why{};
    duration delay{};
};
/// What a managed server announces on the connections that have asked for it (options::maintenance_notices).
enum class maintenance_kind : std::uint8_t {
    moving,           ///< The connection will end; another address serves, or the same name does.
    migrating,        ///< What stands behind the connection moves, and answers may be slow.
    migrated,         ///< That is over.
    failing_over,     ///< A replica takes over behind the connection, and answers may be slow.
    failed_over,      ///< That is over.
    slots_migrating,  ///< Slots of the node move to another one.
    slots_migrated,   ///< They have moved.
};
/// For the observer: a server has announced maintenance.
struct maintenance_announced {
    std::string node;
    maintenance_kind what = maintenance_kind::moving;
    std::int64_t number = 0;  ///< Grows; several connections may tell of one maintenance.
    duration within{};        ///< When it begins, or the connection ends; zero: it tells none.
    std::string endpoint;     ///< Of `moving`: where to; empty: the same name, looked up again.
    link_mode mode = link_mode::primary;
};
/// For the observer: a reply took longer than options::slow_after.
struct call_slow {
    std::string node;
    std::string command;  ///< Its name, without arguments.
    std::int32_t slot = -1;
    duration took{};  ///< From the command's beginning, redirects and retries included.
};

}  // namespace umbel::engine
