#include <umbel/engine/waiting_calls.hpp>

#include "support/script_values.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1000s};

std::vector<call*> all_of(call_list& list) {
    std::vector<call*> calls;
    while (call* const call = list.pop()) calls.push_back(call);
    return calls;
}

}  // namespace

TEST_CASE("a waiting call comes out when its time has come, or its deadline", "[waiting_room]") {
    waiting_calls room;
    call by_time, by_deadline, forever;
    by_deadline.deadline = begin + 100ms;
    REQUIRE(room.enter(by_time, waits_for::time, begin + 50ms, begin));
    REQUIRE(room.enter(by_deadline, waits_for::time, begin + 10s, begin));
    REQUIRE(room.enter(forever, waits_for::topology, never, begin));
    CHECK(room.size() == 3);
    CHECK(by_time.at == call::stage::waiting);
    CHECK(room.next_due() >= begin + 50ms);
    call_list out;
    room.advance(begin + 49ms, out);
    CHECK(out.empty());
    room.advance(begin + 60ms, out);
    CHECK(all_of(out) == std::vector<call*>{&by_time});
    room.advance(begin + 110ms, out);
    CHECK(all_of(out) == std::vector<call*>{&by_deadline});
    room.advance(begin + 1h, out);
    CHECK(out.empty());
    CHECK(room.size() == 1);
    room.remove(forever);
    CHECK(room.next_due() == never);
}

TEST_CASE("the end of a refresh frees who waits for it, and a change also who waits for that",
          "[waiting_room]") {
    waiting_calls room;
    call by_time, for_refresh, for_topology;
    REQUIRE(room.enter(by_time, waits_for::time, begin + 1s, begin));
    REQUIRE(room.enter(for_topology, waits_for::topology, never, begin));
    REQUIRE(room.enter(for_refresh, waits_for::refresh, never, begin));
    CHECK(room.wants_topology());
    call_list out;
    room.refreshed(false, out);
    CHECK(all_of(out) == std::vector<call*>{&for_refresh});
    CHECK(room.wants_topology());
    room.refreshed(true, out);
    CHECK(all_of(out) == std::vector<call*>{&for_topology});
    CHECK_FALSE(room.wants_topology());
    room.clear(out);
    CHECK(all_of(out) == std::vector<call*>{&by_time});
    CHECK(room.size() == 0);
}

TEST_CASE("calls leave in any order and the others stay whole", "[waiting_room]") {
    waiting_calls room;
    std::vector<call> calls(50);
    for (std::size_t at = 0; at < calls.size(); ++at)
        REQUIRE(
            room.enter(calls[at], at % 2 == 0 ? waits_for::time : waits_for::topology, begin + 1s, begin));
    for (std::size_t at = 0; at < calls.size(); at += 3) {
        room.remove(calls[at]);
        CHECK(calls[at].at == call::stage::fresh);
    }
    call_list out;
    room.refreshed(true, out);
    room.advance(begin + 2s, out);
    std::size_t freed = 0;
    while (call* const call = out.pop()) {
        CHECK((static_cast<std::size_t>(call - calls.data()) % 3) != 0);
        ++freed;
    }
    CHECK(freed == calls.size() - (calls.size() + 2) / 3);
    CHECK(room.size() == 0);
    CHECK_FALSE(room.wants_topology());
}

TEST_CASE("those who are freed together come out in the order in which they came", "[waiting_room]") {
    waiting_calls room;
    std::vector<call> calls(20);
    std::vector<call*> expected;
    for (call& call : calls) REQUIRE(room.enter(call, waits_for::topology, never, begin));
    for (std::size_t at = 0; at < calls.size(); ++at) {
        if (at % 7 == 0)
            room.remove(calls[at]);
        else
            expected.push_back(&calls[at]);
    }
    call_list out;
    room.refreshed(true, out);
    CHECK(all_of(out) == expected);
}

TEST_CASE("a call that leaves has no owner who could be asked to cancel it", "[waiting_room]") {
    waiting_calls room;
    call call;
    cancel_token token;
    call.token = &token;
    REQUIRE(room.enter(call, waits_for::time, begin, begin));
    CHECK_FALSE(call.owned_by(cancel_token::engine));
    room.remove(call);
    CHECK(token.owner == cancel_token::nobody);
}
