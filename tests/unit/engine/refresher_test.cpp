#include <umbel/engine/refresher.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1000s};
refresher_options const usual{
    .interval_min = 100ms, .interval = 60s, .stagger = 250ms, .delay = 20ms, .delay_max = 1s};

}  // namespace

TEST_CASE("the first wish is granted at once, and serves all others", "[refresher]") {
    refresher one{usual, 1};
    CHECK_FALSE(one.should_begin(begin));
    CHECK(one.next_due() == never);
    one.want(begin);
    CHECK(one.next_due() == begin);
    CHECK(one.should_begin(begin));
    one.begin({1, 2}, begin);
    one.want(begin);
    CHECK_FALSE(one.should_begin(begin));
    one.succeeded(begin + 1ms);
    CHECK_FALSE(one.should_begin(begin + 1ms));
}

TEST_CASE("two refreshes are at least the interval apart, jittered by a quarter", "[refresher]") {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        refresher one{usual, seed};
        one.want(begin);
        one.begin({1}, begin);
        one.succeeded(begin);
        for (int wish = 0; wish < 1000; ++wish) one.want(begin + 1ms);
        CHECK(one.next_due() >= begin + 100ms);
        CHECK(one.next_due() <= begin + 125ms);
        CHECK_FALSE(one.should_begin(begin + 99ms));
        CHECK(one.should_begin(begin + 125ms));
    }
}

TEST_CASE("without any wish a refresh comes by the long interval, or never", "[refresher]") {
    refresher one{usual, 1};
    one.begin({1}, begin);
    one.succeeded(begin);
    CHECK(one.next_due() >= begin + 60s);
    CHECK(one.next_due() < begin + 61s);
    refresher_options quiet = usual;
    quiet.interval = 0s;
    refresher other{quiet, 1};
    other.begin({1}, begin);
    other.succeeded(begin);
    CHECK(other.next_due() == never);
}

TEST_CASE(
    "while a node is not well it is looked at again soon, later each time, and soon anew when it has "
    "answered",
    "[refresher]") {
    refresher one{usual, 1};
    instant now = begin;
    auto const wait_after = [&](bool well) {
        one.begin({1}, now);
        one.succeeded(now, well);
        return one.next_due() - now;
    };
    for (auto const least : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        auto const waited = wait_after(false);
        CHECK(waited >= least);
        CHECK(waited <= least + 25ms);
        now += waited;
    }
    one.look_soon(now);
    CHECK(one.should_begin(now));
    CHECK(wait_after(false) < 2s);
    CHECK(wait_after(true) >= 60s);
    CHECK(wait_after(false) < 2s);

    refresher silent{{.interval_min = 100ms, .interval = 0ms}, 1};
    silent.begin({1}, begin);
    silent.succeeded(begin, false);
    silent.look_soon(begin);
    CHECK(silent.next_due() == never);
}

TEST_CASE("candidates are asked one after the other, sooner when one did not help", "[refresher]") {
    refresher one{usual, 1};
    one.begin({7, 8, 9}, begin);
    REQUIRE(one.should_ask(begin));
    CHECK(one.take_candidate(begin) == 7);
    CHECK_FALSE(one.should_ask(begin + 249ms));
    CHECK(one.next_due() == begin + 250ms);
    REQUIRE(one.should_ask(begin + 250ms));
    CHECK(one.take_candidate(begin + 250ms) == 8);
    one.hurry(begin + 260ms);
    REQUIRE(one.should_ask(begin + 260ms));
    CHECK_FALSE(one.exhausted());
    CHECK(one.take_candidate(begin + 260ms) == 9);
    CHECK(one.exhausted());
    CHECK_FALSE(one.should_ask(begin + 1h));
    CHECK(one.next_due() == never);
}

TEST_CASE("as long as too many are silent nobody is asked, and nothing is due", "[refresher]") {
    refresher one{usual, 1};
    one.begin({7, 8}, begin);
    one.take_candidate(begin);
    one.hold();
    CHECK(one.next_due() == never);
    CHECK_FALSE(one.should_ask(begin + 1h));
    one.hurry(begin + 1s);
    CHECK(one.next_due() == begin + 1s);
    CHECK(one.should_ask(begin + 1s));
}

TEST_CASE("after a failure the next refresh begins by itself, later each time, and wishes do not hasten it",
          "[refresher]") {
    refresher one{usual, 1};
    instant now = begin;
    duration const wholes[] = {20ms, 40ms, 80ms, 160ms, 320ms, 640ms, 1000ms, 1000ms};
    for (duration const whole : wholes) {
        one.begin({1}, now);
        one.failed(now);
        one.want(now);
        CHECK(one.next_due() >= now + whole / 2);
        CHECK(one.next_due() <= now + whole);
        now = one.next_due();
        CHECK(one.should_begin(now));
    }
    CHECK(one.failures() == 8);
    one.begin({1}, now);
    one.succeeded(now);
    CHECK(one.failures() == 0);
    one.begin({1}, now);
    one.failed(now);
    CHECK(one.next_due() <= now + 20ms);
}
