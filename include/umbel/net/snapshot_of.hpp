// snapshot_of.hpp: how snapshots are made from an engine and its connections, whatever these run over.
// It knows no socket and no driver.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/net/snapshot.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace umbel::net {

/// A connection as snapshots see it: what is in flight on it, and what it has counted.
template <class Connection>
concept countable = requires(Connection const& one) {
    { one.in_flight() } -> std::convertible_to<std::size_t>;
    { one.counters() } -> std::convertible_to<engine::pipeline_counters const&>;
    { one.latency() } -> std::convertible_to<engine::latency_record const*>;
};

/// How one connection of `peer` fares; `there` is null where it was never opened.
template <countable Connection>
link_snapshot snapshot_of(engine::node const& peer, engine::link_mode mode, Connection const* there) {
    link_snapshot made;
    made.state = peer.link(mode).now_is;
    if (!there) return made;
    made.in_flight = there->in_flight();
    auto const& counted = there->counters();
    made.commands = counted.commands;
    made.replies = counted.replies;
    made.late_replies = counted.late;
    made.redirects = counted.redirects;
    made.retries = counted.retries;
    if (engine::latency_record const* const taken = there->latency()) {
        made.reads = taken->reads.read();
        made.writes = taken->writes.read();
    }
    return made;
}

/// All nodes that `control` knows. `connection_of(link_id)` gives a pointer to a countable connection, or null.
template <class Find>
std::vector<node_snapshot> nodes_of(engine::engine const& control, Find&& connection_of) {
    std::vector<node_snapshot> all;
    engine::node_table const& known = control.nodes();
    for (std::uint16_t number = 0; number < known.size(); ++number) {
        engine::node const& one = known[number];
        if (!one.in_use) continue;
        auto const link = [&](engine::link_mode mode) { return snapshot_of(one, mode, connection_of(engine::link_id{number, mode})); };
        std::chrono::nanoseconds const latency{control.routes().standing_of(number).latency_ns.load(std::memory_order_relaxed)};
        all.push_back({one.name, one.id, one.zone, one.role, one.health, one.member, one.breaker.now_is(), one.breaker.failures(), latency,
                       link(engine::link_mode::primary), link(engine::link_mode::replica)});
    }
    return all;
}

/// What `control` and its connections have counted. `connections` is a range of pointers to countable connections.
template <class Connections>
umbel::statistics statistics_of(engine::engine const& control, Connections const& connections) {
    engine::engine_counters const& counted = control.counters();
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
                           .waiting = control.waiting()};
    for (auto const& one : connections) {
        made.commands += one->counters().commands;
        made.late_replies += one->counters().late;
    }
    return made;
}

}  // namespace umbel::net
