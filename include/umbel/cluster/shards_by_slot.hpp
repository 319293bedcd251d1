// cluster/shards_by_slot.hpp: the shard of every slot at once. It knows topologies as values only.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::cluster {

/// The shard of every slot, by index into `view.shards`; no_shard where nobody serves it.
/// Precondition: view.shards.size() < no_shard. Cost: one allocation of 32 KiB, linear in the number of slots
/// and ranges.
inline std::vector<std::uint16_t> shards_by_slot(topology const& view) {
    UMBEL_ASSERT(view.shards.size() < no_shard);
    std::vector<std::uint16_t> owners(slot_count, no_shard);
    for (std::size_t index = 0; index < view.shards.size(); ++index) {
        for (auto const& range : view.shards[index].ranges) {
            if (range.last < range.first) continue;
            std::fill(owners.begin() + range.first.value(), owners.begin() + range.last.value() + 1,
                      static_cast<std::uint16_t>(index));
        }
    }
    return owners;
}

}  // namespace umbel::cluster
