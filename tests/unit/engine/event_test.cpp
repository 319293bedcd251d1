#include <umbel/engine/event.hpp>

#include <catch2/catch_test_macros.hpp>

#include <utility>

using namespace umbel::engine;

TEST_CASE("an event that hands over calls tells which, and any other tells none", "[event]") {
    call first, second;
    calls_returned returned;
    returned.calls.push(first);
    event with_returned{std::move(returned)};
    REQUIRE(calls_of(with_returned));
    CHECK(calls_of(with_returned)->pop() == &first);
    calls_parked parked;
    parked.calls.push(second);
    event with_parked{std::move(parked)};
    REQUIRE(calls_of(with_parked));
    CHECK(calls_of(with_parked)->pop() == &second);
    event without{link_closed{}};
    CHECK(calls_of(without) == nullptr);
}
