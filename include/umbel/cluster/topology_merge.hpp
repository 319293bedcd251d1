// cluster/topology_merge.hpp: which of several topologies to believe, shard by shard, and whether two of them
// differ. Pure functions. It knows neither who was asked nor what is published.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/id_index.hpp>
#include <umbel/cluster/shards_by_slot.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

namespace umbel::cluster {

namespace detail {

/// The nodes of `view` by id. Lifetime: borrows from the topology, which must not lose a node meanwhile.
inline id_index index_ids(topology const& view) {
    id_index ids;
    ids.reserve(view.nodes.size());
    for (std::size_t index = 0; index < view.nodes.size(); ++index) {
        if (!view.nodes[index].id.empty()) ids.add(view.nodes[index].id, static_cast<std::uint32_t>(index));
    }
    return ids;
}

inline bool same_node(node_info const& left, node_info const& right) noexcept {
    return left.address == right.address && (left.id.empty() || right.id.empty() || left.id == right.id);
}

inline std::vector<endpoint const*> routable_replicas(topology const& view, shard const& shard) {
    std::vector<endpoint const*> found;
    for (std::uint32_t const node : shard.replicas) {
        if (is_routable(view.nodes[node].health)) found.push_back(&view.nodes[node].address);
    }
    std::sort(found.begin(), found.end(), [](auto const* left, auto const* right) { return *left < *right; });
    return found;
}

inline bool same_shard(topology const& left, shard const& group, topology const& right, shard const& other) {
    if ((group.primary == topology::none) != (other.primary == topology::none)) return false;
    if (group.primary != topology::none && !same_node(left.nodes[group.primary], right.nodes[other.primary]))
        return false;
    auto const ours = routable_replicas(left, group);
    auto const theirs = routable_replicas(right, other);
    return std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                      [](auto const* a, auto const* b) { return *a == *b; });
}

/// Rebuilds the ranges of all shards from the owner of each slot.
inline void set_ranges(topology& view, std::span<std::uint16_t const> owners) {
    for (shard& shard : view.shards) shard.ranges.clear();
    for (std::uint16_t at = 0; at < slot_count; ++at) {
        if (owners[at] == no_shard) continue;
        auto& ranges = view.shards[owners[at]].ranges;
        bool const joins = at > 0 && owners[at - 1] == owners[at];
        if (joins) {
            ranges.back().last = slot{at};
        } else {
            ranges.push_back({slot{at}, slot{at}});
        }
    }
}

}  // namespace detail

/// True when routing by `right` would differ from routing by `left`: another owner of a slot, another address
/// of a node, other replicas that can be read from. Offsets, epochs, migrations and the order of nodes,
/// shards and replicas make no difference. Cost: linear in the number of slots, ranges and nodes.
inline bool differs(topology const& left, topology const& right) {
    auto const ours = shards_by_slot(left);
    auto const theirs = shards_by_slot(right);
    std::vector<std::uint16_t> same_as(left.shards.size(), no_shard);
    for (std::size_t at = 0; at < slot_count; ++at) {
        if ((ours[at] == no_shard) != (theirs[at] == no_shard)) return true;
        if (ours[at] == no_shard || same_as[ours[at]] == theirs[at]) continue;
        if (!detail::same_shard(left, left.shards[ours[at]], right, right.shards[theirs[at]])) return true;
        same_as[ours[at]] = theirs[at];
    }
    return false;
}

/// True when `incoming` names a node that `current` knows: by its id, or by its address where either view
/// carries no ids. A view that shares no node belongs to another cluster. An empty current view knows nobody
/// and takes anyone.
inline bool shares_known_node(topology const& current, topology const& incoming) {
    if (current.nodes.empty()) return true;
    detail::id_index const known = detail::index_ids(current);
    auto const any_incoming = [&](auto says) {
        return std::any_of(incoming.nodes.begin(), incoming.nodes.end(), says);
    };
    if (!known.empty() && any_incoming([](node_info const& node) { return !node.id.empty(); })) {
        return any_incoming([&](node_info const& node) { return known.find(node.id) != topology::none; });
    }
    std::unordered_set<endpoint> addresses;
    for (auto const& node : current.nodes) addresses.insert(node.address);
    return any_incoming([&](node_info const& node) { return addresses.contains(node.address); });
}

/// Gives a view from CLUSTER SHARDS or SLOTS the config epochs, migrations and self that CLUSTER NODES tells,
/// node by node id; and, where the two disagree which of a shard's masters serves, the primary.
inline void adopt_epochs(topology& view, topology const& nodes) {
    detail::id_index const known = detail::index_ids(nodes);
    auto const find_here = [&](std::uint32_t other) {
        for (std::size_t index = 0; other != topology::none && index < view.nodes.size(); ++index) {
            if (view.nodes[index].id == nodes.nodes[other].id) return static_cast<std::uint32_t>(index);
        }
        return topology::none;
    };
    for (node_info& node : view.nodes) {
        std::uint32_t const same = node.id.empty() ? topology::none : known.find(node.id);
        if (same == topology::none) continue;
        node.config_epoch = nodes.nodes[same].config_epoch;
        if (node.health == node_health::online) node.health = nodes.nodes[same].health;
    }
    for (shard& group : view.shards) {
        if (group.primary == topology::none) continue;
        // Until a primary that is gone counts as failed, CLUSTER SHARDS may list it as a second master that
        // is well, before the one that has taken over (seen on valkey-server 8.0): CLUSTER NODES of the same
        // node tells which of them owns the slots.
        std::uint32_t const owner =
            group.ranges.empty() ? topology::none : nodes.owner(group.ranges.front().first);
        if (owner != topology::none && nodes.nodes[owner].id != view.nodes[group.primary].id) {
            std::uint32_t const here = find_here(owner);
            auto const leads = [here](shard const& other) { return other.primary == here; };
            if (here != topology::none && view.nodes[here].role == node_role::primary &&
                std::none_of(view.shards.begin(), view.shards.end(), leads))
                group.primary = here;
        }
        group.config_epoch = view.nodes[group.primary].config_epoch;
    }
    view.migrations = nodes.migrations;
    view.self = find_here(nodes.self);
}

namespace detail {

/// The shards of `current` of which `incoming` has only heard older news: it knows their primary, with a
/// lower config epoch. A primary that `incoming` does not know at all may be gone for good: keeping its slots
/// could lock them for ever, while a wrong owner costs a MOVED.
inline std::vector<std::uint16_t> fresher_shards(topology const& current, topology const& incoming) {
    id_index const known = index_ids(incoming);
    std::vector<std::uint16_t> found;
    for (std::size_t index = 0; index < current.shards.size(); ++index) {
        shard const& shard = current.shards[index];
        if (shard.primary == topology::none || shard.config_epoch == 0 ||
            current.nodes[shard.primary].id.empty())
            continue;
        std::uint32_t const same = known.find(current.nodes[shard.primary].id);
        if (same == topology::none) continue;
        std::uint64_t const heard = incoming.nodes[same].config_epoch;
        if (heard != 0 && heard < shard.config_epoch) found.push_back(static_cast<std::uint16_t>(index));
    }
    return found;
}

/// Copies shards with their nodes from one view into another.
class shard_transplant {
public:
    /// `into` begins as a copy of `base`.
    shard_transplant(topology const& from, topology const& base, topology& into)
        : from_{from}, into_{into}, known_{index_ids(base)} {}

    /// Returns the index that shard `index` of the one view has in the other: the shard of the same primary,
    /// or a new one.
    std::uint16_t add(std::size_t index) {
        shard const& group = from_.shards[index];
        std::uint32_t const primary = adopt(group.primary);
        auto const has_primary = [&](shard const& other) { return other.primary == primary; };
        auto const same = std::find_if(into_.shards.begin(), into_.shards.end(), has_primary);
        auto const place = static_cast<std::size_t>(same - into_.shards.begin());
        if (same == into_.shards.end()) into_.shards.emplace_back();
        std::vector<std::uint32_t> replicas;
        for (std::uint32_t const node : group.replicas) replicas.push_back(adopt(node));
        shard& target = into_.shards[place];
        target.primary = primary;
        target.replicas = std::move(replicas);
        target.config_epoch = group.config_epoch;
        return static_cast<std::uint16_t>(place);
    }

private:
    std::uint32_t adopt(std::uint32_t node) {
        std::uint32_t index = known_.find(from_.nodes[node].id);
        if (index == topology::none) {
            for (auto const& [before, after] : added_) {
                if (before == node) return after;
            }
            index = static_cast<std::uint32_t>(into_.nodes.size());
            into_.nodes.push_back(from_.nodes[node]);
            added_.emplace_back(node, index);
        } else {
            into_.nodes[index].role = from_.nodes[node].role;
            into_.nodes[index].config_epoch = from_.nodes[node].config_epoch;
        }
        return index;
    }

    topology const& from_;
    topology& into_;
    id_index known_;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> added_;
};

}  // namespace detail

/// Takes `incoming`, except for the shards of which `current` has newer news: where both views know the
/// config epoch of a shard's primary and the current one is higher, its slots stay as they are, unless
/// incoming gives them to a shard whose epoch is at least as high. Without epochs the answer is `incoming`.
/// Cost: linear in the number of slots, ranges and nodes; for the common case, nothing stale, one copy.
/// Rule: Redis Cluster specification, "UPDATE messages" and "Configuration epoch": the higher config epoch
/// wins.
inline topology merge(topology const& current, topology const& incoming) {
    auto const fresher = detail::fresher_shards(current, incoming);
    if (fresher.empty()) return incoming;
    topology merged = incoming;
    auto const incoming_owners = shards_by_slot(incoming);
    auto owners = incoming_owners;
    detail::shard_transplant transplant{current, incoming, merged};
    for (std::uint16_t const index : fresher) {
        shard const& shard = current.shards[index];
        std::uint16_t const place = transplant.add(index);
        for (slot_range const range : shard.ranges) {
            for (std::size_t at = range.first.value(); at <= range.last.value(); ++at) {
                bool const newer = incoming_owners[at] != no_shard &&
                                   incoming.shards[incoming_owners[at]].config_epoch >= shard.config_epoch;
                if (!newer) owners[at] = place;
            }
        }
    }
    detail::set_ranges(merged, owners);
    std::size_t index = 0;
    std::erase_if(merged.shards, [&](shard const& shard) {
        bool const lost_all =
            index < incoming.shards.size() && !incoming.shards[index].ranges.empty() && shard.ranges.empty();
        ++index;
        return lost_all;
    });
    return merged;
}

/// Chooses from several answers: full coverage before partial, then what most of them say, then more
/// coverage, then the earlier; and of every shard the news with the highest config epoch that any answer
/// carries. Precondition: answers is not empty. Cost: quadratic in the number of answers, which is a handful.
inline topology choose(std::span<topology const> answers) {
    UMBEL_ASSERT(!answers.empty());
    struct rank {
        bool full;
        std::size_t votes;
        std::size_t covered;
    };
    auto const rank_of = [&](topology const& candidate) {
        std::size_t const covered = candidate.covered_slots();
        auto const agrees = [&](topology const& other) {
            return &candidate == &other || !differs(candidate, other);
        };
        return rank{covered == slot_count,
                    static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), agrees)), covered};
    };
    auto const better = [](rank const& left, rank const& right) {
        if (left.full != right.full) return left.full;
        return left.votes != right.votes ? left.votes > right.votes : left.covered > right.covered;
    };
    std::size_t best = 0;
    rank best_rank = rank_of(answers[0]);
    for (std::size_t index = 1; index < answers.size(); ++index) {
        rank const now = rank_of(answers[index]);
        if (!better(now, best_rank)) continue;
        best = index;
        best_rank = now;
    }
    topology chosen = answers[best];
    for (std::size_t index = 0; index < answers.size(); ++index) {
        if (index != best) chosen = merge(answers[index], chosen);
    }
    return chosen;
}

}  // namespace umbel::cluster
