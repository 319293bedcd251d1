// Replies that come for calls already given up: skipped whole, wherever the reader stood when that happened.
#include <umbel/engine/auth_call.hpp>
#include <umbel/engine/pipeline.hpp>

#include "support/pipeline_hands.hpp"

using namespace umbel;
using umbel::engine::auth_call;
using namespace umbel::test;

TEST_CASE("the late reply of a call given up is skipped, wherever it was when that happened", "[pipeline]") {
    std::string const replies[] = {"$5\r\nhello\r\n",
                                   "*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
                                   "-ERR no\r\n",
                                   "$-1\r\n",
                                   "%1\r\n+k\r\n+v\r\n",
                                   "|1\r\n+a\r\n+b\r\n$1\r\nx\r\n",
                                   "$?\r\n;2\r\nhe\r\n;0\r\n",
                                   ">2\r\n+a\r\n+b\r\n+late\r\n"};
    for (std::string const& reply : replies) {
        for (std::size_t cut = 0; cut < reply.size(); ++cut) {
            INFO(reply << " cut at " << cut);
            hands h;
            auto late = h.start("GET foo");
            auto next = h.start("PING");
            h.written();
            h.receive(reply.substr(0, cut));
            if (late.done()) continue;
            h.cancel(late);
            CHECK(outcome(late) == failed{errc::cancelled, delivery::unknown});
            CHECK(h.receive(reply.substr(cut)) == drained);
            CHECK(h.receive("+PONG\r\n") == drained);
            CHECK(next.value() == "PONG");
            CHECK(h.pipe.counters().late == 1);
            CHECK(h.pipe.idle());
        }
    }
}

TEST_CASE("a huge late reply is skipped while it streams, and is never held in memory", "[pipeline]") {
    for (std::size_t const first : {std::size_t{0}, std::size_t{4}, std::size_t{40000}}) {
        hands h;
        auto late = h.start("GET foo");
        auto next = h.start("PING");
        h.written();
        std::string const head = "$268435456\r\n" + std::string(40000, 'x');
        h.receive(std::string_view{head}.substr(0, first));
        h.cancel(late);
        h.receive(std::string_view{head}.substr(first));
        std::string const part(65536, 'x');
        for (std::size_t left = 268435456 - 40000; left != 0;) {
            std::size_t const size = std::min(left, part.size());
            REQUIRE(h.receive(std::string_view{part}.substr(0, size)) == drained);
            // What arrived is gone: the room offered stays that of an ordinary chunk once the begun one is
            // left behind.
            if (first == 0) REQUIRE(h.pipe.space().size() <= 65536);
            left -= size;
        }
        CHECK(h.receive("\r\n+PONG\r\n") == drained);
        CHECK(next.value() == "PONG");
    }
}

TEST_CASE("tombstones still count against the bound until their replies have come", "[pipeline]") {
    hands h{{.in_flight_max = 2}};
    auto first = h.start("GET foo");
    auto second = h.start("GET foo");
    h.written();
    h.cancel(first);
    h.cancel(second);
    auto refused = h.start("GET foo");
    CHECK(outcome(refused) == failed{errc::overloaded, delivery::not_sent});
    CHECK(refused.why().message() ==
          "options.in_flight_max is reached: 2 commands are queued or in flight on this connection");
    CHECK(refused.why().node() == "10.0.0.1:6379");
    h.receive("$1\r\n1\r\n");
    auto taken = h.start("GET foo");
    CHECK_FALSE(taken.done());
    h.written();
    h.receive("$1\r\n2\r\n$1\r\n3\r\n");
    CHECK(taken.value() == "3");
}

TEST_CASE("the engine's own calls come into a pipeline that is full", "[pipeline]") {
    hands h{{.in_flight_max = 2, .queued_bytes_max = 100}};
    auto first = h.start("SET foo " + std::string(30, 'x'));
    auto second = h.start("GET foo");
    CHECK(outcome(h.start("GET foo")) == failed{errc::overloaded, delivery::not_sent});
    CHECK_FALSE(first.done());
    CHECK_FALSE(second.done());
    auth_call said;
    said.prepare({}, 1, std::make_shared<credentials const>("", "word"), 1,
                 {nullptr, [](void*, engine::call&) {}});
    h.pipe.accept(said, h.now);
    CHECK(h.pipe.in_flight() == 3);
    CHECK(h.written().ends_with(wire("AUTH word")));
    h.receive("+OK\r\n$-1\r\n+OK\r\n");
    CHECK(said.how == auth_call::outcome::accepted);
    CHECK(outcome(h.start("GET foo")) != failed{errc::overloaded, delivery::not_sent});
}

TEST_CASE("a call cancelled before it was written never leaves, and waits for no reply", "[pipeline]") {
    hands h;
    auto first = h.start("GET a");
    auto gone = h.start("GET b");
    auto last = h.start("GET c");
    h.cancel(gone);
    CHECK(outcome(gone) == failed{errc::cancelled, delivery::not_sent});
    CHECK(h.written() == wire("GET a") + wire("GET c"));
    h.receive("+1\r\n+3\r\n");
    CHECK(first.value() == "1");
    CHECK(last.value() == "3");
    // Alone in the queue it leaves nothing behind.
    auto alone = h.start("GET d");
    h.cancel(alone);
    CHECK(h.written().empty());
    CHECK(h.pipe.idle());
    CHECK_FALSE(h.pipe.wants_write());
}

TEST_CASE("whichever of several queued calls are given up, the others leave whole and get their own replies",
          "[pipeline]") {
    for (unsigned given_up = 0; given_up < 32; ++given_up) {
        hands h;
        std::vector<started> calls;
        for (int at = 0; at < 5; ++at)
            calls.push_back(h.start("GET key" + std::string(static_cast<std::size_t>(at), 'x')));
        std::string expected;
        std::string replies;
        for (unsigned at = 0; at < 5; ++at) {
            if (given_up >> at & 1) {
                h.cancel(calls[at]);
            } else {
                expected += wire("GET key" + std::string(at, 'x'));
                replies += "+" + std::to_string(at) + "\r\n";
            }
        }
        CHECK(h.written() == expected);
        h.receive(replies);
        for (unsigned at = 0; at < 5; ++at) {
            if (given_up >> at & 1) {
                CHECK(outcome(calls[at]) == failed{errc::cancelled, delivery::not_sent});
            } else {
                CHECK(calls[at].value() == std::to_string(at));
            }
        }
        CHECK(h.pipe.idle());
    }
}

TEST_CASE("a borrowed argument partly written is taken over before its call completes", "[pipeline]") {
    std::string const intact(60, 'v');
    std::string const whole = "*3\r\n$3\r\nSET\r\n$3\r\nfoo\r\n$60\r\n" + intact + "\r\n";
    for (std::size_t taken = 0; taken <= whole.size(); ++taken) {
        hands h;
        std::string value = intact;
        auto set = h.start("SET foo", {.lent = value});
        auto next = h.start("PING");
        h.pipe.gather();
        std::string bytes = h.written(taken);
        h.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::unknown});
        value.assign(value.size(), '!');
        bytes += h.written();
        CHECK(bytes == whole + wire("PING"));
        h.receive("+OK\r\n+PONG\r\n");
        CHECK(next.value() == "PONG");
    }
}
