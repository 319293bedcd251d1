// engine_standing.hpp: the part of the engine that judges how nodes stand: circuit breakers, and what reads should know of a node.
// Included by engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>

#include <algorithm>

namespace umbel::engine {

/// Counts the loss of a link for or against its node. A node with another link that serves is not the one at fault.
inline void engine::note_loss(node& peer, link_status const& lost, bool harmless) {
    if (harmless) return peer.breaker.answered(true);
    if (std::any_of(peer.links.begin(), peer.links.end(), [](link_status const& one) { return one.now_is == link_status::state::up; })) return;
    if (peer.breaker.failed(options_.breaker_failures, lost.retry_at)) ++counters_.breakers_opened;
}

/// Reads leave this node for others, until it has had time to come to itself.
inline void engine::shun(std::uint16_t number, instant now) {
    nodes_[number].shunned_until = after(now, options_.judging.retry_delay_max);
    weigh(number, now);
}

/// Tells the router how a node stands.
inline void engine::weigh(std::uint16_t number, instant now) {
    node const& one = nodes_[number];
    bool const down = one.link(one.role_mode()).now_is == link_status::state::down;
    instant const until = std::max(one.doubted_until, one.shunned_until);
    standing& told = router_.standing_of(number);
    told.unfit.store(down || one.breaker.refuses() || until > now, std::memory_order_relaxed);
    if (until > now) weigh_at_ = std::min(weigh_at_, until);
}

/// What was held against nodes for a time is looked at again.
inline void engine::weigh_due(instant now) {
    if (weigh_at_ > now) return;
    weigh_at_ = never;
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) weigh(number, now);
}

}  // namespace umbel::engine
