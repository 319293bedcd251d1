// snapshot_of.hpp: how snapshots are made from an engine and its connections, whatever these run over.
// It knows no socket and no driver.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/engine/snapshot.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::engine {

/// A connection as snapshots see it: what is in flight on it, and what it has counted.
template <class Connection>
concept countable = requires(Connection const& connection) {
    { connection.in_flight() } -> std::convertible_to<std::size_t>;
    { connection.counters() } -> std::convertible_to<pipeline_counters const&>;
    { connection.latency() } -> std::convertible_to<latency_record const*>;
};

/// How much a connection in this state is worth: of several the best stands for all.
inline unsigned rank_of(link_state state) noexcept {
    switch (state) {
        case link_state::idle: return 0;
        case link_state::down: return 1;
        case link_state::closing: return 2;
        case link_state::opening: return 3;
        case link_state::up: return 4;
    }
    return 0;
}

/// Adds what a connection has counted.
template <countable Connection>
void add_counts(link_snapshot& into, Connection const& there) {
    into.in_flight += there.in_flight();
    auto const& counted = there.counters();
    into.commands += counted.commands;
    into.replies += counted.replies;
    into.late_replies += counted.late;
    into.redirects += counted.redirects;
    into.retries += counted.retries;
    if (latency_record const* const taken = there.latency()) {
        into.reads += taken->reads.read();
        into.writes += taken->writes.read();
    }
}

/// How the connections of one kind to the node `number` fare; `connection_of(link_id)` gives null for those
/// that were never opened.
template <class Find>
link_snapshot snapshot_of(node const& peer, std::uint16_t number, link_mode mode, Find&& connection_of) {
    link_snapshot made;
    for (unsigned at = 0; at < peer.contexts(); ++at) {
        auto const context_index = static_cast<std::uint8_t>(at);
        link_state const state = peer.link(mode, context_index).state;
        if (rank_of(state) > rank_of(made.state)) made.state = state;
        if (state == link_state::up) ++made.connections;
        if (auto const* const there = connection_of(link_id{number, mode, context_index}))
            add_counts(made, *there);
    }
    return made;
}

/// All nodes that `control` knows, sentinels left out. `connection_of(link_id)` gives a pointer to a
/// countable connection, or null.
template <class Find>
std::vector<node_snapshot> nodes_of(engine const& control, Find&& connection_of) {
    std::vector<node_snapshot> all;
    node_table const& known = control.nodes();
    for (std::uint16_t number = 0; number < known.size(); ++number) {
        node const& node = known[number];
        if (!node.in_use || node.sentinel) continue;
        auto const link = [&](link_mode mode) { return snapshot_of(node, number, mode, connection_of); };
        std::chrono::nanoseconds const latency{
            control.routes().health_of(number).latency_ns.load(std::memory_order_relaxed)};
        all.push_back({node.name, node.id, node.zone, node.role, node.health, node.member,
                       node.breaker.now_is(), node.breaker.failures(), latency, link(link_mode::primary),
                       link(link_mode::replica)});
    }
    return all;
}

/// What `control` and its connections have counted. `connections` is a range of pointers to countable
/// connections.
template <class Connections>
umbel::statistics statistics_of(engine const& control, Connections const& connections) {
    engine_counters const& counted = control.counters();
    umbel::statistics made{.moved = counted.moved,
                           .asked = counted.asked,
                           .retried = counted.retried,
                           .retries_denied = counted.retries_denied,
                           .refreshes = counted.refreshes,
                           .topology_queries = counted.topology_queries,
                           .topology_changes = counted.topology_changes,
                           .connects = counted.connects,
                           .disconnects = counted.disconnects,
                           .breakers_opened = counted.breakers_opened,
                           .hand_overs = counted.hand_overs,
                           .waiting = control.waiting()};
    for (auto const& connection : connections) {
        made.commands += connection->counters().commands;
        made.late_replies += connection->counters().late;
        made.notices += connection->counters().notices;
        made.notices_ignored += connection->counters().notices_ignored;
    }
    return made;
}

}  // namespace umbel::engine
