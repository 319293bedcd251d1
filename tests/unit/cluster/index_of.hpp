// index_of.hpp: finds a node of a topology by its id, for the tests of topologies.
#pragma once

#include <umbel/cluster/topology.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace umbel::test {

/// The index of the node with this id, or topology::none.
inline std::uint32_t index_of(cluster::topology const& view, std::string_view id) {
    auto const found =
        std::find_if(view.nodes.begin(), view.nodes.end(), [id](auto const& node) { return node.id == id; });
    return found == view.nodes.end() ? cluster::topology::none
                                     : static_cast<std::uint32_t>(found - view.nodes.begin());
}

}  // namespace umbel::test
