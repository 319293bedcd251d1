// retry_budget_test.cpp: what repetition may add to the load, in tokens and in virtual time.
#include <umbel/engine/retry_budget.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

unsigned drawn(retry_budget& from) {
    unsigned count = 0;
    while (count < 1'000'000 && from.draw()) ++count;
    return count;
}

}  // namespace

TEST_CASE("what was never sent, and what a healthy node sends on, is repeated for free", "[retry_budget]") {
    for (errc const fault :
         {errc::connection_lost, errc::connect_failed, errc::resolve_failed, errc::cluster_down})
        CHECK(repetition_of(fault, delivery::not_sent, 1) == repetition::free);
    for (errc const fault : {errc::moved, errc::ask, errc::try_again, errc::read_only})
        CHECK(repetition_of(fault, delivery::not_executed, 1) == repetition::free);
}

TEST_CASE("what should have passed in a moment and has not is paced", "[retry_budget]") {
    for (errc const fault : {errc::try_again, errc::read_only}) {
        CHECK(repetition_of(fault, delivery::not_executed, 2) == repetition::paced);
        CHECK(repetition_of(fault, delivery::not_sent, 2) == repetition::free);
        CHECK(repetition_of(fault, delivery::unknown, 1) == repetition::drawn);
    }
    CHECK(repetition_of(errc::moved, delivery::not_executed, 2) == repetition::free);
}

TEST_CASE("what a node refuses because it cannot serve is paced, and everything else that was sent draws",
          "[retry_budget]") {
    for (errc const fault : {errc::cluster_down, errc::loading, errc::master_down}) {
        CHECK(repetition_of(fault, delivery::not_executed, 1) == repetition::paced);
        CHECK(repetition_of(fault, delivery::unknown, 1) == repetition::drawn);
    }
    CHECK(repetition_of(errc::connection_lost, delivery::unknown, 1) == repetition::drawn);
    CHECK(repetition_of(errc::server_error, delivery::unknown, 1) == repetition::drawn);
    CHECK(repetition_of(errc::busy_script, delivery::not_executed, 1) == repetition::drawn);
}

TEST_CASE("an idle client has its floor for a whole window, and a token again after a moment",
          "[retry_budget]") {
    retry_budget budget{{.percent = 10, .floor_per_second = 10, .window = 10s}};
    budget.earn(0, 1000s);
    CHECK(drawn(budget) == 100);
    budget.earn(0, 1000s + 50ms);
    CHECK_FALSE(budget.draw());
    budget.earn(0, 1000s + 110ms);
    CHECK(drawn(budget) == 1);
    CHECK(budget.per_second() > 9.9);
    CHECK(budget.per_second() < 10.1);
}

TEST_CASE("ten commands earn one repetition", "[retry_budget]") {
    retry_budget budget{{.percent = 10, .floor_per_second = 0, .window = 10s}};
    budget.earn(9, 1s);
    CHECK(drawn(budget) == 0);
    budget.earn(10, 1s);
    CHECK(drawn(budget) == 1);
    budget.earn(5010, 1s);
    CHECK(drawn(budget) == 500);
    // A count that went back for a moment earns nothing, and nothing twice.
    budget.earn(5000, 1s);
    budget.earn(5010, 1s);
    CHECK(drawn(budget) == 0);
}

TEST_CASE("what nobody draws leaks away: however long the quiet, one window of traffic is there",
          "[retry_budget]") {
    retry_budget budget{{.percent = 10, .floor_per_second = 0, .window = 10s}};
    std::uint64_t requests = 0;
    for (instant now = 1s; now <= 1000s; now += 1s) budget.earn(requests += 1000, now);
    CHECK(budget.tokens() > 950);
    CHECK(budget.tokens() < 1050);
    budget.earn(requests, 1005s);
    CHECK(budget.tokens() > 400);
    CHECK(budget.tokens() < 600);
    budget.earn(requests, 2000s);
    CHECK_FALSE(budget.draw());
    // Looked at only now and then, it finds no more: of an hour's commands those of the last window count.
    budget.earn(requests + 3'600'000, 2000s + 3600s);
    CHECK(budget.tokens() > 950);
    CHECK(budget.tokens() < 1050);
}

TEST_CASE("in a lasting outage repetitions stay within the percentage and the floor", "[retry_budget]") {
    retry_budget budget{{.percent = 10, .floor_per_second = 10, .window = 10s}};
    std::uint64_t requests = 0;
    double allowed = 0;
    for (instant now = 1s; now <= 61s; now += 10ms) {
        budget.earn(requests += 20, now);
        allowed += drawn(budget);
    }
    CHECK(allowed <= 0.1 * static_cast<double>(requests) + 10 * 60 + 100);
    CHECK(allowed >= 0.09 * static_cast<double>(requests));
}

TEST_CASE("while refusals come back the gate keeps the pace", "[refusal_gate]") {
    refusal_gate gate;
    unsigned passed = 0;
    for (instant now = 100s; now < 110s; now += 1ms) {
        if (!gate.pass(40, now)) continue;
        ++passed;
        gate.refused();
    }
    CHECK(passed >= 380);
    CHECK(passed <= 420);
}

TEST_CASE("a gate whose refusals come back late opens a little, and closes again", "[refusal_gate]") {
    refusal_gate gate;
    unsigned passed = 0;
    unsigned pending = 0;
    for (instant now = 100s; now < 110s; now += 1ms) {
        if (gate.pass(10, now)) ++passed, ++pending;
        if (now.count() % 100'000'000 == 0 && pending != 0) gate.refused(), pending = 0;
    }
    CHECK(passed >= 90);
    CHECK(passed <= 400);
}

TEST_CASE("when none of those let through comes back, everybody is through soon", "[refusal_gate]") {
    refusal_gate gate;
    for (instant now = 100s; now < 101s; now += 1ms)
        if (gate.pass(10, now)) gate.refused();
    unsigned passed = 0;
    instant now = 101s;
    for (; passed < 10000 && now < 110s; now += 1ms)
        while (passed < 10000 && gate.pass(10, now)) ++passed;
    CHECK(passed == 10000);
    CHECK(now - 101s < 1s);
    // The next refusal closes it at once, but for one.
    gate.pass(10, now);
    gate.refused();
    unsigned more = 0;
    while (gate.pass(10, now)) ++more;
    CHECK(more <= 1);
}

TEST_CASE("a gate through which nobody went stays as narrow as it was", "[refusal_gate]") {
    refusal_gate gate;
    CHECK(gate.pass(10, 100s));
    gate.refused();
    unsigned passed = 0;
    while (gate.pass(10, 160s)) ++passed;
    CHECK(passed <= 10);
}

TEST_CASE("a gate keeps a wide pace as well", "[refusal_gate]") {
    refusal_gate gate;
    unsigned passed = 0;
    for (instant now = 100s; now < 110s; now += 1ms) {
        while (gate.pass(1000, now)) {
            ++passed;
            gate.refused();
        }
    }
    CHECK(passed >= 9500);
    CHECK(passed <= 10500);
}
