#include <umbel/engine/armed_timer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace umbel::engine;
using namespace std::chrono_literals;

TEST_CASE("a timer is moved only when something is due earlier", "[armed_timer]") {
    armed_timer timer;
    std::vector<instant> armed;
    auto const arm = [&](instant due) { return armed.push_back(due), true; };
    timer.ring_by(never, arm);
    timer.ring_by(10s, arm);
    timer.ring_by(20s, arm);
    timer.ring_by(5s, arm);
    CHECK(armed == std::vector<instant>{10s, 5s});
    CHECK(timer.rang() == 5s);
    timer.ring_by(20s, arm);
    CHECK(armed.back() == 20s);
}

TEST_CASE("a timer that could not be armed is armed by the next wish", "[armed_timer]") {
    armed_timer timer;
    timer.ring_by(10s, [](instant) { return false; });
    bool armed = false;
    timer.ring_by(10s, [&](instant) { return armed = true; });
    CHECK(armed);
}
