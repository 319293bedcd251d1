// engine_links.hpp: the part of the engine that opens and closes links, and hears what became of them.
// Included by engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>

namespace umbel::engine {

inline void engine::open(link_id id, instant now) {
    node& peer = nodes_[id.node];
    link_status& link = peer.link(id.mode, id.context);
    handshake_plan plan = options_.plan;
    plan.read_only = id.mode == link_mode::replica;
    plan.ask_identity =
        options_.deployment != deployment::standalone && router_.known() != known_as::standalone;
    open_link made{id, link.generation + 1, peer.where, std::move(plan)};
    actions_.emplace_back(std::move(made));
    // Nothing has changed until the action stands.
    ++link.generation;
    link.now_is = link_status::state::opening;
    link.begun_at = now;
    std::get<open_link>(actions_.back()).kind = peer.breaker.tries(options_.breaker_failures);
}

/// Takes a link out of use: at once when it is not connected, else when it has drained.
inline void engine::shut(link_id id, instant) {
    link_status& link = nodes_[id.node].link(id.mode, id.context);
    switch (link.now_is) {
        case link_status::state::idle:
        case link_status::state::closing: return;
        case link_status::state::opening:
        case link_status::state::up:
        case link_status::state::down: break;
    }
    actions_.emplace_back(close_link{id, link.generation});
    link.now_is = link_status::state::closing;
}

inline void engine::shut_all(std::uint16_t number, link_mode mode, instant now) {
    for (unsigned context = 0; context < nodes_[number].contexts(); ++context)
        shut({number, mode, static_cast<std::uint8_t>(context)}, now);
}

inline void engine::on(link_opened& seen, instant now) {
    node& peer = nodes_[seen.link.node];
    link_status& link = peer.link(seen.link.mode, seen.link.context);
    if (link.generation != seen.generation || link.now_is != link_status::state::opening) return;
    link.now_is = link_status::state::up;
    link.was_up = true;
    link.node_id = seen.node_id;
    peer.runs_as = seen.mode;
    link.up_since = now;
    bool const came_back = peer.breaker.refuses();
    peer.breaker.answered(false);
    ++counters_.connects;
    note_zone(seen.link.node, seen.zone, now);
    if (!cluster::is_routable(peer.health)) refresher_.look_soon(now);
    // Another server at a known address: what the table says of it may be wrong.
    if (!seen.node_id.empty() && !peer.id.empty() && seen.node_id != peer.id) refresher_.want(now);
    observe([&] { return node_connected{peer.name, seen.link.mode}; });
    if (came_back) {
        // Those that were turned away while it was probed need not wait for a topology that may never change.
        call_list turned_away;
        waiting_.refused_by(seen.link.node, turned_away);
        while (call* const call = turned_away.pop())
            guarded(*call, [&] { reroute(*call, link_id::no_node, now); });
    }
    tick(now);
}

inline void engine::on(link_lost& seen, instant now) {
    node& peer = nodes_[seen.link.node];
    link_status& link = peer.link(seen.link.mode, seen.link.context);
    if (link.generation != seen.generation) return;
    bool const was_up = std::exchange(link.was_up, false);
    bool const leaving = link.now_is == link_status::state::closing;
    duration const lived = was_up ? now - link.up_since : duration{0};
    // A node that has replied, or held a connection for a while, was well: that the connection has ended is
    // no failure to connect.
    bool const stable = was_up && seen.how != link_loss::silent &&
                        (seen.how == link_loss::served || lived > std::chrono::seconds{1});
    // Of a connection that nobody used, only its life can tell: one that outlived the pause before it makes a
    // new beginning.
    bool const unused = was_up && seen.how == link_loss::unused;
    link.now_is = leaving ? link_status::state::idle : link_status::state::down;
    link.failures = stable || (unused && lived > link.pause) ? 0 : link.failures + 1;
    ++counters_.disconnects;
    if (stable || leaving) peer.breaker.answered(true);
    unsigned const failures = std::max(link.failures, peer.breaker.failures());
    link.pause = backoff(options_.reconnect_delay, options_.reconnect_delay_max, failures, random_);
    link.retry_at = after(now, link.pause);
    link.last_failure = seen.why;
    link.last_message = std::move(seen.message);
    if (leaving) peer.left_at = std::max(peer.left_at, now);
    if (!stable && !unused && !leaving) note_loss(peer, link, was_up, now);
    router_.health_of(seen.link.node).latency_ns.store(0, std::memory_order_relaxed);
    publish_health(seen.link.node, now);
    if (was_up) {
        observe([&] { return node_disconnected{peer.name, seen.why, link.last_message, seen.link.mode}; });
    } else {
        observe([&] { return node_connect_failed{peer.name, seen.why, link.last_message, seen.link.mode}; });
    }
    if (peer.member && !closed_) refresher_.want(now);
    tick(now);
}

inline void engine::on(link_closed& seen, instant now) {
    node& peer = nodes_[seen.link.node];
    link_status& link = peer.link(seen.link.mode, seen.link.context);
    if (link.generation != seen.generation) return;
    bool const was_up = link.was_up;
    if (was_up) note_closed(peer, link, seen.link.mode, "no command is routed there any more");
    link.now_is = link_status::state::idle;
    if (was_up) link.failures = 0;
    // A link that has drained has served; an attempt that was called off says nothing.
    if (!was_up)
        peer.breaker.called_off();
    else if (peer.breaker.now_is() != circuit_breaker::state::open)
        peer.breaker.answered(true);
    publish_health(seen.link.node, now);
    peer.left_at = now;
    tick(now);
}

/// True when somebody else than this node could be asked for the topology.
inline bool engine::knows_another(std::uint16_t number) const noexcept {
    for (std::uint16_t other = 0; other < nodes_.size(); ++other)
        if (other != number && (nodes_[other].member || nodes_[other].named)) return true;
    return std::any_of(options_.seeds.begin(), options_.seeds.end(),
                       [&](cluster::endpoint const& seed) { return nodes_.find(seed) != number; });
}

inline void engine::on(refresh_wanted& seen, instant now) {
    if (seen.silent) {
        nodes_[seen.silent.node].doubted_until = after(now, options_.refresh_timeout);
        publish_health(seen.silent.node, now);
        // Behind what it has not answered, it would not answer this either.
        if (!knows_another(seen.silent.node)) return tick(now);
    }
    refresher_.want(now);
    tick(now);
}

/// Calls off the attempts to open links on which nobody is routed any more: who waits for them goes to those
/// who have taken over. A link that is open drains instead, for it may still bring replies.
inline void engine::call_off_attempts(cluster::topology const& told,
                                      std::vector<std::uint16_t> const& numbers, instant now) {
    std::vector<bool> leads(nodes_.size(), false);
    for (cluster::shard const& shard : told.shards) {
        std::uint16_t const number = shard.primary == cluster::topology::none || shard.ranges.empty()
                                         ? link_id::no_node
                                         : numbers[shard.primary];
        if (number != link_id::no_node) leads[number] = true;
    }
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node const& node = nodes_[number];
        bool const reads =
            node.member && node.role == cluster::node_role::replica && cluster::is_routable(node.health);
        for (link_mode const mode : {link_mode::primary, link_mode::replica}) {
            if (!node.in_use || (mode == link_mode::primary ? leads[number] : reads)) continue;
            for (unsigned context = 0; context < node.contexts(); ++context) {
                auto const place = static_cast<std::uint8_t>(context);
                if (node.link(mode, place).now_is == link_status::state::opening)
                    shut({number, mode, place}, now);
            }
        }
    }
}

/// Links that serve their node's role are reconnected without waiting for a command, so that the first one
/// after an outage finds them.
inline void engine::reopen_due(instant now) {
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node& node = nodes_[number];
        for (unsigned at = 0; node.member && at < node.contexts(); ++at) {
            auto const context = static_cast<std::uint8_t>(at);
            if (node.reopen_at(context) > now) continue;
            try {
                open({number, node.role_mode(), context}, now);
            } catch (...) {
                node.link(node.role_mode(), context).retry_at = after(now, options_.reconnect_delay_max);
            }
        }
    }
}

}  // namespace umbel::engine
