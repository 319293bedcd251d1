// query_port.hpp: where the engine's own calls go when they have settled. Values only.
#pragma once

#include <umbel/engine/call.hpp>

namespace umbel::engine {

/// Where settled calls of the engine's own are handed to: the driver brings them to the engine's owner.
struct query_port {
    void* to = nullptr;
    void (*settled)(void* to, call& call) = nullptr;
};

}  // namespace umbel::engine
