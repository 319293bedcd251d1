#include <umbel/engine/call_deadlines.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1000s};

struct watched_queue {
    in_flight_queue queue;
    call_deadlines deadlines;

    void enter(call& call, instant deadline) {
        call.deadline = deadline;
        REQUIRE(queue.make_room());
        call.queue_position = queue.tail();
        queue.push(in_flight_queue::entry::of(call));
        deadlines.watch(call, begin);
    }
    std::vector<call*> expire(instant now) {
        std::vector<call*> due;
        deadlines.expire(queue, now, [&](call& call) {
            deadlines.forget(call);
            queue[call.queue_position] = in_flight_queue::entry::tombstone(1);
            due.push_back(&call);
        });
        return due;
    }
};

}  // namespace

TEST_CASE("deadlines in the order of the queue need no wheel, and are met exactly", "[deadlines]") {
    watched_queue all;
    call first, second;
    all.enter(first, begin + 10ms);
    all.enter(second, begin + 20ms);
    CHECK(first.wheel_back == nullptr);
    CHECK(second.wheel_back == nullptr);
    CHECK(all.deadlines.next_due(all.queue) == begin + 10ms);
    CHECK(all.expire(begin + 10ms) == std::vector<call*>{&first});
    CHECK(all.deadlines.next_due(all.queue) == begin + 20ms);
}

TEST_CASE("a deadline out of order is watched by the wheel, coarse but never early", "[deadlines]") {
    watched_queue all;
    call late, early;
    all.enter(late, begin + 1s);
    all.enter(early, begin + 10ms);
    CHECK(early.wheel_back != nullptr);
    CHECK(all.expire(begin + 9ms).empty());
    CHECK(all.expire(begin + 20ms) == std::vector<call*>{&early});
    CHECK(all.expire(begin + 1s) == std::vector<call*>{&late});
    CHECK(all.deadlines.next_due(all.queue) == never);
}

TEST_CASE("a call without a deadline is never due, and disturbs no order", "[deadlines]") {
    watched_queue all;
    call without, with;
    all.enter(without, never);
    all.enter(with, begin + 10ms);
    CHECK(with.wheel_back == nullptr);
    CHECK(all.expire(begin + 10ms) == std::vector<call*>{&with});
    CHECK(all.expire(begin + 1h).empty());
}

TEST_CASE("a call that left is not due any more", "[deadlines]") {
    watched_queue all;
    call late, early;
    all.enter(late, begin + 1s);
    all.enter(early, begin + 10ms);
    all.deadlines.forget(early);
    CHECK(all.expire(begin + 20ms).empty());
    all.deadlines.forget(late);
}
