// breaker_test.cpp: one circuit breaker, and what it does to the engine's links and calls, byte for byte.
#include <umbel/engine/engine.hpp>

#include "support/script_commands.hpp"

using namespace umbel;
using namespace umbel::test;
using breaker = engine::circuit_breaker;

namespace {

breaker const& of(script& s, std::string_view node) { return s.core().nodes()[s.number(node)].breaker; }

/// Refuses every attempt to connect to `node` until its breaker is open; returns how many there were.
unsigned refuse_until_open(script& s, std::string const& node) {
    unsigned refused = 0;
    while (of(s, node).now_is() != breaker::state::open && refused < 100) {
        if (s.dials(node)) s.refuse(node), ++refused;
        commands(s);
        s.pass(1ms);
    }
    return refused;
}
void wait_for_probe(script& s, std::string const& node) {
    for (int i = 0; i < 2000 && !s.dials(node); ++i) commands(s), s.pass(1ms);
    REQUIRE(s.dials(node));
}

}  // namespace

TEST_CASE("a breaker opens at the last of so many failures in a row, and not before", "[breaker]") {
    breaker one;
    for (unsigned i = 1; i < 5; ++i) {
        CHECK_FALSE(one.failed(5, 7s));
        CHECK(one.now_is() == breaker::state::closed);
        CHECK_FALSE(one.refuses());
    }
    CHECK(one.failed(5, 7s));
    CHECK(one.now_is() == breaker::state::open);
    CHECK(one.refuses());
    CHECK(one.retry_at() == 7s);
    CHECK(one.failures() == 5);
}

TEST_CASE("a probe half-opens a breaker: an answer closes it, a failure opens it for longer", "[breaker]") {
    breaker one;
    CHECK(one.tries(1) == engine::attempt_kind::last);
    one.failed(1, 7s);
    CHECK(one.tries(1) == engine::attempt_kind::probe);
    CHECK(one.now_is() == breaker::state::half_open);
    CHECK(one.refuses());
    CHECK_FALSE(one.failed(1, 9s));
    CHECK(one.now_is() == breaker::state::open);
    CHECK(one.retry_at() == 9s);
    CHECK(one.tries(1) == engine::attempt_kind::probe);
    one.answered(false);
    CHECK(one.now_is() == breaker::state::closed);
    // It accepts connections and drops them: one more failure is enough.
    CHECK(one.failures() == 2);
    CHECK(one.failed(3, 10s));
    one.tries(3);
    one.answered(true);
    CHECK(one.tries(3) == engine::attempt_kind::usual);
    CHECK(one.failures() == 0);
    CHECK_FALSE(one.failed(3, 11s));
}

TEST_CASE("a breaker without a bound never opens", "[breaker]") {
    breaker one;
    for (int i = 0; i < 1000; ++i) CHECK_FALSE(one.failed(0, 7s));
    CHECK_FALSE(one.refuses());
    CHECK(one.tries(0) == engine::attempt_kind::usual);
}

TEST_CASE("commands queue behind a first connection attempt, but not behind a probe", "[breaker]") {
    script s{script_options{}.judged_by(cluster::fail_fast{})};
    s.connects_by_itself(false);
    auto first = s.start("SET bar 1");
    CHECK_FALSE(first.done());
    CHECK(refuse_until_open(s, b) == 5);
    CHECK(s.core().counters().breakers_opened == 1);
    auto open = s.start("SET bar 2");
    CHECK(outcome(open) == failed{errc::connect_failed, delivery::not_sent});
    CHECK_FALSE(s.dials(b));
    wait_for_probe(s, b);
    CHECK(outcome(first) == failed{errc::connect_failed, delivery::not_sent});
    CHECK(of(s, b).now_is() == breaker::state::half_open);
    auto half_open = s.start("SET bar 3");
    CHECK(outcome(half_open) == failed{errc::connect_failed, delivery::not_sent});
    CHECK(half_open.why().message() == "Connection refused");
    s.connect(b);
    CHECK(of(s, b).now_is() == breaker::state::closed);
    auto closed = s.start("SET bar 4");
    CHECK(commands(s) == std::vector{sent{b, "SET bar 4"}});
    s.receive(b, "+OK\r\n");
    CHECK(closed.value() == "OK");
}

TEST_CASE("an open breaker's times double within their bound, and each ends in one probe", "[breaker]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    refuse_until_open(s, b);
    engine::duration longest{};
    for (int i = 0; i < 6; ++i) {
        engine::instant const open = s.now();
        wait_for_probe(s, b);
        longest = std::max(longest, s.now() - open);
        CHECK(s.now() - open >= 300ms);
        s.pass(500ms);
        CHECK(s.dialling() == std::vector<std::string>{b});
        s.refuse(b);
        CHECK(of(s, b).now_is() == breaker::state::open);
    }
    CHECK(longest <= 1002ms);
    CHECK(s.core().counters().breakers_opened == 1);
}

TEST_CASE(
    "by default a write for a node whose breaker is open waits for a failover, and goes to the new primary",
    "[breaker]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    refuse_until_open(s, b);
    auto set = s.start("SET bar 2");
    CHECK_FALSE(set.done());
    s.connects_by_itself(true);
    for (int i = 0; i < 20; ++i) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to, cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}}));
            else if (seen == sent{c, "SET bar 2"})
                s.receive(c, "+OK\r\n");
        }
        s.pass(50ms);
    }
    CHECK(set.value() == "OK");
}

TEST_CASE("reads go past a replica whose breaker is open, without asking it first", "[breaker]") {
    script s;
    s.connects_by_itself(false);
    call_options const near{
        .flags = cluster::command_flags::read_only, .reads = read_from::replica, .timeout = 200ms};
    for (int i = 0; i < 2; ++i) s.start("GET foo", near);
    REQUIRE(s.dials(d_reads));
    REQUIRE(s.dials(e_reads));
    s.connect(e_reads);
    while (of(s, d).now_is() != breaker::state::open) {
        if (s.dials(d_reads)) s.refuse(d_reads);
        for (auto const& seen : commands(s)) {
            CHECK(seen.to == e_reads);
            if (seen.bytes == wire("READONLY"))
                s.receive(e_reads, "+OK\r\n");
            else
                for (std::size_t n = seen.bytes.size() / wire("GET foo").size(); n != 0; --n)
                    s.receive(e_reads, "$1\r\n1\r\n");
        }
        s.pass(1ms);
    }
    auto const retried = s.core().counters().retried;
    wait_for_probe(s, d_reads);
    for (int i = 0; i < 10; ++i) {
        auto get = s.start("GET foo", near);
        REQUIRE(commands(s) == std::vector{sent{e_reads, "GET foo"}});
        s.receive(e_reads, "$1\r\n1\r\n");
        CHECK(get.value() == "1");
    }
    CHECK(s.core().counters().retried == retried);
}

TEST_CASE(
    "a primary whose breaker is open and that comes back as a replica is probed, although nobody asks for it",
    "[breaker]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    refuse_until_open(s, b);
    std::string const b_reads = std::string{b} + std::string{d_reads}.substr(std::string_view{d}.size());
    auto const failed_over = cluster_slots({{0, 10922, {c, b}}, {10923, 16383, {a, d, e}}});
    for (int i = 0; i < 2000 && !s.dials(b_reads); ++i) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (seen.bytes == wire("CLUSTER SLOTS") && s.connected(seen.to)) s.receive(seen.to, failed_over);
        if (s.dials(b)) s.refuse(b);
        s.pass(1ms);
    }
    REQUIRE(s.dials(b_reads));
    s.connect(b_reads);
    for (sent seen = s.next(); !(seen == nothing); seen = s.next())
        if (seen == sent{b_reads, "READONLY"}) s.receive(b_reads, "+OK\r\n");
    CHECK(of(s, b).now_is() == breaker::state::closed);
    auto get =
        s.start("GET bar", {.flags = cluster::command_flags::read_only, .reads = read_from::prefer_replica});
    for (sent seen = s.next(); !(seen == nothing); seen = s.next())
        if (seen == sent{b_reads, "GET bar"}) s.receive(b_reads, "$1\r\n1\r\n");
    CHECK(get.value() == "1");
}

TEST_CASE("connections lost in silence count, though they had served for long", "[breaker]") {
    script_options options;
    options.link.probe_after = 100ms;
    options.link.probe_timeout = 100ms;
    script s{options};
    s.pass(1ms);
    s.connects_by_itself(true);
    s.start("GET bar", {.flags = cluster::command_flags::read_only, .timeout = 100ms});
    for (int i = 0; i < 400 && of(s, b).now_is() != breaker::state::open; ++i) {
        // Everybody answers but b: it accepts connections and says nothing.
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.to == b) continue;
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to, usual_layout());
            else if (is_ping(seen.bytes))
                s.receive(seen.to, "+PONG\r\n");
        }
        s.pass(10ms);
    }
    CHECK(of(s, b).now_is() == breaker::state::open);
    CHECK(of(s, b).failures() == 5);
    CHECK(of(s, a).failures() == 0);
}

TEST_CASE("a node is not given up for a replica link that it refuses while it serves on the other",
          "[breaker]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    s.start("GET bar", {.timeout = 100ms});
    commands(s);
    s.receive(b, "$1\r\n1\r\n");
    for (int i = 0; i < 20; ++i) {
        s.happens(engine::link_lost{{s.number(b), engine::link_mode::replica},
                                    0,
                                    errc::no_permission,
                                    "NOPERM",
                                    engine::link_loss::refused});
        s.pass(1ms);
    }
    CHECK(of(s, b).now_is() == breaker::state::closed);
    CHECK(of(s, b).failures() == 0);
}

TEST_CASE("who has served well for long after an outage is reconnected at once when a connection is lost",
          "[breaker]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    refuse_until_open(s, b);
    wait_for_probe(s, b);
    s.connect(b);
    s.pass(1h);
    engine::instant const lost = s.now();
    s.cut(b);
    CHECK(of(s, b).failures() == 0);
    while (!s.dials(b) && s.now() - lost < 10s) s.doze();
    CHECK(s.now() - lost <= 100ms);
    CHECK(of(s, b).now_is() == breaker::state::closed);
}

TEST_CASE("those who were turned away while a node was probed are sent as soon as it is back", "[breaker]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    refuse_until_open(s, b);
    wait_for_probe(s, b);
    auto waits = s.start("SET bar 2");
    CHECK_FALSE(waits.done());
    while (s.next() != nothing) {
    }
    s.connect(b);
    CHECK(commands(s) == std::vector{sent{b, "SET bar 2"}});
}

TEST_CASE("a node that refuses because it loads holds back nobody who waits for another", "[breaker]") {
    script s;
    std::vector<started> healthy;
    std::vector<started> loading;
    for (int at = 0; at < 200; ++at) healthy.push_back(s.start("SET bar x"));
    loading.push_back(s.start("SET foo x"));
    // The whole cluster is down, then only the node of foo is still loading.
    bool down = true;
    engine::instant const began = s.now();
    while (s.now() - began < 4s) {
        down = s.now() - began < 1s;
        if (!down && s.now() - began < 3s) loading.push_back(s.start("SET foo x"));
        for (sent one = s.next(); one != nothing; one = s.next()) {
            if (one.bytes.starts_with(wire("CLUSTER SLOTS"))) {
                s.receive(one.to, usual_layout());
                continue;
            }
            std::string const reply = one.to == a ? "-LOADING x\r\n"
                                      : down      ? "-CLUSTERDOWN x\r\n"
                                                  : "+OK\r\n";
            for (std::size_t at = one.bytes.find("SET"); at != std::string::npos;
                 at = one.bytes.find("SET", at + 3))
                s.receive(one.to, reply);
        }
        s.doze();
    }
    unsigned served = 0;
    for (auto const& one : healthy) served += one.done() ? 1 : 0;
    CHECK(served == healthy.size());
}
