#include <umbel/engine/pipeline.hpp>

#include "support/pipeline_hands.hpp"

#include <list>

using namespace umbel;
using namespace umbel::test;

// ---- In order -----------------------------------------------------------------------------------

TEST_CASE("commands leave in one write, and replies come back in order", "[pipeline]") {
    hands h;
    auto first = h.start("GET foo");
    auto second = h.start("INCR n");
    CHECK(h.written() == "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    CHECK(h.pipe.in_flight() == 2);
    CHECK(h.receive("$3\r\nbar\r\n:7\r\n") == drained);
    CHECK(first.value() == "bar");
    CHECK(second.value() == "7");
    CHECK(h.pipe.idle());
    CHECK(h.pipe.counters().commands == 2);
    CHECK(h.pipe.counters().replies == 2);
}

TEST_CASE("at most so many calls are settled at one time", "[pipeline]") {
    hands h;
    for (int at = 0; at < 5; ++at) h.start("PING");
    h.written();
    std::string_view const bytes = "+1\r\n+2\r\n+3\r\n+4\r\n+5\r\n";
    auto const room = h.pipe.space();
    std::copy_n(bytes.data(), bytes.size(), room.data());
    h.pipe.arrived(bytes.size());
    CHECK(h.pipe.settle(2, h.now) == pipeline::progress::more);
    CHECK(h.pipe.in_flight() == 3);
    CHECK(h.pipe.settle(2, h.now) == pipeline::progress::more);
    CHECK(h.pipe.settle(2, h.now) == drained);
    h.collect();
    CHECK(h.pipe.idle());
}

TEST_CASE("an asking call takes two replies", "[pipeline]") {
    hands h;
    scripted_call& asks = h.calls.emplace_back("GET foo", call_options{});
    asks.form.asking = true;
    h.pipe.accept(asks, h.now);
    auto after = h.start("PING");
    CHECK(h.written() == wire("ASKING") + wire("GET foo") + wire("PING"));
    started const get{asks};
    SECTION("both come") {
        h.receive("+OK\r\n");
        CHECK_FALSE(get.done());
        h.receive("$3\r\nbar\r\n+PONG\r\n");
        CHECK(get.value() == "bar");
    }
    SECTION("cancelled before either") {
        h.cancel(get);
        h.receive("+OK\r\n$3\r\nbar\r\n+PONG\r\n");
        CHECK(h.pipe.counters().late == 2);
    }
    SECTION("cancelled between the two") {
        h.receive("+OK\r\n");
        h.cancel(get);
        CHECK(outcome(get) == failed{errc::cancelled, delivery::unknown});
        h.receive("$3\r\nbar\r\n+PONG\r\n");
        CHECK(h.pipe.counters().late == 1);
    }
    SECTION("cancelled in the middle of the first") {
        h.receive("+O");
        h.cancel(get);
        h.receive("K\r\n$3\r\nbar\r\n+PONG\r\n");
    }
    SECTION("cancelled in the middle of the second") {
        h.receive("+OK\r\n$3\r\nb");
        h.cancel(get);
        h.receive("ar\r\n+PONG\r\n");
    }
    CHECK(after.value() == "PONG");
}

// ---- Bounds -------------------------------------------------------------------------------------

TEST_CASE("queued bytes are bounded, and are given back however a call leaves the queue", "[pipeline]") {
    std::size_t const each = wire("SET foo 1").size();
    hands h{{.queued_bytes_max = 3 * each}};
    for (int round = 0; round < 5; ++round) {
        std::vector<started> queued;
        for (int at = 0; at < 3; ++at) queued.push_back(h.start("SET foo 1", {.timeout = 100ms}));
        auto refused = h.start("SET foo 1");
        CHECK(outcome(refused) == failed{errc::overloaded, delivery::not_sent});
        CHECK(refused.why().node() == "10.0.0.1:6379");
        CHECK(refused.why().message() == "options.queued_bytes_max is reached: " + std::to_string(3 * each) +
                                             " bytes of commands are queued on this connection");
        switch (round) {
            case 0:
                h.written();
                h.receive("+1\r\n+2\r\n+3\r\n");
                break;
            case 1:
                for (auto const& one : queued) h.cancel(one);
                break;
            case 2: h.pass(150ms); break;
            case 3: h.lose(); break;
            default: {
                engine::call_list out;
                h.pipe.take_all(out);
                unsigned count = 0;
                while (engine::call* const call = out.pop()) {
                    ++count;
                    call->kind->fail(*call, error{errc::cancelled, delivery::not_sent});
                    call->kind->complete(*call);
                }
                CHECK(count == 3);
            }
        }
    }
    for (int at = 0; at < 3; ++at) CHECK_FALSE(h.start("SET foo 1").done());
}

TEST_CASE("one command larger than the bound on bytes is let through, and takes nothing from its neighbours",
          "[pipeline]") {
    std::size_t const each = wire("SET foo 1").size();
    hands h{{.queued_bytes_max = 2 * each}};
    std::string const huge = "SET foo " + std::string(100, 'x');
    for (int round = 0; round < 7; ++round) {
        auto before = h.start("SET foo 1");
        auto large = h.start(huge, {.timeout = 100ms});
        CHECK(h.start(huge).code() == errc::overloaded);
        auto after = h.start("SET foo 1");
        CHECK_FALSE(before.done());
        CHECK_FALSE(large.done());
        CHECK_FALSE(after.done());
        CHECK(h.start("SET foo 1").code() == errc::overloaded);
        switch (round) {
            case 0:
                h.written();
                h.receive("+1\r\n+2\r\n+3\r\n");
                break;
            case 1:  // Only the others stay behind.
                h.cancel(large);
                CHECK_FALSE(h.start(huge).done());
                CHECK(h.start("SET foo 1").code() == errc::overloaded);
                h.lose();
                break;
            case 2:
                h.pass(150ms);
                CHECK_FALSE(h.start(huge).done());
                h.lose();
                break;
            case 3: h.lose(); break;
            case 4:  // In the kernel's hands it is queued no more, answered or not.
                h.written();
                CHECK_FALSE(h.start(huge).done());
                h.lose();
                break;
            case 5: {
                engine::call_list out;
                h.pipe.take_all(out);
                while (engine::call* const call = out.pop()) {
                    call->kind->fail(*call, error{errc::cancelled, delivery::not_sent});
                    call->kind->complete(*call);
                }
                break;
            }
            default: h.lose();  // What surrender() has left is seen in this round.
        }
        CHECK(h.pipe.idle());
    }
}

TEST_CASE("borrowed bytes count as queued", "[pipeline]") {
    hands h{{.queued_bytes_max = 1000}};
    std::string const value(900, 'v');
    CHECK_FALSE(h.start("SET foo", {.lent = value}).done());
    CHECK(h.start("SET foo", {.lent = value}).code() == errc::overloaded);
    CHECK_FALSE(h.start("PING").done());
}

// ---- Deadlines ----------------------------------------------------------------------------------

TEST_CASE("deadlines in order and out of order are met, never early", "[pipeline]") {
    hands h;
    engine::random_source random{3};
    engine::instant const begin = h.now;
    std::vector<std::pair<started, engine::instant>> all;
    for (int at = 0; at < 300; ++at) {
        engine::duration const timeout{static_cast<std::int64_t>(1 + random.below(3000000000ull))};
        all.emplace_back(h.start("GET foo", {.timeout = timeout}), h.now + timeout);
        h.now += 1ms;
    }
    auto const forever = h.start("GET foo");
    h.written();
    while (h.now < begin + 4s) {
        engine::instant const due = h.pipe.next_expiry();
        h.now = std::min(std::max(due, h.now + 1ns), begin + 4s);
        h.pass(0ns);
        for (auto const& [one, deadline] : all) {
            if (h.now < deadline) REQUIRE_FALSE(one.done());
            if (h.now >= deadline + 9ms) REQUIRE(one.done());
        }
    }
    for (auto const& [one, deadline] : all)
        CHECK(outcome(one) == failed{errc::deadline_exceeded, delivery::unknown});
    CHECK_FALSE(forever.done());
    CHECK(h.pipe.next_expiry() == engine::never);
    CHECK(h.pipe.silent_timeouts() == 300);
}

TEST_CASE("a deadline that passes in the queue says that nothing was sent", "[pipeline]") {
    hands h;
    auto get = h.start("GET foo", {.timeout = 10ms});
    h.pass(10ms);
    CHECK(outcome(get) == failed{errc::deadline_exceeded, delivery::not_sent});
    CHECK(h.written().empty());
    CHECK(h.pipe.silent_timeouts() == 0);
}

TEST_CASE("a reply wins against a deadline that was looked at too late", "[pipeline]") {
    hands h;
    auto get = h.start("GET foo", {.timeout = 10ms});
    h.written();
    h.now += 1s;
    h.receive("$3\r\nbar\r\n");
    CHECK(get.value() == "bar");
    h.pass(0ns);
    CHECK(h.pipe.next_expiry() == engine::never);
}

// ---- Faults -------------------------------------------------------------------------------------

TEST_CASE("a fault that the policy repeats comes out diverted, with its way in the journal", "[pipeline]") {
    hands h;
    auto get = h.start("GET foo");
    h.written();
    h.receive("-MOVED 12182 10.0.0.2:6379\r\n");
    CHECK_FALSE(get.done());
    REQUIRE(h.returned == std::vector<std::string>{"GET foo"});
    engine::retry_state const& retry = *get.call().retry;
    CHECK(retry.host == "10.0.0.2");
    CHECK(retry.port == 6379);
    CHECK(retry.slot == 12182);
    CHECK(retry.verdict.next == cluster::verdict::step::follow);
    CHECK(retry.delivery == delivery::not_executed);
    CHECK(retry.message == "MOVED 12182 10.0.0.2:6379");
    REQUIRE(retry.hops.size() == 1);
    CHECK(retry.hops[0].node == "10.0.0.1:6379");
    CHECK(h.pipe.counters().redirects == 1);
}

TEST_CASE("junk after a reply, a wrong length and unsolicited data break the connection", "[pipeline]") {
    for (std::string const junk :
         {"$3\r\nfooXX+OK\r\n", "what\r\n", "*-2\r\n", "$99999999999999999999\r\n", ":1x\r\n"}) {
        INFO(junk);
        hands h;
        auto first = h.start("SET foo 1");
        h.written();
        CHECK(h.receive(junk) == broken);
        CHECK_FALSE(h.pipe.fault().empty());
        h.lose(errc::protocol_error);
        CHECK(outcome(first) == failed{errc::protocol_error, delivery::unknown});
    }
    hands h;
    CHECK(h.receive("+OK\r\n") == broken);
    CHECK(h.pipe.fault() == "a reply came that no command asked for");
    hands polite;
    CHECK(polite.receive("-ERR max number of clients reached\r\n") == broken);
    CHECK(polite.pipe.fault() == "ERR max number of clients reached");
}

TEST_CASE("a reply before its command was sent breaks the connection", "[pipeline]") {
    hands h;
    auto set = h.start("SET foo 1");
    h.written(10);
    CHECK(h.receive("+OK\r\n") == broken);
    h.lose(errc::protocol_error);
    CHECK_FALSE(set.done());  // It was not sent whole, so it goes elsewhere.
    CHECK(h.returned.size() == 1);
    hands other;
    other.start("SET foo 1");
    CHECK(other.receive("+OK\r\n") == broken);
}

TEST_CASE("push frames belong to nobody, awaited or not", "[pipeline]") {
    hands h;
    std::string const push = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n";
    CHECK(h.receive(push) == drained);
    auto get = h.start("GET foo");
    h.written();
    CHECK(h.receive(push + "$3\r\nbar\r\n" + push) == drained);
    CHECK(get.value() == "bar");
    CHECK(h.pipe.counters().pushes == 3);
}

// ---- The end ------------------------------------------------------------------------------------

TEST_CASE("a lost connection leaves the pipeline as new", "[pipeline]") {
    hands h{{.judging = {.policy = cluster::surface_redirects{}}}};
    auto whole = h.start("SET foo 1");
    auto half = h.start("SET foo 2", {.timeout = 1s});
    h.written(40);
    auto queued = h.start("SET foo 3", {.timeout = 500ms});
    h.receive("$100\r\nab");
    h.lose();
    CHECK(outcome(whole) == failed{errc::connection_lost, delivery::unknown});
    CHECK(outcome(half) == failed{errc::connection_lost, delivery::not_sent});
    CHECK(outcome(queued) == failed{errc::connection_lost, delivery::not_sent});
    CHECK(h.pipe.idle());
    CHECK_FALSE(h.pipe.wants_write());
    CHECK(h.pipe.next_expiry() == engine::never);
    auto again = h.start("GET foo", {.timeout = 2s});
    CHECK(h.written() == wire("GET foo"));
    h.receive("$3\r\nbar\r\n");
    CHECK(again.value() == "bar");
}

TEST_CASE("a cancellation that was wanted before a call came here is seen at the door", "[pipeline]") {
    hands h;
    scripted_call& one = h.calls.emplace_back("SET foo 1", call_options{});
    one.cancellation.wanted = true;
    h.pipe.accept(one, h.now);
    h.collect();
    CHECK(outcome(started{one}) == failed{errc::cancelled, delivery::not_sent});
    CHECK(one.cancellation.owner == engine::cancel_token::nobody);
    CHECK(h.written().empty());
}

TEST_CASE("everybody is dismissed at the end, each with what is known", "[pipeline]") {
    hands h;
    auto sent_one = h.start("SET foo 1");
    h.written();
    auto queued = h.start("SET foo 2");
    h.pipe.fail_all(errc::cancelled);
    h.collect();
    CHECK(outcome(sent_one) == failed{errc::cancelled, delivery::unknown});
    CHECK(outcome(queued) == failed{errc::cancelled, delivery::not_sent});
}

TEST_CASE("times are kept for reads and writes apart, and slow replies are told by name", "[pipeline]") {
    engine::pipeline_options options;
    options.latency_histograms = true;
    options.slow_after = 10ms;
    hands h{options};
    REQUIRE(h.pipe.latency() != nullptr);
    auto quick = h.start("GET foo", {.flags = cluster::command_flags::read_only});
    auto slow = h.start("INCR n");
    h.written();
    h.now += 3ms;
    h.receive("$3\r\nbar\r\n");
    CHECK(h.pipe.slow().empty());
    h.now += 8ms;
    h.receive(":1\r\n");
    CHECK(quick.value() == "bar");
    CHECK(slow.value() == "1");
    auto const reads = h.pipe.latency()->reads.read();
    auto const writes = h.pipe.latency()->writes.read();
    CHECK(reads.count() == 1);
    CHECK(reads.total == 3ms);
    CHECK(writes.count() == 1);
    CHECK(writes.total == 11ms);
    REQUIRE(h.pipe.slow().size() == 1);
    CHECK(h.pipe.slow()[0].command == "INCR");
    CHECK(h.pipe.slow()[0].node == "10.0.0.1:6379");
    CHECK(h.pipe.slow()[0].took == 11ms);
}

TEST_CASE("no more slow replies are kept than somebody could read", "[pipeline]") {
    engine::pipeline_options options;
    options.slow_after = 1ms;
    hands h{options};
    CHECK(h.pipe.latency() == nullptr);
    std::string replies;
    for (int at = 0; at < 200; ++at) {
        h.start("PING");
        replies += "+PONG\r\n";
    }
    h.written();
    h.now += 1ms;
    h.receive(replies);
    CHECK(h.pipe.idle());
    CHECK(h.pipe.slow().size() == 64);
}

TEST_CASE("of the engine's own calls a few come beside the bound, and no more", "[pipeline]") {
    engine::pipeline pipe{engine::pipeline_options{.in_flight_max = 2}, nullptr};
    std::size_t const most = 2 + engine::pipeline_options::own_calls_max;
    std::list<scripted_call> calls;
    for (std::size_t i = 0; i <= most; ++i) {
        scripted_call& question = calls.emplace_back("CLUSTER SLOTS", call_options{});
        question.issued_by = engine::issuer::engine;
        pipe.accept(question, engine::instant{1s});
    }
    CHECK(pipe.in_flight() == most);
    engine::call* const refused = pipe.finished().pop();
    REQUIRE(refused == &calls.back());
    CHECK(calls.back().answer->error() == errc::overloaded);
    pipe.fail_all(errc::cancelled);
    while (engine::call* const call = pipe.finished().pop()) call->kind->complete(*call);
}
