// led_shards.hpp: the shards that a command for all of them is meant for, each with the node that leads it by
// the slot table, which knows redirects that no topology has told yet. It moves no call.
#pragma once

#include <umbel/cluster/shards_by_slot.hpp>
#include <umbel/cluster/slot_table.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/node.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace umbel::engine {

/// One shard among all those that a command is meant for. Threading: the control plane's owner, once the
/// command has begun.
struct led_shard {
    std::uint16_t leader = link_id::no_node;  ///< Who led it when the list was made, or its latest heir.
    std::uint64_t server = 0;                 ///< What node::server says of the leader; 0: nobody leads.
    std::string name{};                       ///< "host:port" of the former; empty where nobody led it.
    std::vector<cluster::slot_range> ranges{};
    std::vector<std::uint16_t> replicas{};  ///< When the list was made.
    /// The next shard of the same command, in a ring. Null: there is no other.
    led_shard* next = nullptr;

    /// True when another shard of the command has this server's node as leader.
    bool shares_leader(std::uint64_t by) const noexcept {
        for (led_shard const* other = next; other && other != this; other = other->next)
            if (by != 0 && other->server == by) return true;
        return false;
    }
};

/// One shard for each node that leads slots, and one for each shard of the topology that nobody leads; in the
/// order of their first slots. Cost: linear in the number of slots.
inline std::vector<led_shard> leaders_of(cluster::slot_table const& table, node_table const& nodes,
                                         cluster::topology const& topology) {
    std::vector<led_shard> all;
    std::vector<std::uint16_t> shard_of_slot;  // In the topology; filled in where a slot has no leader.
    std::vector<std::size_t> places(std::size_t{nodes.size()} + topology.shards.size(), SIZE_MAX);
    std::size_t open = SIZE_MAX;  // The place of the slot before.
    for (std::uint16_t at = 0; at < cluster::slot_count; ++at) {
        cluster::slot const slot{at};
        std::uint16_t const leader = table.primary_of(slot);
        std::size_t key = leader;
        if (leader == link_id::no_node) {
            if (shard_of_slot.empty()) shard_of_slot = cluster::shards_by_slot(topology);
            if (shard_of_slot[at] == cluster::no_shard) {
                open = SIZE_MAX;
                continue;
            }
            key = std::size_t{nodes.size()} + shard_of_slot[at];
        }
        std::size_t& place = places[key];
        if (place == SIZE_MAX) {
            place = all.size();
            led_shard& made = all.emplace_back(led_shard{.leader = leader});
            if (leader != link_id::no_node) {
                made.name = nodes[leader].name;
                made.server = nodes[leader].server;
            }
            std::array<std::uint16_t, cluster::slot_table::replicas_max> listed;
            std::size_t const count = table.replicas_of(slot, listed);
            made.replicas.assign(listed.begin(), listed.begin() + static_cast<std::ptrdiff_t>(count));
        }
        if (place != open)
            all[place].ranges.push_back({slot, slot});
        else
            all[place].ranges.back().last = slot;
        open = place;
    }
    return all;
}

/// The list of leaders_of(), kept until what it is made of may have changed: a command for all shards asks
/// for it twice, and must not go through all slots each time, for nothing else of the control plane runs
/// then.
class leader_list {
public:
    /// The list as of now. `version` grows with every change of the topology. Lifetime: until the next call.
    std::vector<led_shard> const& now(cluster::slot_table const& table, node_table const& nodes,
                                      cluster::topology const& topology, std::uint32_t version) {
        if (!made_ || changes_ != table.changes() || version_ != version) {
            made_ = false;  // In case memory runs out.
            all_ = leaders_of(table, nodes, topology);
            changes_ = table.changes();
            version_ = version;
            made_ = true;
        }
        return all_;
    }

private:
    std::vector<led_shard> all_;
    std::uint64_t changes_ = 0;  ///< Of the table, when the list was made.
    std::uint32_t version_ = 0;
    bool made_ = false;
};

/// True when the node leads any slot. Cost: linear in the number of slots where it leads none.
inline bool leads_any(cluster::slot_table const& table, std::uint16_t node) noexcept {
    for (std::uint16_t at = 0; at < cluster::slot_count && node != link_id::no_node; ++at)
        if (table.primary_of(cluster::slot{at}) == node) return true;
    return false;
}

/// Who serves a shard now.
struct leadership {
    std::uint16_t node = link_id::no_node;
    bool split = false;  ///< Several nodes do, or one that has the command already for another shard.
};

/// Who leads a shard: its leader while that leads any slot, else the one node that leads all its slots, which
/// is noted. No node while some slot has no leader: a topology to come may know one.
inline leadership find_leader(led_shard& shard, cluster::slot_table const& table,
                              node_table const& nodes) noexcept {
    bool const named = shard.leader != link_id::no_node && nodes[shard.leader].in_use;
    std::uint16_t sole = link_id::no_node;
    bool uncovered = false;
    bool several = false;
    for (cluster::slot_range const& range : shard.ranges)
        for (std::uint16_t at = range.first.value(); at <= range.last.value(); ++at) {
            std::uint16_t const leader = table.primary_of(cluster::slot{at});
            if (leader == shard.leader && named) return {leader};
            uncovered = uncovered || leader == link_id::no_node;
            several = several || (sole != link_id::no_node && leader != sole);
            if (leader != link_id::no_node) sole = leader;
        }
    if (named && leads_any(table, shard.leader)) return {shard.leader};
    if (uncovered) return {};
    if (several) return {.split = true};
    std::uint64_t const server = sole == link_id::no_node ? 0 : nodes[sole].server;
    if (shard.shares_leader(server)) return {.split = true};
    shard.leader = sole;
    shard.server = server;
    return {sole};
}

/// True when `newcomer`, which leads `now`, needs the command as well: it is in none of the shards that have
/// had it, also not by the number that it had before it was handed over, and has not merely taken over as a
/// replica from one of their leaders, whom it succeeds in what that one has done, as far as replication goes.
inline bool needs_command(led_shard const& newcomer, led_shard const* first,
                          std::vector<led_shard> const& now) {
    auto const leads_now = [&now](std::uint64_t server) {
        return std::any_of(now.begin(), now.end(),
                           [server](led_shard const& shard) { return shard.server == server; });
    };
    led_shard const* shard = first;
    do {
        if (!shard) break;
        if (shard->server == newcomer.server) return false;
        bool const is_heir = std::find(shard->replicas.begin(), shard->replicas.end(), newcomer.leader) !=
                             shard->replicas.end();
        if (is_heir && !leads_now(shard->server)) return false;
        shard = shard->next;
    } while (shard != first);
    return true;
}

}  // namespace umbel::engine
