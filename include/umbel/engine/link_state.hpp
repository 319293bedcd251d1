// link_state.hpp: how a connection fares, as the control plane sees it.
#pragma once

#include <cstdint>

namespace umbel::engine {

/// The control plane's view of one connection.
enum class link_state : std::uint8_t {
    idle,     ///< Never wanted so far.
    opening,  ///< On its way, the handshake included.
    up,       ///< Serves.
    down,     ///< Lost or refused; opened again after a back-off.
    closing,  ///< Nothing is routed there any more; what is in flight drains.
};

/// What a server says in the handshake of how it was started.
enum class server_mode : std::uint8_t {
    unknown,  ///< It was not asked, or does not tell.
    cluster,
    other,  ///< Stand-alone, or a sentinel.
};

/// How far a connection has come, as it sees itself. The control plane has a coarser view: link_state.
enum class connection_phase : std::uint8_t {
    idle,         ///< Never connected; calls queue, and the engine should open it.
    connecting,   ///< The transport is on its way; calls queue.
    handshaking,  ///< The handshake is under way; calls queue.
    ready,        ///< Serves.
    down,         ///< Lost or refused; calls come back at once as not sent.
};

/// How far a connection had come when it ended. Decides what its end says about the node.
enum class link_loss : std::uint8_t {
    refused,     ///< It never came to serve: refused, timed out, or turned away in the handshake.
    unused,      ///< It was open, and nothing had been asked of it.
    unanswered,  ///< It was open, and ended before it had replied to anything that was asked.
    served,      ///< It had replied.
    silent,      ///< It was open, and was given up because no answer came.
};

}  // namespace umbel::engine
