// What the control plane makes of notices: who is told, what the table learns, when the topology is asked
// for; and what a connection does about time meanwhile.
#include <umbel/engine/maintenance.hpp>

#include "support/notices.hpp"
#include "support/script.hpp"

#include <string>
#include <variant>
#include <vector>

using namespace umbel;
using namespace umbel::test;
namespace says = umbel::test::notices;
using engine::maintenance_kind;

namespace {

script_options told_of_maintenance() {
    script_options chosen;
    chosen.pipeline.maintenance = {.listens = true, .timeout = 10s, .usual_timeout = 2s, .window_max = 60s};
    chosen.engine.observed = true;
    return chosen;
}
std::vector<engine::maintenance_announced> announced(script const& s) {
    std::vector<engine::maintenance_announced> all;
    for (engine::action const& what : s.notices())
        if (auto const* const told = std::get_if<engine::maintenance_announced>(&what)) all.push_back(*told);
    return all;
}

}  // namespace

TEST_CASE("an observer is told of each notice", "[maintenance]") {
    script s{told_of_maintenance()};
    s.trickle(a, says::failing_over(3, 20) + says::failed_over(4) + says::push("MOVING", {}) +
                     says::moving(5, 10, "10.0.0.9:7000"));
    auto const all = announced(s);
    REQUIRE(all.size() == 3);
    CHECK(all[0].node == a);
    CHECK(all[0].what == maintenance_kind::failing_over);
    CHECK(all[0].number == 3);
    CHECK((all[0].within == 20s));
    CHECK(all[1].what == maintenance_kind::failed_over);
    CHECK(all[2].endpoint == "10.0.0.9:7000");
    CHECK(s.pipe(a).counters().notices == 3);
    CHECK(s.pipe(a).counters().notices_ignored == 1);
}

TEST_CASE("SMIGRATED: the table learns it, and the topology is asked for once", "[maintenance]") {
    script s{told_of_maintenance()};
    s.pass(1s);
    s.receive(a, says::slots_migrated(9, a, b, "12182,12190-12192"));
    CHECK(s.owner(12182) == b);
    CHECK(s.owner(12191) == b);
    CHECK(s.owner(12193) == a);
    sent const asked = s.next();
    CHECK(asked.bytes == wire("CLUSTER SLOTS"));
    s.receive(a, says::slots_migrated(9, a, b, "12182,12190-12192"));  // By another connection, say.
    CHECK(s.next() == nothing);
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{b, "GET foo"});
    s.receive(b, "$1\r\nx\r\n");
    CHECK(get.value() == "x");
    // An answer that is older does not take it back; the next one counts.
    s.receive(asked.to, usual_layout());
    CHECK(s.owner(12182) == a);
    CHECK(s.core().counters().moved == 0);
}

TEST_CASE("an answer that was asked for before SMIGRATED does not take it back", "[maintenance]") {
    script s{told_of_maintenance()};
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    sent const asked = s.next();
    s.receive(a, says::slots_migrated(9, a, b, "12182"));
    s.receive(asked.to, usual_layout());
    CHECK(s.owner(12182) == b);
}

TEST_CASE("SMIGRATED teaches nothing that a MOVED of the old owner would not", "[maintenance]") {
    script s{told_of_maintenance()};
    s.pass(1s);
    // Not the owner's; to a stranger; from a stranger; to a replica; to itself; unreadable.
    for (std::string const& bytes :
         {says::slots_migrated(1, b, c, "12182"), says::slots_migrated(2, a, "10.9.9.9:1", "12182"),
          says::slots_migrated(3, "10.9.9.9:1", b, "12182"), says::slots_migrated(4, a, d, "12182"),
          says::slots_migrated(5, a, a, "12182"), says::slots_migrated(6, a, b, "x"),
          says::slots_migrated(7, "", "", "12182")}) {
        s.receive(a, bytes);
        CHECK(s.owner(12182) == a);
    }
    s.receive(a, says::slots_migrated(8, a, b, "12182"));
    CHECK(s.owner(12182) == b);
    // What comes late, or twice.
    s.receive(a, says::slots_migrated(7, b, c, "12182"));
    s.receive(a, says::slots_migrated(8, b, c, "12182"));
    CHECK(s.owner(12182) == b);
}

TEST_CASE("FAILED_OVER has the topology asked for; the others ask for nothing", "[maintenance]") {
    script s{told_of_maintenance()};
    s.pass(1s);
    s.receive(a, says::migrating(1, 10) + says::migrated(1) + says::failing_over(2, 10) +
                     says::slots_migrating(3, "1-5"));
    CHECK(s.next() == nothing);
    s.receive(a, says::failed_over(4));
    CHECK(s.next().bytes == wire("CLUSTER SLOTS"));
}

TEST_CASE("commands whose callers have chosen no deadline may take longer while maintenance lasts",
          "[maintenance]") {
    script s{told_of_maintenance()};
    s.receive(a, says::failing_over(1, 10));
    auto usual = s.start("SET foo 1", {.timeout = 2s});
    auto chosen = s.start("SET foo 2", {.timeout = 2s + 1ns});
    auto shorter = s.start("SET foo 3", {.timeout = 1s});
    while (!(s.next() == nothing)) {
    }
    s.pass(2500ms);
    CHECK(outcome(chosen) == failed{errc::deadline_exceeded, delivery::unknown});
    CHECK(outcome(shorter) == failed{errc::deadline_exceeded, delivery::unknown});
    CHECK_FALSE(usual.done());
    SECTION("and is answered") {
        s.pass(5s);
        s.receive(a, "+OK\r\n+OK\r\n+OK\r\n");
        CHECK(usual.value() == "OK");
    }
    SECTION("and not for ever") {
        s.pass(7600ms);
        CHECK(outcome(usual) == failed{errc::deadline_exceeded, delivery::unknown});
    }
    SECTION("and those that come when it is over do not") {
        s.receive(a, says::failed_over(1));
        while (!(s.next() == nothing)) {
        }
        auto next = s.start("SET foo 4", {.timeout = 2s});
        s.pass(2100ms);
        CHECK(outcome(next) == failed{errc::deadline_exceeded, delivery::unknown});
    }
}

TEST_CASE("silence means nothing while maintenance lasts, and counts as ever afterwards", "[maintenance]") {
    for (bool const told : {true, false}) {
        script_options chosen = told_of_maintenance();
        chosen.link.probe_after = 1s;
        chosen.link.probe_timeout = 1s;
        chosen.link.doubt_after = 150ms;
        script s{chosen};
        s.pass(100ms);
        if (told) s.receive(a, says::migrating(1, 5));
        s.connects_by_itself(false);
        auto get = s.start("GET foo", {.timeout = 20s});
        unsigned const refreshes = static_cast<unsigned>(s.core().counters().refreshes);
        s.pass(9s);
        CHECK(s.connected(a) == told);
        CHECK((s.core().counters().refreshes == refreshes) == told);
        s.pass(3s);
        CHECK_FALSE(s.connected(a));
        CHECK(s.core().counters().refreshes > refreshes);
        CHECK(outcome(get) == failed{errc::connection_lost, delivery::unknown});
    }
}

TEST_CASE("a notice of a connection that is no more does nothing", "[maintenance]") {
    script s{told_of_maintenance()};
    engine::maintenance_notice notice;
    notice.number = 1;
    notice.within = 10s;
    s.happens(engine::maintenance_told{{s.number(a), engine::link_mode::primary}, 77, notice});
    CHECK(s.core().handing_over() == 0);
    CHECK(announced(s).empty());
}

TEST_CASE("notices that come within the greeting count", "[maintenance]") {
    script_options chosen = told_of_maintenance();
    chosen.engine.plan.protocol = protocol::automatic;
    chosen.engine.plan.extent = umbel::handshake::full;
    chosen.engine.plan.ask_notices = true;
    chosen.boots = false;
    script s{chosen};
    s.next();
    s.receive(a, "*0\r\n+OK\r\n+OK\r\n$2\r\nid\r\n" + says::failing_over(1, 10));
    CHECK(announced(s).size() == 1);
    s.receive(a, "+OK\r\n");
    CHECK(s.next() == sent{a, "CLUSTER SLOTS"});
    s.receive(a, usual_layout());
}
