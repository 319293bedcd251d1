// cluster/topology.hpp: what a cluster looks like at one time: nodes, shards with their slots, migrations
// under way. Values only. It knows neither how a topology is asked for nor how it is read, compared or
// published.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::cluster {

enum class node_role : std::uint8_t { primary, replica };

/// How the answering node sees another node.
enum class node_health : std::uint8_t {
    online,
    loading,  ///< Reads its data set; answers LOADING.
    suspect,  ///< Not reachable for the node that answered ("fail?"); may well be up.
    failed,   ///< A majority of primaries holds it for dead.
};

/// True when commands may be sent there: a suspected node may well be up, one that loads only says so.
constexpr bool is_routable(node_health health) noexcept {
    switch (health) {
        case node_health::online:
        case node_health::suspect: return true;
        case node_health::loading:
        case node_health::failed: return false;
    }
    return false;
}

/// Where a topology comes from. Only `nodes` carries config epochs; `standalone` is one server without
/// cluster mode, or a primary and its replicas.
enum class source : std::uint8_t { shards, slots, nodes, standalone };

/// One node, as one answer told it. Fields that the answer does not carry stay empty or 0.
struct node_info {
    std::string id;
    endpoint address;  ///< Where to connect: the preferred endpoint, with the TLS port where the client
                       ///< speaks TLS.
    std::string ip;
    std::string hostname;
    std::uint16_t port = 0;      ///< Plain port; 0 when there is none.
    std::uint16_t tls_port = 0;  ///< TLS port; 0 when there is none.
    node_role role = node_role::primary;
    node_health health = node_health::online;
    std::string availability_zone;
    std::uint64_t config_epoch = 0;  ///< Of the node, for a replica that of its primary; 0 when unknown.
    std::int64_t replication_offset = 0;

    friend bool operator==(node_info const&, node_info const&) = default;
};

/// Slots from `first` to `last`, both included.
struct slot_range {
    slot first;
    slot last;

    constexpr std::size_t size() const noexcept {
        return last < first ? 0 : std::size_t{last.value()} - first.value() + 1;
    }
    constexpr bool contains(slot slot) const noexcept { return first <= slot && slot <= last; }

    friend constexpr bool operator==(slot_range, slot_range) noexcept = default;
};

/// The nodes that serve one set of slots. Nodes are named by their index in topology::nodes.
struct shard {
    static constexpr std::uint32_t none = 0xffff'ffff;

    std::vector<slot_range> ranges;
    std::uint32_t primary = none;  ///< `none` when the answer names no primary that can be reached.
    std::vector<std::uint32_t> replicas;
    std::uint64_t config_epoch = 0;  ///< Of the primary; 0 when unknown.

    friend bool operator==(shard const&, shard const&) = default;
};

/// A slot on its way from one node to another, as one of the two tells it. Nodes are named by id.
struct migration {
    enum class direction : std::uint8_t { importing, migrating };

    slot moved;
    std::string from;
    std::string to;
    direction told_as = direction::migrating;

    friend bool operator==(migration const&, migration const&) = default;
};

/// The whole cluster as one node (or a majority of nodes) tells it.
struct topology {
    static constexpr std::uint32_t none = shard::none;
    /// The bound of everything that reads a topology: more nodes than this are refused.
    static constexpr std::size_t nodes_max = 4096;

    std::vector<node_info> nodes;
    std::vector<shard> shards;
    std::vector<migration> migrations;
    source told_by = source::shards;
    std::uint32_t self = none;     ///< The node that answered, where the answer says so.
    bool hides_tls_nodes = false;  ///< Nodes were left out that listen for TLS only.

    /// The number of slots that some shard serves.
    /// Cost: linear in the number of ranges plus slot_count bits; overlapping ranges are counted once.
    template <class Slots = std::vector<bool>>
    std::size_t covered_slots() const {
        Slots covered(slot_count);
        for (auto const& shard : shards) {
            for (auto const& range : shard.ranges) {
                for (std::size_t at = range.first.value(); at <= range.last.value(); ++at) covered[at] = true;
            }
        }
        return static_cast<std::size_t>(std::count(covered.begin(), covered.end(), true));
    }

    /// The index of the shard that serves `slot`, or `none`. Cost: linear in the number of ranges; see
    /// shards_by_slot for many.
    std::uint32_t shard_of(slot slot) const noexcept {
        for (std::size_t index = 0; index < shards.size(); ++index) {
            for (auto const& range : shards[index].ranges) {
                if (range.contains(slot)) return static_cast<std::uint32_t>(index);
            }
        }
        return none;
    }

    /// The primary of `slot` as an index into `nodes`, or `none`.
    std::uint32_t owner(slot slot) const noexcept {
        std::uint32_t const found = shard_of(slot);
        return found == none ? none : shards[found].primary;
    }

    friend bool operator==(topology const&, topology const&) = default;
};

/// Stands for the shard of a slot that has none.
inline constexpr std::uint16_t no_shard = 0xffff;

}  // namespace umbel::cluster
