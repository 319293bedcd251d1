// judge.hpp: puts one fault of one call before the redirect policy and prepares the consequence.
// Connections and engine share it, so that a fault means the same wherever it is noticed.
#pragma once

#include <umbel/cluster/policy.hpp>
#include <umbel/cluster/redirect.hpp>
#include <umbel/engine/backoff.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/client_facts.hpp>

#include <optional>
#include <string_view>

namespace umbel::engine {

/// What the judgement of a fault needs to know besides the call.
struct judge_options {
    cluster::policy policy{};
    std::uint16_t redirects_max = 16;
    duration retry_delay{};
    duration retry_delay_max{};
    umbel::retry_unknown unknown = umbel::retry_unknown::reads;
    client_facts const* client = nullptr;  ///< Null: as if all were false.
};

/// A fault and where it was noticed.
struct failure {
    errc code{};
    umbel::delivery delivered{};
    std::string_view message{};
    std::string_view node{};  ///< "host:port" of the connection.
    std::string_view host{};  ///< Where MOVED or ASK points; empty means the host that replied.
    std::uint16_t port = 0;
    std::int32_t slot = -1;
    bool from_replica = false;
    bool node_open = false;       ///< The node's circuit breaker refuses.
    std::optional<errc> inner{};  ///< For exec_aborted: the error inside, where the server tells it.

    /// What is judged: a transaction that was discarded has met what discarded it, and is sent again whole.
    errc cause() const noexcept { return inner.value_or(code); }
    bool redirects() const noexcept { return cause() == errc::moved || cause() == errc::ask; }
};

namespace judging {

inline cluster::attempt attempt_of(call const& call, failure const& fault, judge_options const& options,
                                   instant now, random_source& random) noexcept {
    cluster::attempt attempt;
    attempt.fault = fault.cause();
    attempt.delivery = fault.delivered;
    attempt.flags = call.flags;
    attempt.again = call.retry && !call.retry->hops.empty() && call.retry->fault == fault.cause();
    attempt.from_replica = fault.from_replica;
    attempt.replica_only = call.reads == read_from::replica;
    attempt.node_open = fault.node_open;
    attempt.closing = options.client && options.client->closing.load(std::memory_order_relaxed);
    attempt.has_credentials =
        options.client && options.client->has_credentials.load(std::memory_order_relaxed);
    attempt.connections_closed = call.connections_closed;
    attempt.unknown = options.unknown;
    attempt.redirects = call.redirects;
    attempt.retries = call.retries;
    attempt.redirects_max = options.redirects_max;
    attempt.spent = now - call.accepted;
    attempt.left = call.deadline == never ? never : call.deadline - now;
    attempt.delay = backoff(options.retry_delay, options.retry_delay_max, call.retries, random);
    return attempt;
}

inline void fail(call& call, failure const& fault) noexcept {
    UMBEL_TRY {
        error_details details;
        details.message.assign(fault.message);
        if (fault.code == errc::connection_lost && call.connections_closed >= cluster::connections_closed_max)
            details.message = std::to_string(call.connections_closed) +
                              " connections were closed on this command: " + details.message;
        if (fault.redirects() && !fault.host.empty()) {
            bool const bracket = fault.host.find(':') != std::string_view::npos;
            details.node.append(bracket ? "[" : "")
                .append(fault.host)
                .append(bracket ? "]:" : ":")
                .append(std::to_string(fault.port));
        } else {
            details.node.assign(fault.node);
        }
        details.slot = fault.slot >= 0 ? fault.slot : call.slot.number();
        if (call.retry) details.trail = call.retry->hops;
        call.kind->fail(call, error{fault.code, call.known(fault.delivered), std::move(details)});
    }
    UMBEL_CATCH(...) {
        call.kind->fail(call, error{fault.code, call.known(fault.delivered)});
    }
}

/// What becomes of a call whose caller has chosen the node: it is redirected nowhere. It is sent again to the
/// same node where the policy sends it again, or to the one that leads by then where it is meant for a shard.
inline cluster::verdict kept_to(destination const& meant, failure const& fault,
                                cluster::verdict next) noexcept {
    bool const misplaced = fault.redirects() || (fault.cause() == errc::read_only && !meant.shard);
    bool const hopeless = fault.node_open && meant.is_one_node();
    return meant.once || misplaced || hopeless ? cluster::verdict::fail() : next;
}

/// Appends a hop to the call's retry state, and stores the verdict there. False when memory has run out.
inline bool note(call& call, failure const& fault, cluster::verdict next, instant now) noexcept {
    retry_state* retry = call.make_retry_state();
    if (!retry) return false;
    UMBEL_TRY {
        // The trail is bounded: a call that waits long for a failover keeps its first and its latest
        // stations.
        if (retry->hops.size() >= 64) retry->hops.erase(retry->hops.begin() + 32);
        instant const since = retry->hops.empty() ? call.accepted : retry->left_at;
        retry->hops.push_back(hop{std::string{fault.node}, fault.cause(), now - since});
        retry->host.assign(fault.host);
        retry->message.assign(fault.message);
    }
    UMBEL_CATCH(...) {
        return false;
    }
    retry->left_at = now;
    retry->port = fault.port;
    retry->slot = fault.slot;
    retry->verdict = next;
    retry->fault = fault.cause();
    retry->reported = fault.code;
    retry->delivery = call.known(fault.delivered);
    retry->attempt_delivery = fault.delivered;
    retry->from = call.link;
    return true;
}

/// Fails a call that would go on, but finds no memory to note how. What was met becomes the message.
inline void fail_no_memory(call& call, failure const& fault) noexcept {
    failure without = fault;
    without.code = errc::no_memory;
    without.inner.reset();
    fail(call, without);
}

}  // namespace judging

/// Judges a failure. True: the call goes on as its retry state says, and must be returned to the engine.
/// False: the error was stored in the call, which is finished.
/// Rule: Redis Cluster specification, "Redirection and resharding".
inline bool judge(call& call, failure const& fault, judge_options const& options, instant now,
                  random_source& random) noexcept {
    using step = cluster::verdict::step;
    // Nor is a command judged that its caller has put onto a lease: elsewhere it would mean something else.
    if (call.is_internal() || call.bound) {
        judging::fail(call, fault);
        return false;
    }
    cluster::verdict next = options.policy(judging::attempt_of(call, fault, options, now, random));
    if (call.slot.is_named_node()) next = judging::kept_to(call.retry->meant_for, fault, next);
    if (next.next != step::fail) {
        if (!judging::note(call, fault, next, now)) {
            judging::fail_no_memory(call, fault);
            return false;
        }
        if (next.next != step::follow && next.next != step::ask)
            call.retries = static_cast<std::uint16_t>(std::min(call.retries + 1, 0xffff));
        // A call that something else makes wait between redirects is in no loop: a slot may stay half moved
        // for as long as the deadline allows.
        call.redirects = fault.redirects() ? static_cast<std::uint16_t>(call.redirects + 1) : 0;
        if (call.kind->returns) call.kind->returns(call);
        return true;
    }
    if (fault.redirects() && call.redirects >= options.redirects_max && options.redirects_max > 0) {
        failure looped = fault;
        looped.code = errc::too_many_redirects;
        judging::fail(call, looped);
    } else {
        judging::fail(call, fault);
    }
    return false;
}

}  // namespace umbel::engine
