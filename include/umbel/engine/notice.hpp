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

/// For the observer: a connection to a node serves; a client of several contexts has several to one node.
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
/// For the observer: a reply took longer than options::slow_after.
struct call_slow {
    std::string node;
    std::string command;  ///< Its name, without arguments.
    std::int32_t slot = -1;
    duration took{};  ///< From the command's beginning, redirects and retries included.
};

}  // namespace umbel::engine
