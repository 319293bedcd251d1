// parting.hpp: how a connection's byte stream ends. It knows no socket.
#pragma once

#include <cstdint>

namespace umbel::engine {

/// How a stream ends. The link decides, and the port does it.
enum class parting : std::uint8_t {
    close,  ///< What the kernel has taken is delivered: nothing is unanswered, or the client is closed.
    abort,  ///< What the node has not got yet is dropped; it is told by a reset.
};

}  // namespace umbel::engine
