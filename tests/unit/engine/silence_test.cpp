// Tests of engine/silence.hpp: what silence means, and what it does not. How a link acts on it is tested in
// link_silence_test.cpp.
#include <umbel/engine/silence.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace umbel::engine;
using namespace std::chrono_literals;
using sign = silence::sign;

namespace {

constexpr link_options usual{.connect_timeout = 2s,
                             .probe_after = 1s,
                             .probe_timeout = 2s,
                             .large_reply_timeout = 60s,
                             .doubt_after = 150ms};
constexpr silence::view opening{.opening = true, .ready = false, .idle = true, .many_timeouts = false};
constexpr silence::view idle{.opening = false, .ready = true, .idle = true, .many_timeouts = false};
constexpr silence::view waiting{.opening = false, .ready = true, .idle = false, .many_timeouts = false};
constexpr silence::view late{.opening = false, .ready = true, .idle = false, .many_timeouts = true};

/// A silence that somebody looks at.
struct watched {
    instant now{1000s};
    silence of;
    instant excuse{0};

    explicit watched(link_options const& options = usual) : of{options} {
        of.begin(now);
        of.note_progress(now);
    }
    sign after(duration span, silence::view const& at) {
        now += span;
        return of.look(at, now, [this] { return excuse; });
    }
    /// The same, where nobody looked in time.
    sign stalled(duration span, silence::view const& at) {
        of.did_not_run(now + span - of.next_due(at), now + span);
        return after(span, at);
    }
    /// From a link that has been silent until a PING goes out.
    void ping() {
        REQUIRE(after(1s, waiting) == sign::ping_due);
        of.ping(now);
    }
};

}  // namespace

TEST_CASE("a connection attempt has its time, a silent connection a PING, and a PING its time", "[silence]") {
    watched w;
    CHECK(w.after(2s - 1ns, opening) == sign::none);
    CHECK(w.of.next_due(opening) == w.now + 1ns);
    CHECK(w.after(1ns, opening) == sign::not_connected);
    w.of.begin(w.now);
    w.of.note_progress(w.now);
    CHECK(w.of.next_due(idle) == w.now + 1s);
    CHECK(w.after(1s, idle) == sign::ping_due);
    w.of.ping(w.now);
    CHECK(w.of.next_due(idle) == w.now + 2s);
    CHECK(w.after(2s - 1ns, idle) == sign::none);
    SECTION("nothing comes") { CHECK(w.after(1ns, idle) == sign::unanswered); }
    SECTION("something comes") {
        w.of.hear(w.now);
        CHECK(w.after(1ns, idle) == sign::none);
        CHECK(w.after(1s, idle) == sign::ping_due);
    }
    SECTION("a write goes on") {
        w.of.note_write(true);
        CHECK(w.after(1ns, idle) == sign::none);
    }
}

TEST_CASE("many deadlines in silence mean death after the time in which a PING is due", "[silence]") {
    watched w;
    w.of.wait_from(w.now);
    CHECK(w.of.next_due(late) == w.now + 150ms);
    CHECK(w.after(1s - 1ns, late) == sign::none);
    CHECK(w.after(1ns, late) == sign::late);
}

TEST_CASE("time in which nobody looked counts for no silence", "[silence]") {
    watched w;
    SECTION("of a connection attempt, however often") {
        CHECK(w.stalled(150ms, opening) == sign::none);
        CHECK(w.of.take_doubt());
        CHECK(w.of.next_due(opening) == w.now + 1850ms);
        w.now += 1h;
        w.of.did_not_run(1h, w.now);
        CHECK(w.after(0s, opening) == sign::none);
        CHECK(w.of.next_due(opening) == w.now + 1850ms);
        CHECK(w.after(1850ms, opening) == sign::not_connected);
    }
    SECTION("of a PING") {
        w.ping();
        CHECK(w.stalled(150ms, waiting) == sign::none);
        w.now += 1min;
        w.of.did_not_run(1min, w.now);
        CHECK(w.after(2s - 150ms - 1ns, waiting) == sign::none);
        CHECK(w.after(1ns, waiting) == sign::unanswered);
    }
    SECTION("of deadlines that have passed meanwhile") {
        w.of.wait_from(w.now);
        w.now += 1min;
        w.of.did_not_run(1min, w.now);
        CHECK(w.after(1s - 1ns, late) == sign::none);
        CHECK(w.after(1ns, late) == sign::late);
    }
    SECTION("and what has come since counts from when it came") {
        w.now += 1h;
        w.of.hear(w.now);
        w.of.did_not_run(1h, w.now);
        CHECK(w.of.next_due(idle) == w.now + 1s);
        w.of.begin(w.now);
        w.of.did_not_run(1h, w.now);
        CHECK(w.after(2s - 1ns, opening) == sign::none);
        CHECK(w.after(1ns, opening) == sign::not_connected);
    }
    SECTION("and who looks early takes nothing back") {
        w.of.did_not_run(-1s, w.now);
        CHECK(w.of.next_due(opening) == w.now + 150ms);
    }
}

TEST_CASE("a server that makes a large reply is excused until that is due, and no longer than allowed",
          "[silence]") {
    watched w;
    SECTION("until the deadline of the command") {
        w.excuse = w.now + 10s;
        CHECK(w.after(1s, waiting) == sign::ping_due);
        w.of.ping(w.now);
        CHECK(w.after(2s, waiting) == sign::none);
        CHECK(w.of.next_due(waiting) <= w.now + 150ms);  // It is doubted all the same.
        CHECK(w.after(7s - 1ns, late) == sign::none);
        CHECK(w.after(1ns, waiting) == sign::unanswered);
    }
    SECTION("without a deadline, as long as the option says, from when the node was heard on") {
        w.excuse = never;
        w.ping();
        CHECK(w.after(2s, late) == sign::none);
        CHECK(w.after(57s - 1ns, late) == sign::none);
        CHECK(w.after(1ns, late) == sign::late);
    }
    SECTION("without probes, too") {
        link_options lax = usual;
        lax.probe_after = lax.doubt_after = 0s;
        watched other{lax};
        other.excuse = never;
        CHECK(other.after(1s, late) == sign::none);
        CHECK(other.of.next_due(late) == other.now + 59s);
        CHECK(other.after(59s, late) == sign::late);
    }
    SECTION("not at all where that is zero") {
        link_options strict = usual;
        strict.large_reply_timeout = 0s;
        watched other{strict};
        other.excuse = never;
        other.ping();
        CHECK(other.after(2s, waiting) == sign::unanswered);
    }
    SECTION("not at all where it is asked for when the silence is noticed already") {
        CHECK(w.after(150ms, waiting) == sign::none);
        w.excuse = never;
        CHECK(w.after(850ms, waiting) == sign::ping_due);
        w.of.ping(w.now);
        CHECK(w.after(2s, waiting) == sign::unanswered);
    }
    SECTION("and a later silence is another one") {
        w.excuse = never;
        w.ping();
        CHECK(w.after(2s, waiting) == sign::none);
        w.of.hear(w.now);
        w.excuse = instant{0};
        w.ping();
        CHECK(w.after(2s, waiting) == sign::unanswered);
    }
    SECTION("also while this thread does not run") {
        w.excuse = never;
        w.ping();
        CHECK(w.stalled(10min, waiting) == sign::none);
        CHECK(w.after(50s, waiting) == sign::none);
    }
}
