// snapshot.hpp: what a client can tell of itself: its nodes, what it counted. Plain values, copied at one moment.
#pragma once

#include <umbel/cluster/topology.hpp>
#include <umbel/engine/engine.hpp>
#include <umbel/net/driver.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace umbel {

/// How one connection fares.
struct link_snapshot {
    engine::link_status::state state = engine::link_status::state::idle;
    std::size_t in_flight = 0;
    std::uint64_t commands = 0;
    std::uint64_t replies = 0;
    std::uint64_t late_replies = 0;  ///< Replies for commands that had been given up, discarded.
    std::uint64_t redirects = 0;     ///< MOVED and ASK that this connection's commands met.
    std::uint64_t retries = 0;       ///< Commands of this connection that were sent again for another reason.
};

/// One node the client knows.
struct node_snapshot {
    std::string address;  ///< "host:port".
    std::string id;       ///< As the cluster names it; empty while unknown.
    std::string availability_zone;
    cluster::node_role role = cluster::node_role::primary;
    cluster::node_health health = cluster::node_health::online;
    bool member = false;  ///< Part of the present topology.
    link_snapshot primary_link;
    link_snapshot replica_link;  ///< The connection that has sent READONLY.
};

/// What the client counted since it began.
struct statistics {
    std::uint64_t commands = 0;          ///< Sent, every attempt counted, the client's own among them.
    std::uint64_t moved = 0;             ///< MOVED followed.
    std::uint64_t asked = 0;             ///< ASK followed.
    std::uint64_t retried = 0;           ///< Attempts repeated for any other reason.
    std::uint64_t late_replies = 0;      ///< Replies discarded because their command had been given up.
    std::uint64_t refreshes = 0;         ///< Refreshes of the topology begun.
    std::uint64_t topology_queries = 0;  ///< Nodes asked in them.
    std::uint64_t topology_changes = 0;  ///< Topologies that differed from the one before.
    std::uint64_t connects = 0;          ///< Connections opened.
    std::uint64_t disconnects = 0;       ///< Connections lost or refused.
    std::uint64_t waiting = 0;           ///< Commands that wait at this moment: for a topology, a connection or a retry.
    std::uint64_t pinned_bytes = 0;      ///< Read chunks held by values at this moment.
};

namespace snapshots {

inline link_snapshot of_link(net::driver& home, engine::node const& peer, engine::link_id id) {
    link_snapshot made;
    made.state = peer.link(id.mode).now_is;
    if (net::connection const* const there = home.connection_of(id)) {
        made.in_flight = there->in_flight();
        auto const& counted = there->counters();
        made.commands = counted.commands;
        made.replies = counted.replies;
        made.late_replies = counted.late;
        made.redirects = counted.redirects;
        made.retries = counted.retries;
    }
    return made;
}

/// Threading: the control strand.
inline std::vector<node_snapshot> of_nodes(net::driver& home) {
    std::vector<node_snapshot> all;
    engine::node_table const& nodes = home.control().nodes();
    for (std::uint16_t number = 0; number < nodes.size(); ++number) {
        engine::node const& one = nodes[number];
        if (!one.in_use) continue;
        all.push_back({one.name, one.id, one.zone, one.role, one.health, one.member,
                       of_link(home, one, {number, engine::link_mode::primary}), of_link(home, one, {number, engine::link_mode::replica})});
    }
    return all;
}

/// Threading: the control strand.
inline statistics of_client(net::driver& home) {
    engine::engine_counters const& counted = home.control().counters();
    statistics made{.moved = counted.moved,
                    .asked = counted.asked,
                    .retried = counted.retried,
                    .refreshes = counted.refreshes,
                    .topology_queries = counted.topology_queries,
                    .topology_changes = counted.topology_changes,
                    .connects = counted.connects,
                    .disconnects = counted.disconnects,
                    .waiting = home.control().waiting(),
                    .pinned_bytes = home.budget().pinned()};
    for (auto const& one : home.connections()) {
        made.commands += one->counters().commands;
        made.late_replies += one->counters().late;
    }
    return made;
}

}  // namespace snapshots
}  // namespace umbel
