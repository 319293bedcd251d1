// cluster/standalone_topology.hpp: the topologies of servers without cluster mode: one server, or a primary
// and its replicas. It knows neither who tells them nor who is asked.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// A replication group without cluster mode: one shard, which serves every slot. Without a primary only its
/// replicas can be read from. An address that is named twice counts once, and as the primary's.
inline topology group_topology(std::optional<endpoint> primary, std::vector<endpoint> replicas) {
    topology view;
    view.told_by = source::standalone;
    view.shards.push_back(shard{{slot_range{slot{0}, slot{slot_count - 1}}}, topology::none, {}, 0});
    auto const add = [&view](endpoint&& address, node_role role) {
        for (node_info const& known : view.nodes)
            if (known.address == address) return;
        auto const index = static_cast<std::uint32_t>(view.nodes.size());
        node_info node;
        node.role = role;
        node.port = address.port;
        node.address = std::move(address);
        view.nodes.push_back(std::move(node));
        if (role == node_role::primary)
            view.shards.front().primary = index;
        else
            view.shards.front().replicas.push_back(index);
    };
    if (primary) add(std::move(*primary), node_role::primary);
    for (endpoint& replica : replicas) add(std::move(replica), node_role::replica);
    return view;
}

/// One server without cluster mode: it serves every slot.
inline topology standalone_topology(endpoint address) {
    topology view = group_topology(std::move(address), {});
    view.self = 0;
    return view;
}

/// True for a group of which only replicas are known.
inline bool lacks_primary(topology const& view) noexcept {
    return view.told_by == source::standalone && view.shards.front().primary == topology::none;
}

/// The same group after its primary has said that it is a replica of `leader` now.
inline topology led_by(topology const& group, endpoint leader) {
    std::vector<endpoint> others;
    for (node_info const& node : group.nodes) others.push_back(node.address);
    return group_topology(std::move(leader), std::move(others));
}

}  // namespace umbel::cluster
