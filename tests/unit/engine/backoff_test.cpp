#include <umbel/engine/backoff.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;

TEST_CASE("a delay doubles with each try up to its bound, and is spread over its upper half", "[backoff]") {
    random_source random{1};
    duration const wholes[] = {5ms, 10ms, 20ms, 40ms, 80ms, 100ms, 100ms};
    for (unsigned tries = 0; tries < 7; ++tries) {
        duration least = duration::max();
        duration most{0};
        for (int sample = 0; sample < 1000; ++sample) {
            duration const delay = backoff(5ms, 100ms, tries, random);
            least = std::min(least, delay);
            most = std::max(most, delay);
        }
        CHECK(least >= wholes[tries] / 2);
        CHECK(least < wholes[tries] * 11 / 20);
        CHECK(most <= wholes[tries]);
        CHECK(most > wholes[tries] * 19 / 20);
    }
}

TEST_CASE("any number of tries and any bound is safe", "[backoff]") {
    random_source random{1};
    CHECK(backoff(5ms, 100ms, 0xffffffff, random) <= 100ms);
    CHECK(backoff(0ms, 100ms, 3, random) == 0ms);
    CHECK(backoff(5ms, 0ms, 3, random) == 0ms);
    CHECK(backoff(5ms, duration::max(), 30, random) > 0ms);
}

TEST_CASE("the same seed gives the same delays", "[backoff]") {
    random_source one{42};
    random_source other{42};
    random_source third{43};
    bool differs = false;
    for (unsigned tries = 0; tries < 100; ++tries) {
        duration const delay = backoff(5ms, 1s, tries % 8, one);
        CHECK(delay == backoff(5ms, 1s, tries % 8, other));
        differs = differs || delay != backoff(5ms, 1s, tries % 8, third);
    }
    CHECK(differs);
}
