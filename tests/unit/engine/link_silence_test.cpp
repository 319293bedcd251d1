// What a link makes of time and silence: connect timeout, deadlines, PING, doubt.
#include <umbel/engine/link.hpp>

#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>

using namespace umbel;
using namespace umbel::test;
using namespace umbel::test::wiring;
using phase = engine::connection_phase;

namespace {

/// A command that takes the elements of its reply one by one, as client::for_each() does.
struct taking : engine::call {
    unsigned taken = 0;
    bool ended = false;

    explicit taking(engine::duration within) {
        static constexpr std::string_view text = "*2\r\n$7\r\nHGETALL\r\n$1\r\nh\r\n";
        static constexpr engine::call_kind noting{
            .decode = [](engine::call& self, resp::view const&) noexcept { of(self).ended = true; },
            .fail = [](engine::call& self, error&&) noexcept { of(self).ended = true; },
            .complete = [](engine::call&) {},
            .drop = [](engine::call&) noexcept {},
            .element = [](engine::call& self, resp::view const&) noexcept { return ++of(self).taken, true; }};
        kind = &noting;
        bytes = text.data();
        size = static_cast<std::uint32_t>(text.size());
        flags = cluster::command_flags::read_only;
        form.elements = 1;
        timeout = within;
    }
    static taking& of(engine::call& call) noexcept { return static_cast<taking&>(call); }
};
engine::link_options patient() {
    engine::link_options made = usual;
    made.large_reply_timeout = 60s;
    return made;
}
/// A connection that serves.
struct serving : wired {
    explicit serving(engine::link_options const& options) : wired{options} {
        dial();
        link.connected(now);
    }
    /// Sends a command that takes the elements of its reply one by one.
    void ask(taking& all) {
        link.accept(all, now);
        written();
    }
    /// Nothing comes: the connection ends after this time, and not before.
    bool ends_in(engine::duration span) { return pass_in_steps(span - 1ns) && !pass_in_steps(1ns); }
};

}  // namespace

TEST_CASE("a connection must stand and have greeted in time", "[link]") {
    for (bool const greets : {false, true}) {
        wired w;
        auto plan = plain();
        plan.identity = std::make_shared<umbel::credentials const>("", "secret");
        w.dial(plan);
        CHECK(w.link.next_due() == w.now + 2s);
        CHECK(w.pass(1999ms));
        if (greets) w.link.connected(w.now);
        CHECK_FALSE(w.pass(1ms));
        CHECK(w.link.why() == errc::connect_failed);
    }
}

TEST_CASE("deadlines pass while a connection comes about", "[link]") {
    wired w;
    w.dial();
    auto set = w.start("SET foo 1", {.timeout = 100ms});
    CHECK(w.link.next_due() == w.now + 100ms);
    CHECK(w.pass(100ms));
    CHECK(outcome(set) == failed{errc::deadline_exceeded, delivery::not_sent});
}

TEST_CASE("silence is probed by one PING, and ends the connection when that is not answered", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    w.start("GET foo");
    w.written();
    CHECK(w.link.next_due() == w.now + 1s);
    CHECK(w.pass(999ms));
    CHECK(w.written().empty());
    CHECK(w.pass(1ms));
    CHECK(is_ping(w.written()));
    CHECK(w.link.next_due() == w.now + 2s);
    CHECK(w.pass(1s));
    CHECK(w.written().empty());
    SECTION("no answer") {
        CHECK_FALSE(w.pass(1s));
        CHECK(w.link.why() == errc::connection_lost);
        CHECK(w.link.message() == "the node did not answer a PING");
    }
    SECTION("an answer to something before it") {
        w.receive("$3\r\nbar\r\n");
        CHECK(w.pass(999ms));
        CHECK(w.receive("+PONG\r\n") == progress::drained);
        CHECK(w.pass(1s));
        CHECK(is_ping(w.written()));
    }
    SECTION("an answer that never becomes whole is still a sign of life") {
        w.receive("$3\r\n");
        CHECK(w.pass(1s));
        CHECK(w.written().empty());  // The first PING is still under way.
        CHECK_FALSE(w.pass(2s));
    }
}

TEST_CASE("a process that was stopped for long asks first, and gives the node its time to answer", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    for (int stop = 0; stop < 2; ++stop) {
        CHECK(w.pass(1min));  // Nobody looked meanwhile: the PING is only sent now.
        CHECK(is_ping(w.written()));
        CHECK(w.link.next_due() == w.now + 2s);
        CHECK(w.pass(1999ms));
        w.receive("+PONG\r\n");
    }
    CHECK(w.pass(1min));
    CHECK(is_ping(w.written()));
    CHECK(w.pass(1999ms));
    CHECK_FALSE(w.pass(1ms));
    CHECK(w.link.message() == "the node did not answer a PING");
}

TEST_CASE("deadlines that pass soon after a long quiet are no long silence", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    CHECK(w.pass(1s));
    CHECK(is_ping(w.written()));
    w.receive("+PONG\r\n");
    CHECK(w.pass(900ms));
    for (int i = 0; i < 3; ++i) w.start("GET foo", {.timeout = 100ms});
    w.written();
    CHECK(w.pass(100ms));  // Silent for a second, but asked for a tenth of it.
    CHECK(w.link.next_due() <= w.now + 900ms);
    CHECK(w.pass(899ms));
    CHECK_FALSE(w.pass(1ms));
    CHECK(w.link.message() == "the node was silent while deadlines passed");
}

TEST_CASE("silence while commands wait is doubted again and again; silence of an idle connection is not",
          "[link]") {
    engine::link_options options = usual;
    options.probe_after = 0s;
    options.doubt_after = 150ms;
    wired w{options};
    w.dial();
    w.link.connected(w.now);
    CHECK(w.link.next_due() == engine::never);
    CHECK(w.pass(10s));
    CHECK_FALSE(w.link.doubts());
    auto get = w.start("GET foo");
    w.written();
    CHECK(w.link.next_due() == w.now + 150ms);
    CHECK(w.pass(149ms));
    CHECK_FALSE(w.link.doubts());
    CHECK(w.pass(1ms));
    CHECK(w.link.doubts());
    CHECK_FALSE(w.link.doubts());
    CHECK(w.link.next_due() == w.now + 150ms);
    CHECK(w.pass(150ms));
    CHECK(w.link.doubts());
    w.receive("$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    CHECK(w.link.next_due() == engine::never);
}

TEST_CASE("without probes a silent connection stays", "[link]") {
    engine::link_options options = usual;
    options.probe_after = 0s;
    wired w{options};
    w.dial();
    w.link.connected(w.now);
    w.start("GET foo");
    w.written();
    CHECK(w.link.next_due() == engine::never);
    CHECK(w.pass(1h));
}

TEST_CASE("a lost probe is sent anew on the next connection", "[link]") {
    wired w;
    for (int round = 0; round < 3; ++round) {
        w.dial();
        w.link.connected(w.now);
        CHECK(w.pass(1s));
        CHECK(is_ping(w.written()));
        CHECK_FALSE(w.pass(2s));
        w.lose(w.link.why());
    }
    CHECK(w.returned == 0);
}

TEST_CASE("a large command that is still on its way is a sign of life, one that is stuck is not", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    std::string const value(60000, 'v');
    w.start("SET foo " + value, {.timeout = 1h});
    std::string const all = w.written(1000);
    CHECK(all.size() == 1000);
    // Longer than the silence that ends a connection, a piece every second.
    for (int second = 0; second < 20; ++second) {
        CHECK(w.pass(1s));
        CHECK(w.written(1000).size() == 1000);
    }
    bool alive = true;
    for (int second = 0; second < 5 && alive; ++second) alive = w.pass(1s);
    CHECK_FALSE(alive);
}

TEST_CASE("a PING after a silence is no reason to doubt the node, unless it is not answered", "[link]") {
    wired w{{.connect_timeout = 2s,
             .probe_after = 1s,
             .probe_timeout = 2s,
             .silent_timeouts_max = 3,
             .doubt_after = 50ms}};
    w.dial();
    w.link.connected(w.now);
    CHECK(w.pass(1s));
    CHECK(is_ping(w.written()));
    CHECK(w.link.next_due() == w.now + 50ms);
    CHECK(w.pass(10ms));
    CHECK_FALSE(w.link.doubts());
    w.receive("+PONG\r\n");
    CHECK(w.pass(1s));
    CHECK_FALSE(w.link.doubts());
    CHECK(w.pass(60ms));
    CHECK(w.link.doubts());
}

TEST_CASE(
    "a PING that is answered, and stands behind a handler which runs for long, is not sent again, and loses "
    "nobody behind it",
    "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    auto first = w.start("GET a");
    w.written();
    CHECK(w.pass(1s));
    CHECK(is_ping(w.written()));
    auto second = w.start("GET b");
    auto third = w.start("GET c");
    w.written();
    auto const room = w.link.space();
    std::string_view const replies = "+1\r\n+PONG\r\n+2\r\n+3\r\n";
    std::copy_n(replies.data(), replies.size(), room.data());
    w.link.arrived(replies.size(), w.now);
    CHECK(w.link.settle(100, w.now) == progress::drained);
    // The handler of the first one runs the executor itself: a second of silence, and another command
    // meanwhile.
    engine::call_list outer = std::move(w.link.pipe().finished());
    outer.pop()->kind->complete(first.call());
    auto inside = w.start("GET d");
    CHECK(w.pass(1s));
    CHECK(w.written() == wire("GET d"));
    CHECK(w.receive("+4\r\n") == progress::drained);
    CHECK(inside.value() == "4");
    while (engine::call* const call = outer.pop()) call->kind->complete(*call);
    CHECK(second.value() == "2");
    CHECK(third.value() == "3");
    // From now on it may be sent again.
    w.start("GET e");
    w.written();
    CHECK(w.pass(1s));
    CHECK(is_ping(w.written()));
}

TEST_CASE("a node that makes a large reply is silent for as long as that may take", "[link]") {
    serving w{patient()};
    taking all{10s};
    w.start("GET foo");
    w.link.accept(all, w.now);
    w.written();
    w.start("GET bar", {.timeout = 500ms});
    w.start("GET bar", {.timeout = 500ms});
    auto const last = w.start("GET bar", {.timeout = 500ms});
    w.written();
    // Others' deadlines pass meanwhile, and a PING is not answered.
    CHECK(w.pass_in_steps(10s - 1ns));
    CHECK(is_ping(w.written()));
    CHECK(outcome(last) == failed{errc::deadline_exceeded, delivery::unknown});
    SECTION("it answers, and what follows it is as always") {
        CHECK(w.receive("$1\r\nx\r\n*2\r\n+a\r\n+b\r\n") == progress::drained);
        CHECK(all.taken == 2);
        CHECK(all.ended);
        CHECK(w.receive("+1\r\n+2\r\n+3\r\n+PONG\r\n") == progress::drained);
        w.start("GET foo");
        w.written();
        CHECK(w.pass_in_steps(3s - 1ns));
        CHECK_FALSE(w.pass_in_steps(1ns));
    }
    SECTION("it does not in time, and the connection ends with the command") {
        CHECK_FALSE(w.pass_in_steps(1ns));
        CHECK(all.ended);
        CHECK(w.link.why() == errc::connection_lost);
    }
}

TEST_CASE("a dead node is not waited for without end, whatever was asked of it", "[link]") {
    serving w{patient()};
    taking all{0s};
    w.link.accept(all, w.now);
    w.written();
    CHECK(w.pass_in_steps(60s - 1ns));
    CHECK_FALSE(w.pass_in_steps(1ns));
    w.lose(errc::connection_lost);
    CHECK(all.ended);
}

TEST_CASE("a reply whose elements have begun to come excuses no silence", "[link]") {
    serving w{patient()};
    taking all{0s};
    w.ask(all);
    CHECK(w.pass_in_steps(20s));
    CHECK(w.receive("*3\r\n$1\r\na\r\n") == progress::drained);
    CHECK(all.taken == 1);
    CHECK(w.ends_in(3s));
}

TEST_CASE("a large reply that is asked for in a silence does not excuse it", "[link]") {
    engine::link_options options = patient();
    SECTION("that a PING has shown") {
        serving w{options};
        CHECK(w.pass_in_steps(1s));
        taking all{0s};
        w.ask(all);
        CHECK(w.ends_in(2s));
    }
    SECTION("that a doubt has shown") {
        options.doubt_after = 150ms;
        serving w{options};
        w.start("GET foo");
        w.written();
        CHECK(w.pass_in_steps(150ms));
        taking all{0s};
        w.ask(all);
        CHECK(w.ends_in(2850ms));
    }
    SECTION("but the next one, once the node was heard") {
        serving w{options};
        CHECK(w.pass_in_steps(1s));
        taking all{0s};
        w.ask(all);
        CHECK(w.pass_in_steps(1s));
        CHECK(w.receive("+PONG\r\n") == progress::drained);
        CHECK(w.ends_in(60s));
    }
}

TEST_CASE("a large reply that is not asked for yet excuses nothing", "[link]") {
    serving w{patient()};
    w.start("SET foo " + std::string(60000, 'v'));
    CHECK(w.written(1000).size() == 1000);
    taking all{0s};
    w.link.accept(all, w.now);
    CHECK(w.ends_in(3s));
}

TEST_CASE("a connection attempt does not end because this process stood still", "[link]") {
    engine::link_options options = usual;
    options.doubt_after = 150ms;
    wired w{options};
    w.dial();
    CHECK(w.pass(10min));  // It was to look after 150 ms.
    CHECK(w.link.doubts());
    CHECK(w.link.next_due() == w.now + 1850ms);
    CHECK(w.pass(1849ms));
    CHECK_FALSE(w.pass(1ms));
    CHECK(w.link.why() == errc::connect_failed);
}

TEST_CASE("deadlines that pass while this process stands still are no silence of the node", "[link]") {
    serving w{usual};
    for (int nth = 0; nth < 3; ++nth) w.start("GET foo", {.timeout = 100ms});
    w.written();
    CHECK(w.pass(10min));
    CHECK(w.pass(899ms));
    CHECK_FALSE(w.pass(1ms));
    CHECK(w.link.message() == "the node was silent while deadlines passed");
}

TEST_CASE("deadlines of commands that wait for slow start pass in silence, too", "[link]") {
    wired w{engine::pipeline_options{.slow_start = 1}};
    w.dial();
    w.lose(errc::connect_failed);
    w.dial();
    for (int i = 0; i < 4; ++i) w.start("GET foo", {.timeout = 100ms});
    SECTION("the node is silent") {
        w.link.connected(w.now);
        CHECK(w.written() == wire("GET foo"));
        CHECK(w.pass_in_steps(900ms));
        CHECK_FALSE(w.pass_in_steps(100ms));
        CHECK(w.link.message() == "the node was silent while deadlines passed");
    }
    SECTION("it was not connected yet") {
        CHECK(w.pass_in_steps(1s));
        w.link.connected(w.now);
        w.start("GET foo");
        w.written();
        CHECK(w.pass_in_steps(2900ms));
    }
}

TEST_CASE("what comes before a late look counts from when it came", "[link]") {
    serving w{usual};
    w.start("GET a", {.timeout = 100ms});
    w.start("GET b", {.timeout = 100ms});
    w.written();
    w.stand_still(10min);
    SECTION("bytes") {
        CHECK(w.receive("$1\r\nx\r\n") == progress::drained);
        CHECK(w.look());
        CHECK(w.ends_in(3s));
    }
    SECTION("a new connection attempt") {
        w.lose(errc::connection_lost);
        w.dial();
        CHECK(w.look());
        CHECK(w.ends_in(2s));
        CHECK(w.link.why() == errc::connect_failed);
    }
}

TEST_CASE("a connection that has lost count of replies is closed by the echo of its next PING", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    w.start("GET a");
    w.written();
    CHECK(w.receive("$1\r\n1\r\n") == progress::drained);
    CHECK(w.pass(1s));
    CHECK(is_ping(w.written()));
    auto const next = w.start("GET b");
    w.written();
    // A reply too many has come before the echo.
    CHECK(w.receive("$1\r\n1\r\n$14\r\numbel-00000001\r\n") == progress::broken);
    CHECK(w.link.why() == errc::protocol_error);
    CHECK(w.link.message() == "a PING was answered by another command's reply");
    CHECK_FALSE(next.done());
    w.lose(w.link.why());
    CHECK(outcome(next) == failed{errc::protocol_error, delivery::unknown});
}
