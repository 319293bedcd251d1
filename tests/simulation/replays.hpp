// replays.hpp: seeds that have found a mistake, each with a name for it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace simulation {

struct replay {
    std::uint64_t seed;
    std::string_view what;
};

inline std::vector<replay> const replays{
};

}  // namespace simulation
