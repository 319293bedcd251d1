// The engine as a whole: bounds, cancellation wherever a call stands, the end, and what an observer sees.
#include <umbel/engine/engine.hpp>

#include "support/script.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

script_options bare() {
    script_options options;
    options.boots = false;
    return options;
}

}  // namespace

TEST_CASE("the waiting room is bounded: one call too many fails at once as not sent", "[engine]") {
    script_options options = bare();
    options.engine.waiting_max = 3;
    script s{options};
    s.next();
    std::vector<started> waiting;
    for (int at = 0; at < 3; ++at) waiting.push_back(s.start("SET foo 1"));
    CHECK(s.core().waiting() == 3);
    auto refused = s.start("SET foo 1");
    CHECK(outcome(refused) == failed{errc::overloaded, delivery::not_sent});
    CHECK(refused.why().message() ==
          "options.waiting_max is reached: 3 commands wait for a topology, a connection or a retry");
    s.receive(a, usual_layout());
    CHECK(s.core().waiting() == 0);
    s.receive(a, "+1\r\n+2\r\n+3\r\n");
    for (auto const& one : waiting) CHECK(one.good());
}

TEST_CASE("in flight is bounded on each link, and the bound frees itself", "[engine]") {
    script_options options;
    options.pipeline.in_flight_max = 2;
    script s{options};
    auto first = s.start("SET foo 1");
    auto second = s.start("SET foo 2");
    auto third = s.start("SET foo 3");
    CHECK(outcome(third) == failed{errc::overloaded, delivery::not_sent});
    auto elsewhere = s.start("SET bar 1");
    CHECK_FALSE(elsewhere.done());
    s.receive(a, "+OK\r\n");
    CHECK(first.good());
    CHECK_FALSE(s.start("SET foo 4").done());
    CHECK_FALSE(second.done());
}

TEST_CASE("calls keep their order per slot while they wait for the first topology", "[engine]") {
    script s{bare()};
    s.next();
    std::string expected;
    for (int at = 0; at < 20; ++at) {
        std::string const command = "SET foo " + std::to_string(at);
        s.start(command);
        expected += wire(command);
    }
    s.receive(a, usual_layout());
    CHECK(s.next().bytes == expected);
}

TEST_CASE("a call can be cancelled wherever it stands", "[engine]") {
    SECTION("before the first topology") {
        script s{bare()};
        auto set = s.start("SET foo 1");
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::not_sent});
        s.next();
        s.receive(a, usual_layout());
        CHECK(s.next() == nothing);
    }
    SECTION("behind a connection attempt") {
        script s;
        s.connects_by_itself(false);
        auto set = s.start("SET bar 1");
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::not_sent});
        s.connect(b);
        CHECK(s.next() == nothing);
    }
    SECTION("in flight") {
        script s;
        auto set = s.start("SET foo 1");
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::unknown});
        auto get = s.start("GET foo");
        s.receive(a, "+OK\r\n$1\r\n1\r\n");
        CHECK(get.value() == "1");
    }
    SECTION("in back-off") {
        script s;
        auto set = s.start("SET foo 1");
        s.next();
        s.receive(a, "-TRYAGAIN not now\r\n");
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::not_executed});
        CHECK(set.why().trail().size() == 1);
        s.pass(1s);
        CHECK(s.next() == nothing);
    }
    SECTION("behind a redirect") {
        script s;
        s.connects_by_itself(false);
        auto set = s.start("SET foo 1");
        s.next();
        s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
        s.cancel(set);
        CHECK(outcome(set) == failed{errc::cancelled, delivery::not_executed});
        s.connect(b);
        for (sent seen = s.next(); !(seen == nothing); seen = s.next())
            CHECK(seen.bytes == wire("CLUSTER SLOTS"));
    }
    SECTION("twice, and after it has completed") {
        script s;
        auto set = s.start("SET foo 1");
        s.cancel(set);
        s.cancel(set);
        auto done = s.start("SET foo 1");
        s.receive(a, "+1\r\n+2\r\n");
        s.cancel(done);
        CHECK(done.value() == "2");
    }
}

TEST_CASE("a cancellation that is wanted between two owners is seen by the next one", "[engine]") {
    script s;
    auto set = s.start("SET foo 1");
    s.next();
    set.call().cancellation.wanted = true;
    s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
    CHECK(outcome(set) == failed{errc::cancelled, delivery::not_executed});
}

TEST_CASE("a deadline passes wherever a call waits, and never early", "[engine]") {
    for (int place = 0; place < 3; ++place) {
        script_options options;
        options.boots = place != 0;
        options.engine.judging.retry_delay = options.pipeline.judging.retry_delay = 10s;
        options.engine.judging.retry_delay_max = options.pipeline.judging.retry_delay_max = 10s;
        script s{options};
        engine::instant const begin = s.now();
        auto set = s.start("SET foo 1", {.timeout = 333ms});
        if (place == 1) s.receive(a, "-TRYAGAIN not now\r\n");
        s.pass(332ms);
        CHECK_FALSE(set.done());
        while (!set.done() && s.now() < begin + 1s) s.pass(1ms);
        CHECK(s.now() - begin >= 333ms);
        CHECK(s.now() - begin <= 342ms);
        failed const expected[] = {{errc::no_reachable_node, delivery::not_sent},
                                   {errc::deadline_exceeded, delivery::not_executed},
                                   {errc::deadline_exceeded, delivery::unknown}};
        CHECK(outcome(set) == expected[place]);
    }
}

TEST_CASE("closing gives up whoever waits, and takes nobody after", "[engine]") {
    script s{bare()};
    auto set = s.start("SET foo 1");
    s.core().close(s.now());
    CHECK(s.core().next_due() == engine::never);
    auto late = s.start("SET foo 2");
    s.pass(1s);
    CHECK(outcome(set) == failed{errc::cancelled, delivery::not_sent});
    CHECK(outcome(late) == failed{errc::cancelled, delivery::not_sent});
}

TEST_CASE("a call that only waits is done as soon as a topology is known", "[engine]") {
    script s{bare()};
    s.next();
    scripted_call ready{"READY", {}};
    ready.only_waits = true;
    auto waits = s.submit(ready);
    CHECK_FALSE(waits.done());
    s.receive(a, usual_layout());
    CHECK(waits.value() == "OK");
    CHECK(s.next() == nothing);
}

TEST_CASE("keys in several slots are refused on a cluster before anything is sent", "[engine]") {
    script s{bare()};
    s.next();
    scripted_call spread{"MGET foo bar", {}};
    spread.slot = cluster::slot_target::several();
    spread.make_retry_state()->message = "the keys foo and bar lie in different slots";
    auto mget = s.submit(spread);
    SECTION("a cluster") {
        s.receive(a, usual_layout());
        CHECK(outcome(mget) == failed{errc::cross_slot, delivery::not_sent});
        CHECK(mget.why().message() == "the keys foo and bar lie in different slots");
        CHECK(mget.why().slot() == -1);
    }
    SECTION("a server without cluster mode") {
        s.receive(a, "-ERR This instance has cluster support disabled\r\n");
        CHECK(s.next() == sent{a, "MGET foo bar"});
        s.receive(a, "*2\r\n+1\r\n+2\r\n");
        CHECK(mget.value() == "1 2");
    }
}

TEST_CASE(
    "an observer is told of connections, topologies, redirects and retries, and costs nothing when absent",
    "[engine]") {
    for (bool const observed : {false, true}) {
        script_options options;
        options.engine.observed = observed;
        script s{options};
        s.start("SET foo 1");
        s.receive(a, "-MOVED 12182 10.0.0.2:6379\r\n");
        s.receive(b, "-TRYAGAIN not now\r\n");
        s.cut(b);
        std::size_t kinds[std::variant_size_v<engine::action>] = {};
        for (auto const& one : s.notices()) ++kinds[one.index()];
        CHECK(s.notices().empty() == !observed);
        if (!observed) continue;
        CHECK(kinds[2] == 1);  // topology_changed
        CHECK(kinds[4] == 2);  // node_connected: a and b
        CHECK(kinds[6] == 1);  // node_disconnected
        CHECK(kinds[7] == 1);  // call_redirected
        CHECK(kinds[8] == 1);  // call_retried
        auto const redirected = std::get<engine::call_redirected>(*std::find_if(
            s.notices().begin(), s.notices().end(),
            [](auto const& one) { return std::holds_alternative<engine::call_redirected>(one); }));
        CHECK(redirected.from == a);
        CHECK(redirected.to == b);
        CHECK(redirected.slot == 12182);
        CHECK(redirected.why == errc::moved);
    }
}

TEST_CASE("an idle client sleeps", "[engine]") {
    script s;
    unsigned const before = s.ticks();
    s.pass(60s);
    CHECK(s.ticks() - before <= 7);  // Only the sweep of old node numbers.
}
