#include <umbel/command/block_time.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace umbel;
using namespace std::chrono_literals;

TEST_CASE("a time to block is said as the server wants it, and never as zero by accident", "[blocking]") {
    CHECK(block_time{5s}.seconds() == "5");
    CHECK(block_time{1500ms}.seconds() == "1.500");
    CHECK(block_time{50ms}.seconds() == "0.050");
    CHECK(block_time{1ns}.seconds() == "0.001");
    CHECK(block_time{1ns}.milliseconds() == 1);
    CHECK(block_time{2h}.milliseconds() == 7200000);
    CHECK(block_time{wait_forever}.seconds() == "0");
    CHECK(block_time{wait_forever}.milliseconds() == 0);
    CHECK(block_time{wait_forever}.good());
    CHECK(block_time{std::chrono::hours::max()}.good());
    CHECK_FALSE(block_time{0s}.good());
    CHECK_FALSE(block_time{-1ms}.good());
}
