// What the engine makes of connections that end while their node is well, and of attempts that meet silence:
// byte for byte.
#include <umbel/engine/node_supervisor.hpp>

#include "support/script_commands.hpp"
#include "unit/engine/control_plane.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

engine::node const& of(script& s, std::string_view node) { return s.core().nodes()[s.number(node)]; }

script_options doubting() {
    script_options options;
    options.link.doubt_after = 150ms;
    return options;
}
std::string const b_replaced = cluster_slots({{0, 5460, {d}}, {5461, 10922, {c}}, {10923, 16383, {a, e}}});

}  // namespace

TEST_CASE("a link that has served a reply and is cut is opened again after the first delay, however often",
          "[opening]") {
    script s;
    for (int round = 0; round < 40; ++round) {
        auto get = s.start("GET bar", reading);
        for (int i = 0; i < 100 && !get.done(); ++i) {
            for (sent const& seen : commands(s)) s.receive(seen.to, "$1\r\nx\r\n");
            s.pass(1ms);
        }
        REQUIRE(get.good());
        s.pass(200ms);
        commands(s);
        engine::instant const cut = s.now();
        unsigned const before = s.connection(b);
        s.cut(b);
        while (s.connection(b) == before && s.now() - cut < 2s) s.pass(1ms);
        CHECK(s.now() - cut <= 21ms);
        CHECK(of(s, b).breaker.failures() == 0);
    }
    CHECK(s.core().counters().breakers_opened == 0);
}

TEST_CASE("a link that ends before it has replied to anything counts as a failure, again and again",
          "[opening]") {
    script_options options;
    options.engine.budget.percent = 1000;
    script s{options};
    unsigned cuts = 0;
    for (int i = 0; i < 5000 && s.core().counters().breakers_opened == 0; ++i) {
        if (i % 10 == 0) s.start("GET bar", {.flags = cluster::command_flags::read_only, .timeout = 1s});
        for (sent const& seen : commands(s))
            if (s.connected(seen.to) && seen.to == b) s.cut(b), ++cuts;
        s.pass(1ms);
    }
    CHECK(s.core().counters().breakers_opened == 1);
    CHECK(cuts <= 5);
}

TEST_CASE("an unused link that lives longer than the pause before it is no failure, one that ends at once is",
          "[opening]") {
    script s;
    s.start("GET bar");
    commands(s);
    s.receive(b, "$1\r\nx\r\n");
    s.cut(b);
    auto const reopen = [&] {
        engine::instant const cut = s.now();
        unsigned const before = s.connection(b);
        while (s.connection(b) == before && s.now() - cut < 5s) s.pass(1ms);
        return s.now() - cut;
    };
    reopen();
    for (int i = 0; i < 20; ++i) {
        s.pass(250ms);
        commands(s);
        s.cut(b);
        CHECK(reopen() <= 21ms);
    }
    engine::duration longest{};
    for (int i = 0; i < 12; ++i) {
        commands(s);
        s.cut(b);
        longest = std::max(longest, reopen());
    }
    CHECK(longest >= 500ms);
    CHECK(s.core().counters().breakers_opened == 0);
    CHECK(of(s, b).breaker.failures() == 0);
}

TEST_CASE(
    "the topology is asked for while a connection attempt meets silence, and who waits goes to the one that "
    "has taken over",
    "[opening]") {
    for (bool const was_up : {false, true}) {
        script s{doubting()};
        s.pass(1s);
        if (was_up) {
            s.start("GET bar");
            commands(s);
            s.receive(b, "$1\r\nx\r\n");
        }
        s.connects_by_itself(false);
        if (was_up) s.cut(b);
        while (was_up && !s.dials(b)) s.pass(1ms);
        for (int i = 0; i < 100; ++i) commands(s), s.pass(10ms);
        commands(s);
        auto set = s.start("SET bar 1");
        REQUIRE(s.dials(b));
        // Nobody has taken over yet: it is asked again and again.
        for (int i = 0; i < 3; ++i) {
            s.pass(150ms);
            CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
            s.receive(a, usual_layout());
        }
        s.connects_by_itself(true);
        s.pass(150ms);
        CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
        s.receive(a, b_replaced);
        s.pass(10ms);
        CHECK(commands(s, b_replaced) == std::vector{sent{d, "SET bar 1"}});
        s.receive(d, "+OK\r\n");
        CHECK(set.value() == "OK");
        CHECK_FALSE(s.dials(b));
    }
}

TEST_CASE("a probe that is called off because its node serves nothing any more leaves the breaker as it was",
          "[opening]") {
    script s;
    s.connects_by_itself(false);
    s.start("SET bar 1", {.timeout = 100ms});
    while (of(s, b).breaker.now_is() != engine::circuit_breaker::state::open) {
        if (s.dials(b)) s.refuse(b);
        commands(s);
        s.pass(1ms);
    }
    while (!s.dials(b)) commands(s), s.pass(1ms);
    CHECK(of(s, b).breaker.now_is() == engine::circuit_breaker::state::half_open);
    commands(s);
    s.happens(engine::refresh_wanted{});
    // Still a member, as a replica of the one that has taken over.
    std::string const demoted =
        cluster_slots({{0, 5460, {d, b}}, {5461, 10922, {c}}, {10923, 16383, {a, e}}});
    for (int i = 0; i < 500 && s.owner(5061) != d; ++i) commands(s, demoted), s.pass(1ms);
    REQUIRE(s.owner(5061) == d);
    CHECK(of(s, b).breaker.refuses());
    CHECK(of(s, b).breaker.failures() == 5);
}

// ---- The supervisor alone -----------------------------------------------------------------------

TEST_CASE("an event of an older attempt changes nothing", "[supervisor]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    plane.open(number);
    engine::link_lost old{{number, engine::link_mode::primary}, 0, errc::connection_lost, "late"};
    CHECK_FALSE(plane.links.on(old, plane.begin).current);
    CHECK(is_up(plane.node(number).link(engine::link_mode::primary)));
    CHECK(plane.shared.counters.disconnects == 0);
}

TEST_CASE("the pause before the next attempt grows with each failure, and the breaker opens at its bound",
          "[supervisor]") {
    engine::engine_options options = control_plane::usual();
    options.breaker_failures = 3;
    control_plane plane{std::move(options)};
    std::uint16_t const number = plane.add("10.0.0.1");
    engine::link_status& link = plane.node(number).link(engine::link_mode::primary);
    engine::instant now = plane.begin;
    for (unsigned failure = 1; failure <= 3; ++failure) {
        plane.links.open({number, engine::link_mode::primary}, now);
        plane.lose(number, now);
        CHECK(link.failures == failure);
        CHECK(link.retry_at > now);
        now = link.retry_at;
    }
    CHECK(plane.node(number).breaker.refuses());
    CHECK(plane.shared.counters.breakers_opened == 1);
    plane.links.open({number, engine::link_mode::primary}, now);
    engine::link_opened opened;
    opened.link = {number, engine::link_mode::primary};
    opened.generation = link.generation;
    CHECK(plane.links.on(opened, now).node_came_back);
    CHECK_FALSE(plane.unhealthy(number));
}

TEST_CASE("a member's loss wants a topology, a stranger's does not", "[supervisor]") {
    control_plane plane;
    std::uint16_t const stranger = plane.add("10.0.0.1"), member = plane.add("10.0.0.2");
    plane.node(member).member = true;
    plane.open(stranger);
    plane.open(member);
    CHECK_FALSE(plane.lose(stranger, plane.begin + 1s, engine::link_loss::served).wants_topology);
    CHECK(plane.lose(member, plane.begin + 1s, engine::link_loss::served).wants_topology);
}

TEST_CASE("a link is told to close once, and reports when it has", "[supervisor]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    plane.open(number);
    plane.shared.actions.clear();
    plane.links.shut_all(number);
    plane.links.shut_all(number);
    REQUIRE(plane.shared.actions.size() == 1);
    // Unless it has to end before it has drained.
    plane.links.shut({number, engine::link_mode::primary}, errc::connection_lost);
    REQUIRE(plane.shared.actions.size() == 2);
    CHECK(std::get<engine::close_link>(plane.shared.actions.back()).why == errc::connection_lost);
    auto const& closing = std::get<engine::close_link>(plane.shared.actions.front());
    engine::link_closed closed{closing.link, closing.generation};
    CHECK(plane.links.on(closed, plane.begin).current);
    CHECK(plane.node(number).link(engine::link_mode::primary).state == engine::link_state::idle);
}
