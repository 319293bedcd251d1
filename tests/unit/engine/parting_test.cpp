// How the stream of a connection ends: aborted where the node may still get what its callers were told was
// lost, closed elsewhere.
#include <umbel/engine/engine.hpp>

#include "support/script.hpp"

using namespace umbel;
using namespace umbel::test;
using engine::parting;

TEST_CASE("a connection that is lost with a command unanswered is aborted", "[parting]") {
    script s;
    auto set = s.start("SET foo 1");
    CHECK(s.next() == sent{a, "SET foo 1"});
    s.cut(a);
    CHECK(outcome(set) == failed{errc::connection_lost, delivery::unknown});
    CHECK(s.parted(a) == parting::abort);
}

TEST_CASE("a connection that is lost with nothing unanswered is closed", "[parting]") {
    script s;
    auto set = s.start("SET foo 1");
    s.next();
    s.receive(a, "+OK\r\n");
    CHECK(set.value() == "OK");
    s.cut(a);
    CHECK(s.parted(a) == parting::close);
}

TEST_CASE("a command whose deadline has passed counts as unanswered until its reply comes", "[parting]") {
    for (bool const replies : {false, true}) {
        script s;
        auto set = s.start("SET foo 1", {.timeout = 10ms});
        s.next();
        s.pass(20ms);
        CHECK(outcome(set) == failed{errc::deadline_exceeded, delivery::unknown});
        CHECK_FALSE(s.parted(a));
        if (replies) s.receive(a, "+OK\r\n");
        s.cut(a);
        CHECK(s.parted(a) == (replies ? parting::close : parting::abort));
    }
}

TEST_CASE("a connection given up for silence is aborted, though nobody but the probe waits", "[parting]") {
    script_options options;
    options.link.probe_after = 1s;
    script s{options};
    s.pass(1s);
    CHECK(s.next() == sent{a, "PING umbel-00000001"});
    s.pass(2s);
    CHECK(s.parted(a) == parting::abort);
}

TEST_CASE("a connection given up because deadlines pass in silence is aborted", "[parting]") {
    script s;
    for (int i = 0; i < 3; ++i) s.start("SET foo 1", {.timeout = 10ms});
    s.pass(5s);
    CHECK(s.parted(a) == parting::abort);
}

TEST_CASE("a connection whose write is stuck is aborted: half a command must not be completed later",
          "[parting]") {
    script s;
    s.block(a, 5);
    auto set = s.start("SET foo 1");
    s.cut(a);
    CHECK_FALSE(set.done());
    CHECK(s.parted(a) == parting::abort);
}

TEST_CASE("a node that has left is served to the end, and its connection closed", "[parting]") {
    script s;
    auto set = s.start("SET foo 1");
    s.next();
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    REQUIRE(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, "+OK\r\n" + cluster_slots({{0, 5460, {b}}, {5461, 16383, {c}}}));
    CHECK(set.value() == "OK");
    s.pass(1s);
    CHECK(s.parted(a) == parting::close);
}
