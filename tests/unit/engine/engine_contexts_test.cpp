// A client that runs on several loops: each has links of its own, and a node is judged by all of them.
// A link of loop 1 to node b is written b#1.
#include <umbel/engine/engine.hpp>

#include "support/script_commands.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;
using breaker = engine::circuit_breaker;

namespace {

std::string const b1 = std::string{b} + "#1";
std::string const b2 = std::string{b} + "#2";

script_options three_loops() {
    script_options options;
    options.engine.contexts = 3;
    return options;
}
std::vector<std::string> const links_of_b{std::string{b}, b1, b2};
std::vector<std::string> dialled(script& s) {
    std::vector<std::string> found;
    std::copy_if(links_of_b.begin(), links_of_b.end(), std::back_inserter(found),
                 [&s](std::string const& link) { return s.dials(link); });
    return found;
}
engine::node const& node_of(script& s, std::string_view where) { return s.core().nodes()[s.number(where)]; }
call_options on(std::uint8_t loop) { return {.timeout = 10s, .context = loop}; }

/// Lets time pass until `done()`; topology queries are answered meanwhile.
template <class Done>
bool in_time(script& s, Done&& done) {
    for (int i = 0; i < 3000 && !done(); ++i) commands(s), s.pass(1ms);
    return done();
}

}  // namespace

TEST_CASE("a command takes a link of its own context, which is opened for it", "[contexts]") {
    script s{three_loops()};
    auto first = s.start("SET bar 1", on(0));
    CHECK(s.next() == sent{b, "SET bar 1"});
    auto second = s.start("SET bar 2", on(2));
    CHECK(s.next() == sent{b2, "SET bar 2"});
    s.receive(b2, "+TWO\r\n");
    s.receive(b, "+ONE\r\n");
    CHECK(first.value() == "ONE");
    CHECK(second.value() == "TWO");
    CHECK_FALSE(s.connected(b1));
}

TEST_CASE("a command stays on its context wherever it is sent on to", "[contexts]") {
    script s{three_loops()};
    auto set = s.start("SET bar 1", on(1));
    CHECK(s.next() == sent{b1, "SET bar 1"});
    SECTION("by MOVED") {
        s.receive(b1, "-MOVED 5061 " + std::string{c} + "\r\n");
        CHECK(commands(s) == std::vector{sent{std::string{c} + "#1", "SET bar 1"}});
    }
    SECTION("by ASK") {
        s.receive(b1, "-ASK 5061 " + std::string{c} + "\r\n");
        CHECK(s.next() == sent{std::string{c} + "#1", "ASKING", "SET bar 1"});
        s.receive(std::string{c} + "#1", "+OK\r\n");
    }
    SECTION("after a back-off") {
        s.receive(b1, "-TRYAGAIN later\r\n");
        s.pass(300ms);
        CHECK(commands(s) == std::vector{sent{b1, "SET bar 1"}});
        s.receive(b1, "+OK\r\n");
        CHECK(set.value() == "OK");
        return;
    }
    s.receive(std::string{c} + "#1", "+OK\r\n");
    CHECK(set.value() == "OK");
}

TEST_CASE(
    "a command that waits, or stands in a link of another loop than the first, is found by who cancels it",
    "[contexts]") {
    script s{three_loops()};
    auto piped = s.start("GET bar", on(2));
    CHECK(s.next() == sent{b2, "GET bar"});
    s.cancel(piped);
    CHECK(outcome(piped) == failed{errc::cancelled, delivery::unknown});
    auto waiting = s.start("GET bar", on(1));
    CHECK(s.next() == sent{b1, "GET bar"});
    s.receive(b1, "-TRYAGAIN later\r\n");
    s.cancel(waiting);
    CHECK(outcome(waiting) == failed{errc::cancelled, delivery::not_executed});
}

TEST_CASE("attempts side by side meet one failure, not one for each context", "[contexts]") {
    script s{three_loops().judged_by(cluster::fail_fast{})};
    s.connects_by_itself(false);
    for (std::uint8_t loop = 0; loop < 3; ++loop) s.start("SET bar 1", on(loop));
    REQUIRE(dialled(s) == links_of_b);
    s.pass(1ms);
    for (std::string const& link : links_of_b) {
        s.refuse(link);
        s.pass(1us);
    }
    CHECK(node_of(s, b).breaker.failures() == 1);
    // The next round counts again.
    unsigned rounds = 1;
    REQUIRE(in_time(s, [&] {
        for (std::string const& link : dialled(s)) s.refuse(link), ++rounds;
        return node_of(s, b).breaker.now_is() == breaker::state::open;
    }));
    CHECK(node_of(s, b).breaker.failures() == 5);
    CHECK(rounds >= 5);
}

TEST_CASE(
    "a node whose breaker is open is probed by the first context's link; when it answers, the others are "
    "opened, too",
    "[contexts]") {
    script s{three_loops()};
    s.connects_by_itself(false);
    std::vector<started> sets;
    for (std::uint8_t loop : {std::uint8_t{1}, std::uint8_t{2}})
        sets.push_back(s.start("SET bar 1", on(loop)));
    REQUIRE(in_time(s, [&] {
        for (std::string const& link : dialled(s)) s.refuse(link);
        return node_of(s, b).breaker.now_is() == breaker::state::open;
    }));
    // However long the probe takes, nobody else tries.
    REQUIRE(in_time(s, [&] { return !dialled(s).empty(); }));
    CHECK(dialled(s) == std::vector{std::string{b}});
    CHECK(node_of(s, b).breaker.now_is() == breaker::state::half_open);
    s.pass(1500ms);
    commands(s);
    REQUIRE(dialled(s) == std::vector{std::string{b}});
    s.connect(b);
    CHECK(node_of(s, b).breaker.now_is() == breaker::state::closed);
    REQUIRE(in_time(s, [&] {
        for (std::string const& link : dialled(s)) s.connect(link);
        for (std::string const& link : {b1, b2})
            if (s.connected(link) && !s.pipe(link).idle()) s.receive(link, "+OK\r\n");
        return std::all_of(sets.begin(), sets.end(), [](started const& one) { return one.done(); });
    }));
    for (started const& one : sets) CHECK(one.value() == "OK");
}

TEST_CASE(
    "a node that takes connections and drops them is not dialled the more often, the more contexts there are",
    "[contexts]") {
    std::vector<unsigned> attempts;
    for (unsigned contexts : {1u, 3u}) {
        script_options options;
        options.engine.contexts = contexts;
        options.repeating(retry_unknown::idempotent);
        script s{options};
        std::vector<started> sets;
        for (unsigned loop = 0; loop < contexts; ++loop)
            sets.push_back(s.start("SET bar 1", {.flags = cluster::command_flags::idempotent,
                                                 .timeout = 30s,
                                                 .context = static_cast<std::uint8_t>(loop)}));
        unsigned const before = s.dialled();
        for (int i = 0; i < 10000; ++i) {
            commands(s);
            for (std::string const& link : links_of_b)
                if (s.connected(link)) s.cut(link);
            s.pass(1ms);
        }
        attempts.push_back(s.dialled() - before);
    }
    CHECK(attempts[1] <= 3 * attempts[0] + 10);
}

TEST_CASE("a node is asked for the topology by the first context's link, whatever the others do",
          "[contexts]") {
    script s{three_loops()};
    auto get = s.start("GET {c}", on(1));
    CHECK(s.next() == sent{std::string{c} + "#1", "GET {c}"});
    s.receive(std::string{c} + "#1", "$-1\r\n");
    CHECK(get.value() == "(nil)");
    s.cut(a);
    s.pass(150ms);
    sent const asked = s.next();
    CHECK(asked.bytes == wire("CLUSTER SLOTS"));
    CHECK(asked.to.find('#') == std::string::npos);
    s.receive(asked.to, usual_layout());
}

TEST_CASE("reads shun a node when none of its links serves, and come back with the first that does",
          "[contexts]") {
    script s{three_loops()};
    call_options const reads{.flags = cluster::command_flags::read_only,
                             .reads = read_from::replica,
                             .timeout = 10s,
                             .context = 1};
    std::string const d1 = std::string{d} + "/replica#1";
    std::string const d2 = std::string{d} + "/replica#2";
    std::vector<started> all;
    for (int i = 0; i < 4; ++i) all.push_back(s.start("GET foo", reads));
    call_options again = reads;
    again.context = 2;
    for (int i = 0; i < 4; ++i) all.push_back(s.start("GET foo", again));
    REQUIRE((s.connected(d1) && s.connected(d2)));
    for (std::string const& link : {d1, d2}) s.receive(link, "+OK\r\n");
    s.connects_by_itself(false);
    auto const unhealthy = [&] { return s.core().routes().health_of(s.number(d)).unhealthy.load(); };
    s.cut(d1);
    CHECK_FALSE(unhealthy());
    s.cut(d2);
    CHECK(unhealthy());
    REQUIRE(in_time(s, [&] { return s.dials(d2); }));
    s.connect(d2);
    s.receive(d2, "+OK\r\n");
    CHECK_FALSE(unhealthy());
}

TEST_CASE("a node that leaves the cluster loses its links of all contexts", "[contexts]") {
    script s{three_loops()};
    std::vector<started> all;
    for (std::uint8_t loop = 0; loop < 3; ++loop) {
        all.push_back(s.start("SET bar 1", on(loop)));
        s.next();
    }
    for (std::string const& link : links_of_b) s.receive(link, "+OK\r\n");
    s.happens(engine::refresh_wanted{});
    s.pass(150ms);
    sent const asked = s.next();
    REQUIRE(asked.bytes == wire("CLUSTER SLOTS"));
    s.receive(asked.to, cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}}));
    for (std::string const& link : links_of_b) CHECK_FALSE(s.connected(link));
}
