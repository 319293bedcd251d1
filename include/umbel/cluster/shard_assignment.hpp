// cluster/shard_assignment.hpp: a topology in the form in which the slot table takes it: nodes by the
// engine's numbers. It knows neither atomics nor what a number stands for.
#pragma once

#include <umbel/cluster/shard_record.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/config.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace umbel::cluster {

/// One shard as it is published: nodes by number. A primary of no_node leaves only replicas.
/// Lifetime: borrows both spans for the call it is given to.
struct shard_assignment {
    std::uint16_t primary = no_node;
    std::span<std::uint16_t const> replicas;
    std::span<slot_range const> ranges;
};

/// A topology with numbers for its nodes: numbers[i] is the number of view.nodes[i], or no_node for a node
/// that is not to be used. Failed and loading replicas are left out. Lifetime: borrows the ranges of `view`.
class assignment_list {
public:
    /// Precondition: numbers.size() == view.nodes.size().
    assignment_list(topology const& view, std::span<std::uint16_t const> numbers)
        : view_{view}, numbers_{numbers} {
        UMBEL_ASSERT(numbers.size() == view.nodes.size());
        // All replicas stand in one vector, which no longer grows when the first span of it is taken.
        std::vector<std::size_t> ends;
        ends.reserve(view.shards.size());
        for (shard const& shard : view.shards) {
            for (std::uint32_t const node : shard.replicas) {
                if (serves_reads(node)) replicas_.push_back(numbers[node]);
            }
            ends.push_back(replicas_.size());
        }
        list_.reserve(view.shards.size());
        std::size_t first = 0;
        for (std::size_t index = 0; index < ends.size(); ++index) {
            shard const& shard = view.shards[index];
            std::uint16_t const primary = shard.primary < numbers.size() ? numbers[shard.primary] : no_node;
            list_.push_back(
                {primary, std::span{replicas_}.subspan(first, ends[index] - first), shard.ranges});
            first = ends[index];
        }
    }
    assignment_list(assignment_list const&) = delete;
    assignment_list& operator=(assignment_list const&) = delete;

    std::span<shard_assignment const> all() const noexcept { return list_; }

private:
    bool serves_reads(std::uint32_t node) const noexcept {
        return node < numbers_.size() && numbers_[node] != no_node && is_routable(view_.nodes[node].health);
    }

    topology const& view_;
    std::span<std::uint16_t const> numbers_;
    std::vector<std::uint16_t> replicas_;
    std::vector<shard_assignment> list_;
};

}  // namespace umbel::cluster
