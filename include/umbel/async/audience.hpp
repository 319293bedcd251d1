// audience.hpp: whom a command for several nodes is meant for. It knows no node.
#pragma once

#include <cstdint>

namespace umbel::async {

/// Whom a command is meant for.
enum class audience : std::uint8_t {
    primaries,  ///< Every node that leads slots, those too that begin to while the command is on its way.
    nodes,      ///< Every member that is not held for failed, replicas too.
};

struct fan_out_part;

}  // namespace umbel::async
