// Connections that are refused, lost, silent or closed: what becomes of the calls on them, byte for byte.
#include <umbel/engine/engine.hpp>

#include "support/script_commands.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("a command that met a refused connection was not sent, and goes on when the topology says where",
          "[losses]") {
    script s;
    s.connects_by_itself(false);
    s.pass(1s);
    auto set = s.start("SET bar 1");
    REQUIRE(s.dials(b));
    s.refuse(b);
    CHECK_FALSE(set.done());
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.connects_by_itself(true);
    s.receive(a, cluster_slots({{0, 5460, {c}}, {5461, 10922, {c}}, {10923, 16383, {a, d, e}}}));
    CHECK(s.next() == sent{c, "SET bar 1"});
    s.receive(c, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("commands to a node that stays away fail as not sent when their deadline comes, and never before",
          "[losses]") {
    script s;
    s.connects_by_itself(false);
    auto set = s.start("SET bar 1", {.timeout = 300ms});
    engine::instant const begun = s.now();
    while (!set.done() && s.now() < begun + 1s) {
        if (s.dials(b)) s.refuse(b);
        commands(s);
        s.pass(1ms);
    }
    CHECK(outcome(set) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(s.now() - begun >= 300ms);
    CHECK(s.now() - begun <= 320ms);
    REQUIRE_FALSE(set.why().trail().empty());
    CHECK(set.why().trail()[0].node == b);
    CHECK(set.why().trail()[0].reason == errc::connect_failed);
    CHECK(s.dialled() < 30);
}

TEST_CASE("commands queued behind a connection attempt are refused as not sent, every one", "[losses]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    s.connects_by_itself(false);
    auto first = s.start("SET bar 1");
    auto second = s.start("SET bar 2");
    s.refuse(b);
    CHECK(outcome(first) == failed{errc::connect_failed, delivery::not_sent});
    CHECK(outcome(second) == failed{errc::connect_failed, delivery::not_sent});
    // Also while the link is down, and when the handshake itself is cut.
    auto third = s.start("SET bar 3");
    CHECK(outcome(third) == failed{errc::connect_failed, delivery::not_sent});
}

TEST_CASE("a connection that is not there in time counts as refused", "[losses]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    s.connects_by_itself(false);
    auto set = s.start("SET bar 1");
    s.pass(1999ms);
    CHECK_FALSE(set.done());
    s.pass(10ms);
    CHECK(outcome(set) == failed{errc::connect_failed, delivery::not_sent});
}

TEST_CASE(
    "a sent write whose connection is lost may have run, and is not sent again, though it be idempotent",
    "[losses]") {
    for (call_options const& wanted : {call_options{}, idempotent}) {
        script s;
        auto set = s.start("SET foo 1", wanted);
        CHECK(s.next() == sent{a, "SET foo 1"});
        s.cut(a);
        CHECK(outcome(set) == failed{errc::connection_lost, delivery::unknown});
        CHECK(set.why().node() == a);
        s.pass(1s);
        for (sent const& seen : commands(s)) CHECK(seen.bytes != wire("SET foo 1"));
    }
}

TEST_CASE(
    "reads are sent again when their connection is lost, and idempotent writes where the user wants that",
    "[losses]") {
    for (call_options const& wanted : {reading, idempotent}) {
        script_options options;
        bool const reads = has(wanted.flags, cluster::command_flags::read_only);
        if (!reads) options.repeating(retry_unknown::idempotent);
        script s{std::move(options)};
        s.pass(1s);
        auto get = s.start("GETX foo", wanted);
        CHECK(s.next() == sent{a, "GETX foo"});
        s.cut(a);
        s.pass(50ms);
        CHECK(commands(s) == std::vector{sent{a, "GETX foo"}});
        s.receive(a, "$3\r\nbar\r\n");
        CHECK(get.value() == "bar");
        CHECK(s.core().counters().retried >= 1);
    }
}

TEST_CASE("with retry_unknown never a read that was sent fails as unknown, and what was not sent goes on",
          "[losses]") {
    script_options options;
    options.repeating(retry_unknown::never);
    script s{std::move(options)};
    s.pass(1s);
    auto get = s.start("GET foo", reading);
    CHECK(s.next() == sent{a, "GET foo"});
    s.block(a, 0);
    auto set = s.start("SET foo 1");
    s.cut(a);
    CHECK(outcome(get) == failed{errc::connection_lost, delivery::unknown});
    s.pass(50ms);
    CHECK(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.receive(a, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("with retry_unknown always a plain write is sent again though it may have run", "[losses]") {
    script_options options;
    options.repeating(retry_unknown::always);
    script s{std::move(options)};
    s.pass(1s);
    auto incr = s.start("INCR foo");
    CHECK(s.next() == sent{a, "INCR foo"});
    s.cut(a);
    s.pass(50ms);
    CHECK(commands(s) == std::vector{sent{a, "INCR foo"}});
    s.receive(a, ":2\r\n");
    CHECK(incr.value() == "2");
}

TEST_CASE("a write that was queued but not sent is routed anew when its connection is lost", "[losses]") {
    script s;
    s.pass(1s);
    s.block(a, 0);
    auto set = s.start("SET foo 1");
    CHECK(s.next() == nothing);
    s.cut(a);
    s.pass(50ms);
    CHECK(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.receive(a, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("a write of which the last byte is missing never ran", "[losses]") {
    std::string const bytes = wire("SET foo 1");
    for (std::size_t taken = 0; taken <= bytes.size(); ++taken) {
        INFO(taken << " bytes were taken");
        script s{script_options{}.judged_by(cluster::surface_redirects{})};
        s.block(a, taken);
        auto set = s.start("SET foo 1");
        s.cut(a);
        CHECK(outcome(set) ==
              failed{errc::connection_lost, taken == bytes.size() ? delivery::unknown : delivery::not_sent});
    }
}

TEST_CASE("behind a lost connection each command knows its own delivery", "[losses]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    auto answered = s.start("SET foo 1");
    auto whole = s.start("SET foo 2");
    s.block(a, 10);
    auto half = s.start("SET foo 3");
    auto none = s.start("SET foo 4");
    s.receive(a, "+OK\r\n");
    s.cut(a);
    CHECK(answered.value() == "OK");
    CHECK(outcome(whole) == failed{errc::connection_lost, delivery::unknown});
    CHECK(outcome(half) == failed{errc::connection_lost, delivery::not_sent});
    CHECK(outcome(none) == failed{errc::connection_lost, delivery::not_sent});
}

TEST_CASE("after a loss the new connection begins with whole commands", "[losses]") {
    script s;
    s.pass(1s);
    s.block(a, 7);
    auto set = s.start("SET foo 1");
    CHECK(s.next().bytes == "*3\r\n$3\r");
    s.cut(a);
    s.pass(50ms);
    CHECK(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.receive(a, "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE("half a reply dies with its connection", "[losses]") {
    script s;
    s.pass(1s);
    auto get = s.start("GET foo", reading);
    s.next();
    s.receive(a, "$11\r\nhello ");
    s.cut(a);
    s.pass(50ms);
    auto const seen = commands(s);
    REQUIRE(seen.size() == 1);
    s.receive(a, "$5\r\nwhole\r\n");
    CHECK(get.value() == "whole");
}

TEST_CASE("a replica that is lost is left for another one at once", "[losses]") {
    script s;
    auto get =
        s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::prefer_replica});
    std::string const first = s.next().to;
    s.receive(first, "+OK\r\n");
    CHECK(s.next() == sent{first, "GET foo"});
    s.cut(first);
    std::string const other = first == d_reads ? e_reads : d_reads;
    CHECK(s.next() == sent{other, "READONLY"});
    s.receive(other, "+OK\r\n");
    CHECK(s.next() == sent{other, "GET foo"});
    s.receive(other, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE(
    "a frozen node is noticed by an unanswered PING, its commands are told apart, and it is connected again",
    "[losses]") {
    script_options options;
    options.link.probe_after = 1s;
    options.link.probe_timeout = 2s;
    script s{options};
    s.pass(900ms);
    auto set = s.start("SET foo 1", {.timeout = 10s});
    auto get = s.start("GET foo", {.flags = cluster::command_flags::read_only, .timeout = 10s});
    CHECK(s.next() == sent{a, "SET foo 1"});
    CHECK(s.next() == sent{a, "GET foo"});
    s.pass(200ms);
    CHECK(s.next() == sent{a, "PING umbel-00000001"});
    s.pass(1800ms);
    CHECK_FALSE(set.done());
    s.pass(200ms);
    CHECK(outcome(set) == failed{errc::connection_lost, delivery::unknown});
    CHECK_FALSE(get.done());
    s.pass(100ms);
    CHECK(commands(s) == std::vector{sent{a, "GET foo"}});
    s.receive(a, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("any byte answers a PING, and its late reply belongs to nobody else", "[losses]") {
    script_options options;
    options.link.probe_after = 1s;
    script s{options};
    auto first = s.start("GET foo");
    s.next();
    s.pass(1001ms);
    CHECK(s.next() == sent{a, "PING umbel-00000001"});
    auto second = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$1\r\n1\r\n+PONG\r\n$1\r\n2\r\n");
    CHECK(first.value() == "1");
    CHECK(second.value() == "2");
    s.pass(500ms);
    CHECK(s.connected(a));
}

TEST_CASE("deadlines that pass in silence end a connection before its probe does", "[losses]") {
    script_options options;
    options.link.probe_after = 1s;
    options.link.probe_timeout = 60s;
    options.link.silent_timeouts_max = 3;
    script s{options};
    s.start("GET foo", {.timeout = 500ms});
    s.start("GET foo", {.timeout = 600ms});
    s.pass(1200ms);
    CHECK(s.core().counters().disconnects == 0);
    s.start("GET foo", {.timeout = 100ms});
    s.pass(200ms);
    CHECK(s.core().counters().disconnects == 1);
    s.pass(50ms);
    CHECK(s.connected(a));
}

TEST_CASE("of a node that is silent while commands wait, others are asked", "[losses]") {
    script_options options;
    options.link.doubt_after = 150ms;
    script s{options};
    s.start("GET bar");
    s.receive(b, "$1\r\n1\r\n");
    auto get = s.start("GET foo", reading);
    while (!(s.next() == nothing)) {
    }
    s.pass(149ms);
    CHECK(s.next() == nothing);
    s.pass(1ms);
    CHECK(s.next() == sent{b, "CLUSTER SLOTS"});
    s.receive(b, cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {d, e}}}));
    CHECK(s.owner(12182) == d);
    CHECK_FALSE(get.done());
}

TEST_CASE("a node that left the cluster gets no new commands, drains, and is closed", "[losses]") {
    script s;
    auto slow = s.start("GET bar");
    CHECK(s.next() == sent{b, "GET bar"});
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}}));
    auto moved_on = s.start("GET bar");
    CHECK(s.next() == sent{c, "GET bar"});
    CHECK(s.connected(b));
    s.receive(b, "$3\r\nold\r\n");
    CHECK(slow.value() == "old");
    CHECK_FALSE(s.connected(b));
    s.receive(c, "$3\r\nnew\r\n");
    CHECK(moved_on.value() == "new");
}

TEST_CASE("a draining connection closes although its last command was given up before it was sent",
          "[losses]") {
    script s;
    auto first = s.start("GET bar");
    s.block(b, 0);
    auto second = s.start("GET bar");
    auto third = s.start("GET bar");
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    s.receive(a, cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}}));
    s.cancel(third);
    CHECK(outcome(third) == failed{errc::cancelled, delivery::not_sent});
    s.receive(b, "$3\r\nold\r\n");
    CHECK(first.value() == "old");
    CHECK(s.connected(b));
    s.unblock(b);
    s.receive(b, "$5\r\nolder\r\n");
    CHECK(second.value() == "older");
    CHECK_FALSE(s.connected(b));
}

TEST_CASE("unsolicited data closes the connection with protocol_error; push frames do not", "[losses]") {
    script s;
    s.receive(a, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n");
    CHECK(s.connected(a));
    s.receive(a, "+OK\r\n");
    CHECK_FALSE(s.connected(a));
    CHECK(s.core().counters().disconnects == 1);
    s.pass(50ms);
    CHECK(s.connected(a));
}

TEST_CASE("junk in a reply ends the connection: the sent command may have run, the next one has not",
          "[losses]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    auto first = s.start("SET foo 1");
    s.next();
    s.block(a, 0);
    auto second = s.start("SET foo 2");
    s.receive(a, "?what\r\n");
    CHECK(outcome(first) == failed{errc::protocol_error, delivery::unknown});
    CHECK(outcome(second) == failed{errc::protocol_error, delivery::not_sent});
}
