#include <umbel/durations.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using umbel::saturated;

TEST_CASE("a duration that is too long becomes the longest there is", "[durations]") {
    STATIC_CHECK(saturated(5ms) == 5'000'000ns);
    STATIC_CHECK(saturated(std::chrono::hours::max()) == nanoseconds::max());
    STATIC_CHECK(saturated(std::chrono::hours::min()) == nanoseconds::min());
    STATIC_CHECK(saturated(std::chrono::duration<double>{1e300}) == nanoseconds::max());
    STATIC_CHECK(saturated(std::chrono::duration<double>{-1e300}) == nanoseconds::min());
    STATIC_CHECK(saturated(std::chrono::duration<double>{0.5}) == 500ms);
    STATIC_CHECK(saturated(std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}) == 0ns);
    STATIC_CHECK(saturated(std::chrono::duration<std::int64_t, std::pico>{2000}) == 2ns);
}
