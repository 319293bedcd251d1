// audience.hpp: whom a command for several nodes is meant for. It knows no node.
#pragma once

#include <cstdint>

namespace umbel::async {

/// Whom a command is meant for.
enum class audience : std::uint8_t {
    primaries,  ///< The primary of each shard that has slots, or the node that has taken over from it.
    nodes,      ///< Every member that is not held for failed, replicas too.
};

struct fan_out_part;

}  // namespace umbel::async
