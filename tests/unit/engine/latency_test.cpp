// latency_test.cpp: durations in buckets that double, and what is read out of them.
#include <umbel/engine/latency.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace std::chrono_literals;
using umbel::latency_histogram;
using umbel::engine::latency_recorder;

TEST_CASE("a bucket holds what is below its bound and not below the one before", "[latency]") {
    CHECK(latency_histogram::bucket_of(0ns) == 0);
    CHECK(latency_histogram::bucket_of(999ns) == 0);
    CHECK(latency_histogram::bucket_of(-5s) == 0);
    for (std::size_t index = 0; index + 2 < latency_histogram::size; ++index) {
        auto const bound = latency_histogram::bound(index);
        CHECK(latency_histogram::bucket_of(bound - 1ns) == index);
        CHECK(latency_histogram::bucket_of(bound) == index + 1);
    }
    CHECK(latency_histogram::bucket_of(100h) == latency_histogram::size - 1);
}

TEST_CASE("a percentile is a bound that the share is below, at most twice too large", "[latency]") {
    latency_recorder taken;
    CHECK(taken.read().percentile(0.99) == 0us);
    for (int i = 0; i < 99; ++i) taken.note(100us);
    taken.note(5ms);
    latency_histogram const seen = taken.read();
    CHECK(seen.count() == 100);
    CHECK(seen.total == 99 * 100us + 5ms);
    CHECK(seen.percentile(0) == 128us);
    CHECK(seen.percentile(0.5) == 128us);
    CHECK(seen.percentile(0.99) == 128us);
    CHECK(seen.percentile(0.999) == 8192us);
    taken.note(1h);
    CHECK(taken.read().percentile(1) == std::chrono::microseconds::max());
}

TEST_CASE("histograms of several connections add up", "[latency]") {
    latency_recorder one, other;
    one.note(3us);
    other.note(3us);
    other.note(40us);
    latency_histogram all = one.read();
    all += other.read();
    CHECK(all.count() == 3);
    CHECK(all.buckets[2] == 2);
    CHECK(all.buckets[6] == 1);
    CHECK(all.total == 46us);
}
