// Tests of engine::lease_watch: when a lease tells that it is idle, so that it may be lent to the next call.
#include <umbel/engine/lease_watch.hpp>

#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::test;
using namespace umbel::test::wiring;

namespace {

/// A lease, with what it has told at the end of its turns.
struct watched_lease : wired {
    engine::lease_watch watch{{3, engine::leased_link(0)}};
    unsigned idle = 0;

    void open() {
        dial();
        link.connected(now);
        end_turn();
    }
    scripted_call& begin(std::string_view command, bool lent) {
        scripted_call& call = calls.emplace_back(command, call_options{});
        call.token = nullptr;
        call.form.tied = lent;
        link.accept(call, now);
        return call;
    }
    void end_turn() {
        written();
        CHECK(watch.tend(link, {3, engine::leased_link(0)}, 1, now, [&](engine::lease_told const& told) {
            idle += told.what == engine::lease_told::news::idle ? 1u : 0u;
        }));
    }
};

}  // namespace

TEST_CASE("a lease is idle once each time that a call it was lent for has ended", "[leases]") {
    watched_lease s;
    s.open();
    CHECK(s.idle == 0);
    for (unsigned round = 1; round <= 3; ++round) {
        s.begin("BLPOP foo 0", true);
        s.end_turn();
        CHECK(s.idle == round - 1);
        s.receive("*-1\r\n");
        s.end_turn();
        s.end_turn();
        CHECK(s.idle == round);
    }
}

TEST_CASE("a lease is idle when a bound has kept out the call that it was lent for", "[leases]") {
    watched_lease s;
    s.open();
    scripted_call& call = s.calls.emplace_back("BLPOP foo 0", blocking);
    call.form.tied = 1;
    call.cancellation.wanted = true;
    s.link.accept(call, s.now);
    s.collect();
    CHECK(call.completions == 1);
    s.end_turn();
    CHECK(s.idle == 1);
}

TEST_CASE("a holder's commands do not tell that a lease is idle: it may be lent to another caller by then",
          "[leases]") {
    watched_lease s;
    s.open();
    s.begin("GET foo", false);
    s.end_turn();
    s.receive("$1\r\nv\r\n");
    // Here the holder gives the lease back, and another thread's call is on its way to it.
    s.end_turn();
    CHECK(s.idle == 0);
}

TEST_CASE("a call that a connection has lost does not make the next connection idle", "[leases]") {
    watched_lease s;
    s.open();
    s.begin("BLPOP foo 0", true);
    s.written();
    s.lose(errc::connection_lost);
    s.open();
    CHECK(s.idle == 0);
}

TEST_CASE("a lease that is to be lost is lost once", "[leases]") {
    watched_lease s;
    s.open();
    scripted_call& wait = s.begin("BLPOP foo 0", true);
    s.end_turn();
    CHECK_FALSE(engine::lease_watch::gives_up(s.link, errc::cancelled));
    CHECK(engine::lease_watch::gives_up(s.link, errc::connection_lost));
    s.lose(errc::connection_lost);
    CHECK(wait.completions == 1);
    CHECK_FALSE(engine::lease_watch::gives_up(s.link, errc::connection_lost));
}
