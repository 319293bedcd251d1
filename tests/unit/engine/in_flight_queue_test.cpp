#include <umbel/engine/in_flight_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <vector>

using namespace umbel::engine;

TEST_CASE("an entry is a call or a tombstone that counts replies", "[ring]") {
    call call;
    CHECK_FALSE(in_flight_queue::entry::of(call).is_tombstone());
    CHECK(in_flight_queue::entry::of(call).awaited_call() == &call);
    CHECK(in_flight_queue::entry::of(call).is_plain());
    CHECK(in_flight_queue::entry::of(call).plain_call() == &call);
    CHECK_FALSE(in_flight_queue::entry::in_elements(call).is_plain());
    CHECK_FALSE(in_flight_queue::entry::in_elements(call).is_tombstone());
    CHECK(in_flight_queue::entry::in_elements(call).awaited_call() == &call);
    for (unsigned replies : {0u, 1u, 2u, 70000u}) {
        CHECK(in_flight_queue::entry::tombstone(replies).is_tombstone());
        CHECK_FALSE(in_flight_queue::entry::tombstone(replies).is_plain());
        CHECK(in_flight_queue::entry::tombstone(replies).replies() == replies);
    }
}

TEST_CASE("positions only increase, through growth and around the end", "[ring]") {
    std::vector<call> calls(1000);
    in_flight_queue order;
    std::size_t in = 0;
    std::size_t out = 0;
    // Three in, two out: it grows while its window moves round.
    while (out < calls.size()) {
        for (int push = 0; push < 3 && in < calls.size(); ++push, ++in) {
            CHECK(order.tail() == in);
            REQUIRE(order.make_room());
            order.push(in_flight_queue::entry::of(calls[in]));
        }
        for (int pop = 0; pop < 2 && out < in; ++pop, ++out) {
            CHECK(order.head() == out);
            CHECK(order[out].awaited_call() == &calls[out]);
            order.pop();
        }
        CHECK(order.size() == in - out);
    }
    CHECK(order.empty());
}

TEST_CASE("an entry can be replaced in the middle", "[ring]") {
    std::array<call, 3> calls;
    in_flight_queue order;
    for (call& call : calls) {
        REQUIRE(order.make_room());
        order.push(in_flight_queue::entry::of(call));
    }
    order[1] = in_flight_queue::entry::tombstone(2);
    CHECK(order[0].awaited_call() == &calls[0]);
    CHECK(order[1].replies() == 2);
    CHECK(order[2].awaited_call() == &calls[2]);
    order.prefetch(1);
    order.prefetch(7);
}
