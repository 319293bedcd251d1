// Outages in virtual time: dead seeds, a whole cluster down, and how much a client asks while nothing works.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

using namespace simulation;

TEST_CASE("when all nodes were down and are back the client recovers by itself", "[simulation]") {
    scene on;
    on.ready();
    for (int i = 0; i < 6; ++i) on.cluster.crash(i);
    answer const& waits = on.call({"SET", "k", "1"}, {.deadline = 10s});
    answer const& gives_up = on.call({"SET", "k", "1"}, {.deadline = 500ms});
    on.time.run_for(3s);
    CHECK_FALSE(waits.done());
    REQUIRE(gives_up.done());
    CHECK(gives_up.told->error() == errc::deadline_exceeded);
    CHECK(gives_up.told->error().delivery() == delivery::not_sent);
    for (int i = 0; i < 6; ++i) on.cluster.restart(i);
    on.time.run_while_not([&] { return on.cluster.serves_writes(); }, 5s);
    instant const back = on.time.now();
    on.time.run_while_not([&] { return waits.done(); }, 5s);
    CHECK(waits.good());
    CHECK(waits.came - back < 1500ms);
}

TEST_CASE("dead seeds beside a live one do no harm", "[simulation]") {
    scene on{{.seeds = {"10.0.0.98:6379", "10.0.0.99:6379", "10.0.0.4:6379"}}};
    answer const& one = on.ask({"SET", "k", "v"});
    CHECK(one.good());
    CHECK(one.took() < 1s);
}

TEST_CASE("when all seeds are dead a command says so by its deadline", "[simulation]") {
    scene on{{.seeds = {"10.0.0.98:6379", "10.0.0.99:6379"}}};
    answer const& one = on.ask({"SET", "k", "v"}, {.deadline = 700ms});
    REQUIRE(one.done());
    REQUIRE_FALSE(one.good());
    CHECK(one.told->error() == errc::no_reachable_node);
    CHECK(one.told->error().delivery() == delivery::not_sent);
    CHECK(one.took() >= 700ms);
    CHECK(one.took() < 740ms);
}

namespace {

/// GETs on one key every millisecond for ten seconds, while something is wrong with its primary; what callers
/// and servers saw.
struct outage_seen {
    std::uint64_t asked = 0;
    std::uint64_t good = 0;
    std::uint64_t arrived = 0;
    std::uint64_t denied = 0;
};
outage_seen resets_for_ten_seconds(umbel::options chosen) {
    scene on{chosen};
    on.ready();
    std::string const key = on.key_of(0);
    outage_seen seen;
    instant const until = on.time.now() + 10s;
    auto const before = on.cluster[0].counted("get");
    while (on.time.now() < until) {
        ++seen.asked;
        on.db.call({"GET", key},
                   [&](umbel::result<umbel::reply> told) { seen.good += told.has_value() ? 1u : 0u; },
                   {.deadline = 1s});
        // Three times in four replies are lost with their connection.
        if (seen.asked % 4 != 0) on.cluster.reset_connections(0);
        on.time.run_for(1ms);
    }
    on.time.run_for(2s);
    CHECK(on.db.pending() == 0);
    seen.arrived = on.cluster[0].counted("get") - before;
    seen.denied = on.db.counters().retries_denied;
    return seen;
}

}  // namespace

TEST_CASE("when a node loses its connections again and again, repetition adds no more than its budget",
          "[simulation]") {
    outage_seen const seen = resets_for_ten_seconds({.reconnect_delay = 1ms, .reconnect_delay_max = 2ms});
    INFO("asked " << seen.asked << ", good " << seen.good << ", arrived " << seen.arrived << ", denied "
                  << seen.denied);
    CHECK(seen.denied > 0);
    CHECK(seen.arrived <= seen.asked + seen.asked / 10 + 10 * 12 + 100);
    outage_seen const free = resets_for_ten_seconds(
        {.reconnect_delay = 1ms, .reconnect_delay_max = 2ms, .retry_budget_percent = 100000});
    INFO("without a budget: asked " << free.asked << ", good " << free.good << ", arrived " << free.arrived
                                    << ", denied " << free.denied);
    CHECK(free.denied == 0);
    CHECK(free.arrived > seen.arrived * 3 / 2);
}

TEST_CASE(
    "a cluster that is down is asked at the budget's pace, and everybody who waited is served when it is "
    "back",
    "[simulation]") {
    scene on{{.deadline = 20s}, {3, 0}};
    on.ready();
    auto const keys = keys_each(on, 3);
    auto const sets = [&] { return on.cluster[1].counted("set") + on.cluster[2].counted("set"); };
    heartbeat users{on, {keys[1], keys[2]}, 2ms, on.time.now() + 6s, 20s};
    users.start();
    on.time.run_for(1s);
    on.cluster.crash(0);
    on.time.run_for(1s);
    auto const arrived = sets();
    auto const asked = on.db.counters().retried;
    on.time.run_for(3s);
    // 1,000 commands a second come for the first time; all of them wait.
    INFO("retried " << on.db.counters().retried - asked << ", waiting " << on.db.control().waiting());
    CHECK(on.db.control().waiting() > 3000);
    CHECK(sets() - arrived >= 3000);
    CHECK(sets() - arrived <= 3000 * 13 / 10);
    on.cluster.restart(0);
    on.time.run_while_not([&] { return on.cluster.serves_writes(); }, 3s);
    instant const back = on.time.now();
    on.time.run_while_not([&] { return on.db.control().waiting() == 0; }, 10s);
    CHECK(on.time.now() - back < 2s);
    on.time.run_for(2s);
    CHECK(users.failed == 0);
    CHECK(on.db.pending() == 0);
}

namespace {

/// The longest time that a command for an unreachable primary took to fail, once the client has had 15 s to
/// learn of it.
duration slowest_failure(unsigned breaker_failures, scene& on) {
    std::string const key = on.key_of(0);
    on.cluster.cut_from_clients(0, true);
    // Somebody keeps asking for it.
    heartbeat users{on, {key}, 50ms, on.time.now() + 13s, 1s};
    users.start();
    on.time.run_for(15s);
    auto const& seen = on.db.control().nodes()[on.db.control().nodes().find(on.cluster.where(0))];
    CHECK(seen.breaker.refuses() == (breaker_failures != 0));
    duration slowest{};
    for (int i = 0; i < 200; ++i) {
        answer const& one = on.ask({"SET", key, "x"}, {.deadline = 1s});
        CHECK_FALSE(one.good());
        CHECK(one.told->error().delivery() == delivery::not_sent);
        slowest = std::max(slowest, one.took());
        on.time.run_for(7ms);
    }
    return slowest;
}

}  // namespace

TEST_CASE("commands for a node that cannot be reached fail at once where the policy is to fail fast",
          "[simulation]") {
    umbel::options options{.connect_timeout = 500ms};
    {
        scene on{options, {3, 0}, 1, umbel::cluster::fail_fast{}};
        on.ready();
        CHECK(slowest_failure(5, on) < 1ms);
        CHECK(on.ask({"SET", on.key_of(1), "x"}).took() < 20ms);
        // A probe finds it when it is back.
        on.cluster.cut_from_clients(0, false);
        on.time.run_for(2s);
        CHECK(on.ask({"SET", on.key_of(0), "x"}).good());
    }
    options.breaker_failures = 0;
    scene on{options, {3, 0}, 1, umbel::cluster::fail_fast{}};
    on.ready();
    CHECK(slowest_failure(0, on) > 400ms);
}
