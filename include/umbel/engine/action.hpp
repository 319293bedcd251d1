// action.hpp: what the engine asks the driver to do. Values; nothing here does anything.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/handshake.hpp>

#include <memory>
#include <string>
#include <variant>

namespace umbel::engine {

/// Connect this link and greet. The driver resolves the host anew each time.
struct open_link {
    link_id link;
    std::uint32_t generation = 0;
    cluster::endpoint where;
    handshake_plan plan;
};

/// Close this link when nothing is in flight on it, and report link_closed.
struct close_link {
    link_id link;
    std::uint32_t generation = 0;
};

/// For the observer: the topology is another one now.
struct topology_changed {
    std::uint32_t version = 0;
    std::size_t nodes = 0;
    std::size_t shards = 0;
};

/// For the observer.
struct node_connected {
    std::string node;
    link_mode mode = link_mode::primary;
};
struct node_connect_failed {
    std::string node;
    errc why{};
    std::string message;
};
struct node_disconnected {
    std::string node;
    errc why{};
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

using action = std::variant<open_link, close_link, topology_changed, node_connected, node_connect_failed, node_disconnected,
                            call_redirected, call_retried>;

}  // namespace umbel::engine
