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
    closing,  ///< Its node has left; what is in flight drains.
};

}  // namespace umbel::engine
