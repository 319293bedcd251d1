// engine_health.hpp: the part of the engine that judges how nodes stand: circuit breakers, and what reads
// should know of a node. Included by engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>

#include <algorithm>

namespace umbel::engine {

/// Tells the observer of a connection that the client itself has closed.
inline void engine::note_closed(node const& peer, link_status& closed, link_mode mode,
                                std::string_view why) noexcept {
    closed.was_up = false;
    observe([&] { return node_disconnected{peer.name, errc::cancelled, std::string{why}, mode}; });
}

/// Counts the loss of a link against its node. A node with another link that serves is not the one at fault,
/// and attempts that were under way side by side have met one failure, not several.
inline void engine::note_loss(node& peer, link_status const& lost, bool was_up, instant now) {
    if (std::any_of(peer.links.begin(), peer.links.end(), is_up)) return;
    if (!was_up && lost.begun_at < peer.failed_at) return;
    peer.failed_at = now;
    if (peer.breaker.failed(options_.breaker_failures, lost.retry_at)) ++counters_.breakers_opened;
}

/// Reads leave this node for others, until it has had time to come to itself.
inline void engine::avoid_until(std::uint16_t number, instant now) {
    nodes_[number].avoided_until = after(now, options_.judging.retry_delay_max);
    publish_health(number, now);
}

/// Tells the router how a node stands.
inline void engine::publish_health(std::uint16_t number, instant now) {
    node const& node = nodes_[number];
    // A connection that is being opened again is no better yet than it was.
    auto const is_down = [](link_status const& link) {
        return link.now_is == link_status::state::down ||
               (link.now_is == link_status::state::opening && link.failures != 0);
    };
    bool const down = node.any_link(node.role_mode(), is_down) && !node.any_link(node.role_mode(), is_up);
    instant const until = std::max(node.doubted_until, node.avoided_until);
    node_health& told = router_.health_of(number);
    told.unhealthy.store(down || node.breaker.refuses() || until > now, std::memory_order_relaxed);
    told.same_zone.store(!options_.zone.empty() && zone_of(node) == options_.zone, std::memory_order_relaxed);
    if (until > now) health_due_at_ = std::min(health_due_at_, until);
}

/// A server or a topology has told a node's zone; nothing takes back what was known before.
inline void engine::note_zone(std::uint16_t number, std::string const& zone, instant now) {
    if (number == link_id::no_node) return;
    if (!zone.empty()) nodes_[number].zone = zone;
    publish_health(number, now);
}

/// The availability zone of a node: what its server says counts, else what the user has said.
inline std::string_view engine::zone_of(node const& node) const noexcept {
    if (!node.zone.empty()) return node.zone;
    auto const told = std::find_if(options_.zones.begin(), options_.zones.end(),
                                   [&](auto const& known) { return known.first == node.where; });
    return told == options_.zones.end() ? std::string_view{} : std::string_view{told->second};
}

/// What was held against nodes for a time is looked at again.
inline void engine::health_due(instant now) {
    if (health_due_at_ > now) return;
    health_due_at_ = never;
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) publish_health(number, now);
}

}  // namespace umbel::engine
