// cluster/standalone_topology.hpp: the topology of a server without cluster mode.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>

#include <utility>

namespace umbel::cluster {

/// One server without cluster mode: it serves every slot.
inline topology standalone_topology(endpoint address) {
    topology view;
    view.told_by = source::standalone;
    view.self = 0;
    node_info node;
    node.port = address.port;
    node.address = std::move(address);
    view.nodes.push_back(std::move(node));
    view.shards.push_back(shard{{slot_range{slot{0}, slot{slot_count - 1}}}, 0, {}, 0});
    return view;
}

}  // namespace umbel::cluster
