// counters_test.cpp: numbers that one strand counts and any thread reads.
#include <umbel/engine/counters.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <thread>

using umbel::engine::counter;

TEST_CASE("a counter begins at zero and says how often it was counted", "[counters]") {
    counter one;
    CHECK(static_cast<std::uint64_t>(one) == 0);
    for (int i = 0; i < 5; ++i) ++one;
    CHECK(static_cast<std::uint64_t>(one) == 5);
}

TEST_CASE("a counter read by another thread never runs backwards and loses nothing", "[counters]") {
    constexpr std::uint64_t rounds = 200'000;
    counter one;
    std::thread writer{[&] {
        for (std::uint64_t i = 0; i < rounds; ++i) ++one;
    }};
    std::uint64_t seen = 0;
    bool backwards = false;
    while (seen < rounds) {
        std::uint64_t const now = one;
        backwards = backwards || now < seen;
        seen = now;
    }
    writer.join();
    CHECK_FALSE(backwards);
    CHECK(static_cast<std::uint64_t>(one) == rounds);
}

TEST_CASE("a call counts as one request however often it is sent again", "[counters]") {
    umbel::engine::pipeline_counters counted;
    for (int i = 0; i < 5; ++i) ++counted.commands;
    ++counted.redirects;
    ++counted.retries;
    CHECK(counted.requests() == 3);
    for (int i = 0; i < 9; ++i) ++counted.retries;
    CHECK(counted.requests() == 0);
}
