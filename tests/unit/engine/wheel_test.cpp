#include <umbel/engine/wheel.hpp>

#include <umbel/engine/backoff.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <vector>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr duration tick{std::int64_t{1} << wheel::tick_bits};

}  // namespace

TEST_CASE("a due time is met within one tick and never early", "[wheel]") {
    for (duration const delay : {duration{1ns}, duration{1ms}, duration{8ms}, duration{100ms}, duration{2s},
                                 duration{10s}, duration{3600s}}) {
        wheel all;
        instant now = 1000s;
        all.start(now);
        call pending;
        pending.due = now + delay;
        all.insert(pending);
        bool came = false;
        unsigned looks = 0;
        while (!came) {
            REQUIRE(all.next_due() > now);
            REQUIRE(++looks < 10000);
            now = all.next_due();
            all.advance(now, [&](call& due) {
                CHECK(&due == &pending);
                came = true;
            });
        }
        CHECK(now >= pending.due);
        CHECK(now < pending.due + tick);
        CHECK(all.empty());
        CHECK(all.next_due() == never);
    }
}

TEST_CASE("what is due in the past comes with the next look", "[wheel]") {
    wheel all;
    all.start(1000s);
    call pending;
    pending.due = 1s;
    all.insert(pending);
    CHECK(all.next_due() <= 1000s + tick);
    unsigned came = 0;
    all.advance(1000s + tick, [&](call&) { ++came; });
    CHECK(came == 1);
}

TEST_CASE("a removed call never comes, and removing twice does no harm", "[wheel]") {
    wheel all;
    all.start(1000s);
    std::array<call, 3> calls;
    for (call& call : calls) {
        call.due = 1001s;
        all.insert(call);
    }
    SECTION("the first") { all.remove(calls[2]); }
    SECTION("the middle") { all.remove(calls[1]); }
    SECTION("the last") { all.remove(calls[0]); }
    std::size_t came = 0;
    call const* gone = nullptr;
    for (call& call : calls)
        if (!call.wheel_back) gone = &call;
    REQUIRE(gone);
    all.remove(const_cast<call&>(*gone));
    all.advance(1002s, [&](call& call) {
        CHECK(&call != gone);
        ++came;
    });
    CHECK(came == 2);
    CHECK(all.empty());
}

TEST_CASE("a due callback may remove others that are due", "[wheel]") {
    wheel all;
    all.start(1000s);
    call pending, far;
    pending.due = 1001s;
    far.due = 1900s;
    all.insert(pending);
    all.insert(far);
    all.advance(1001s + tick, [&](call&) { all.remove(far); });
    CHECK(all.empty());
}

TEST_CASE("after a long sleep everything due comes at once, and nothing else", "[wheel]") {
    wheel all;
    all.start(1000s);
    std::vector<call> calls(500);
    for (std::size_t at = 0; at < calls.size(); ++at) {
        calls[at].due = 1000s + duration{1s} * static_cast<std::int64_t>(at);
        all.insert(calls[at]);
    }
    unsigned came = 0;
    all.advance(1100s, [&](call& call) {
        CHECK(call.due <= 1100s);
        ++came;
    });
    CHECK(came == 101);
}

TEST_CASE("many calls at random times come in order of ticks, each once", "[wheel]") {
    random_source random{7};
    wheel all;
    instant now = 1000s;
    all.start(now);
    std::vector<call> calls(2000);
    std::size_t inserted = 0;
    std::size_t came = 0;
    std::size_t removed = 0;
    while (came + removed < calls.size()) {
        for (int more = 0; more < 3 && inserted < calls.size(); ++more) {
            calls[inserted].due = now + duration{static_cast<std::int64_t>(random.below(5000000000ull))};
            all.insert(calls[inserted++]);
        }
        call& some = calls[random.below(inserted)];
        if (random.below(10) == 0 && some.wheel_back) {
            all.remove(some);
            ++removed;
        }
        instant const next = all.next_due();
        now = std::max(now + duration{static_cast<std::int64_t>(random.below(20000000))},
                       random.below(2) == 0 && next != never ? next : now);
        all.advance(now, [&](call& call) {
            CHECK(call.due <= now);
            CHECK(call.wheel_back == nullptr);
            ++came;
        });
        for (call const& call : calls)
            if (call.wheel_back) REQUIRE(call.due + tick > now);
    }
    CHECK(all.empty());
}
