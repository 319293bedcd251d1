// How far a connection had come when it ended, as the link tells it, and what a link makes of a silence while
// it is being opened.
#include <umbel/engine/link.hpp>

#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::test;
using namespace umbel::test::wiring;
using engine::link_loss;

namespace {

engine::link_options doubting() {
    engine::link_options options = usual;
    options.probe_after = 0s;
    options.doubt_after = 150ms;
    return options;
}
/// Lets time pass; true when the link doubts its node at the end, and never before.
bool doubts_after(wired& w, engine::duration span) {
    CHECK(w.pass(span - 1ms));
    CHECK_FALSE(w.link.doubts());
    CHECK(w.pass(1ms));
    return w.link.doubts();
}

}  // namespace

TEST_CASE("a link tells whether the connection that ended had replied to anything", "[link]") {
    wired w;
    auto plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    SECTION("refused") {
        w.dial(plan);
        w.lose(errc::connect_failed);
        CHECK(w.link.loss() == link_loss::refused);
    }
    SECTION("lost in the handshake") {
        w.dial(plan);
        w.link.connected(w.now);
        w.start("GET foo");
        w.written();
        w.lose(errc::connection_lost);
        CHECK(w.link.loss() == link_loss::refused);
    }
    SECTION("open and unused") {
        w.dial(plan);
        w.link.connected(w.now);
        w.written();
        w.receive("+OK\r\n");
        w.lose(errc::connection_lost);
        CHECK(w.link.loss() == link_loss::unused);
    }
    SECTION("asked, and ended without a reply") {
        w.dial();
        w.link.connected(w.now);
        w.start("GET foo");
        w.written();
        w.receive("$3\r\nb");
        w.lose(errc::connection_lost);
        CHECK(w.link.loss() == link_loss::unanswered);
    }
    SECTION("a reply came, an error and a late one too") {
        for (char const* const reply : {"$1\r\nx\r\n", "-ERR no\r\n"}) {
            w.dial();
            w.link.connected(w.now);
            w.start("GET foo");
            w.start("GET foo");
            w.written();
            w.receive(reply);
            w.lose(errc::connection_lost);
            CHECK(w.link.loss() == link_loss::served);
        }
        w.dial();
        w.link.connected(w.now);
        auto late = w.start("GET foo");
        w.written();
        w.link.pipe().cancel(late.call());
        w.collect();
        w.start("GET foo");
        w.receive("$1\r\nx\r\n");
        w.lose(errc::connection_lost);
        CHECK(w.link.loss() == link_loss::served);
        // What the connection before it had served does not count.
        w.dial();
        w.link.connected(w.now);
        w.start("GET foo");
        w.lose(errc::connection_lost);
        CHECK(w.link.loss() == link_loss::unanswered);
    }
    SECTION("silence, though it had served") {
        w.dial();
        w.link.connected(w.now);
        w.start("GET foo");
        w.written();
        w.receive("$1\r\nx\r\n");
        CHECK(w.pass(1s));
        CHECK_FALSE(w.pass_in_steps(2s));
        w.lose(w.link.why());
        CHECK(w.link.loss() == link_loss::silent);
    }
}

TEST_CASE("a silent connection attempt is doubted again and again while commands wait for it", "[link]") {
    for (bool const greets : {false, true}) {
        wired w{doubting()};
        auto plan = plain();
        plan.identity = std::make_shared<umbel::credentials const>("", "secret");
        w.dial(plan);
        if (greets) w.link.connected(w.now);
        w.start("GET foo");
        for (int i = 0; i < 5; ++i) {
            CHECK(w.link.next_due() == w.now + 150ms);
            CHECK(doubts_after(w, 150ms));
            CHECK_FALSE(w.link.doubts());
        }
        CHECK_FALSE(w.pass_in_steps(2s));
    }
}

TEST_CASE("a silent connection attempt for which nobody waits is doubted once, and again when somebody does",
          "[link]") {
    wired w{doubting()};
    for (int attempt = 0; attempt < 2; ++attempt) {
        w.dial();
        CHECK(w.link.next_due() == w.now + 150ms);
        CHECK(doubts_after(w, 150ms));
        CHECK(w.link.next_due() == w.now + 1850ms);
        CHECK(w.pass(500ms));
        CHECK_FALSE(w.link.doubts());
        w.start("GET foo");
        CHECK(doubts_after(w, 150ms));
        CHECK_FALSE(w.pass_in_steps(1200ms));
        CHECK(w.link.doubts());
        w.lose(w.link.why());
        w.now += 20ms;
    }
}

TEST_CASE("a link that is told to close keeps nobody waiting for it to open", "[link]") {
    wired w{usual, cluster::follow_redirects{}};
    w.dial();
    CHECK(w.link.drained());
    w.start("SET foo 1");
    CHECK(w.link.drained());
    w.link.retire(w.now);
    w.collect();
    CHECK(w.returned == 1);
    CHECK(w.link.phase() == engine::connection_phase::idle);
    w.dial();
    w.link.connected(w.now);
    w.start("GET foo");
    CHECK_FALSE(w.link.drained());
    w.written();
    w.receive("$1\r\nx\r\n");
    CHECK(w.link.drained());
}
