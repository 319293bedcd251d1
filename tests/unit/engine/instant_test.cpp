#include <umbel/engine/instant.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;

TEST_CASE("time added to a point in time never overflows", "[instant]") {
    STATIC_CHECK(after(1s, 2s) == 3s);
    STATIC_CHECK(after(1s, duration::max()) == never);
    STATIC_CHECK(after(never, 1ns) == never);
    STATIC_CHECK(after(never, 0ns) == never);
    STATIC_CHECK(after(never - 1ns, 1ns) == never);
    STATIC_CHECK(after(never - 2ns, 1ns) == never - 1ns);
}
