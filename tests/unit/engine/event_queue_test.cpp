#include <umbel/engine/event_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel::engine;

TEST_CASE("an event that comes while another one is handled waits its turn", "[event]") {
    event_queue queue;
    std::vector<int> handled;
    bool inside = false;
    auto const lost = [](event&) { FAIL("no event may be lost"); };
    auto const handle = [&](auto const& self, event& next) -> void {
        CHECK_FALSE(inside);
        inside = true;
        auto const number = std::get<refresh_wanted>(next).silent.node;
        handled.push_back(number);
        for (std::uint16_t more : {std::uint16_t{2}, std::uint16_t{3}})
            if (number == 1)
                queue.happened(refresh_wanted{{more}}, [&](event& later) { self(self, later); }, lost);
        inside = false;
    };
    queue.happened(refresh_wanted{{1}}, [&](event& next) { handle(handle, next); }, lost);
    CHECK(handled == std::vector{1, 2, 3});
}

TEST_CASE("the calls of events that wait can be taken", "[event]") {
    event_queue queue;
    call waiting;
    call_list taken;
    int handled = 0;
    queue.happened(
        refresh_wanted{},
        [&](event&) {
            if (++handled != 1) return;
            calls_parked parked;
            parked.calls.push(waiting);
            queue.happened(std::move(parked), [](event&) { FAIL("it waits"); }, [](event&) {});
            queue.take_calls(taken);
        },
        [](event&) {});
    CHECK(handled == 2);
    CHECK(taken.pop() == &waiting);
    CHECK(taken.empty());
}
