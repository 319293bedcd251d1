// node_supervisor.hpp: opens and closes the links of nodes, with back-off and circuit breakers, and records
// what became of them. It knows no call and asks for no topology: its answers say what should follow.
#pragma once

#include <umbel/engine/connect_pacer.hpp>
#include <umbel/engine/control_state.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/health_monitor.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// What should follow from an event of a link.
struct link_event_effect {
    bool current = false;         ///< False: the event belongs to an older attempt, and nothing has changed.
    bool node_came_back = false;  ///< Its circuit breaker has closed, or its connection is made anew.
    bool wants_topology = false;
    bool looks_soon = false;  ///< The topology calls the node unhealthy, but it serves.
};

/// Supervises the links of all nodes.
class node_supervisor {
public:
    node_supervisor(control_state& shared, health_monitor& health) noexcept
        : shared_{shared}, health_{health}, pacer_{shared.options.connects_max} {}

    /// Begins an attempt to connect. Precondition: the link is idle or down.
    void open(link_id id, instant now);
    /// Probes a node whose circuit breaker is open, by its link on context 0, where that is due.
    void probe_if_due(link_id first, instant now) {
        circuit_breaker const& breaker = shared_.nodes[first.node].breaker;
        link_state const state = status_of(first).state;
        bool const unused = state == link_state::idle || state == link_state::down;
        if (unused && breaker.now_is() == circuit_breaker::state::open && breaker.retry_at() <= now)
            open(first, now);
    }
    /// Takes a link out of use: at once when it is not connected, or for errc::connection_lost, else when it
    /// has drained.
    void shut(link_id id, errc why = errc::read_only, bool holds_back = false);
    /// Closes a link that serves when what was written has been answered, and has what comes later routed
    /// anew: the next command opens it again.
    void replace(link_id id) { shut(id, errc::read_only, true); }
    /// What a link has waited for that was opened without credentials. Null: there are none, and why.
    void identify(credential_keeper::opening const& opening, std::shared_ptr<credentials const> const& given,
                  std::string const& why);
    void shut_all(std::uint16_t number, link_mode mode);
    /// Takes all links of a node out of use.
    void shut_all(std::uint16_t number) {
        shut_all(number, link_mode::primary);
        shut_all(number, link_mode::replica);
        shut_leases(number, errc::read_only);
    }
    /// Takes all leases of a node out of use; their waits are given up for the reason `why`, see close_link.
    void shut_leases(std::uint16_t number, errc why);
    /// The client closes: tells the observer of every connection that ends with it.
    void close_all() noexcept;

    link_event_effect on(link_opened& opened, instant now);
    link_event_effect on(link_lost& lost, instant now);
    link_event_effect on(link_closed& closed, instant now);

    /// Reconnects links that serve their node's role without waiting for a command, so that the first command
    /// after an outage finds them.
    void reopen_due(instant now) noexcept;
    /// Lets attempts begin that have waited for their turn.
    void connect_due(instant now);
    instant next_due() const noexcept;

private:
    handshake_plan plan_for(link_id id) const;
    void report_closed(node const& peer, link_status& link, link_mode mode, std::string_view why) noexcept;
    void count_failure(node& peer, link_status const& lost, bool was_up, instant now) noexcept;
    link_status& status_of(link_id id) noexcept { return shared_.nodes[id.node].link(id.mode, id.context); }

    control_state& shared_;
    health_monitor& health_;
    connect_pacer pacer_;
};

inline handshake_plan node_supervisor::plan_for(link_id id) const {
    node const& peer = shared_.nodes[id.node];
    if (peer.sentinel) {
        handshake_plan plan = shared_.options.sentinels.plan;
        plan.subscribes = id.mode == link_mode::replica;
        if (plan.subscribes) plan.protocol = protocol::resp2;
        return plan;
    }
    handshake_plan plan = shared_.options.plan;
    known_as const known = shared_.routes.known();
    bool const by_sentinels = !shared_.options.sentinels.primary_name.empty();
    plan.read_only = id.mode == link_mode::replica;
    plan.ask_client = is_leased(id.mode);
    plan.ask_identity = shared_.options.deployment != deployment::standalone &&
                        known != known_as::standalone && !by_sentinels;
    plan.in_group = shared_.in_group;
    plan.be_redirected = shared_.options.source == topology_source::automatic &&
                         shared_.options.deployment != deployment::cluster && known != known_as::cluster;
    bool const leads = (peer.member || peer.is_successor) && peer.role == cluster::node_role::primary;
    plan.of_primary = plan.in_group && id.mode != link_mode::replica && leads;
    return plan;
}

inline void node_supervisor::open(link_id id, instant now) {
    node& peer = shared_.nodes[id.node];
    link_status& link = status_of(id);
    UMBEL_ASSERT(link.state == link_state::idle || link.state == link_state::down);
    handshake_plan plan = plan_for(id);
    credential_keeper& identity = shared_.identity;
    bool const asks = !peer.sentinel && identity.identify(plan, {id, link.generation + 1}, now);
    std::uint32_t const said = peer.sentinel ? UINT32_MAX : plan.awaits_identity ? 0 : identity.version();
    shared_.actions.reserve(shared_.actions.size() + 2);
    open_link opening{id, link.generation + 1, peer.reached_at(now), std::move(plan)};
    opening.to_sentinel = peer.sentinel;
    opening.waits = !pacer_.begins({id, link.generation + 1}, now);
    shared_.actions.emplace_back(std::move(opening));
    // The link changes only now: adding the action may have thrown.
    ++link.generation;
    link.state = link_state::opening;
    link.begun_at = now;
    link.identity = said;
    std::get<open_link>(shared_.actions.back()).kind = peer.breaker.tries(shared_.options.breaker_failures);
    if (asks) shared_.actions.emplace_back(ask_credentials{identity.ask(now), peer.name});
}

inline void node_supervisor::identify(credential_keeper::opening const& opening,
                                      std::shared_ptr<credentials const> const& given,
                                      std::string const& why) {
    link_status& link = status_of(opening.link);
    if (link.generation != opening.generation || link.state != link_state::opening) return;
    shared_.actions.emplace_back(credentials_given{opening.link, opening.generation, given, why});
    if (given) link.identity = shared_.identity.version();
}

inline void node_supervisor::shut(link_id id, errc why, bool holds_back) {
    link_status& link = status_of(id);
    switch (link.state) {
        case link_state::idle: return;
        case link_state::closing:
            if (why != errc::connection_lost) return;
            break;  // It drains, and is to end at once.
        case link_state::opening:
        case link_state::up:
        case link_state::down: break;
    }
    shared_.actions.emplace_back(close_link{id, link.generation, why, holds_back});
    link.state = link_state::closing;
    link.renews = holds_back;
}

inline void node_supervisor::shut_leases(std::uint16_t number, errc why) {
    auto const& slots = shared_.nodes[number].leases.slots;
    for (unsigned at = 0; at < slots.size(); ++at)
        if (slots[at].status.state != link_state::down)
            shut({number, leased_link(at), slots[at].context}, why);
}

inline void node_supervisor::shut_all(std::uint16_t number, link_mode mode) {
    for (unsigned context = 0; context < shared_.nodes[number].contexts(); ++context)
        shut({number, mode, static_cast<std::uint8_t>(context)});
}

inline void node_supervisor::close_all() noexcept {
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
        node& peer = shared_.nodes[number];
        for (std::size_t at = 0; at < peer.links.size(); ++at)
            if (peer.links[at].was_up)
                report_closed(peer, peer.links[at], static_cast<link_mode>(at % 2), "the client was closed");
        for (lease_slot& lease : peer.leases.slots)
            if (lease.status.was_up)
                report_closed(peer, lease.status, link_mode::leased, "the client was closed");
    }
}

inline link_event_effect node_supervisor::on(link_opened& opened, instant now) {
    node& peer = shared_.nodes[opened.link.node];
    link_status& link = status_of(opened.link);
    if (link.generation != opened.generation || link.state != link_state::opening) return {};
    pacer_.ended(opened.link);
    link.state = link_state::up;
    link.was_up = true;
    link.node_id = std::move(opened.node_id);
    peer.runs_as = opened.mode;
    link.up_since = now;
    link_event_effect effect{.current = true, .node_came_back = peer.breaker.refuses()};
    peer.breaker.answered(false);
    ++shared_.counters.connects;
    if (!is_leased(opened.link.mode)) health_.set_zone(opened.link.node, opened.zone, now);
    effect.looks_soon = !cluster::is_routable(peer.health);
    // Another server answers at a known address: what the table says of it may be wrong.
    effect.wants_topology = !link.node_id.empty() && !peer.id.empty() && link.node_id != peer.id;
    shared_.observe([&] { return node_connected{peer.name, kind_of(opened.link.mode)}; });
    return effect;
}

inline link_event_effect node_supervisor::on(link_lost& lost, instant now) {
    node& peer = shared_.nodes[lost.link.node];
    link_status& link = status_of(lost.link);
    if (link.generation != lost.generation) return {};
    pacer_.ended(lost.link);
    bool const was_up = std::exchange(link.was_up, false);
    bool const leaving = link.state == link_state::closing;
    duration const lived = was_up ? now - link.up_since : duration{0};
    // A node that has replied, or held a connection for a while, was well: the end of that connection is not
    // a failure to connect.
    bool const stable = was_up && lost.how != link_loss::silent &&
                        (lost.how == link_loss::served || lived > std::chrono::seconds{1});
    // A connection that nobody used is judged by its life alone: if it outlived the pause before it, the
    // back-off begins anew.
    bool const unused = was_up && lost.how == link_loss::unused;
    link.state = leaving ? link_state::idle : link_state::down;
    link.failures = stable || (unused && lived > link.pause) ? 0 : link.failures + 1;
    ++shared_.counters.disconnects;
    if (stable || leaving) peer.breaker.answered(true);
    unsigned const failures = std::max(link.failures, peer.breaker.failures());
    link.pause = backoff(shared_.options.reconnect_delay, shared_.options.reconnect_delay_max, failures,
                         shared_.random);
    link.retry_at = after(now, link.pause);
    link.last_failure = lost.why;
    link.last_message = std::move(lost.message);
    if (leaving) peer.left_at = std::max(peer.left_at, now);
    if (lost.why == errc::wrong_password || lost.why == errc::no_auth)
        shared_.identity.distrust(link.identity);
    if (lost.why == errc::no_credentials)
        peer.breaker.called_off();  // The node is not at fault.
    else if (!stable && !unused && !leaving)
        count_failure(peer, link, was_up, now);
    shared_.routes.health_of(lost.link.node).latency_ns.store(0, std::memory_order_relaxed);
    health_.publish(lost.link.node, now);
    if (was_up) {
        shared_.observe([&] {
            return node_disconnected{peer.name, lost.why, link.last_message, kind_of(lost.link.mode)};
        });
    } else {
        shared_.observe([&] {
            return node_connect_failed{peer.name, lost.why, link.last_message, kind_of(lost.link.mode)};
        });
    }
    return {.current = true,
            .node_came_back = std::exchange(link.renews, false),
            .wants_topology = (peer.member || (peer.sentinel && was_up)) && !shared_.closed};
}

inline link_event_effect node_supervisor::on(link_closed& closed, instant now) {
    node& peer = shared_.nodes[closed.link.node];
    link_status& link = status_of(closed.link);
    if (link.generation != closed.generation) return {};
    pacer_.ended(closed.link);
    bool const was_up = link.was_up;
    bool const renews = std::exchange(link.renews, false);
    if (was_up)
        report_closed(peer, link, kind_of(closed.link.mode),
                      renews ? "the connection is made anew" : "no command is routed there any more");
    link.state = link_state::idle;
    if (was_up) link.failures = 0;
    // A link that has drained has served; an attempt that was called off proves nothing.
    if (!was_up)
        peer.breaker.called_off();
    else if (peer.breaker.now_is() != circuit_breaker::state::open)
        peer.breaker.answered(true);
    health_.publish(closed.link.node, now);
    peer.left_at = now;
    return {.current = true, .node_came_back = renews};
}

inline void node_supervisor::reopen_due(instant now) noexcept {
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
        node& node = shared_.nodes[number];
        for (unsigned at = 0; (node.member || node.tells) && at < node.contexts(); ++at) {
            auto const context = static_cast<std::uint8_t>(at);
            if (node.reopen_at(context) > now) continue;
            UMBEL_TRY { open({number, node.role_mode(), context}, now); }
            UMBEL_CATCH(...) {
                node.link(node.role_mode(), context).retry_at =
                    after(now, shared_.options.reconnect_delay_max);
            }
        }
    }
}

inline void node_supervisor::connect_due(instant now) {
    while (pacer_.waiting() != 0) {
        shared_.actions.reserve(shared_.actions.size() + 1);
        std::optional<connect_pacer::attempt> const next = pacer_.take_due(now);
        if (!next) return;
        link_status const& link = status_of(next->link);
        bool const wanted = link.generation == next->generation && link.state == link_state::opening;
        if (wanted)
            shared_.actions.emplace_back(connect_now{next->link, next->generation});
        else
            pacer_.ended(next->link);
    }
}

inline instant node_supervisor::next_due() const noexcept {
    instant due = pacer_.next_due();
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number)
        due = std::min(due, shared_.nodes[number].reopen_at());
    return due;
}

/// Tells the observer of a connection that the client itself has closed.
inline void node_supervisor::report_closed(node const& peer, link_status& link, link_mode mode,
                                           std::string_view why) noexcept {
    link.was_up = false;
    shared_.observe([&] { return node_disconnected{peer.name, errc::cancelled, std::string{why}, mode}; });
}

/// Counts the loss of a link against its node. A node that serves on another link is not at fault, and
/// attempts that ran side by side have met one failure, not several.
inline void node_supervisor::count_failure(node& peer, link_status const& lost, bool was_up,
                                           instant now) noexcept {
    if (std::any_of(peer.links.begin(), peer.links.end(), is_up)) return;
    if (!was_up && lost.begun_at < peer.failed_at) return;
    peer.failed_at = now;
    if (peer.breaker.failed(shared_.options.breaker_failures, lost.retry_at))
        ++shared_.counters.breakers_opened;
}

}  // namespace umbel::engine
