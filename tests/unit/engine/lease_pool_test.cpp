// Leases, byte for byte: who gets one, what becomes of a wait that is given up, and of one whose node fails.
#include <umbel/engine/lease_pool.hpp>

#include "support/pipeline_hands.hpp"
#include "support/script.hpp"

#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr char const* a0 = "10.0.0.1:6379/lease0";
constexpr char const* a1 = "10.0.0.1:6379/lease1";
constexpr char const* b0 = "10.0.0.2:6379/lease0";
constexpr char const* popped = "*2\r\n$3\r\nfoo\r\n$1\r\nx\r\n";

script_options with_leases(unsigned most) {
    script_options options;
    options.engine.leases_max = most;
    return options;
}

/// A client whose servers tell CLIENT ID, booted.
struct greeted : script {
    static script_options full() {
        script_options options;
        options.engine.plan.extent = umbel::handshake::full;
        options.engine.leases_max = 1;
        options.boots = false;
        return options;
    }
    greeted() : script{full()} {
        run_until_quiet();
        greet(a, ":1\r\n", false);
        REQUIRE(next().bytes == wire("CLUSTER SLOTS"));
        receive(a, usual_layout());
    }
    void run_until_quiet() { pass(0ms); }
    /// Starts a BLPOP, which is sent on the first lease of `a`, connection 77 of its server.
    auto wait_on_lease() {
        auto pop = start("BLPOP foo 0", blocking);
        greet(a0, ":77\r\n");
        CHECK(next() == sent{a0, "BLPOP foo 0"});
        return pop;
    }
    /// Cuts the shared connection of `a`, and lets it come again.
    void renew_shared() {
        cut(a);
        for (int step = 0; step < 100 && !connected(a); ++step) doze();
        REQUIRE(connected(a));
        for (bool greets = false; !greets;) {
            sent const said = next();
            REQUIRE_FALSE(said == nothing);
            if (said.to != a) continue;
            receive(a, "+OK\r\n+OK\r\n" + bulk("id-10.0.0.1:6379"));
            greets = true;
        }
    }
    /// The next write to a lease; nothing when there is none.
    sent next_on_lease() {
        for (sent seen = next();; seen = next())
            if (seen == nothing || seen.to.find("lease") != std::string::npos) return seen;
    }
    /// Answers the handshake of a connection; `id` is what CLIENT ID says of a lease.
    void greet(std::string_view node, std::string_view id, bool lease = true) {
        sent const said = next();
        REQUIRE(said.to == node);
        std::string answers = "+OK\r\n+OK\r\n";
        if (said.bytes.find("MYID") != std::string::npos)
            answers += bulk("id-" + said.to.substr(0, said.to.find('/')));
        CHECK((said.bytes.find(wire("CLIENT ID")) != std::string::npos) == lease);
        if (lease) answers += id;
        receive(node, answers);
    }
};

/// The call by which a caller waits for a lease to hold.
struct wish_for : scripted_call {
    explicit wish_for(engine::lease_token& lease) : scripted_call{"WISH foo", {}} {
        leased = only_waits = true;
        wanted = &lease;
        size = 0;
    }
};

}  // namespace

TEST_CASE("a command that blocks goes by a connection of its own, which the next one takes over",
          "[leases]") {
    script s;
    auto first = s.start("BLPOP foo 5", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 5"});
    auto get = s.start("GET foo");
    CHECK(s.next() == sent{a, "GET foo"});
    s.receive(a, "$1\r\nv\r\n");
    CHECK(get.value() == "v");
    CHECK_FALSE(first.done());
    s.receive(a0, popped);
    CHECK(first.value() == "foo x");
    unsigned const dialled = s.dialled();
    auto second = s.start("BLPOP foo 5", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 5"});
    CHECK(s.dialled() == dialled);
    s.receive(a0, "*-1\r\n");
    CHECK(second.value() == "(nil)");
}

TEST_CASE("those who wait for a lease get it in the order in which they came", "[leases]") {
    script s{with_leases(2)};
    std::vector<started> calls;
    for (int at = 0; at < 6; ++at) calls.push_back(s.start("BLPOP foo " + std::to_string(at + 1), blocking));
    CHECK(s.next() == sent{a0, "BLPOP foo 1"});
    CHECK(s.next() == sent{a1, "BLPOP foo 2"});
    CHECK(s.next() == nothing);
    CHECK(s.core().waiting() == 4);
    s.cancel(calls[3]);
    CHECK(outcome(calls[3]) == failed{errc::cancelled, delivery::not_sent});
    s.receive(a1, popped);
    CHECK(s.next() == sent{a1, "BLPOP foo 3"});
    s.receive(a0, popped);
    CHECK(s.next() == sent{a0, "BLPOP foo 5"});
    s.receive(a0, popped);
    CHECK(s.next() == sent{a0, "BLPOP foo 6"});
    CHECK(s.core().waiting() == 0);
    s.receive(a0, popped);
    s.receive(a1, popped);
    for (std::size_t at : {0u, 1u, 2u, 4u, 5u}) CHECK(calls[at].value() == "foo x");
}

TEST_CASE("the number of calls that wait for a lease is bounded, and so is the time", "[leases]") {
    script_options options = with_leases(1);
    options.engine.leases_waiting_max = 2;
    script s{options};
    auto const served = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    auto const patient = s.start("BLPOP foo 1", blocking);
    auto const hasty = s.start("BLPOP foo 1", {.timeout = 50ms, .blocks = true});
    auto const refused = s.start("BLPOP foo 1", blocking);
    CHECK(outcome(refused) == failed{errc::overloaded, delivery::not_sent});
    CHECK(refused.why().message().find("leases_waiting_max") != std::string_view::npos);
    s.pass(100ms);
    CHECK(outcome(hasty) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(hasty.why().message().find("leases_max") != std::string_view::npos);
    CHECK_FALSE(patient.done());
    s.receive(a0, popped);
    CHECK(s.next() == sent{a0, "BLPOP foo 1"});
    CHECK(served.value() == "foo x");
    s.receive(a0, popped);
    CHECK(patient.value() == "foo x");
}

TEST_CASE("what may have been taken on a lost lease is said, and not asked for again", "[leases]") {
    script s;
    auto pop = s.start("BLPOP foo 0", blocking);
    auto read = s.start("XREAD foo 0", {.flags = cluster::command_flags::read_only, .blocks = true});
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    CHECK(s.next() == sent{a1, "XREAD foo 0"});
    s.cut(a0);
    CHECK(outcome(pop) == failed{errc::connection_lost, delivery::unknown});
    s.cut(a1);
    CHECK_FALSE(read.done());
    for (int step = 0; step < 200 && !read.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS")) s.receive(seen.to, usual_layout());
            if (seen.bytes == wire("XREAD foo 0")) s.receive(seen.to, "*-1\r\n");
        }
        s.doze();
    }
    CHECK(read.value() == "(nil)");
}

TEST_CASE("a wait follows its slot, and its primary when that is replaced", "[leases]") {
    script s;
    auto pop = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    s.receive(a0, "-MOVED 12182 10.0.0.2:6379\r\n");
    bool waits_there = false;
    for (int step = 0; step < 100 && !waits_there; ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to,
                          cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {b, d}}}));
            if (seen == sent{b0, "BLPOP foo 0"}) waits_there = true;
        }
        s.doze();
    }
    REQUIRE(waits_there);
    s.receive(b0,
              "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
              "replica?)\r\n");
    s.cut(b0);
    constexpr char const* d0 = "10.0.0.4:6379/lease0";
    for (int step = 0; step < 200 && !pop.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to,
                          cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {d, b}}}));
            if (seen == sent{b0, "BLPOP foo 0"}) s.receive(b0, "-MOVED 12182 10.0.0.4:6379\r\n");
            if (seen == sent{d0, "BLPOP foo 0"}) s.receive(d0, popped);
        }
        s.doze();
    }
    CHECK(pop.value() == "foo x");
}

TEST_CASE("ASK puts ASKING in front of a command that blocks", "[leases]") {
    script s;
    auto pop = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    s.receive(a0, "-ASK 12182 10.0.0.2:6379\r\n");
    CHECK(s.next() == sent{b0, "ASKING", "BLPOP foo 0"});
    s.receive(b0, "+OK\r\n");
    s.receive(b0, popped);
    CHECK(pop.value() == "foo x");
}

TEST_CASE("calls that wait for a lease go where their slot goes", "[leases]") {
    script s{with_leases(1)};
    auto first = s.start("BLPOP foo 1", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 1"});
    s.start("BLPOP foo 2", blocking);
    CHECK(s.next() == nothing);
    s.happens(engine::refresh_wanted{});
    bool waits_there = false;
    for (int step = 0; step < 100 && !waits_there; ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS"))
                s.receive(seen.to,
                          cluster_slots({{0, 5460, {b}}, {5461, 10922, {c, a}}, {10923, 16383, {b, d}}}));
            if (seen == sent{b0, "BLPOP foo 2"}) waits_there = true;
        }
        s.doze();
    }
    CHECK(waits_there);
    CHECK_FALSE(first.done());
}

TEST_CASE("the silence of a node on its shared connection ends the waits on its leases", "[leases]") {
    script s;
    auto pop = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    s.pass(60s);
    CHECK_FALSE(pop.done());
    s.happens(engine::link_lost{{s.number(a), engine::link_mode::primary},
                                s.core().nodes()[s.number(a)].link(engine::link_mode::primary).generation,
                                errc::connection_lost,
                                "silent",
                                engine::link_loss::silent});
    CHECK(outcome(pop) == failed{errc::connection_lost, delivery::unknown});
    CHECK(s.parted(a0) == engine::parting::abort);
}

TEST_CASE("a lease that nobody needs is closed after a while", "[leases]") {
    script_options options;
    options.engine.lease_idle = 2s;
    script s{options};
    s.start("BLPOP foo 0", blocking);
    s.receive(a0, popped);
    s.pass(1s);
    CHECK(s.connected(a0));
    s.pass(3s);
    CHECK_FALSE(s.connected(a0));
    CHECK(s.parted(a0) == engine::parting::close);
    auto later = s.start("BLPOP foo 0", blocking);
    CHECK(s.connected(a0));
    s.receive(a0, popped);
    CHECK(later.value() == "foo x");
}

TEST_CASE("a node that takes no lease turns its calls away as not sent", "[leases]") {
    script s{with_leases(1)};
    s.connects_by_itself(false);
    auto first = s.start("BLPOP foo 1", {.timeout = 300ms, .blocks = true});
    auto second = s.start("BLPOP foo 2", {.timeout = 300ms, .blocks = true});
    REQUIRE(s.dials(a0));
    s.refuse(a0);
    for (int step = 0; step < 100 && !second.done(); ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            if (seen.bytes == wire("CLUSTER SLOTS")) s.receive(seen.to, usual_layout());
        if (s.dials(a0)) s.refuse(a0);
        s.doze();
    }
    CHECK(outcome(first) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(outcome(second) == failed{errc::deadline_exceeded, delivery::not_sent});
}

TEST_CASE("a wait that is given up where the server tells no id ends with its connection", "[leases]") {
    script s;
    auto pop = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    s.cancel(pop);
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::unknown});
    CHECK(s.parted(a0) == engine::parting::abort);
}

TEST_CASE("the server is told that a wait was given up, and the lease serves nobody before it knows",
          "[leases]") {
    greeted s;
    auto pop = s.wait_on_lease();
    auto next = s.start("BLPOP foo 9", blocking);
    CHECK(s.next() == nothing);
    SECTION("nothing was taken") {
        s.cancel(pop);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        CHECK_FALSE(pop.done());
        s.receive(a0, "*-1\r\n");
        CHECK_FALSE(pop.done());
        CHECK(s.next() == nothing);
        s.receive(a, ":1\r\n");
        CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
    }
    SECTION("the server says so first") {
        s.cancel(pop);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.receive(a, ":1\r\n");
        CHECK_FALSE(pop.done());
        CHECK(s.next() == nothing);
        s.receive(a0, "*-1\r\n");
        CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
    }
    SECTION("something came before the server knew: it is not lost") {
        s.cancel(pop);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.receive(a0, popped);
        CHECK_FALSE(pop.done());
        s.receive(a, ":0\r\n");
        CHECK(pop.value() == "foo x");
    }
    SECTION("the slot has moved meanwhile: a command that was given up follows nobody") {
        s.cancel(pop);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.receive(a0, "-MOVED 12182 10.0.0.2:6379\r\n");
        s.receive(a, ":0\r\n");
        CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
    }
    CHECK(s.next() == sent{a0, "BLPOP foo 9"});
    s.receive(a0, popped);
    CHECK(next.value() == "foo x");
}

TEST_CASE("a wait whose deadline has passed is given up, too", "[leases]") {
    greeted s;
    auto pop = s.start("BLPOP foo 1", {.timeout = 1200ms, .blocks = true});
    s.greet(a0, ":77\r\n");
    CHECK(s.next() == sent{a0, "BLPOP foo 1"});
    s.pass(1500ms);
    CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
    s.receive(a, ":1\r\n");
    s.receive(a0, "*-1\r\n");
    CHECK(outcome(pop) == failed{errc::deadline_exceeded, delivery::not_executed});
}

TEST_CASE("a server that does not end a wait in time loses the connection", "[leases]") {
    greeted s;
    auto pop = s.start("BLPOP foo 0", blocking);
    s.greet(a0, ":77\r\n");
    s.cancel(pop);
    s.pass(900ms);
    CHECK_FALSE(pop.done());
    s.pass(300ms);
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::unknown});
    CHECK(s.parted(a0) == engine::parting::abort);
}

TEST_CASE("a lease goes whose server may still get to know that an old wait was given up", "[leases]") {
    greeted s;
    auto pop = s.start("BLPOP foo 0", blocking);
    s.greet(a0, ":77\r\n");
    s.cancel(pop);
    s.receive(a0, "*-1\r\n");
    s.cut(a);
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
    CHECK_FALSE(s.connected(a0));
}

TEST_CASE("when the client is to close, no wait goes on", "[leases]") {
    greeted s;
    s.wait_on_lease();
    auto waiting = s.start("BLPOP foo 1", blocking);
    s.core().end_waits(s.now());
    s.happens(engine::refresh_wanted{});
    CHECK(outcome(waiting) == failed{errc::cancelled, delivery::not_sent});
    bool told = false;
    for (sent seen = s.next(); !(seen == nothing); seen = s.next())
        told = told || seen == sent{a, "CLIENT UNBLOCK 77"};
    CHECK(told);
    auto late = s.start("BLPOP foo 2", blocking);
    CHECK(outcome(late) == failed{errc::cancelled, delivery::not_sent});
}

TEST_CASE("a lease that is held serves its holder until it is given back", "[leases]") {
    script s{with_leases(1)};
    engine::lease_token mine;
    wish_for wish{mine};
    s.submit(wish);
    CHECK(wish.completions == 1);
    CHECK(engine::is_leased(mine.link.mode));
    auto pop = s.start("BLPOP foo 0", blocking);
    CHECK(s.next() == nothing);
    SECTION("as it was lent") {
        s.core().give_back(mine, s.now());
        s.happens(engine::refresh_wanted{});
        CHECK(s.next() == sent{a0, "BLPOP foo 0"});
        CHECK(s.connection(a0) == 1);
    }
    SECTION("changed: another connection takes its place") {
        mine.changed = true;
        s.core().give_back(mine, s.now());
        s.happens(engine::refresh_wanted{});
        CHECK(s.next() == sent{a0, "BLPOP foo 0"});
        CHECK(s.connection(a0) == 2);
    }
    SECTION("watching: as if changed, until all is unwatched") {
        mine.watches = 2;
        mine.watches_undone = 1;
        s.core().give_back(mine, s.now());
        s.happens(engine::refresh_wanted{});
        CHECK(s.next() == sent{a0, "BLPOP foo 0"});
        CHECK(s.connection(a0) == 2);
    }
    SECTION("lost: its holder sees it, and it is not lent while it is held") {
        s.cut(a0);
        CHECK(mine.lost);
        CHECK_FALSE(s.dials(a0));
        s.core().give_back(mine, s.now());
        s.happens(engine::refresh_wanted{});
        s.pass(100ms);
        CHECK(s.connection(a0) == 2);
    }
    s.cancel(pop);
}

TEST_CASE("a wait that ends in the turn in which it is given up leaves the next one alone", "[leases]") {
    hands h;
    auto first = h.start("BLPOP foo 0", blocking);
    h.written();
    h.cancel(first);
    h.receive(popped);
    CHECK_FALSE(h.pipe.waits().take_wish());
    CHECK(h.pipe.waits().due() == engine::never);
    CHECK(h.returned.size() == 1);  // The control plane completes it.
    first.call().kind->complete(first.call());
    auto second = h.start("BLPOP foo 0", blocking);
    h.written();
    h.cancel(second);
    CHECK(h.pipe.waits().take_wish());
    h.receive("*-1\r\n");
    second.call().kind->complete(second.call());
}

TEST_CASE("what was given up behind a wait is no sign of silence, and leaves a reply to nobody", "[leases]") {
    hands h;
    auto wait = h.start("BLPOP foo 0", blocking);
    auto get = h.start("GET foo", {.timeout = 50ms});
    h.written();
    h.pass(100ms);
    CHECK(outcome(get) == failed{errc::deadline_exceeded, delivery::unknown});
    CHECK(get.call().ending == errc::deadline_exceeded);
    CHECK(h.pipe.silent_timeouts() == 0);
    CHECK_FALSE(h.pipe.awaits_nobody());
    h.receive(popped);
    CHECK(wait.value() == "foo x");
    CHECK_FALSE(h.pipe.idle());
    CHECK(h.pipe.awaits_nobody());
    auto late = h.start("GET foo", {.timeout = 50ms});
    h.written();
    h.pass(100ms);
    CHECK(late.done());
    CHECK(h.pipe.silent_timeouts() == 1);
}

TEST_CASE("a server gets one command that blocks at a time, and what stands behind goes out in order",
          "[leases]") {
    hands h;
    auto first = h.start("BLPOP foo 0", blocking);
    auto get = h.start("GET foo");
    auto second = h.start("BLPOP bar 0", blocking);
    auto set = h.start("SET foo 1");
    auto third = h.start("BLPOP qux 0", blocking);
    CHECK(h.written() == wire("BLPOP foo 0") + wire("GET foo"));
    CHECK_FALSE(h.pipe.wants_write());
    h.receive(popped);
    CHECK(first.value() == "foo x");
    CHECK(h.written() == wire("BLPOP bar 0") + wire("SET foo 1"));
    SECTION("each when the one before has its reply") {
        h.receive("$1\r\nv\r\n" + std::string{popped} + "+OK\r\n");
        CHECK(second.value() == "foo x");
        CHECK(h.written() == wire("BLPOP qux 0"));
        h.receive("*-1\r\n");
        CHECK(third.value() == "(nil)");
        CHECK(h.pipe.idle());
    }
    SECTION("one that has not gone out is given up by itself") {
        h.cancel(third);
        CHECK(outcome(third) == failed{errc::cancelled, delivery::not_sent});
        CHECK_FALSE(h.pipe.waits().take_wish());
        auto last = h.start("BLPOP bar 5", blocking);
        CHECK(h.written().empty());
        h.receive("$1\r\nv\r\n" + std::string{popped});
        CHECK(second.value() == "foo x");
        CHECK(h.written() == wire("BLPOP bar 5"));
        h.receive("+OK\r\n*-1\r\n");
        CHECK(last.value() == "(nil)");
    }
    CHECK(get.value() == "v");
    CHECK(set.value() == "OK");
}

TEST_CASE("a wait goes out when those before it were given up before they went out", "[leases]") {
    hands h;
    h.start("BLPOP foo 0", blocking);
    auto second = h.start("BLPOP foo 1", {.timeout = 50ms, .blocks = true});
    h.start("GET foo");
    auto third = h.start("BLPOP foo 2", blocking);
    h.start("BLPOP foo 3", blocking);
    CHECK(h.written() == wire("BLPOP foo 0"));
    h.cancel(third);
    h.pass(100ms);
    CHECK(outcome(second) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(h.written() == wire("GET foo"));
    h.receive(popped);
    CHECK(h.written() == wire("BLPOP foo 3"));
    h.lose();
    h.start("BLPOP foo 4", blocking);
    CHECK(h.written() == wire("BLPOP foo 4"));
}

TEST_CASE("while a server is being told to end a wait, it gets no other one to wait for", "[leases]") {
    hands h;
    auto first = h.start("BLPOP foo 0", blocking);
    h.written();
    h.cancel(first);
    CHECK(h.pipe.waits().take_wish());
    h.start("BLPOP bar 0", blocking);
    h.receive(popped);  // It came before the server was told.
    first.call().kind->complete(first.call());
    CHECK(h.written().empty());
    SECTION("it has been told") {
        h.pipe.waits().told();
        CHECK(h.written() == wire("BLPOP bar 0"));
    }
    SECTION("the connection is lent anew, which is not done before") {
        hands other;
        auto given_up = other.start("BLPOP foo 0", blocking);
        other.written();
        other.cancel(given_up);
        CHECK(other.pipe.waits().take_wish());
        other.receive("*-1\r\n");
        given_up.call().kind->complete(given_up.call());
        scripted_call& lent = other.calls.emplace_back("BLPOP bar 0", blocking);
        lent.form.tied = 1;
        other.pipe.accept(lent, other.now);
        CHECK(other.written() == wire("BLPOP bar 0"));
    }
}

TEST_CASE("what ends the first of two waits on a held lease leaves the second one alone", "[leases]") {
    greeted s;
    engine::lease_token mine;
    wish_for wish{mine};
    s.submit(wish);
    s.greet(a0, ":77\r\n");
    REQUIRE(wish.completions == 1);
    auto first = s.start_on(mine.link, "BLPOP foo 0", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    s.cancel(first);
    CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
    auto second = s.start_on(mine.link, "BLPOP foo 5", blocking);
    // An element has come before the server hears that the first wait was given up.
    s.receive(a0, popped);
    CHECK(s.next() == nothing);
    CHECK_FALSE(first.done());
    s.receive(a, ":0\r\n");
    CHECK(first.value() == "foo x");
    CHECK(s.next() == sent{a0, "BLPOP foo 5"});
    s.receive(a0, popped);
    CHECK(second.value() == "foo x");
}

TEST_CASE("a lease that is held after a wait on it was given up lets the waits of its holder go out",
          "[leases]") {
    greeted s;
    engine::lease_token mine;
    wish_for wish{mine};
    SECTION("it was lent for the wait") {
        auto given_up = s.start("BLPOP foo 0", blocking);
        s.greet(a0, ":77\r\n");
        CHECK(s.next() == sent{a0, "BLPOP foo 0"});
        s.cancel(given_up);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.receive(a0, "*-1\r\n");
        s.receive(a, ":1\r\n");
        CHECK(outcome(given_up) == failed{errc::cancelled, delivery::not_executed});
        s.submit(wish);
    }
    SECTION("it was held for the wait, and given back before the server knew") {
        engine::lease_token before;
        wish_for first{before};
        s.submit(first);
        s.greet(a0, ":77\r\n");
        auto given_up = s.start_on(before.link, "BLPOP foo 0", blocking);
        CHECK(s.next() == sent{a0, "BLPOP foo 0"});
        s.cancel(given_up);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.receive(a0, "*-1\r\n");
        s.core().give_back(before, s.now());
        s.submit(wish);
        CHECK(wish.completions == 0);
        s.receive(a, ":1\r\n");
        CHECK(given_up.done());
    }
    REQUIRE(wish.completions == 1);
    auto pop = s.start_on(mine.link, "BLPOP foo 5", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 5"});
    auto get = s.start_on(mine.link, "GET foo");
    CHECK(s.next() == sent{a0, "GET foo"});
    s.receive(a0, popped);
    s.receive(a0, "$1\r\nv\r\n");
    CHECK(pop.value() == "foo x");
    CHECK(get.value() == "v");
}

namespace {

/// A wait that was given up ends with its connection; nothing is told to a server any more.
void ends_by_abort(greeted& s, started const& pop) {
    for (sent seen = s.next(); !(seen == nothing); seen = s.next())
        CHECK(seen.bytes.find("UNBLOCK") == std::string::npos);
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::unknown});
    CHECK(s.parted(a0) == engine::parting::abort);
}

}  // namespace

TEST_CASE("a server that may have begun anew is not told of a wait by an id of its last life", "[leases]") {
    greeted s;
    auto pop = s.wait_on_lease();
    // The shared connection hears at once that the server has gone, and finds it again; the lease does not.
    s.renew_shared();
    s.cancel(pop);
    ends_by_abort(s, pop);
}

TEST_CASE("a server that begins anew while a lease is on its way is told nothing by two lives", "[leases]") {
    greeted s;
    s.connects_by_itself(false);
    auto pop = s.start("BLPOP foo 0", blocking);
    REQUIRE(s.dials(a0));
    // The server is another process by now. The lease reaches it; the shared connection was its last life's.
    s.connect(a0);
    s.greet(a0, ":77\r\n");
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    SECTION("whose end is not known yet: what is told is lost with it, and is not sent again") {
        s.cancel(pop);
        CHECK(s.next() == sent{a, "CLIENT UNBLOCK 77"});
        s.connects_by_itself(true);
        s.renew_shared();
    }
    SECTION("whose end is known") {
        s.connects_by_itself(true);
        s.renew_shared();
        s.cancel(pop);
    }
    ends_by_abort(s, pop);
}

TEST_CASE("a lease of a node that nobody has used is opened behind the shared connection", "[leases]") {
    greeted s;
    s.connects_by_itself(false);
    auto pop = s.start("BLPOP bar 0", blocking);
    REQUIRE(s.dials(b));
    CHECK_FALSE(s.dials(b0));
    SECTION("which can tell its server that a wait was given up") {
        s.connect(b);
        s.greet(b, "", false);
        REQUIRE(s.dials(b0));
        s.connect(b0);
        s.greet(b0, ":88\r\n");
        CHECK(s.next() == sent{b0, "BLPOP bar 0"});
        s.cancel(pop);
        CHECK(s.next() == sent{b, "CLIENT UNBLOCK 88"});
        s.receive(b, ":1\r\n");
        s.receive(b0, "*-1\r\n");
        CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
    }
    SECTION("or without it, when that is not to be had") {
        s.refuse(b);
        REQUIRE(s.dials(b0));
        s.connect(b0);
        s.greet(b0, ":88\r\n");
        CHECK(s.next_on_lease() == sent{b0, "BLPOP bar 0"});
        s.receive(b0, popped);
        CHECK(pop.value() == "foo x");
    }
    SECTION("and the call that waits for both can be cancelled") {
        s.cancel(pop);
        CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_sent});
        s.connect(b);
        s.greet(b, "", false);
        CHECK_FALSE(s.dials(b0));
    }
}

TEST_CASE("a lease that is older than the shared connection is not lent again", "[leases]") {
    greeted s;
    auto first = s.wait_on_lease();
    SECTION("it is idle when the shared connection comes again") {
        s.receive(a0, popped);
        s.renew_shared();
    }
    SECTION("it is lent then") {
        s.renew_shared();
        s.receive(a0, popped);
    }
    CHECK(first.value() == "foo x");
    CHECK(s.connection(a0) == 1);
    auto second = s.start("BLPOP foo 9", blocking);
    CHECK(s.connection(a0) == 2);
    sent const greeting = s.next_on_lease();
    REQUIRE(greeting.to == a0);
    s.receive(a0, "+OK\r\n+OK\r\n" + bulk("id-10.0.0.1:6379") + ":78\r\n");
    CHECK(s.next_on_lease() == sent{a0, "BLPOP foo 9"});
    s.cancel(second);
    CHECK(s.next() == sent{a, "CLIENT UNBLOCK 78"});
    s.receive(a, ":1\r\n");
    s.receive(a0, "*-1\r\n");
    CHECK(outcome(second) == failed{errc::cancelled, delivery::not_executed});
}

TEST_CASE("a lease is lent while the shared connection is gone", "[leases]") {
    greeted s;
    auto first = s.start("BLPOP foo 0", blocking);
    s.greet(a0, ":77\r\n");
    s.receive(a0, popped);
    CHECK(first.value() == "foo x");
    s.connects_by_itself(false);
    s.cut(a);
    auto second = s.start("BLPOP foo 9", blocking);
    CHECK(s.next() == sent{a0, "BLPOP foo 0"});
    CHECK(s.next_on_lease() == sent{a0, "BLPOP foo 9"});
    s.receive(a0, popped);
    CHECK(second.value() == "foo x");
}

TEST_CASE("a closing client does not wait for a lease whose server cannot be told", "[leases]") {
    greeted s;
    auto pop = s.wait_on_lease();
    s.renew_shared();
    s.core().end_waits(s.now());
    s.happens(engine::refresh_wanted{});
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::unknown});
    CHECK(s.parted(a0) == engine::parting::abort);
}

TEST_CASE("a wait on a node that has left may end by the server's word although nobody can tell it",
          "[leases]") {
    greeted s;
    auto pop = s.wait_on_lease();
    s.happens(engine::refresh_wanted{});
    bool left = false;
    for (int step = 0; step < 100 && !left; ++step) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) {
            if (seen.bytes == wire("CLUSTER SLOTS")) {
                s.receive(seen.to, cluster_slots({{0, 5460, {b}}, {5461, 16383, {c}}}));
                left = true;
            }
        }
        if (!left) s.doze();
    }
    REQUIRE(left);
    CHECK_FALSE(pop.done());
    REQUIRE(s.connected(a0));
    s.receive(a0, "-MOVED 12182 10.0.0.3:6379\r\n");
    CHECK_FALSE(pop.done());
    CHECK(s.connected(c));
    s.cancel(pop);
    CHECK(outcome(pop) == failed{errc::cancelled, delivery::not_executed});
}
