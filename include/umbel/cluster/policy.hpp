// policy.hpp: from a fault to its consequence. The default policy is the table of the cluster specification's
// redirections and of the server's transient errors; a user may replace it by any pure function object.
#pragma once

#include <umbel/cluster/verdict.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>

namespace umbel::cluster {

/// A redirect policy: `verdict operator()(attempt const&) const noexcept`, pure, trivially copyable and at
/// most 32 bytes, called from any thread that reads replies. It must not depend on anything but the attempt
/// and its own constants.
template <class Policy>
concept redirect_policy = std::is_nothrow_invocable_r_v<verdict, Policy const&, attempt const&> &&
                          std::is_trivially_copyable_v<Policy> && (sizeof(Policy) <= 32);

/// Follows what a real cluster says. A command is sent again by itself only when it is proven not executed,
/// or when options::retry_unknown allows it: by default, when it only reads. The table stands with
/// umbel::retry_unknown, and attempt::may_repeat() is that table; a policy that repeats beyond it may run a
/// write twice.
struct follow_redirects {
    constexpr verdict operator()(attempt const& attempt) const noexcept {
        switch (attempt.fault) {
            // Rule: Redis Cluster specification, "MOVED redirection".
            case errc::moved: return redirected(attempt, verdict::follow());
            // Rule: Redis Cluster specification, "ASK redirection".
            case errc::ask: return redirected(attempt, verdict::ask());
            // Rule: Redis Cluster specification, "Multiple keys operations": during a resharding, try again
            // later.
            case errc::try_again: return repeat(attempt, false);
            case errc::cluster_down: return repeat(attempt, true);
            // A replica that loads or has lost its primary is left at once; a primary that loads is waited
            // for.
            case errc::loading:
            case errc::master_down:
                if (!attempt.may_repeat()) return verdict::fail();
                return attempt.from_replica && attempt.retries < 2
                           ? verdict::retry_after({}, attempt.retries == 0)
                           : repeat(attempt, true);
            case errc::read_only: return refreshed(attempt);
            // The connection is not let in any more; a new one is, with the credentials of today.
            case errc::no_auth:
                return attempt.has_credentials && attempt.retries < no_auth_retries_max
                           ? repeat(attempt, false)
                           : verdict::fail();
            // A server refuses what is too large, or malformed to it, by closing: it is not asked for ever.
            // Rule: "Protocol error" in networking.c.
            case errc::connection_lost:
                if (attempt.connections_closed >= connections_closed_max) return verdict::fail();
                [[fallthrough]];
            case errc::connect_failed:
            case errc::resolve_failed:
            case errc::no_credentials:
                if (attempt.from_replica && attempt.retries < 2 && attempt.may_repeat())
                    return verdict::retry_after({}, true);
                return refreshed(attempt);
            case errc::tls_failed: return elsewhere(attempt);
            // One refresh may find the owner; after it the caller is told.
            case errc::slot_uncovered:
                return !attempt.again ? verdict::after_refresh(attempt.left) : verdict::fail();
            // Junk is not asked for again: only what never left goes elsewhere.
            case errc::protocol_error:
                return attempt.delivery == umbel::delivery::not_sent ? refreshed(attempt) : verdict::fail();
            case errc::bad_argument:
            case errc::cross_slot:
            case errc::needs_lease:
            case errc::overloaded:
            case errc::deadline_exceeded:
            case errc::no_memory:
            case errc::cancelled:
            case errc::end_of_range:
            case errc::no_reachable_node:
            case errc::unexpected_type:
            case errc::too_many_redirects:
            case errc::server_error:
            case errc::wrong_type:
            case errc::wrong_password:
            case errc::no_permission:
            case errc::no_script:
            case errc::busy_script:
            case errc::out_of_memory:
            case errc::misconfigured:
            case errc::no_replicas:
            case errc::exec_aborted:
            case errc::cross_slot_reply:
            case errc::no_protocol: return verdict::fail();
        }
        return verdict::fail();
    }

private:
    /// Two nodes that send a command to and fro have not heard of each other's slots yet, and will within
    /// moments: after some redirects in a row the next ones wait.
    static constexpr verdict redirected(attempt const& attempt, verdict onward) noexcept {
        if (attempt.redirects >= attempt.redirects_max || !attempt.may_repeat()) return verdict::fail();
        return attempt.redirects < redirects_at_once ? onward : verdict::retry_after(attempt.delay, true);
    }
    /// Waiting mends no certificate: only another replica may serve.
    static constexpr verdict elsewhere(attempt const& attempt) noexcept {
        bool const can = attempt.from_replica && attempt.retries < 2 && attempt.may_repeat();
        return can ? verdict::retry_after({}, true) : verdict::fail();
    }
    static constexpr verdict repeat(attempt const& attempt, bool refresh) noexcept {
        return attempt.may_repeat() ? verdict::retry_after(attempt.delay, refresh) : verdict::fail();
    }
    static constexpr verdict refreshed(attempt const& attempt) noexcept {
        return attempt.may_repeat() ? verdict::after_refresh(attempt.delay) : verdict::fail();
    }
};

/// As follow_redirects, but a command for a node whose circuit breaker is open fails at once rather than wait
/// for a failover: for callers who would sooner have an error than wait. Reads from replicas still go to
/// another node first.
struct fail_fast {
    constexpr verdict operator()(attempt const& attempt) const noexcept {
        bool const elsewhere = attempt.from_replica && attempt.retries < 2;
        return attempt.node_open && !elsewhere ? verdict::fail() : follow_redirects{}(attempt);
    }
};

/// Follows nothing and repeats nothing: MOVED and ASK reach the caller with slot and node, as redis-cli shows
/// them without -c.
struct surface_redirects {
    constexpr verdict operator()(attempt const&) const noexcept { return verdict::fail(); }
};

/// Holds any redirect_policy by value.
/// Cost: one indirect call per fault; commands that succeed never come here.
class policy {
public:
    policy() noexcept : policy{follow_redirects{}} {}

    template <redirect_policy Policy>
        requires(!std::same_as<Policy, policy>)
    policy(Policy const& chosen) noexcept
        : judge_{[](void const* kept, attempt const& attempt) noexcept {
              return (*static_cast<Policy const*>(kept))(attempt);
          }} {
        ::new (static_cast<void*>(kept_)) Policy{chosen};
    }

    verdict operator()(attempt const& attempt) const noexcept { return judge_(kept_, attempt); }

private:
    alignas(std::max_align_t) std::byte kept_[32]{};
    verdict (*judge_)(void const*, attempt const&) noexcept;
};

static_assert(redirect_policy<follow_redirects> && redirect_policy<fail_fast> &&
              redirect_policy<surface_redirects>);

}  // namespace umbel::cluster
