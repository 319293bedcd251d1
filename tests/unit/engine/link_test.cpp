// One link from its first byte to its last: greeting, loss, new beginnings. Silence and time have a file of
// their own.
#include <umbel/engine/link.hpp>

#include "support/wired_link.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::test;
using namespace umbel::test::wiring;
using phase = engine::connection_phase;

TEST_CASE("with nothing to say a connection serves as soon as it stands", "[link]") {
    wired w;
    CHECK(w.link.phase() == phase::idle);
    w.dial();
    CHECK(w.link.phase() == phase::connecting);
    auto get = w.start("GET foo");
    CHECK(w.written().empty());
    w.link.connected(w.now);
    CHECK(w.link.phase() == phase::ready);
    CHECK(w.written() == wire("GET foo"));
    CHECK(w.receive("$3\r\nbar\r\n") == progress::drained);
    CHECK(get.value() == "bar");
}

TEST_CASE("commands wait until the whole handshake has been answered", "[link]") {
    wired w;
    auto plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    plan.database = 2;
    w.dial(plan);
    auto get = w.start("GET foo");
    w.link.connected(w.now);
    CHECK(w.link.phase() == phase::handshaking);
    // The write may be cut anywhere.
    CHECK(w.written(10) == "*2\r\n$4\r\nAU");
    CHECK(w.written() == (wire("AUTH secret") + wire("SELECT 2")).substr(10));
    CHECK(w.receive("+OK\r\n+O") == progress::drained);
    CHECK(w.written().empty());
    CHECK(w.receive("K\r\n") == progress::opened);
    CHECK(w.link.phase() == phase::ready);
    CHECK(w.written() == wire("GET foo"));
    w.receive("$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
}

TEST_CASE("a refused handshake breaks the connection with the server's reason", "[link]") {
    wired w;
    auto plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "wrong");
    w.dial(plan);
    auto set = w.start("SET foo 1");
    w.link.connected(w.now);
    w.written();
    CHECK(w.receive("-WRONGPASS invalid username-password pair or user is disabled.\r\n") ==
          progress::broken);
    CHECK(w.link.why() == errc::wrong_password);
    CHECK(w.link.message() == "WRONGPASS invalid username-password pair or user is disabled.");
    w.lose(w.link.why());
    CHECK(outcome(set) == failed{errc::wrong_password, delivery::not_sent});
}

TEST_CASE("junk in the handshake is a protocol error, and nothing was sent", "[link]") {
    wired w;
    auto plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    w.dial(plan);
    auto set = w.start("SET foo 1");
    w.link.connected(w.now);
    w.written();
    CHECK(w.receive("HTTP/1.1 400 Bad Request\r\n") == progress::broken);
    CHECK(w.link.why() == errc::protocol_error);
    w.lose(w.link.why());
    CHECK(outcome(set) == failed{errc::protocol_error, delivery::not_sent});
}

TEST_CASE("whatever queues while a connection comes about is refused as not sent", "[link]") {
    for (bool const greeted : {false, true}) {
        wired w;
        auto plan = plain();
        plan.identity = std::make_shared<umbel::credentials const>("", "secret");
        w.dial(plan);
        auto set = w.start("SET foo 1");
        if (greeted) w.link.connected(w.now);
        w.written();
        w.lose(errc::connect_failed);
        CHECK(outcome(set) == failed{errc::connect_failed, delivery::not_sent});
        auto later = w.start("SET foo 2");
        CHECK(outcome(later) == failed{errc::connect_failed, delivery::not_sent});
        CHECK(later.why().message() == "gone");
    }
}

TEST_CASE("a connection can be made again after it was lost, and begins clean", "[link]") {
    wired w;
    auto plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    w.dial(plan);
    w.link.connected(w.now);
    w.written(10);
    w.lose(errc::connection_lost);
    CHECK_FALSE(w.link.wants_write());
    w.dial(plan);
    w.link.connected(w.now);
    CHECK(w.written() == wire("AUTH secret"));
    CHECK(w.receive("+OK\r\n") == progress::opened);
    auto get = w.start("GET foo");
    w.written();
    w.receive("$1\r\n");
    w.lose(errc::connection_lost);
    CHECK(outcome(get) == failed{errc::connection_lost, delivery::unknown});
    w.dial();
    w.link.connected(w.now);
    auto again = w.start("GET foo");
    CHECK(w.written() == wire("GET foo"));
    w.receive("$1\r\n2\r\n");
    CHECK(again.value() == "2");
}

TEST_CASE("a link that is used for another node begins at the beginning", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    w.lose(errc::connection_lost);
    w.link.retire(w.now);
    CHECK(w.link.phase() == phase::idle);
}

TEST_CASE("on a replica link faults are told to come from a replica", "[link]") {
    struct only_from_replica {
        cluster::verdict operator()(cluster::attempt const& seen) const noexcept {
            return seen.from_replica ? cluster::verdict::retry_after(1ms) : cluster::verdict::fail();
        }
    };
    for (auto const mode : {engine::link_mode::primary, engine::link_mode::replica}) {
        wired w{usual, only_from_replica{}};
        w.link.connecting(plain(), "10.0.0.1:6379", {3, mode}, w.now);
        w.link.connected(w.now);
        w.start("GET foo");
        w.written();
        w.receive("-LOADING x\r\n");
        CHECK(w.returned == (mode == engine::link_mode::replica ? 1 : 0));
    }
}

TEST_CASE("a link that a probe has opened is like any other once it has served", "[link]") {
    wired w{usual, cluster::fail_fast{}};
    w.link.connecting(plain(), "10.0.0.1:6379", {3, engine::link_mode::primary}, w.now,
                      engine::attempt_kind::probe);
    w.link.connected(w.now);
    REQUIRE(w.link.phase() == phase::ready);
    w.link.lost(errc::connection_lost, "gone", w.now);
    // Behind an open breaker this policy would fail it at once.
    w.start("GET foo", reading);
    CHECK(w.returned == 1);
}

TEST_CASE("behind a probe nobody queues but the engine's own calls, and an answer lets everybody in",
          "[link]") {
    wired w;
    w.link.connecting(plain(), "10.0.0.1:6379", {3, engine::link_mode::primary}, w.now,
                      engine::attempt_kind::probe);
    auto set = w.start("SET foo 1");
    CHECK(set.done());
    CHECK(set.delivered() == delivery::not_sent);
    scripted_call& own = w.calls.emplace_back("CLUSTER SLOTS", umbel::test::call_options{});
    own.issued_by = engine::issuer::engine;
    w.link.accept(own, w.now);
    CHECK(w.link.pipe().in_flight() == 1);
    w.link.connected(w.now);
    CHECK(w.written() == wire("CLUSTER SLOTS"));
    auto later = w.start("SET foo 2");
    CHECK_FALSE(later.done());
    CHECK(w.written() == wire("SET foo 2"));
}

TEST_CASE("after the last attempt has failed calls are turned away as from an open breaker", "[link]") {
    cluster::policy const open_ones = cluster::fail_fast{};
    for (auto const kind :
         {engine::attempt_kind::usual, engine::attempt_kind::last, engine::attempt_kind::probe}) {
        wired w{usual, open_ones};
        w.link.connecting(plain(), "10.0.0.1:6379", {3, engine::link_mode::primary}, w.now, kind);
        w.link.lost(errc::connect_failed, "Connection refused", w.now);
        w.start("SET foo 1");
        CHECK(w.returned == (kind == engine::attempt_kind::usual ? 1u : 0u));
    }
}

TEST_CASE("a link measures how long its oldest command waited, and only when that is wanted", "[link]") {
    std::atomic<bool> wanted{false};
    std::atomic<std::int64_t> average{0};
    engine::link_options options = usual;
    options.meter = {&wanted, &average};
    wired w{options};
    w.dial();
    auto early = w.start("GET foo");
    w.now += 10ms;
    w.link.connected(w.now);
    w.written();
    w.now += 2ms;
    w.receive("$-1\r\n");
    CHECK(average == 0);
    wanted = true;
    w.start("GET foo"), w.start("GET foo");
    w.written();
    w.now += 3ms;
    w.receive("$-1\r\n$-1\r\n");
    CHECK(average == engine::duration{3ms}.count());
    CHECK(early.good());
}

TEST_CASE("a link does not take the time to connect for the node's", "[link]") {
    std::atomic<bool> const wanted{true};
    std::atomic<std::int64_t> average{0};
    engine::link_options options = usual;
    options.meter = {&wanted, &average};
    wired w{options};
    w.dial();
    w.start("GET foo");
    w.now += 300ms;
    w.link.connected(w.now);
    w.written();
    w.now += 2ms;
    w.receive("$-1\r\n");
    CHECK(average == engine::duration{2ms}.count());
}

TEST_CASE("a link that waits for credentials says nothing, and then all of it", "[link]") {
    wired w;
    engine::handshake_plan plan = plain();
    plan.awaits_identity = true;
    auto const word = std::make_shared<umbel::credentials const>("", "secret");
    SECTION("they come behind the connection") {
        w.dial(plan);
        w.link.connected(w.now);
        w.start("SET foo 1");
        CHECK(w.written().empty());
        w.link.identify(word, w.now);
    }
    SECTION("they come before it") {
        w.dial(plan);
        w.link.identify(word, w.now);
        CHECK(w.written().empty());
        w.link.connected(w.now);
        w.start("SET foo 1");
    }
    CHECK(w.written() == wire("AUTH secret"));
    w.receive("+OK\r\n");
    CHECK(w.link.phase() == engine::connection_phase::ready);
    CHECK(w.written() == wire("SET foo 1"));
}

TEST_CASE("a link whose connection ends in the handshake keeps no credentials", "[link]") {
    wired w;
    engine::handshake_plan plan = plain();
    plan.identity = std::make_shared<umbel::credentials const>("", "secret");
    std::weak_ptr<umbel::credentials const> const said = plan.identity;
    w.dial(std::exchange(plan, {}));
    w.link.connected(w.now);
    SECTION("lost") { w.lose(errc::connection_lost); }
    SECTION("retired") { w.link.retire(w.now); }
    CHECK(said.expired());
    CHECK_FALSE(w.link.wants_write());
}

TEST_CASE("a host that cannot be reached is told of, not the credentials that have not come yet", "[link]") {
    wired w;
    engine::handshake_plan plan = plain();
    plan.awaits_identity = true;
    w.dial(plan);
    CHECK_FALSE(w.pass(2s));
    CHECK(w.link.why() == errc::connect_failed);
}

TEST_CASE("credentials that do not come end the attempt at the connect timeout, and say so", "[link]") {
    wired w;
    engine::handshake_plan plan = plain();
    plan.awaits_identity = true;
    w.dial(plan);
    w.link.connected(w.now);
    CHECK(w.pass(1999ms));
    CHECK_FALSE(w.pass(1ms));
    CHECK(w.link.why() == errc::no_credentials);
    CHECK(w.link.message().find("credential provider") != std::string::npos);
}

TEST_CASE("a link that holds back drains while commands come, and hands them on unsent", "[link]") {
    wired w;
    w.dial();
    w.link.connected(w.now);
    auto const first = w.start("SET a 1");
    CHECK(w.written() == wire("SET a 1"));
    auto const staged = w.start("SET b 2");
    w.link.hold_back();
    auto const later = w.start("SET c 3");
    auto const last = w.start("SET d 4");
    CHECK(w.written() == wire("SET b 2"));
    CHECK_FALSE(w.link.drained());
    w.receive("+OK\r\n");
    CHECK_FALSE(w.link.drained());
    CHECK(w.written().empty());
    w.receive("+OK\r\n");
    CHECK(w.link.drained());
    CHECK(w.link.parts_by() == engine::parting::close);
    w.link.retire(w.now);
    w.collect();
    CHECK(w.link.phase() == engine::connection_phase::idle);
    CHECK(first.value() == "OK");
    CHECK(staged.value() == "OK");
    CHECK(outcome(later) == failed{errc::connection_lost, delivery::not_sent});
    CHECK(outcome(last) == failed{errc::connection_lost, delivery::not_sent});
}

TEST_CASE("a link that waits for its turn to connect has all its time when it comes", "[link]") {
    wired w;
    w.link.connecting(plain(), "10.0.0.1:6379", {3, engine::link_mode::primary}, w.now,
                      engine::attempt_kind::usual, true);
    auto const set = w.start("SET foo 1");
    CHECK_FALSE(w.link.is_connecting());
    CHECK(w.pass(1h));
    CHECK_FALSE(w.link.doubts());
    REQUIRE(w.link.take_turn(w.now));
    CHECK_FALSE(w.link.take_turn(w.now));
    CHECK(w.link.is_connecting());
    CHECK(w.pass(1999ms));
    SECTION("it is used") {
        w.link.connected(w.now);
        CHECK(w.written() == wire("SET foo 1"));
        CHECK_FALSE(set.done());
    }
    SECTION("it passes") { CHECK_FALSE(w.pass(1ms)); }
}

namespace {

/// What of ten commands goes out on a connection, of which two may be in flight at first.
std::string first_of_ten(bool was_lost) {
    wired w{engine::pipeline_options{.slow_start = 2}};
    w.dial();
    if (was_lost) {
        w.lose(errc::connect_failed);
        w.dial();
    }
    for (int i = 0; i < 10; ++i) w.start("GET foo");
    w.link.connected(w.now);
    std::string const first = w.written();
    if (!was_lost) return first;
    w.receive("$1\r\n1\r\n");
    CHECK(w.written() == wire("GET foo") + wire("GET foo"));
    return first;
}

}  // namespace

TEST_CASE("a connection after a failure begins slowly, the first one does not", "[link]") {
    CHECK(first_of_ten(true) == wire("GET foo") + wire("GET foo"));
    CHECK(first_of_ten(false).size() == 10 * wire("GET foo").size());
}

TEST_CASE("a connection that is made anew in slow start routes what waits anew", "[link]") {
    wired w{engine::pipeline_options{.slow_start = 2}};
    w.dial();
    w.lose(errc::connect_failed);
    w.dial();
    for (int i = 0; i < 5; ++i) w.start("GET foo", reading);
    w.link.connected(w.now);
    w.written();
    w.link.hold_back();
    CHECK_FALSE(w.link.drained());
    w.receive("$1\r\n1\r\n$1\r\n1\r\n");
    CHECK(w.written() == "");
    REQUIRE(w.link.drained());
    w.link.retire(w.now);
    w.collect();
    CHECK(w.link.pipe().idle());
}

TEST_CASE("a server that leaves only the question for notices unanswered is not asked the next time",
          "[link][maintenance]") {
    wired w;
    engine::handshake_plan plan = plain();
    plan.protocol = protocol::resp3;
    plan.ask_notices = true;
    w.dial(plan);
    w.link.connected(w.now);
    CHECK(w.written() == wire("HELLO 3") + wire("CLIENT MAINT_NOTIFICATIONS ON"));
    CHECK(w.receive("*0\r\n") == progress::drained);
    CHECK_FALSE(w.pass(2s));
    CHECK(w.link.why() == errc::connect_failed);
    w.lose(w.link.why());
    w.dial(plan);
    w.link.connected(w.now);
    CHECK(w.written() == wire("HELLO 3"));
    CHECK(w.receive("*0\r\n") == progress::opened);
}
