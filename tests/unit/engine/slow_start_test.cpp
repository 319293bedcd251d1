#include <umbel/engine/slow_start.hpp>

#include <catch2/catch_test_macros.hpp>

using umbel::engine::slow_start;

TEST_CASE("the window of slow start grows by one with each reply, so it doubles with each round trip",
          "[slow_start]") {
    slow_start window{4};
    CHECK_FALSE(window.on());
    window.begin(100, 0);
    REQUIRE(window.on());
    slow_start::position head = 100, written = 100;
    for (unsigned in_flight = 4; in_flight <= 64; in_flight *= 2) {
        CHECK(window.until(head) - written == in_flight);
        written = window.until(head);
        head = written;  // All are answered.
    }
}

TEST_CASE("slow start is over when the server has answered enough and nobody waits", "[slow_start]") {
    slow_start window{2};
    window.begin(0, 0);
    slow_start::position const enough = 2 * slow_start::growth;
    CHECK_FALSE(window.is_over(enough - 1, enough));
    CHECK(window.is_over(enough, enough));
    // More than the window lets pass still wait.
    CHECK_FALSE(window.is_over(enough, window.until(enough) + 1));
    window.end();
    CHECK_FALSE(window.on());
}

TEST_CASE("where calls are in flight already nobody is held up for their sake", "[slow_start]") {
    slow_start window{4};
    window.begin(10, 50);
    CHECK(window.until(10) == 60);
    CHECK(window.until(11) == 62);
}

TEST_CASE("a call that was never sent is no reply: the window does not grow by it", "[slow_start]") {
    slow_start window{4};
    window.begin(0, 0);
    window.skipped();
    CHECK(window.until(1) == 5);
    CHECK(window.until(2) == 7);
}

TEST_CASE("slow start can be off", "[slow_start]") {
    CHECK_FALSE(slow_start{0}.enabled());
    CHECK(slow_start{1}.enabled());
}
