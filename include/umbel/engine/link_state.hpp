// link_state.hpp: how a connection fares, as the control plane sees it.
#pragma once

#include <cstdint>

namespace umbel::engine {

/// The engine's view of one connection.
enum class link_state : std::uint8_t {
    idle,     ///< Never wanted so far.
    opening,  ///< On its way, the handshake included.
    up,       ///< Serves.
    down,     ///< Lost or refused; opened again after a back-off.
    closing,  ///< Nobody is routed there any more; what is in flight drains.
};

/// What a server says in its greeting of how it was started.
enum class server_mode : std::uint8_t {
    unknown,  ///< It was not asked, or does not tell.
    cluster,
    other,  ///< Stand-alone, or a sentinel.
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
