// latency_meter_test.cpp: the average of a node's reply times.
#include <umbel/engine/latency_meter.hpp>

#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

struct bench {
    std::atomic<bool> wanted{true};
    std::atomic<std::int64_t> average{0};
    latency_meter meter{&wanted, &average};
    duration now() const { return duration{average.load()}; }
};

}  // namespace

TEST_CASE("a meter measures only when somebody wants it", "[latency_meter]") {
    bench b;
    CHECK(b.meter.on());
    b.wanted = false;
    CHECK_FALSE(b.meter.on());
    CHECK_FALSE(latency_meter{}.on());
}

TEST_CASE("the first sample is the average, and each further one an eighth of it", "[latency_meter]") {
    bench b;
    b.meter.note(800us);
    CHECK(b.now() == 800us);
    b.meter.note(1600us);
    CHECK(b.now() == 900us);
    b.meter.note(100us);
    CHECK(b.now() == 800us);
}

TEST_CASE("the average comes to what is true by now, up and down, within some thirty samples",
          "[latency_meter]") {
    bench b;
    b.meter.note(50ms);
    for (int i = 0; i < 40; ++i) b.meter.note(200us);
    CHECK(b.now() >= 200us);
    CHECK(b.now() < 500us);
    for (int i = 0; i < 40; ++i) b.meter.note(10ms);
    CHECK(b.now() > 9ms);
    CHECK(b.now() <= 10ms);
}

TEST_CASE("a reply that took no time at all still counts as measured", "[latency_meter]") {
    bench b;
    for (int i = 0; i < 10; ++i) b.meter.note(0ns);
    CHECK(b.now() == 1ns);
}

TEST_CASE("the engine's own commands are not measured", "[latency_meter]") {
    bench b;
    umbel::engine::link_options measured = umbel::test::wiring::usual;
    measured.meter = b.meter;
    umbel::test::wiring::wired w{measured};
    w.dial();
    w.link.connected(w.now);
    w.written();
    w.start("GET foo");
    w.written();
    w.now += 1ms;
    w.receive("+x\r\n");
    CHECK(b.now() == 1ms);
    umbel::test::scripted_call load{"FUNCTION LOAD", {}};
    load.issued_by = issuer::engine;
    w.link.accept(load, w.now);
    w.written();
    w.now += 1h;
    w.receive("+l\r\n");
    CHECK(load.completions == 1);
    CHECK(b.now() == 1ms);
}
