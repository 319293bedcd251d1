// MOVED to the node that sent it: its name stands for another server by now, so the connection is made anew,
// and the command goes there again; byte for byte.
#include <umbel/engine/renewal.hpp>

#include "support/script.hpp"

#include <string>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr char const* to_itself = "-MOVED 12182 10.0.0.1:6379\r\n";

script_options patient() {
    script_options chosen;
    chosen.engine.judging.redirects_max = chosen.pipeline.judging.redirects_max = 16;
    return chosen;
}
/// The next write to this node that is no question about the topology.
sent next_command(script& s) {
    for (;;) {
        sent found = s.next();
        if (found.bytes != wire("CLUSTER SLOTS")) return found;
    }
}

/// The bytes of all commands that were written to `a` and not looked at yet.
std::string take_all(script& s) {
    std::string all;
    for (sent more = next_command(s); !(more == nothing); more = next_command(s)) {
        CHECK(more.to == a);
        all += more.bytes;
    }
    return all;
}

}  // namespace

TEST_CASE("MOVED to the node that sent it: a new connection first, then the command again", "[renewal]") {
    for (char const* const line : {to_itself, "-MOVED 12182 :6379\r\n"}) {
        script s;
        s.pass(1s);
        auto incr = s.start("INCR foo");
        sent const first = s.next();
        CHECK(first == sent{a, "INCR foo"});
        s.connects_by_itself(false);
        s.receive(a, line);
        CHECK_FALSE(s.connected(a));
        CHECK(s.parted(a) == engine::parting::close);
        REQUIRE(s.dials(a));
        s.connect(a);
        sent const again = next_command(s);
        CHECK(again == sent{a, "INCR foo"});
        CHECK(again.connection == first.connection + 1);
        s.receive(a, ":1\r\n");
        CHECK(incr.value() == "1");
        CHECK(s.core().counters().moved == 1);
        CHECK(s.core().counters().retried == 0);
    }
}

TEST_CASE("what is in flight on such a connection gets its replies there, what comes waits for the new one",
          "[renewal]") {
    script s;
    s.pass(1s);
    auto incr = s.start("INCR foo");
    auto sibling = s.start("SET k1 x");  // Another slot of the same node.
    CHECK(s.next() == sent{a, "INCR foo"});
    CHECK(s.next() == sent{a, "SET k1 x"});
    s.connects_by_itself(false);
    s.receive(a, to_itself);
    CHECK(s.connected(a));
    auto late = s.start("SET k1 y");
    auto later = s.start("INCR foo");
    CHECK(next_command(s) == nothing);
    s.receive(a, "+OK\r\n");
    CHECK(sibling.value() == "OK");
    CHECK_FALSE(s.connected(a));
    CHECK(s.parted(a) == engine::parting::close);
    s.pass(10ms);
    REQUIRE(s.dials(a));
    s.connect(a);
    std::string const all = take_all(s);
    // Each of the three once.
    CHECK(all.size() == 2 * wire("INCR foo").size() + wire("SET k1 y").size());
    REQUIRE(all.find(wire("SET k1 y")) != std::string::npos);
    bool const set_first = all.starts_with(wire("SET k1 y"));
    bool const set_last = all.ends_with(wire("SET k1 y"));
    s.receive(a, set_first  ? "+OK\r\n:1\r\n:2\r\n"
                 : set_last ? ":1\r\n:2\r\n+OK\r\n"
                            : ":1\r\n+OK\r\n:2\r\n");
    CHECK(late.value() == "OK");
    REQUIRE(incr.done());
    REQUIRE(later.done());
}

TEST_CASE("many commands that are sent back by one connection cost one new connection", "[renewal]") {
    script s;
    s.pass(1s);
    std::vector<started> all;
    for (int i = 0; i < 50; ++i) all.push_back(s.start("INCR foo"));
    unsigned const before = s.connection(a);
    std::string lines;
    for (int i = 0; i < 50; ++i) lines += to_itself;
    take_all(s);
    s.receive(a, lines);
    s.pass(10ms);
    CHECK(take_all(s).size() == 50 * wire("INCR foo").size());
    CHECK(s.connection(a) == before + 1);
    std::string replies;
    for (int i = 1; i <= 50; ++i) replies += ":" + std::to_string(i) + "\r\n";
    s.receive(a, replies);
    for (auto const& incr : all) CHECK(incr.done());
}

TEST_CASE("a node that never stops to name itself costs so many redirects, and connections at a pace",
          "[renewal]") {
    script s{patient()};
    s.pass(1s);
    auto incr = s.start("INCR foo");
    unsigned const before = s.connection(a);
    unsigned asked = 0;
    for (int round = 0; !incr.done() && round < 20000; ++round) {
        for (sent more = next_command(s); !(more == nothing); more = next_command(s)) {
            CHECK(more == sent{a, "INCR foo"});
            ++asked;
            s.receive(a, to_itself);
        }
        s.pass(1ms);
    }
    REQUIRE(incr.done());
    CHECK(outcome(incr) == failed{errc::too_many_redirects, delivery::not_executed});
    CHECK(asked == 17);
    CHECK(s.connection(a) - before <= 16);
}

TEST_CASE("servers behind one name that never agree cost fewer and fewer connections, until they agree",
          "[renewal]") {
    script_options chosen = patient();
    chosen.engine.judging.redirects_max = chosen.pipeline.judging.redirects_max = 255;
    script s{chosen};
    s.pass(10s);
    auto const connections_in = [&s](std::chrono::milliseconds span) {
        unsigned const before = s.connection(a);
        auto incr = s.start("INCR foo");
        for (std::chrono::milliseconds at{}; at < span; at += 1ms) {
            for (sent more = next_command(s); !(more == nothing); more = next_command(s))
                s.receive(a, to_itself);
            s.pass(1ms);
        }
        s.cancel(incr);
        take_all(s);
        return s.connection(a) - before;
    };
    // At once, after 20 ms, 40 ms and so on up to a second.
    unsigned const at_first = connections_in(1s);
    CHECK(at_first >= 4);
    CHECK(at_first <= 7);
    CHECK(connections_in(10s) <= 11);
}

TEST_CASE("a connection that is being replaced and ends by itself is replaced all the same", "[renewal]") {
    script s;
    s.pass(1s);
    auto incr = s.start("INCR foo");
    auto get = s.start("GET k1", reading);
    auto lost = s.start("SET k1 x");
    take_all(s);
    s.receive(a, to_itself);
    s.cut(a);
    CHECK(outcome(lost) == failed{errc::connection_lost, delivery::unknown});
    s.pass(1s);
    CHECK(s.connected(a));
    std::string const all = take_all(s);
    bool const incr_first = all == wire("INCR foo") + wire("GET k1");
    CHECK((incr_first || all == wire("GET k1") + wire("INCR foo")));
    s.receive(a, incr_first ? ":1\r\n$1\r\nx\r\n" : "$1\r\nx\r\n:1\r\n");
    CHECK(incr.value() == "1");
    CHECK(get.value() == "x");
}

TEST_CASE("commands that wait for a new connection end at their deadline, or when they are cancelled",
          "[renewal]") {
    script s;
    s.pass(1s);
    auto waits = s.start("SET k1 x");
    auto incr = s.start("INCR foo", {.timeout = 300ms});
    take_all(s);
    // The reply of the first stays out, so the connection cannot be closed yet.
    s.receive(a, "+OK\r\n");
    CHECK(waits.value() == "OK");
    auto holds = s.start("SET k1 y");
    take_all(s);
    s.receive(a, to_itself);
    auto late = s.start("INCR foo", {.timeout = 300ms});
    auto given_up = s.start("INCR foo");
    s.cancel(given_up);
    CHECK(outcome(given_up) == failed{errc::cancelled, delivery::not_sent});
    s.pass(1s);
    CHECK(outcome(incr) == failed{errc::deadline_exceeded, delivery::not_executed});
    CHECK(outcome(late) == failed{errc::deadline_exceeded, delivery::not_sent});
    s.receive(a, "+OK\r\n");
    CHECK(holds.value() == "OK");
}

TEST_CASE("a blocking command that is sent back goes on by a new lease", "[renewal]") {
    script s{patient()};
    s.pass(1s);
    auto pop = s.start("BLPOP foo 0", blocking);
    sent const first = s.next();
    CHECK(first.bytes == wire("BLPOP foo 0"));
    unsigned const shared_before = s.connection(a);
    s.receive(first.to, to_itself);
    for (int i = 0; i < 200 && !pop.done(); ++i) {
        s.pass(1ms);
        // Until the shared connection is there, the old lease may be lent once more.
        for (sent more = next_command(s); !(more == nothing); more = next_command(s)) {
            REQUIRE(more.bytes == wire("BLPOP foo 0"));
            bool const old = more.to == first.to && more.connection == first.connection;
            s.receive(more.to, old ? to_itself : "*2\r\n$3\r\nfoo\r\n$1\r\nx\r\n");
        }
    }
    REQUIRE(pop.done());
    CHECK(pop.value().ends_with("x"));
    CHECK(s.connection(a) == shared_before + 1);
}
