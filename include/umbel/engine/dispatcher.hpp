// dispatcher.hpp: moves calls: from a verdict, a wait or a refresh to the link that should serve them, or to
// their error. It opens links through the node supervisor, wants topologies of the topology tracker, and
// writes nothing.
#pragma once

#include <umbel/engine/call_endings.hpp>
#include <umbel/engine/destinations.hpp>
#include <umbel/engine/lease_pool.hpp>
#include <umbel/engine/overload.hpp>
#include <umbel/engine/renewal.hpp>
#include <umbel/engine/retry_pacer.hpp>
#include <umbel/engine/topology_tracker.hpp>
#include <umbel/engine/try_alloc.hpp>
#include <umbel/engine/waiting_calls.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace umbel::engine {

/// Dispatches the calls that have come to the control plane. Each leaves by outgoing() or finished(), or
/// waits here. No call is lost when memory runs out: the one that is being moved fails with errc::no_memory.
class dispatcher {
public:
    dispatcher(control_state& shared, health_monitor& health, node_supervisor& links,
               topology_tracker& topology, traffic_port traffic, query_port settled = {}) noexcept
        : shared_{shared},
          health_{health},
          links_{links},
          topology_{topology},
          pacer_{shared, traffic},
          endings_{shared},
          leases_{shared, links, endings_, settled} {}

    /// Carries out the verdicts of calls that a connection has returned. Precondition: each has a retry
    /// state.
    void carry_out(call_list& returned, instant now) noexcept;
    /// Routes calls that found no link.
    void route(call_list& parked, instant now) noexcept;
    /// Sends calls of the engine's own, each to its `link`.
    void ask(call_list& questions, instant now) noexcept;
    /// Moves on the waiting calls that are due.
    void advance(instant now);
    /// A refresh has ended: routes the calls that waited for it anew.
    void refresh_ended(bool changed, instant now) noexcept;
    /// A node's circuit breaker has closed: routes the calls anew that the node turned away meanwhile, for
    /// the topology that they wait for may never change.
    void node_came_back(std::uint16_t number, instant now) noexcept;

    /// Fails every waiting call for the same reason.
    void fail_waiting(error const& why) noexcept;
    /// Fails every waiting call with errc::cancelled, because the client closes.
    void close() noexcept;
    /// Fails one call with errc::cancelled. Precondition: it waits here.
    void cancel(call& call) noexcept;
    /// Fails calls with errc::no_memory, without asking for memory.
    void fail_no_memory(call_list& calls) noexcept {
        while (call* const call = calls.pop()) endings_.fail_no_memory(*call);
    }

    /// The leases. Precondition: whoever has changed something there calls follow_leases() afterwards.
    lease_pool& leases() noexcept { return leases_; }
    /// Moves on what the lease pool has decided.
    void follow_leases(instant now) noexcept;

    instant next_due() const noexcept { return std::min(waiting_.next_due(), leases_.next_due()); }
    std::size_t waiting() const noexcept { return waiting_.size() + leases_.waiting(); }
    /// True while a call waits for a newer topology.
    bool wants_topology() const noexcept { return waiting_.wants_topology(); }

    call_list& outgoing() noexcept { return outgoing_; }
    call_list& finished() noexcept { return endings_.finished(); }

private:
    /// Moves a call on. Precondition: `step` puts it onto a list, or lets it wait, as the last thing it does.
    template <class Step>
    void or_fail_no_memory(call& call, Step&& step) noexcept {
        if (!try_alloc(std::forward<Step>(step))) endings_.fail_no_memory(call);
    }
    /// Moves on calls that have waited, each by `step(call&)`; releasing_ says so to place().
    template <class Step>
    void release(call_list& calls, Step step) noexcept {
        releasing_ = true;
        while (call* const call = calls.pop()) or_fail_no_memory(*call, [&] { step(*call); });
        releasing_ = false;
    }
    void carry_out(call& call, instant now);
    void retry_later(call& call, instant now);
    void await_topology(call& call, instant now);
    void follow(call& call, instant now);
    void resume(call& call, instant now);
    void reroute(call& call, std::uint16_t avoid, instant now);
    void place_named(call& call, instant now);
    void place(call& call, link_id to, instant now);
    void lend(call& call, link_id to, instant now);
    void unreachable(call& call, link_id to, errc why, std::string_view message, instant now);
    void wait(call& call, waits_for reason, instant due, instant now);
    /// Lets a MOVED teach the table. Returns when its command may go where it points.
    instant learn_moved(retry_state const& moved, std::uint16_t owner, instant now) {
        topology_.learn_moved(moved, owner, now);
        return owner == moved.from.node ? renew_link(shared_, links_, moved, now) : now;
    }
    static bool held(call& call) noexcept { return call.kind->hold && call.kind->hold(call); }

    control_state& shared_;
    health_monitor& health_;
    node_supervisor& links_;
    topology_tracker& topology_;
    retry_pacer pacer_;
    waiting_calls waiting_;
    call_endings endings_;
    lease_pool leases_;
    bool following_leases_ = false, releasing_ = false;
    std::uint32_t rotation_ = 0;  ///< Spreads reads, and commands without a key.
    call_list outgoing_;
};

// ---- What comes to the dispatcher ---------------------------------------------------------------

inline void dispatcher::carry_out(call_list& returned, instant now) noexcept {
    while (call* const call = returned.pop()) {
        if (call->at == call::stage::withheld)
            leases_.withhold(*call);
        else
            or_fail_no_memory(*call, [&] { carry_out(*call, now); });
    }
}

inline void dispatcher::route(call_list& parked, instant now) noexcept {
    while (call* const call = parked.pop()) {
        // An asking call, and one of the engine's own, is meant for one link and goes nowhere else.
        bool const meant = call->link && (call->form.asking || call->is_internal()) && !shared_.closed &&
                           !call->cancel_wanted();
        or_fail_no_memory(
            *call, [&] { meant ? place(*call, call->link, now) : reroute(*call, link_id::no_node, now); });
    }
}

inline void dispatcher::ask(call_list& questions, instant now) noexcept {
    while (call* const call = questions.pop())
        or_fail_no_memory(*call, [&] { place(*call, call->link, now); });
}

inline void dispatcher::advance(instant now) {
    call_list due;
    waiting_.advance(now, due);
    release(due, [&](call& call) {
        call.deadline <= now ? endings_.expire(call, topology_.complaints()) : resume(call, now);
    });
    pacer_.advance(now);
    leases_.advance(now);
    follow_leases(now);
}

inline void dispatcher::refresh_ended(bool changed, instant now) noexcept {
    call_list released;
    waiting_.refreshed(changed, released);
    if (changed) leases_.routes_changed(released);
    release(released, [&](call& call) {
        // A call that would go to the node that has refused it keeps the pace of all those.
        bool const again = call.retry && call.retry->from &&
                           shared_.routes.route(call, rotation_).node == call.retry->from.node;
        again ? resume(call, now) : reroute(call, link_id::no_node, now);
    });
}

inline void dispatcher::node_came_back(std::uint16_t number, instant now) noexcept {
    call_list turned_away;
    waiting_.refused_by(number, turned_away);
    release(turned_away, [&](call& call) { reroute(call, link_id::no_node, now); });
}

inline void dispatcher::fail_waiting(error const& why) noexcept {
    call_list all;
    waiting_.clear(all);
    while (call* const call = all.pop())
        endings_.fail(*call, why.code(), call_endings::delivery_of(*call), why.message(), why.node());
}

inline void dispatcher::close() noexcept {
    call_list all;
    waiting_.clear(all);
    leases_.clear(all);
    while (call* const call = all.pop())
        endings_.fail(*call, errc::cancelled, call_endings::delivery_of(*call), "the client was closed");
}

inline void dispatcher::cancel(call& call) noexcept {
    if (call.at == call::stage::queued) return leases_.cancel(call);
    UMBEL_ASSERT(call.at == call::stage::waiting);
    waiting_.remove(call);
    endings_.fail(call, errc::cancelled, call_endings::delivery_of(call), "cancelled");
}

// ---- One call, step by step ---------------------------------------------------------------------

/// Carries out the verdict in the call's retry state.
inline void dispatcher::carry_out(call& call, instant now) {
    using step = cluster::verdict::step;
    UMBEL_ASSERT(call.retry != nullptr);
    retry_state& retry = *call.retry;
    if (shared_.closed) return endings_.fail(call, errc::cancelled, retry.delivery, "the client was closed");
    // A topology that came after the call was routed may have mended already what the call met.
    if (retry.verdict.refresh_topology && call.table_version == shared_.routes.version()) topology_.want(now);
    if (call.cancel_wanted()) return endings_.fail(call, errc::cancelled, retry.delivery, "cancelled");
    if (retry.from && (retry.fault == errc::loading || retry.fault == errc::master_down))
        health_.avoid(retry.from.node, now);
    if (!pacer_.allows(call, now))
        return endings_.fail(call, retry.reported, retry.delivery,
                             retry.message + " (not sent again: the retry budget is empty)");
    if (retry.verdict.next == step::retry || retry.verdict.next == step::refresh) {
        ++shared_.counters.retried;
        shared_.observe([&] { return told_of_retry(retry, shared_); });
        auto const owner = retry.fault == errc::moved ? target_of(retry, shared_, now) : link_id::no_node;
        if (owner != link_id::no_node) learn_moved(retry, owner, now);
        if (held(call)) return;
    }
    switch (retry.verdict.next) {
        case step::follow:
        case step::ask: return follow(call, now);
        case step::retry: return retry_later(call, now);
        case step::refresh: return await_topology(call, now);
        case step::fail: break;
    }
    endings_.fail(call, retry.reported, retry.delivery, retry.message);
}

/// The verdict is to wait for a delay.
inline void dispatcher::retry_later(call& call, instant now) {
    retry_state const& retry = *call.retry;
    // A policy that never waits is made to wait after some retries: no call may spin between two nodes.
    if (retry.verdict.delay <= duration{0} && call.retries <= 3) return reroute(call, retry.from.node, now);
    // A newer topology may mend CLUSTERDOWN before the delay is over.
    bool const topology_may_help =
        retry.fault == errc::cluster_down && call.table_version == shared_.routes.version();
    wait(call, topology_may_help ? waits_for::topology : waits_for::time,
         after(now, std::max(retry.verdict.delay, shared_.options.judging.retry_delay)), now);
}

/// The verdict is to wait for a newer topology.
inline void dispatcher::await_topology(call& call, instant now) {
    retry_state const& retry = *call.retry;
    // The topology has changed while the call was queued, and the call has cost no node anything.
    if (call.table_version != shared_.routes.version() &&
        repetition_of(retry.fault, retry.attempt_delivery, call.retries) == repetition::free &&
        retry.fault != errc::slot_uncovered)
        return reroute(call, retry.from.node, now);
    wait(call, retry.fault == errc::slot_uncovered ? waits_for::refresh : waits_for::topology,
         after(now, retry.verdict.delay), now);
}

/// Sends a call where a MOVED or an ASK points.
/// Rule: Redis Cluster specification, "MOVED redirection" and "ASK redirection".
inline void dispatcher::follow(call& call, instant now) {
    retry_state& retry = *call.retry;
    std::uint16_t const to = target_of(retry, shared_, now);
    if (to == link_id::no_node) {
        if (held(call)) return;
        return wait(call, waits_for::refresh, after(now, shared_.options.refresh_timeout), now);
    }
    bool const asking = retry.verdict.next == cluster::verdict::step::ask;
    shared_.observe([&] { return told_of_redirect(retry, to, shared_); });
    ++(asking ? shared_.counters.asked : shared_.counters.moved);
    instant const due = asking ? now : learn_moved(retry, to, now);
    if (held(call)) return;
    if (due > now) return wait(call, waits_for::topology, due, now);
    // A read that wants replicas only is not sent to a primary because a replica has a new one.
    if (!asking && call.reads == read_from::replica && has(call.flags, cluster::command_flags::read_only))
        return reroute(call, retry.from.node, now);
    call.form.asking = asking;
    place(call, {to, link_mode::primary, call.link.context}, now);
}

/// Routes a call anew whose wait is over. A call that a node has refused also passes the gate of the node
/// that it would go to now, so that a node which cannot serve delays only its own calls.
inline void dispatcher::resume(call& call, instant now) {
    std::uint16_t const avoid = call.retry ? call.retry->from.node : link_id::no_node;
    link_id const to = retry_pacer::is_paced(call) ? shared_.routes.route(call, rotation_, avoid) : link_id{};
    if (to) {
        duration const delay_max = shared_.options.judging.retry_delay_max;
        duration const pause = backoff(delay_max, delay_max, 0, shared_.random);
        if (!pacer_.passes_gate(to.node, now))
            return wait(call, call.retry->fault == errc::try_again ? waits_for::time : waits_for::topology,
                        after(now, pause), now);
    }
    reroute(call, avoid, now);
}

/// Routes a call by the slot table. `avoid`: a node that has just failed a replica read, or no_node.
inline void dispatcher::reroute(call& call, std::uint16_t avoid, instant now) {
    call.form.asking = false;
    call.begin(now);
    if (shared_.closed || call.cancel_wanted())
        return endings_.fail(call, errc::cancelled, call_endings::delivery_of(call),
                             shared_.closed ? "the client was closed" : "cancelled");
    if (shared_.routes.known() == known_as::nothing) return wait(call, waits_for::topology, never, now);
    if (call.only_waits && !call.leased) return endings_.complete_without_reply(call);
    if (call.slot.is_named_node()) return place_named(call, now);
    if (call.slot.is_several() && shared_.routes.known() != known_as::standalone)
        return endings_.fail(call, call.retry ? call.retry->reported : errc::cross_slot, delivery::not_sent,
                             call.retry ? call.retry->message : "the keys lie in different slots");
    link_id const to = shared_.routes.route(call, rotation_++, avoid);
    if (to) return place(call, to, now);
    bool const replicas_only =
        call.reads == read_from::replica && has(call.flags, cluster::command_flags::read_only);
    unreachable(call, to, errc::slot_uncovered, why_uncovered(topology_.topology(), replicas_only), now);
}

/// Sends a call to the node that it names, or to the one that has taken over.
inline void dispatcher::place_named(call& call, instant now) {
    destination const& meant = call.retry->meant_for;
    link_id const to = destination_of(meant, shared_, call.link.context);
    if (to) return place(call, to, now);
    missing_destination const why = why_missing(meant, shared_);
    if (why.code == errc::slot_uncovered) return unreachable(call, to, why.code, why.message, now);
    topology_.want(now);
    endings_.fail(call, why.code, call_endings::delivery_of(call), why.message);
}

/// Hands a call to a link, which is opened if need be.
inline void dispatcher::place(call& call, link_id to, instant now) {
    node& peer = shared_.nodes[to.node];
    link_status& link = peer.link(to.mode, to.context);
    // A node that has failed many times in a row is tried by one probe, on context 0. Only the engine's own
    // queries wait for that probe.
    if (peer.breaker.refuses() && link.state != link_state::up) {
        links_.probe_if_due({to.node, to.mode}, now);
        link_status const& failed = peer.troubled(to.mode, to.context);
        if (!call.is_internal() || link.state != link_state::opening)
            return unreachable(call, to, failed.last_failure, failed.last_message, now);
    }
    if (call.leased) [[unlikely]]
        return lend(call, to, now);
    switch (link.state) {
        case link_state::idle: links_.open(to, now); break;
        case link_state::opening:
        case link_state::up: break;
        case link_state::down:
            if (now < link.retry_at) return unreachable(call, to, link.last_failure, link.last_message, now);
            links_.open(to, now);
            break;
        case link_state::closing:
            return unreachable(call, to, errc::connection_lost, "the connection is being closed", now);
    }
    call.link = to;
    call.table_version = shared_.routes.version();
    call.form.slowly = releasing_ && link.takes_released(now, shared_.options.slow_start);
    outgoing_.push(call);
}

/// Finds a lease for a call. The node's shared connection is opened first: by it the server hears of waits
/// that are given up, and its silence tells that the node is dead, which a lease that waits cannot tell.
inline void dispatcher::lend(call& call, link_id to, instant now) {
    node& peer = shared_.nodes[to.node];
    link_status const& beside = peer.link(link_mode::primary);
    if (beside.state == link_state::closing && !peer.member)
        return unreachable(call, to, errc::connection_lost, "the node has left the cluster", now);
    if (beside.state == link_state::idle) links_.open({to.node, link_mode::primary}, now);
    if (!leases_.place(call, to.node, now)) {
        link_status const& failed = leases_.trouble(to.node);
        return unreachable(call, to, failed.last_failure, failed.last_message, now);
    }
    follow_leases(now);
}

inline void dispatcher::follow_leases(instant now) noexcept {
    if (std::exchange(following_leases_, true)) return;
    while (call* const call = leases_.turned_away().pop()) {
        link_status const& failed = leases_.trouble(call->link.node);
        link_id const from{call->link.node, link_mode::primary, call->link.context};
        or_fail_no_memory(*call,
                          [&] { unreachable(*call, from, failed.last_failure, failed.last_message, now); });
    }
    ask(leases_.questions(), now);
    outgoing_.splice(std::move(leases_.outgoing()));
    following_leases_ = false;
}

/// Judges a call that cannot be sent now.
inline void dispatcher::unreachable(call& call, link_id to, errc why, std::string_view message, instant now) {
    call.link = to;
    call.table_version = shared_.routes.version();
    failure const failed = unreachable_failure(shared_.nodes, to, why, message);
    if (judge(call, failed, shared_.options.judging, now, shared_.random)) return carry_out(call, now);
    endings_.take(call);
}

inline void dispatcher::wait(call& call, waits_for reason, instant due, instant now) {
    if (waiting_.size() >= shared_.options.waiting_max)
        return endings_.fail(call, errc::overloaded, call_endings::delivery_of(call),
                             overload_message::waiting(shared_.options.waiting_max));
    if (!waiting_.enter(call, reason, due, now))
        return endings_.fail(call, errc::no_memory, call_endings::delivery_of(call),
                             "no memory for a command that waits");
    if (call.owned_by(cancel_token::engine)) return cancel(call);
    if (reason != waits_for::time) topology_.want(now);
}

}  // namespace umbel::engine
