// engine_calls.hpp: the part of the engine that moves calls. Included by engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/engine/overload.hpp>

namespace umbel::engine {

inline engine::engine(engine_options options, query_port port, traffic_port traffic)
    : options_{std::move(options)},
      random_{options_.seed},
      router_{options_.nodes_max},
      nodes_{options_.nodes_max, options_.contexts},
      refresher_{options_.refreshing, options_.seed ^ 0x5deece66dull},
      traffic_{traffic},
      budget_{options_.budget} {
    options_.judging.closing = &router_.closing();
    for (auto& place : queries_) place = std::make_unique<query>(port);
}

inline void engine::start(instant now) {
    sweep_at_ = after(now, std::chrono::seconds{10});
    refresher_.want(now);
    tick(now);
}

inline void engine::handle(event&& happened, instant now) noexcept {
    try {
        std::visit([&](auto& seen) { on(seen, now); }, happened);
    } catch (...) {
        spare(happened);
    }
}

inline void engine::tick(instant now) noexcept {
    try {
        pass_time(now);
    } catch (...) {
        // What was due is due still, but not at once.
        if (refresher_.should_begin(now)) refresher_.failed(now);
    }
}

inline void engine::pass_time(instant now) {
    if (closed_) return;
    call_list due;
    waiting_.advance(now, due);
    while (call* const call = due.pop()) {
        guarded(*call, [&] { call->deadline <= now ? expire(*call) : resume(*call, now); });
    }
    if (now - budget_.seen_at() >= std::chrono::seconds{1}) earn(now);
    health_due(now);
    // As long as somebody waits for a better topology, it is asked for again and again, throttled.
    if (waiting_.wants_topology()) refresher_.want(now);
    if (refresher_.should_begin(now)) begin_refresh(now);
    ask_candidates(now);
    reopen_due(now);
    if (sweep_at_ <= now) {
        patches_.each_target([&](std::uint16_t number) { nodes_[number].left_at = now; });
        // A running refresh holds numbers of candidates that nobody has asked yet.
        if (!refresher_.running()) nodes_.sweep(now);
        sweep_at_ = after(now, std::chrono::seconds{10});
    }
}

inline instant engine::next_due() const noexcept {
    if (closed_) return never;
    instant due = std::min({waiting_.next_due(), refresher_.next_due(), sweep_at_, health_due_at_});
    for (std::uint16_t number = 0; number < nodes_.size(); ++number)
        due = std::min(due, nodes_[number].reopen_at());
    return due;
}

inline void engine::close(instant) noexcept {
    closed_ = true;
    router_.begin_closing();
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        for (std::size_t at = 0; at < nodes_[number].links.size(); ++at)
            if (nodes_[number].links[at].was_up)
                note_closed(nodes_[number], nodes_[number].links[at], static_cast<link_mode>(at % 2),
                            "the client was closed");
    }
    call_list all;
    waiting_.clear(all);
    while (call* const call = all.pop())
        finish(*call, errc::cancelled, call->retry ? call->retry->delivery : delivery::not_sent,
               "the client was closed");
}

inline void engine::cancel(call& call) noexcept {
    UMBEL_ASSERT(call.at == call::stage::waiting);
    waiting_.leave(call);
    finish(call, errc::cancelled, call.retry ? call.retry->delivery : delivery::not_sent, "cancelled");
}

// ---- Calls --------------------------------------------------------------------------------------

inline void engine::on(calls_returned& seen, instant now) {
    while (call* const call = seen.calls.pop()) guarded(*call, [&] { go_on(*call, now); });
    tick(now);
}

inline void engine::on(calls_parked& seen, instant now) {
    while (call* const call = seen.calls.pop()) {
        // What an ASK or the engine itself has sent to one link goes nowhere else.
        bool const meant = call->link && (call->asking || call->internal) && !closed_ && !call->cancel_wanted();
        guarded(*call, [&] { meant ? place(*call, call->link, now) : reroute(*call, link_id::no_node, now); });
    }
    tick(now);
}

/// Carries out the verdict that stands in the call's journal.
inline void engine::go_on(call& call, instant now) {
    using step = cluster::verdict::step;
    UMBEL_ASSERT(call.retry != nullptr);
    retry_state& retry = *call.retry;
    if (closed_) return finish(call, errc::cancelled, retry.delivery, "the client was closed");
    // A topology that came after the call was routed has mended what the call met.
    if (retry.verdict.refresh_topology && call.table_version == router_.version()) refresher_.want(now);
    if (call.cancel_wanted()) return finish(call, errc::cancelled, retry.delivery, "cancelled");
    if (retry.from && (retry.fault == errc::loading || retry.fault == errc::master_down)) avoid_until(retry.from.node, now);
    if (!may_go_on(call, now))
        return finish(call, retry.told, retry.delivery,
                      retry.message + " (not sent again: the retry budget is empty)");
    if (retry.verdict.next == step::retry || retry.verdict.next == step::refresh) {
        ++counters_.retried;
        observe([&] {
            return call_retried{retry.from ? nodes_[retry.from.node].name : std::string{}, retry.fault,
                                retry.verdict.delay};
        });
    }
    switch (retry.verdict.next) {
        case step::follow:
        case step::ask: return follow(call, now);
        case step::retry:
            // A policy that never waits is made to: no call may spin between two nodes.
            if (retry.verdict.delay <= duration{0} && call.retries <= 3) return reroute(call, retry.from.node, now);
            // What the next topology may mend waits no longer than for that.
            return wait(call,
                        retry.fault == errc::cluster_down && call.table_version == router_.version()
                            ? waits_for::topology
                            : waits_for::time,
                        after(now, std::max(retry.verdict.delay, options_.judging.retry_delay)), now);
        case step::refresh:
            // The topology has changed while it was queued, and it has cost nobody anything: no reason to
            // wait for the next one.
            if (call.table_version != router_.version() &&
                repetition_of(retry.fault, retry.lately, call.retries) == repetition::free &&
                retry.fault != errc::slot_uncovered)
                return reroute(call, retry.from.node, now);
            return wait(call, retry.fault == errc::slot_uncovered ? waits_for::refresh : waits_for::topology,
                        after(now, retry.verdict.delay), now);
        case step::fail: break;
    }
    finish(call, retry.told, retry.delivery, retry.message);
}

/// Draws on the way budget where sending the call again adds load.
inline bool engine::may_go_on(call const& call, instant now) {
    using step = cluster::verdict::step;
    retry_state const& retry = *call.retry;
    if (retry.verdict.next != step::retry && retry.verdict.next != step::refresh) return true;
    switch (repetition_of(retry.fault, retry.lately, call.retries)) {
        case repetition::free: return true;
        case repetition::paced:
            if (retry.from) nodes_[retry.from.node].gate.refused();
            return true;
        case repetition::drawn: break;
    }
    if (budget_.seen_at() != now) earn(now);
    if (budget_.draw()) return true;
    ++counters_.retries_denied;
    return false;
}

/// Lets the budget see how many commands the client has taken.
inline void engine::earn(instant now) {
    budget_.earn(traffic_.requests ? traffic_.requests(traffic_.backend) : 0, now);
}

/// A call has waited as long as it was told to: it is routed anew. One that was refused waits on where too
/// many of its kind ask already: at the node that it would go to now, so that a node that cannot serve holds
/// back nobody else's commands.
inline void engine::resume(call& call, instant now) {
    std::uint16_t const avoid = call.retry ? call.retry->from.node : link_id::no_node;
    bool const paced =
        call.retry && repetition_of(call.retry->fault, call.retry->lately, call.retries) == repetition::paced;
    if (link_id const to = paced ? router_.route(call, turn_, avoid) : link_id{}) {
        if (budget_.seen_at() != now) earn(now);
        duration const pause =
            backoff(options_.judging.retry_delay_max, options_.judging.retry_delay_max, 0, random_);
        waits_for const what = call.retry->fault == errc::try_again ? waits_for::time : waits_for::topology;
        if (!nodes_[to.node].gate.pass(std::max(budget_.per_second(), 1.0), now))
            return wait(call, what, after(now, pause), now);
    }
    reroute(call, avoid, now);
}

/// Sends a call where a MOVED or an ASK points.
/// Rule: Redis Cluster specification, "MOVED redirection" and "ASK redirection".
inline void engine::follow(call& call, instant now) {
    retry_state& retry = *call.retry;
    std::uint16_t const to = named_by(retry, now);
    if (to == link_id::no_node)
        return wait(call, waits_for::refresh, after(now, options_.refresh_timeout), now);
    bool const asked = retry.verdict.next == cluster::verdict::step::ask;
    observe(
        [&] { return call_redirected{nodes_[retry.from.node].name, nodes_[to].name, retry.slot, retry.fault}; });
    if (asked) {
        ++counters_.asked;
    } else {
        ++counters_.moved;
        teller_ = retry.from.node;
        learn(retry, to);
    }
    // Who asked for replicas only is not sent to a primary because a replica has a new one.
    if (!asked && call.reads == read_from::replica && has(call.flags, cluster::command_flags::read_only))
        return reroute(call, retry.from.node, now);
    call.asking = asked;
    place(call, {to, link_mode::primary, call.link.context}, now);
}

/// Lets a MOVED teach the table, and notes it: a topology that was asked for before must not take it back.
inline void engine::learn(retry_state const& retry, std::uint16_t to) {
    if (retry.slot < 0 || retry.slot >= cluster::slot_count) return;
    cluster::slot const moved{static_cast<std::uint16_t>(retry.slot)};
    std::uint16_t const before = router_.table().primary_of(moved);
    switch (router_.table().on_moved(moved, retry.from.node, to)) {
        case cluster::moved_effect::ignored: break;
        case cluster::moved_effect::slot_patched: patches_.note(moved, before, to, false); break;
        case cluster::moved_effect::shard_moved: patches_.note(moved, before, to, true); break;
    }
}

/// The node a redirect names; an empty host is the host that replied.
inline std::uint16_t engine::named_by(retry_state const& retry, instant now) {
    if (retry.port == 0) return link_id::no_node;
    cluster::endpoint const where{retry.host.empty() ? nodes_[retry.from.node].where.host : retry.host, retry.port};
    std::uint16_t const number = nodes_.obtain(options_.addresses(where), now);
    if (number != link_id::no_node && retry.from && nodes_[retry.from.node].member)
        nodes_[number].named = !nodes_[number].member;
    return number;
}

inline void engine::reroute(call& call, std::uint16_t avoid, instant now) {
    call.asking = false;
    call.begin(now);
    if (closed_ || call.cancel_wanted())
        return finish(call, errc::cancelled, call.retry ? call.retry->delivery : delivery::not_sent,
                      closed_ ? "the client was closed" : "cancelled");
    if (router_.known() == known_as::nothing) return wait(call, waits_for::topology, never, now);
    if (call.only_waits) return arrived(call);
    if (call.slot == call::several_slots && router_.known() != known_as::standalone)
        return finish(call, errc::cross_slot, delivery::not_sent,
                      call.retry ? call.retry->message : "the keys lie in different slots");
    link_id const to = router_.route(call, turn_++, avoid);
    if (to) return place(call, to, now);
    bool const replicas =
        call.reads == read_from::replica && has(call.flags, cluster::command_flags::read_only);
    unreachable(call, to, errc::slot_uncovered,
                replicas ? "no replica serves the slot" : "no node serves the slot", now);
}

/// Tells a call that had nothing to send what it waited for.
inline void engine::arrived(call& call) {
    static constexpr resp::node yes = resp::node::text(resp::type::simple_string, 0, 2);
    call.at = call::stage::done;
    call.kind->decode(call, resp::view{&yes, "OK"});
    finished_.push(call);
}

/// Hands a call to a link, opening it if need be.
inline void engine::place(call& call, link_id to, instant now) {
    node& peer = nodes_[to.node];
    link_status& link = peer.link(to.mode, to.context);
    // A node that has failed many times in a row is tried by one probe, on the first loop; only the engine's
    // own questions wait for that.
    if (peer.breaker.refuses() && link.now_is != link_status::state::up) {
        link_state const first = peer.link(to.mode).now_is;
        bool const unused = first == link_state::idle || first == link_state::down;
        if (unused && peer.breaker.now_is() == circuit_breaker::state::open && peer.breaker.retry_at() <= now)
            open({to.node, to.mode}, now);
        link_status const& why = peer.troubled(to.mode, to.context);
        if (!call.internal || link.now_is != link_status::state::opening)
            return unreachable(call, to, why.last_failure, why.last_message, now);
    }
    switch (link.now_is) {
        case link_status::state::idle: open(to, now); break;
        case link_status::state::opening:
        case link_status::state::up: break;
        case link_status::state::down:
            if (now < link.retry_at) return unreachable(call, to, link.last_failure, link.last_message, now);
            open(to, now);
            break;
        case link_status::state::closing:
            return unreachable(call, to, errc::connection_lost, "the node has left the cluster", now);
    }
    call.link = to;
    call.table_version = router_.version();
    outgoing_.push(call);
}

/// Judges a call that cannot be sent now.
inline void engine::unreachable(call& call, link_id to, errc why, std::string_view message, instant now) {
    call.link = to;
    call.table_version = router_.version();
    bool const refused = origin_of(why) == origin::transport || why == errc::slot_uncovered;
    failure const seen{.code = refused ? why : errc::connect_failed,
                        .delivered = delivery::not_sent,
                        .message = message,
                        .node = to ? std::string_view{nodes_[to.node].name} : std::string_view{},
                        .from_replica = to && to.mode == link_mode::replica,
                        .node_open = to && nodes_[to.node].breaker.refuses()};
    if (judge(call, seen, options_.judging, now, random_)) return go_on(call, now);
    finished_.push(call);
}

inline void engine::wait(call& call, waits_for what, instant due, instant now) {
    delivery const known = call.retry ? call.retry->delivery : delivery::not_sent;
    if (waiting_.size() >= options_.waiting_max)
        return finish(call, errc::overloaded, known, overload_message::waiting(options_.waiting_max));
    if (!waiting_.enter(call, what, due, now))
        return finish(call, errc::no_memory, known, "no memory for a command that waits");
    if (call.owned_by(cancel_token::engine)) return cancel(call);
    if (what != waits_for::time) refresher_.want(now);
}

/// The deadline of a waiting call has passed: it is told what it waited for.
inline void engine::expire(call& call) {
    delivery const known = call.retry ? call.retry->delivery : delivery::not_sent;
    if (router_.known() == known_as::nothing) {
        hearsay const& heard = heard_.text.empty() ? heard_before_ : heard_;
        std::string why = heard.replied ? "no node told a topology" : "no node answered";
        if (!heard.text.empty()) why += "; " + heard.text;
        return finish(call, heard.replied.value_or(errc::no_reachable_node), known, why);
    }
    bool const met = call.retry && !call.retry->message.empty();
    std::string const why =
        met ? "the deadline passed; the latest fault was: " + call.retry->message : "the deadline passed";
    finish(call, errc::deadline_exceeded, known, why);
}

/// Tells a call why it has failed; `node` is where the reason comes from, by default where the call was last.
inline void engine::finish(call& call, errc why, delivery delivered, std::string_view message,
                           std::string_view node) noexcept {
    call.at = call::stage::done;
    if (node.empty() && call.link) node = nodes_[call.link.node].name;
    call.kind->fail(call, make_error(call, why, delivered, message, node));
    finished_.push(call);
}

}  // namespace umbel::engine
