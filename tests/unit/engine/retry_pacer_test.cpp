// What repetition may cost: calls that are sent again draw on the retry budget, or ask at its pace.
#include <umbel/engine/retry_pacer.hpp>

#include "support/script_commands.hpp"
#include "unit/engine/control_plane.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

script_options without_budget() {
    script_options options;
    options.engine.budget = {.percent = 0, .floor_per_second = 0, .window = 10s};
    return options;
}

}  // namespace

TEST_CASE(
    "with an empty retry budget a read that was sent fails with what it met, and says why it was not sent "
    "again",
    "[budget]") {
    script s{without_budget()};
    s.pass(1s);
    auto get = s.start("GET foo", reading);
    CHECK(s.next() == sent{a, "GET foo"});
    s.cut(a);
    CHECK(outcome(get) == failed{errc::connection_lost, delivery::unknown});
    CHECK(get.why().message() ==
          "the node closed the connection (not sent again: the retry budget is empty)");
    REQUIRE(get.why().trail().size() == 1);
    CHECK(get.why().trail()[0].node == a);
    CHECK(s.core().counters().retries_denied == 1);
    CHECK(s.core().counters().retried == 0);
}

TEST_CASE("an empty retry budget stops nobody who was never sent, or is sent on by a healthy node",
          "[budget]") {
    script s{without_budget()};
    s.pass(1s);
    s.block(a, 0);
    auto set = s.start("SET foo 1");
    s.cut(a);
    s.pass(50ms);
    REQUIRE(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.receive(a, "-TRYAGAIN wait\r\n");
    s.pass(50ms);
    REQUIRE(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    REQUIRE(commands(s) == std::vector{sent{b, "SET foo 1"}});
    s.receive(b, "+OK\r\n");
    CHECK(set.value() == "OK");
    CHECK(s.core().counters().retries_denied == 0);
}

TEST_CASE("commands earn what repetition may cost, one token for ten", "[budget]") {
    script_options options = without_budget();
    options.engine.budget.percent = 10;
    script s{std::move(options)};
    s.pass(1s);
    for (int i = 0; i < 20; ++i) s.start("GET foo", reading), s.receive(a, "$-1\r\n");
    std::vector<started> reads;
    for (int i = 0; i < 10; ++i) reads.push_back(s.start("GET foo", reading));
    commands(s);
    s.pass(1ms);  // The budget counts once a moment.
    s.cut(a);
    // What is lost earns when it is sent again: twenty have been answered.
    std::size_t denied = 0;
    for (auto const& one : reads) denied += one.done() ? 1u : 0u;
    CHECK(denied == 8);
    CHECK(s.core().counters().retries_denied == 8);
    s.pass(50ms);
    std::string again;
    for (sent const& seen : commands(s)) again += seen.bytes;
    CHECK(again == wire("GET foo") + wire("GET foo"));
}

TEST_CASE(
    "a command that meets TRYAGAIN or READONLY again and again asks at the budget's pace, and gets through "
    "in the end",
    "[budget]") {
    for (char const* const refusal :
         {"-TRYAGAIN wait\r\n", "-READONLY You can't write against a read only replica.\r\n"}) {
        INFO(refusal);
        script s{without_budget()};
        s.pass(1s);
        auto set = s.start("SET foo 1");
        // Once for the first time, once for free, and then about once a second.
        std::size_t asked = 0;
        for (int step = 0; step < 400; ++step) {
            for (sent const& seen : commands(s)) {
                REQUIRE(seen == sent{a, "SET foo 1"});
                ++asked;
                s.receive(a, refusal);
            }
            s.pass(10ms);
        }
        CHECK(asked >= 3);
        CHECK(asked <= 8);
        REQUIRE(!set.done());
        for (int step = 0; step < 300 && !set.done(); ++step) {
            for (sent const& seen : commands(s)) s.receive(seen.to, "+OK\r\n");
            s.pass(10ms);
        }
        CHECK(set.value() == "OK");
        CHECK(s.core().counters().retries_denied == 0);
    }
}

// ---- The pacer alone ----------------------------------------------------------------------------

TEST_CASE("only what adds load draws on the budget", "[budget]") {
    engine::engine_options options = control_plane::usual();
    options.budget = {.percent = 0, .floor_per_second = 0, .window = 10s};
    control_plane plane{std::move(options)};
    engine::retry_pacer pacer{plane.shared, {}};
    engine::call call;
    engine::retry_state& retry = *call.make_retry_state();
    retry.verdict.next = cluster::verdict::step::retry;
    retry.fault = errc::connection_lost;
    retry.attempt_delivery = delivery::unknown;
    CHECK_FALSE(pacer.allows(call, plane.begin));
    CHECK(plane.shared.counters.retries_denied == 1);
    retry.attempt_delivery = delivery::not_sent;
    CHECK(pacer.allows(call, plane.begin));
    retry.attempt_delivery = delivery::unknown;
    retry.verdict.next = cluster::verdict::step::follow;
    CHECK(pacer.allows(call, plane.begin));
}

TEST_CASE("what a node has refused passes that node's gate at its pace", "[budget]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    engine::retry_pacer pacer{plane.shared, {}};
    engine::call call;
    CHECK_FALSE(engine::retry_pacer::is_paced(call));
    engine::retry_state& retry = *call.make_retry_state();
    retry.from = {number, engine::link_mode::primary};
    retry.verdict.next = cluster::verdict::step::retry;
    retry.fault = errc::cluster_down;
    retry.attempt_delivery = delivery::not_executed;
    CHECK(engine::retry_pacer::is_paced(call));
    CHECK(pacer.allows(call, plane.begin));
    unsigned passed = 0;
    while (passed < 1000 && pacer.passes_gate(number, plane.begin)) ++passed;
    CHECK(passed >= 1);
    CHECK(passed < 100);
}
