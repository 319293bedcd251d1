// The default policy, row by row of the table of cluster semantics in the design.
#include <umbel/cluster/policy.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>

using namespace umbel;
using namespace umbel::cluster;
using namespace std::chrono_literals;
using step = verdict::step;

namespace {

constexpr std::array repeatable{command_flags::read_only, command_flags::idempotent};

/// A first fault of a plain write, far from its deadline.
constexpr attempt met(errc fault, delivery delivered = delivery::not_executed) {
    attempt seen;
    seen.fault = fault;
    seen.delivery = delivered;
    seen.redirects_max = 16;
    seen.left = 5s;
    seen.delay = 7ms;
    return seen;
}
constexpr verdict judged(attempt const& seen) { return follow_redirects{}(seen); }

}  // namespace

TEST_CASE("MOVED: follow, and have the topology refreshed", "[policy]") {
    verdict const next = judged(met(errc::moved));
    CHECK(next.next == step::follow);
    CHECK(next.refresh_topology);
}

TEST_CASE("ASK: ask, and no refresh", "[policy]") {
    verdict const next = judged(met(errc::ask));
    CHECK(next.next == step::ask);
    CHECK_FALSE(next.refresh_topology);
}

TEST_CASE("redirects are bounded, and do not draw on the retries", "[policy]") {
    for (errc const redirect : {errc::moved, errc::ask}) {
        attempt seen = met(redirect);
        seen.retries = 1000;
        seen.redirects = 15;
        CHECK(judged(seen).next != step::fail);
        seen.redirects = 4;
        CHECK(judged(seen).next == (redirect == errc::moved ? step::follow : step::ask));
        seen.redirects = 16;
        CHECK(judged(seen).next == step::fail);
        seen.redirects_max = 0;
        seen.redirects = 0;
        CHECK(judged(seen).next == step::fail);
    }
}

TEST_CASE("after five redirects in a row the next ones wait for a back-off, and the topology is refreshed",
          "[policy]") {
    for (errc const redirect : {errc::moved, errc::ask}) {
        attempt seen = met(redirect);
        seen.redirects = 5;
        verdict const next = judged(seen);
        CHECK(next.next == step::retry);
        CHECK(next.delay == 7ms);
        CHECK(next.refresh_topology);
    }
}

TEST_CASE("a command on which two connections were closed is not sent a third time, whatever is known of it",
          "[policy]") {
    for (delivery const delivered : {delivery::not_sent, delivery::unknown}) {
        attempt seen = met(errc::connection_lost, delivered);
        seen.flags = command_flags::read_only;
        for (bool const replica : {false, true}) {
            seen.from_replica = replica;
            seen.connections_closed = 1;
            CHECK(judged(seen).next != step::fail);
            seen.connections_closed = 2;
            CHECK(judged(seen).next == step::fail);
        }
        // A refused connection is no answer to it.
        seen.fault = errc::connect_failed;
        CHECK(judged(seen).next != step::fail);
    }
}

TEST_CASE("TRYAGAIN: back-off, then routed anew, without a refresh", "[policy]") {
    verdict const next = judged(met(errc::try_again));
    CHECK(next.next == step::retry);
    CHECK(next.delay == 7ms);
    CHECK_FALSE(next.refresh_topology);
}

TEST_CASE("CLUSTERDOWN: back-off and a refresh, until the deadline", "[policy]") {
    attempt seen = met(errc::cluster_down);
    for (unsigned const retries : {0u, 1u, 100u, 60000u}) {
        seen.retries = static_cast<std::uint16_t>(retries);
        verdict const next = judged(seen);
        CHECK(next.next == step::retry);
        CHECK(next.delay == 7ms);
        CHECK(next.refresh_topology);
    }
}

TEST_CASE("LOADING and MASTERDOWN: another node now for a replica read, back-off on a primary", "[policy]") {
    for (errc const fault : {errc::loading, errc::master_down}) {
        attempt seen = met(fault);
        CHECK(judged(seen).next == step::retry);
        CHECK(judged(seen).delay == 7ms);
        seen.from_replica = true;
        seen.flags = command_flags::read_only;
        CHECK(judged(seen).next == step::retry);
        CHECK(judged(seen).delay == 0ms);
        seen.retries = 2;  // Every node was tried: no more hurry.
        CHECK(judged(seen).delay == 7ms);
    }
}

TEST_CASE("MASTERDOWN of a script that may have written is no proof, and is not repeated", "[policy]") {
    attempt seen = met(errc::master_down, delivery::unknown);
    seen.flags = command_flags::scripted;
    CHECK(judged(seen).next == step::fail);
}

TEST_CASE("READONLY: refresh and re-route, for it proves that nothing was executed", "[policy]") {
    verdict const next = judged(met(errc::read_only));
    CHECK(next.next == step::refresh);
    CHECK(next.delay == 7ms);
    CHECK(next.refresh_topology);
    CHECK(judged(met(errc::read_only, delivery::unknown)).next == step::fail);
}

TEST_CASE("connection refused or lost: what was not sent is re-routed after a refresh, whatever it is",
          "[policy]") {
    for (errc const fault : {errc::connect_failed, errc::connection_lost, errc::resolve_failed}) {
        verdict const next = judged(met(fault, delivery::not_sent));
        CHECK(next.next == step::refresh);
        CHECK(next.refresh_topology);
    }
}

TEST_CASE("connection lost: what was sent is repeated only when it only reads", "[policy]") {
    attempt seen = met(errc::connection_lost, delivery::unknown);
    seen.flags = command_flags::read_only;
    CHECK(judged(seen).next == step::refresh);
    for (command_flags const flags :
         {command_flags::none, command_flags::idempotent, command_flags::scripted}) {
        seen.flags = flags;
        CHECK(judged(seen).next == step::fail);
    }
}

TEST_CASE("connection lost: retry_unknown decides about what was sent", "[policy]") {
    attempt seen = met(errc::connection_lost, delivery::unknown);
    seen.unknown = retry_unknown::always;
    CHECK(judged(seen).next == step::refresh);
    seen.unknown = retry_unknown::idempotent;
    CHECK(judged(seen).next == step::fail);
    for (command_flags const flags : repeatable) {
        seen.flags = flags;
        CHECK(judged(seen).next == step::refresh);
    }
    seen.unknown = retry_unknown::never;
    for (command_flags const flags : repeatable) {
        seen.flags = flags;
        for (bool const replica : {false, true}) {
            seen.from_replica = replica;
            CHECK(judged(seen).next == step::fail);
        }
    }
    seen.delivery = delivery::not_sent;
    seen.from_replica = false;
    CHECK(judged(seen).next == step::refresh);
}

TEST_CASE("a lost replica is left for another node at once, twice; then a refresh is waited for",
          "[policy]") {
    attempt seen = met(errc::connection_lost, delivery::unknown);
    seen.flags = command_flags::read_only;
    seen.from_replica = true;
    CHECK(judged(seen).next == step::retry);
    CHECK(judged(seen).delay == 0ms);
    CHECK(judged(seen).refresh_topology);
    seen.retries = 2;
    CHECK(judged(seen).next == step::refresh);
}

TEST_CASE("slot without owner: one refresh, then the error", "[policy]") {
    attempt seen = met(errc::slot_uncovered, delivery::not_sent);
    CHECK(judged(seen).next == step::refresh);
    CHECK(judged(seen).delay == 5s);
    seen.retries = 1;  // Something else went wrong before: the refresh is still to come.
    CHECK(judged(seen).next == step::refresh);
    seen.again = true;
    CHECK(judged(seen).next == step::fail);
}

TEST_CASE("junk: what never left goes elsewhere, what was sent is never asked for again", "[policy]") {
    CHECK(judged(met(errc::protocol_error, delivery::not_sent)).next == step::refresh);
    attempt seen = met(errc::protocol_error, delivery::unknown);
    CHECK(judged(seen).next == step::fail);
    seen.flags = command_flags::read_only;
    CHECK(judged(seen).next == step::fail);
}

TEST_CASE("every other error is the caller's to know, even where a repetition would do no harm", "[policy]") {
    for (errc const fault :
         {errc::bad_argument,      errc::cross_slot,         errc::needs_lease,   errc::overloaded,
          errc::deadline_exceeded, errc::no_memory,          errc::cancelled,     errc::no_reachable_node,
          errc::unexpected_type,   errc::too_many_redirects, errc::server_error,  errc::wrong_type,
          errc::no_auth,           errc::wrong_password,     errc::no_permission, errc::no_script,
          errc::busy_script,       errc::out_of_memory,      errc::misconfigured, errc::no_replicas,
          errc::exec_aborted,      errc::cross_slot_reply,   errc::no_protocol}) {
        INFO(name_of(fault));
        CHECK(judged(met(fault)).next == step::fail);
        attempt harmless = met(fault, delivery::not_sent);
        harmless.flags = command_flags::read_only;
        CHECK(judged(harmless).next == step::fail);
    }
}

TEST_CASE("nothing that may have run is ever repeated, whatever the fault", "[policy]") {
    for (unsigned code = 0; code <= static_cast<unsigned>(errc::no_protocol); ++code) {
        for (auto const delivered : {delivery::executed, delivery::unknown}) {
            for (bool const replica : {false, true}) {
                attempt seen = met(static_cast<errc>(code), delivered);
                seen.from_replica = replica;
                // A redirect is an answer of its own: it cannot have run, and says so. A slot without owner
                // was never sent.
                if (seen.fault == errc::moved || seen.fault == errc::ask ||
                    seen.fault == errc::slot_uncovered)
                    continue;
                INFO(name_of(seen.fault));
                CHECK(judged(seen).next == step::fail);
            }
        }
    }
}

TEST_CASE("the policy that fails fast waits for no node whose breaker is open, but reads go to another",
          "[policy]") {
    attempt seen = met(errc::connect_failed, delivery::not_sent);
    CHECK(fail_fast{}(seen).next == step::refresh);
    seen.node_open = true;
    CHECK(fail_fast{}(seen).next == step::fail);
    CHECK(judged(seen).next == step::refresh);
    seen.from_replica = true;
    CHECK(fail_fast{}(seen).next == step::retry);
    CHECK(fail_fast{}(seen).delay == 0ms);
    seen.retries = 2;
    CHECK(fail_fast{}(seen).next == step::fail);
    CHECK(fail_fast{}(met(errc::moved)).next == step::follow);
}

TEST_CASE("the policy that surfaces redirects repeats nothing", "[policy]") {
    for (unsigned code = 0; code <= static_cast<unsigned>(errc::no_protocol); ++code)
        CHECK(surface_redirects{}(met(static_cast<errc>(code), delivery::not_sent)).next == step::fail);
}

namespace {

struct smallest {
    constexpr verdict operator()(attempt const&) const noexcept { return verdict::ask(); }
};
struct with_constants {
    std::chrono::nanoseconds pause;
    std::uint16_t most;
    verdict operator()(attempt const& seen) const noexcept {
        return seen.retries < most ? verdict::retry_after(pause) : verdict::fail();
    }
};
struct may_throw {
    verdict operator()(attempt const&) const { return {}; }
};
struct too_large {
    std::array<char, 33> kept;
    verdict operator()(attempt const&) const noexcept { return {}; }
};
struct changes_itself {
    verdict operator()(attempt const&) noexcept { return {}; }
};

}  // namespace

TEST_CASE("any small pure function object can be the policy", "[policy]") {
    STATIC_CHECK(redirect_policy<smallest>);
    STATIC_CHECK(redirect_policy<with_constants>);
    STATIC_CHECK_FALSE(redirect_policy<may_throw>);
    STATIC_CHECK_FALSE(redirect_policy<too_large>);
    STATIC_CHECK_FALSE(redirect_policy<changes_itself>);
    CHECK(policy{smallest{}}(met(errc::moved)).next == step::ask);
    policy const kept{with_constants{9ms, 1}};
    policy const copy = kept;
    CHECK(copy(met(errc::server_error)).delay == 9ms);
    attempt again = met(errc::server_error);
    again.retries = 1;
    CHECK(copy(again).next == step::fail);
    CHECK(policy{}(met(errc::moved)).next == step::follow);
}

TEST_CASE("TLS that cannot be agreed upon: fail, unless another replica may serve", "[policy]") {
    attempt seen = met(errc::tls_failed, delivery::not_sent);
    CHECK(judged(seen).next == step::fail);
    seen.from_replica = true;
    seen.flags = command_flags::read_only;
    CHECK(judged(seen).next == step::retry);
    seen.retries = 2;
    CHECK(judged(seen).next == step::fail);
}
