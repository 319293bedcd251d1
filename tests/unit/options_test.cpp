// Tests of options.hpp: how seeds may be written, and durations that no nanoseconds can hold.
#include <umbel/options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using umbel::saturated;
using umbel::seed_list;

TEST_CASE("seeds are one text, several, or any range of texts", "[options]") {
    CHECK(seed_list{}.empty());
    seed_list const one{"a:1"};
    REQUIRE(one.size() == 1);
    CHECK(one[0] == "a:1");
    umbel::options const given{.seeds = {"a:1", std::string{"b:2"}, std::string_view{"c:3"}}};
    REQUIRE(given.seeds.size() == 3);
    CHECK(given.seeds[2] == "c:3");
    std::vector<std::string> const texts{"a:1", "b:2"};
    CHECK(seed_list{texts}.size() == 2);
    std::array<std::string_view, 1> const views{"a:1"};
    CHECK(*seed_list{views}.begin() == "a:1");
}

TEST_CASE("a duration that is too long becomes the longest there is", "[options]") {
    STATIC_CHECK(saturated(5ms) == 5'000'000ns);
    STATIC_CHECK(saturated(std::chrono::hours::max()) == nanoseconds::max());
    STATIC_CHECK(saturated(std::chrono::hours::min()) == nanoseconds::min());
    STATIC_CHECK(saturated(std::chrono::duration<double>{1e300}) == nanoseconds::max());
    STATIC_CHECK(saturated(std::chrono::duration<double>{-1e300}) == nanoseconds::min());
    STATIC_CHECK(saturated(std::chrono::duration<double>{0.5}) == 500ms);
    STATIC_CHECK(saturated(std::chrono::duration<double>{std::numeric_limits<double>::quiet_NaN()}) == 0ns);
    STATIC_CHECK(saturated(std::chrono::duration<std::int64_t, std::pico>{2000}) == 2ns);
}

TEST_CASE("no deadline is the longest duration of every kind", "[options]") {
    std::chrono::milliseconds const deadline = umbel::no_deadline;
    CHECK(deadline == std::chrono::milliseconds::max());
    CHECK(saturated(deadline) == nanoseconds::max());
    STATIC_CHECK(umbel::hedge_after{2ms}.delay == 2'000'000ns);
}
