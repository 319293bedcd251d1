// driver_snapshot.hpp: what a driver tells of itself. Included by driver.hpp.
#pragma once

#include <umbel/net/driver.hpp>

namespace umbel::net {

/// How one connection of `peer` fares.
inline link_snapshot snapshot_of(driver const& teller, engine::node const& peer, engine::link_id id) {
    link_snapshot made;
    made.state = peer.link(id.mode).now_is;
    if (connection const* const there = teller.connection_of(id)) {
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
    }
    return made;
}

inline std::vector<node_snapshot> driver::nodes() const {
    std::vector<node_snapshot> all;
    engine::node_table const& known = engine_.nodes();
    for (std::uint16_t number = 0; number < known.size(); ++number) {
        engine::node const& one = known[number];
        if (!one.in_use) continue;
        all.push_back({one.name, one.id, one.zone, one.role, one.health, one.member, one.breaker.now_is(), one.breaker.failures(),
                       std::chrono::nanoseconds{routes().standing_of(number).latency_ns.load(std::memory_order_relaxed)},
                       snapshot_of(*this, one, {number, engine::link_mode::primary}), snapshot_of(*this, one, {number, engine::link_mode::replica})});
    }
    return all;
}

inline umbel::statistics driver::statistics() const {
    engine::engine_counters const& counted = engine_.counters();
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
                         .waiting = engine_.waiting(),
                         .pinned_bytes = budget_->pinned()};
    for (auto const& one : connections_) {
        made.commands += one->counters().commands;
        made.late_replies += one->counters().late;
    }
    return made;
}

}  // namespace umbel::net
