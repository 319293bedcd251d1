// judge.hpp: puts one fault of one call before the redirect policy and prepares the consequence.
// Connections and engine share it, so that a fault means the same wherever it is noticed.
#pragma once

#include <umbel/cluster/policy.hpp>
#include <umbel/cluster/redirect.hpp>
#include <umbel/engine/backoff.hpp>
#include <umbel/engine/call.hpp>

#include <atomic>
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
    std::atomic<bool> const* closing = nullptr;  ///< Whether the client was told to close; null: never.
};

/// A fault and where it was noticed.
struct incident {
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

inline cluster::attempt attempt_of(call const& one, incident const& seen, judge_options const& options,
                                   instant now, random_source& random) noexcept {
    cluster::attempt made;
    made.fault = seen.cause();
    made.delivery = seen.delivered;
    made.flags = one.flags;
    made.again = one.way && !one.way->hops.empty() && one.way->fault == seen.cause();
    made.from_replica = seen.from_replica;
    made.replica_only = one.reads == read_from::replica;
    made.node_open = seen.node_open;
    made.closing = options.closing && options.closing->load(std::memory_order_relaxed);
    made.connections_closed = one.connections_closed;
    made.unknown = options.unknown;
    made.redirects = one.redirects;
    made.retries = one.retries;
    made.redirects_max = options.redirects_max;
    made.spent = now - one.accepted;
    made.left = one.deadline == never ? never : one.deadline - now;
    made.delay = backoff(options.retry_delay, options.retry_delay_max, one.retries, random);
    return made;
}

inline void reject(call& one, incident const& seen) noexcept {
    try {
        error_details details;
        details.message.assign(seen.message);
        if (seen.code == errc::connection_lost && one.connections_closed >= cluster::connections_closed_max)
            details.message = std::to_string(one.connections_closed) +
                              " connections were closed on this command: " + details.message;
        if (seen.redirects() && !seen.host.empty()) {
            bool const bracket = seen.host.find(':') != std::string_view::npos;
            details.node.append(bracket ? "[" : "")
                .append(seen.host)
                .append(bracket ? "]:" : ":")
                .append(std::to_string(seen.port));
        } else {
            details.node.assign(seen.node);
        }
        details.slot = seen.slot >= 0 ? seen.slot : std::max(one.slot, call::any_slot);
        if (one.way) details.trail = one.way->hops;
        one.kind->reject(one, error{seen.code, one.known(seen.delivered), std::move(details)});
    } catch (...) {
        one.kind->reject(one, error{seen.code, one.known(seen.delivered)});
    }
}

/// Notes the station in the call's journal; false when memory has run out.
inline bool note(call& one, incident const& seen, cluster::verdict next, instant now) noexcept {
    journal* way = one.journey();
    if (!way) return false;
    try {
        // The trail is bounded: a call that waits long for a failover keeps its first and its latest
        // stations.
        if (way->hops.size() >= 64) way->hops.erase(way->hops.begin() + 32);
        instant const since = way->hops.empty() ? one.accepted : way->left_at;
        way->hops.push_back(hop{std::string{seen.node}, seen.cause(), now - since});
        way->host.assign(seen.host);
        way->message.assign(seen.message);
    } catch (...) {
        return false;
    }
    way->left_at = now;
    way->port = seen.port;
    way->slot = seen.slot;
    way->verdict = next;
    way->fault = seen.cause();
    way->told = seen.code;
    way->delivery = one.known(seen.delivered);
    way->lately = seen.delivered;
    way->from = one.link;
    return true;
}

}  // namespace judging

/// Judges one fault. True: the call goes on, its journal says how, and the engine must have it.
/// False: the error was stored in the call, which is finished.
/// Rule: Redis Cluster specification, "Redirection and resharding".
inline bool judge(call& one, incident const& seen, judge_options const& options, instant now,
                  random_source& random) noexcept {
    using step = cluster::verdict::step;
    if (one.internal) {
        judging::reject(one, seen);
        return false;
    }
    cluster::verdict const next = options.policy(judging::attempt_of(one, seen, options, now, random));
    if (next.next != step::fail && judging::note(one, seen, next, now)) {
        if (next.next == step::follow || next.next == step::ask) {
            ++one.redirects;
        } else {
            one.retries = static_cast<std::uint16_t>(std::min(one.retries + 1, 0xffff));
            // Who waits between redirects is in no loop: a slot may stay half moved for as long as the
            // deadline allows.
            one.redirects = 0;
        }
        return true;
    }
    if (seen.redirects() && one.redirects >= options.redirects_max && options.redirects_max > 0) {
        incident looped = seen;
        looped.code = errc::too_many_redirects;
        judging::reject(one, looped);
    } else {
        judging::reject(one, seen);
    }
    return false;
}

}  // namespace umbel::engine
