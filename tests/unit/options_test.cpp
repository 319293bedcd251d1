// Tests of options.hpp: how seeds may be written, and the options that are durations.
#include <umbel/options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
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

TEST_CASE("no deadline is the longest duration of every kind", "[options]") {
    std::chrono::milliseconds const deadline = umbel::no_deadline;
    CHECK(deadline == std::chrono::milliseconds::max());
    CHECK(saturated(deadline) == nanoseconds::max());
    STATIC_CHECK(umbel::hedge_after{2ms}.delay == 2'000'000ns);
}
