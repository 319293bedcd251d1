// Where MOVED and ASK send calls: the rows of the table of cluster semantics on redirects, byte for byte.
#include <umbel/engine/dispatcher.hpp>

#include "support/script.hpp"

using namespace umbel;
using namespace umbel::test;
using cluster::slot;

// ---- MOVED --------------------------------------------------------------------------------------

TEST_CASE("MOVED is followed at once, patches that slot, and has the topology asked for", "[redirects]") {
    script s;
    s.pass(1s);
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    CHECK(s.owner(12182) == b);
    CHECK(s.owner(12183) == a);
    CHECK(s.next() == sent{b, "GET foo"});
    sent const query = s.next();
    CHECK(query.bytes == "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n");
    s.receive(b, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    CHECK(s.core().counters().moved == 1);
}

TEST_CASE("MOVED with an empty host points to the host that replied", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 :7001\r\n");
    CHECK(s.next() == sent{"10.0.0.1:7001", "GET foo"});
    CHECK(s.owner(12182) == "10.0.0.1:7001");
    s.receive("10.0.0.1:7001", "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("MOVED to an unknown host waits for a refresh, which knows better", "[redirects]") {
    script s;
    s.pass(1s);
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 ?:6379\r\n");
    CHECK_FALSE(get.done());
    CHECK(s.owner(12182) == a);
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, cluster_slots({{0, 10922, {b}}, {10923, 16383, {c}}}));
    CHECK(s.next() == sent{c, "GET foo"});
    s.receive(c, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("MOVED to an IPv6 address is split at the last colon", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, "-MOVED 12182 2001:db8::7:6380\r\n");
    CHECK(s.next() == sent{"[2001:db8::7]:6380", "GET foo"});
    s.receive("[2001:db8::7]:6380", "$-1\r\n");
    CHECK(get.value() == "(nil)");
}

TEST_CASE("a failover moves the whole shard with one MOVED", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-MOVED 12182 10.0.0.4:6379\r\n");
    CHECK(s.next() == sent{d, "GET foo"});
    for (unsigned slot = 10923; slot <= 16383; ++slot) REQUIRE(s.owner(slot) == d);
    CHECK(s.owner(10922) == c);
    s.receive(d, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    auto other = s.start("GET k1");  // 12706, which nobody has spoken of.
    CHECK(s.next() == sent{d, "GET k1"});
    s.receive(d, "$1\r\n1\r\n");
    CHECK(other.value() == "1");
}

TEST_CASE("a redirect loop is bounded, and the error carries the trail", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    char const* at = a;
    for (int hop = 0; hop < 6; ++hop) {
        REQUIRE(s.next() == sent{at, "GET foo"});
        if (at == a && hop == 0) s.connects_by_itself(true);
        char const* const other = at == a ? b : a;
        s.pass(1ms);
        s.receive(at, "-MOVED 12182 " + std::string{other} + "\r\n");
        at = other;
    }
    REQUIRE(get.done());
    CHECK(outcome(get) == failed{errc::too_many_redirects, delivery::not_executed});
    auto const trail = get.why().trail();
    REQUIRE(trail.size() == 5);
    for (std::size_t hop = 0; hop < 5; ++hop) {
        CHECK(trail[hop].node == (hop % 2 == 0 ? a : b));
        CHECK(trail[hop].reason == errc::moved);
        CHECK(trail[hop].spent == 1ms);
    }
    CHECK(get.why().slot() == 12182);
}

TEST_CASE("a source that says ASK and a target that says MOVED come to agree, and the command passes",
          "[redirects]") {
    script_options patient;
    patient.engine.judging.redirects_max = patient.pipeline.judging.redirects_max = 16;
    script s{patient};
    auto get = s.start("INCR foo");
    for (int turn = 0; turn < 3; ++turn) {
        REQUIRE(s.next() == sent{a, "INCR foo"});
        s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
        if (turn == 2) break;
        REQUIRE(s.next() == sent{b, "ASKING", "INCR foo"});
        s.receive(b, "+OK\r\n-MOVED 12182 10.0.0.1:6379\r\n");
    }
    // The sixth redirect in a row: the slot has its owner by the time that the command is sent again.
    REQUIRE(s.next() == sent{b, "ASKING", "INCR foo"});
    s.receive(b, "+OK\r\n-MOVED 12182 10.0.0.1:6379\r\n");
    CHECK(s.next() == nothing);
    s.pass(100ms);
    REQUIRE(s.next() == sent{a, "INCR foo"});
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    s.pass(100ms);
    REQUIRE(s.next() == sent{b, "INCR foo"});
    s.receive(b, ":1\r\n");
    CHECK(get.value() == "1");
}

TEST_CASE("a policy that follows nothing surfaces MOVED with slot and node", "[redirects]") {
    script s{script_options{}.judged_by(cluster::surface_redirects{})};
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    CHECK(outcome(get) == failed{errc::moved, delivery::not_executed});
    CHECK(get.why().slot() == 12182);
    CHECK(get.why().node() == b);
    CHECK(get.why().message() == "MOVED 12182 10.0.0.2:6379");
    CHECK(s.owner(12182) == a);
    CHECK(s.next() == nothing);
}

// ---- ASK ----------------------------------------------------------------------------------------

TEST_CASE("ASK is obeyed once and teaches the slot table nothing", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "ASKING", "GET foo"});
    s.receive(b, "+OK\r\n$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    CHECK(s.owner(12182) == a);
    auto again = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$3\r\nbaz\r\n");
    CHECK(again.value() == "baz");
    CHECK(s.core().counters().refreshes == 1);
}

TEST_CASE("commands behind an asking one keep their replies", "[redirects]") {
    script s;
    auto first = s.start("GET foo");
    s.next();
    s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
    auto second = s.start("GET bar");
    CHECK(s.next() == sent{b, "ASKING", "GET foo"});
    CHECK(s.next() == sent{b, "GET bar"});
    s.receive(b, "+OK\r\n$1\r\n1\r\n$1\r\n2\r\n");
    CHECK(first.value() == "1");
    CHECK(second.value() == "2");
}

TEST_CASE("a refused ASKING is told by the command's own reply", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
    s.next();
    s.receive(b, "-ERR This instance has cluster support disabled\r\n$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("an ASK to a node that refuses is routed anew from the table, without ASKING", "[redirects]") {
    script s;
    s.connects_by_itself(false);
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
    REQUIRE(s.dials(b));
    s.refuse(b);
    s.pass(20ms);
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("a stranded ASKING still goes where the ASK pointed", "[redirects]") {
    // A driver may meet a link that is not open yet: it hands the call back, and the engine places it again.
    script s;
    s.connects_by_itself(false);
    auto get = s.start("GET foo");
    s.next();
    s.receive(a, "-ASK 12182 10.0.0.2:6379\r\n");
    engine::call_list taken;
    s.pipe(b).take_all(taken);
    engine::calls_parked back{std::move(taken)};
    s.happens(std::move(back));
    s.connect(b);
    CHECK(s.next() == sent{b, "ASKING", "GET foo"});
    s.receive(b, "+OK\r\n$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("ASK with an empty host points to the host that replied", "[redirects]") {
    script s;
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "-ASK 12182 :6380\r\n");
    CHECK(s.next() == sent{"10.0.0.1:6380", "ASKING", "GET foo"});
    s.receive("10.0.0.1:6380", "+OK\r\n$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("a redirect under EXECABORT is followed by the whole, and other reasons for it are told",
          "[redirects]") {
    script s;
    auto exec = s.start("SET foo 1");
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.receive(a, "-EXECABORT Transaction discarded because of: MOVED 12182 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b, "SET foo 1"});
    CHECK(s.owner(12182) == b);
    s.receive(b, "-EXECABORT Transaction discarded because of: ASK 12182 10.0.0.3:6379\r\n");
    CHECK(s.next() == sent{c, "ASKING", "SET foo 1"});
    s.receive(c, "+OK\r\n+OK\r\n");
    CHECK(exec.value() == "OK");
    auto discarded = s.start("SET bar 1");
    CHECK(s.next().bytes == wire("SET bar 1"));
    s.receive(b, "-EXECABORT Transaction discarded because of previous errors.\r\n");
    CHECK(outcome(discarded) == failed{errc::exec_aborted, delivery::not_executed});
}
