// link_options.hpp: the timings of one connection. Values only.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/engine/latency_meter.hpp>

namespace umbel::engine {

/// Timings of one connection.
struct link_options {
    duration connect_timeout{};  ///< From the first packet to the end of the handshake.
    duration probe_after{};      ///< Silence before a PING; zero: never.
    duration probe_timeout{};    ///< Silence after the PING before the connection counts as dead.
    /// Silence while a server makes a reply that was asked for element by element before the connection
    /// counts as dead.
    duration large_reply_timeout{};
    unsigned silent_timeouts_max = 3;  ///< Deadlines passed in silence before the connection counts as dead.
    duration
        doubt_after{};  ///< Silence while commands wait before others are asked about the node; zero: never.
    duration unblock_timeout{};  ///< For how long a wait that was given up may go on once the server is told.
    latency_meter meter{};
};

}  // namespace umbel::engine
