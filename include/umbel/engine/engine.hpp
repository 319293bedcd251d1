// engine.hpp: the control plane of a client: events and the time go in, actions and calls come out. It visits
// the events and lets its parts work: the dispatcher moves calls, the topology tracker asks for topologies,
// the node supervisor opens and closes links, the authenticator says who the client is. It knows no socket,
// no clock, no thread and no reply type; the data plane (pipeline, router) goes past it.
#pragma once

#include <umbel/engine/authenticator.hpp>
#include <umbel/engine/dispatcher.hpp>
#include <umbel/engine/maintenance.hpp>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::engine {

/// The control plane. After each handle(), tick() or close() the runtime carries out actions() in order, then
/// submits every call of outgoing() to the link it names, then completes every call of finished(). Threading:
/// one owner at a time, except routes(), whose reading functions are for everybody.
class engine {
public:
    engine(engine_options options, query_port port, traffic_port traffic = {})
        : shared_{std::move(options)},
          health_{shared_},
          links_{shared_, health_},
          identities_{shared_, links_, port},
          topology_{shared_, health_, links_, port},
          maintenance_{shared_, links_, topology_},
          dispatcher_{shared_, health_, links_, topology_, traffic, port} {}
    engine(engine const&) = delete;
    engine& operator=(engine const&) = delete;

    /// Begins the search for a topology.
    void start(instant now) {
        sweep_at_ = after(now, sweep_interval);
        topology_.want(now);
        tick(now);
    }
    void handle(event&& happened, instant now) noexcept {
        if (!try_alloc([&] { std::visit([&](auto& report) { on(report, now); }, happened); }))
            event_lost(happened);
        ask(now);
    }
    void tick(instant now) noexcept {
        if (!try_alloc([&] { advance(now); })) topology_.put_off(now);
        ask(now);
    }
    /// Fails every waiting call with errc::cancelled. Nothing is submitted afterwards.
    void close(instant) noexcept {
        shared_.closed = true;
        shared_.routes.begin_closing();
        links_.close_all();
        dispatcher_.close();
    }
    /// There is no memory to keep an event: fails its calls with errc::no_memory.
    void event_lost(event& lost) noexcept {
        if (call_list* const calls = calls_of(lost)) dispatcher_.fail_no_memory(*calls);
    }
    /// The client is to close: no call waits for a lease any more, and every wait on one is given up.
    void end_waits(instant now) noexcept {
        static_cast<void>(try_alloc([&] { dispatcher_.leases().end_waits(now); }));
        dispatcher_.follow_leases(now);
    }
    /// A caller gives back the lease that it has held.
    void give_back(lease_token& token, instant now) noexcept {
        static_cast<void>(try_alloc([&] { dispatcher_.leases().give_back(token, now); }));
        dispatcher_.follow_leases(now);
    }
    /// Fails one call that waits here with errc::cancelled. Precondition: it waits here.
    void cancel(call& call) noexcept { dispatcher_.cancel(call); }

    /// When tick() should be called next.
    instant next_due() const noexcept {
        if (shared_.closed) return never;
        return std::min({dispatcher_.next_due(), topology_.next_due(), sweep_at_, health_.next_due(),
                         links_.next_due(), identities_.next_due(), maintenance_.next_due()});
    }

    std::vector<action>& actions() noexcept { return shared_.actions; }
    call_list& outgoing() noexcept { return dispatcher_.outgoing(); }
    call_list& finished() noexcept { return dispatcher_.finished(); }

    router& routes() noexcept { return shared_.routes; }
    router const& routes() const noexcept { return shared_.routes; }
    cluster::topology const& topology() const noexcept { return topology_.topology(); }
    node_table const& nodes() const noexcept { return shared_.nodes; }
    /// Nodes that are being handed over.
    std::size_t handing_over() const noexcept { return maintenance_.under_way().under_way(); }
    engine_counters const& counters() const noexcept { return shared_.counters; }
    std::size_t waiting() const noexcept { return dispatcher_.waiting(); }
    bool closed() const noexcept { return shared_.closed; }

private:
    static constexpr duration sweep_interval = std::chrono::seconds{10};

    void ask(instant now) noexcept {
        dispatcher_.ask(topology_.questions(), now);
        dispatcher_.ask(identities_.questions(), now);
    }

    void on(link_opened& opened, instant now) {
        after_link_event(opened, links_.on(opened, now), now);
        identities_.on(opened);
    }
    void on(link_lost& lost, instant now) { after_link_event(lost, links_.on(lost, now), now); }
    void on(link_closed& closed, instant now) { after_link_event(closed, links_.on(closed, now), now); }
    template <class Event>
    void after_link_event(Event const& happened, link_event_effect const& effect, instant now) {
        link_id const link = happened.link;
        if (!effect.current) return;
        if (is_leased(link.mode))
            dispatcher_.leases().on(happened, now);
        else if (is_dead(happened))
            dispatcher_.leases().node_died(link.node, now);
        if (link.mode == link_mode::primary) dispatcher_.leases().shared_link_changed(link.node, now);
        if (effect.looks_soon) topology_.look_soon(now);
        if (effect.wants_topology) topology_.want(now);
        if (effect.node_came_back) dispatcher_.node_came_back(link.node, now);
        tick(now);
    }
    void on(calls_returned& returned, instant now) {
        identities_.look_at(returned.calls, now);
        dispatcher_.carry_out(returned.calls, now);
        tick(now);
    }
    void on(calls_parked& parked, instant now) {
        dispatcher_.route(parked.calls, now);
        tick(now);
    }
    void on(lease_told& told, instant now) {
        dispatcher_.leases().on(told, now);
        tick(now);
    }
    void on(credentials_told& told, instant now) {
        identities_.on(told, now);
        tick(now);
    }
    void on(maintenance_told& told, instant now) {
        maintenance_.on(told, now);
        tick(now);
    }
    void on(query_settled& settled, instant now) {
        if (auth_call* const said = auth_call::from(*settled.answered)) {
            identities_.settled(*said);
            return tick(now);
        }
        if (unblock_call const* const told = unblock_call::from(*settled.answered)) {
            dispatcher_.leases().unblocked(*told, now);
            return tick(now);
        }
        if (group_query* const told = group_query::from(*settled.answered)) {
            if (!shared_.closed) after_refresh(topology_.answered(*told, now), now);
            return tick(now);
        }
        if (sentinel_call* const told = sentinel_call::from(*settled.answered)) {
            if (told->whole->settled() && !shared_.closed)
                after_refresh(topology_.answered(*told->whole, now), now);
            return tick(now);
        }
        query& query = *static_cast<query_call*>(settled.answered)->whole;
        if (!query.settled()) return;
        if (query.was_shut_out()) identities_.shut_out(query.map_call().link, now);
        if (!shared_.closed) after_refresh(topology_.answered(query, now), now);
        tick(now);
    }
    void on(refresh_wanted& wanted, instant now) {
        if (wanted.silent) {
            health_.doubt(wanted.silent.node, now);
            // The silent node would answer a question no sooner than what it has not answered yet.
            if (!knows_another(wanted.silent.node)) return tick(now);
        }
        topology_.want(now);
        tick(now);
    }

    void on(waits_given_up& ended, instant now) {
        dispatcher_.fail_waiting(error{errc::no_reachable_node, delivery::not_sent, ended.why});
        tick(now);
    }

    void after_refresh(refresh_result const& result, instant now) noexcept {
        dispatcher_.ask(topology_.questions(), now);
        if (!result.ended) return;
        if (result.hopeless) dispatcher_.fail_waiting(*result.hopeless);
        dispatcher_.refresh_ended(result.changed, now);
    }

    void advance(instant now) {
        if (shared_.closed) return;
        dispatcher_.advance(now);
        health_.advance(now);
        // While a call waits for a newer topology, refreshes follow each other, throttled.
        if (dispatcher_.wants_topology()) topology_.want(now);
        after_refresh(topology_.advance(now), now);
        links_.reopen_due(now);
        links_.connect_due(now);
        identities_.advance(now);
        if (maintenance_.advance(now)) dispatcher_.refresh_ended(true, now);
        if (sweep_at_ <= now) {
            topology_.sweep(now);
            sweep_at_ = after(now, sweep_interval);
        }
    }

    /// The end of a shared connection that tells that its node is dead: then the waits on its leases, which
    /// are silent by nature, have ended too.
    bool is_dead(link_lost const& lost) const noexcept {
        return lost.how == link_loss::silent || shared_.nodes[lost.link.node].breaker.refuses();
    }
    static bool is_dead(link_opened const&) noexcept { return false; }
    static bool is_dead(link_closed const&) noexcept { return false; }
    /// True when another node than this one could be asked for the topology.
    bool knows_another(std::uint16_t number) const noexcept {
        node_table const& nodes = shared_.nodes;
        for (std::uint16_t other = 0; other < nodes.size(); ++other)
            if (other != number && (nodes[other].member || nodes[other].named)) return true;
        return std::any_of(shared_.options.seeds.begin(), shared_.options.seeds.end(),
                           [&](cluster::endpoint const& seed) { return nodes.find(seed) != number; });
    }

    control_state shared_;
    health_monitor health_;
    node_supervisor links_;
    authenticator identities_;
    topology_tracker topology_;
    maintenance maintenance_;
    dispatcher dispatcher_;
    instant sweep_at_{0};
};

}  // namespace umbel::engine
