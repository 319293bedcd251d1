// snapshot.hpp: what a client can tell of itself: its nodes, what it counted. Plain values, copied at one
// moment.
#pragma once

#include <umbel/cluster/topology.hpp>
#include <umbel/engine/breaker.hpp>
#include <umbel/engine/latency.hpp>
#include <umbel/engine/link_state.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace umbel::engine {

/// How the connections of one kind to one node fare: one, or one for each execution context of the client
/// that has asked the node.
struct link_snapshot {
    link_state state = link_state::idle;  ///< Of several the one that fares best.
    unsigned connections = 0;             ///< That serve at this moment.
    std::size_t in_flight = 0;
    std::uint64_t commands = 0;
    std::uint64_t replies = 0;
    std::uint64_t late_replies = 0;  ///< Replies for commands that had been given up, discarded.
    std::uint64_t redirects = 0;     ///< MOVED and ASK that this connection's commands met.
    std::uint64_t retries = 0;       ///< Commands of this connection that were sent again for another reason.
    latency_histogram
        reads;  ///< How long commands that only read took; empty unless options::latency_histograms.
    latency_histogram writes;  ///< The same for all others.
};

/// One node the client knows.
struct node_snapshot {
    std::string address;  ///< "host:port".
    std::string id;       ///< As the cluster names it; empty while unknown.
    std::string availability_zone;
    cluster::node_role role = cluster::node_role::primary;
    cluster::node_health health = cluster::node_health::online;
    bool member = false;  ///< Part of the present topology.
    circuit_breaker::state breaker = circuit_breaker::state::closed;
    unsigned failures = 0;  ///< In a row, as the circuit breaker counts them.
    std::chrono::nanoseconds
        latency{};  ///< Of its replies, averaged; zero until read_from::lowest_latency has measured it.
    link_snapshot primary_link;
    link_snapshot replica_link;  ///< The connection that has sent READONLY.
};

/// What the client counted since it began.
struct statistics {
    std::uint64_t commands = 0;          ///< Sent, every attempt counted, the client's own among them.
    std::uint64_t moved = 0;             ///< MOVED followed.
    std::uint64_t asked = 0;             ///< ASK followed.
    std::uint64_t retried = 0;           ///< Attempts repeated for any other reason.
    std::uint64_t retries_denied = 0;    ///< Commands that failed because the way budget was empty.
    std::uint64_t late_replies = 0;      ///< Replies discarded because their command had been given up.
    std::uint64_t refreshes = 0;         ///< Refreshes of the topology begun.
    std::uint64_t topology_queries = 0;  ///< Nodes asked in them.
    std::uint64_t topology_changes = 0;  ///< Topologies that differed from the one before.
    std::uint64_t connects = 0;          ///< Connections opened.
    std::uint64_t disconnects = 0;       ///< Connections lost or refused.
    std::uint64_t breakers_opened = 0;   ///< Circuit breakers that opened.
    std::uint64_t notices = 0;           ///< Of maintenance, by all connections.
    std::uint64_t notices_ignored = 0;   ///< The same, but malformed, or too many at a time.
    std::uint64_t hand_overs = 0;        ///< Nodes whose commands went to new connections before a cut.
    std::uint64_t waiting = 0;  ///< Commands that wait at this moment: for a topology, a connection or a way.
    std::uint64_t pinned_bytes = 0;  ///< Read chunks held by values at this moment.
};

}  // namespace umbel::engine

namespace umbel {
using engine::link_snapshot;
using engine::node_snapshot;
using engine::statistics;
}  // namespace umbel
