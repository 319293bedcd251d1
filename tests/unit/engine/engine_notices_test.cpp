// What an observer hears of connections and refreshes, as the engine tells it.
#include <umbel/engine/engine.hpp>

#include "support/script_commands.hpp"

#include <map>
#include <variant>

using namespace umbel;
using namespace umbel::test;
using engine::refresh_ended;

namespace {

script_options watched_by_somebody() {
    script_options options;
    options.engine.observed = true;
    return options;
}
template <class Notice>
std::vector<Notice> heard(script const& s) {
    std::vector<Notice> all;
    for (engine::action const& what : s.notices())
        if (auto const* const one = std::get_if<Notice>(&what)) all.push_back(*one);
    return all;
}
/// Connections that serve, by node, as somebody counts them who is told of each.
std::map<std::string, int> gauge(script const& s) {
    std::map<std::string, int> up;
    for (auto const& one : heard<engine::node_connected>(s)) ++up[one.node];
    for (auto const& one : heard<engine::node_disconnected>(s)) --up[one.node];
    return up;
}

}  // namespace

TEST_CASE("whoever counts connections by what he is told ends with none, whatever became of them",
          "[notices]") {
    script s{watched_by_somebody()};
    s.start("GET bar");
    s.start("GET qux");
    for (sent const& one : commands(s)) s.receive(one.to, "$1\r\nx\r\n");
    s.start("GET foo", {.flags = cluster::command_flags::read_only, .reads = read_from::replica});
    sent const greeted = s.next();
    s.receive(greeted.to, "+OK\r\n");
    commands(s);
    s.receive(greeted.to, "$1\r\nx\r\n");
    CHECK(gauge(s) == std::map<std::string, int>{
                          {a, 1}, {b, 1}, {c, 1}, {greeted.to.substr(0, greeted.to.find('/')), 1}});
    // One is lost, one leaves the cluster.
    s.cut(c);
    CHECK(gauge(s)[c] == 0);
    s.connects_by_itself(false);
    auto const without_b = cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}});
    for (int i = 0; i < 300 && s.owner(5061) != c; ++i) commands(s, without_b), s.pass(1ms);
    REQUIRE(s.owner(5061) == c);
    s.pass(10ms);
    CHECK(gauge(s)[b] == 0);
    auto const left = heard<engine::node_disconnected>(s).back();
    CHECK(left.node == b);
    CHECK(left.why == errc::cancelled);
    CHECK(left.mode == engine::link_mode::primary);
    // The rest goes with the client.
    s.core().close(s.now());
    s.happens(engine::refresh_wanted{});
    for (auto const& [node, count] : gauge(s)) {
        INFO(node);
        CHECK(count == 0);
    }
    auto const closed = heard<engine::node_disconnected>(s).back();
    CHECK(closed.why == errc::cancelled);
    CHECK(closed.message == "the client was closed");
}

TEST_CASE("a connection that is lost while it drains is a connection that has ended", "[notices]") {
    script s{watched_by_somebody()};
    s.start("GET bar", {.timeout = 5s});
    commands(s);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    commands(s, cluster_slots({{0, 10922, {c}}, {10923, 16383, {a, d, e}}}));
    REQUIRE(s.owner(5061) == c);
    CHECK(gauge(s)[b] == 1);
    s.cut(b);
    CHECK(gauge(s)[b] == 0);
    CHECK(heard<engine::node_connect_failed>(s).empty());
}

TEST_CASE("an observer is told how each refresh has ended", "[notices]") {
    script s{watched_by_somebody()};
    auto ended = heard<refresh_ended>(s);
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].how == refresh_ended::outcome::changed);
    CHECK(ended[0].node == a);
    CHECK(ended[0].queries == 1);
    s.pass(1s);
    s.happens(engine::refresh_wanted{});
    s.pass(7ms);
    commands(s);
    ended = heard<refresh_ended>(s);
    REQUIRE(ended.size() == 2);
    CHECK(ended[1].how == refresh_ended::outcome::unchanged);
    CHECK(ended[1].took == 7ms);
    // Nobody answers any more.
    s.connects_by_itself(false);
    s.cut(a);
    for (int i = 0; i < 1000 && heard<refresh_ended>(s).size() < 3; ++i) {
        for (auto const& node : s.dialling()) s.refuse(node);
        s.pass(1ms);
    }
    ended = heard<refresh_ended>(s);
    REQUIRE(ended.size() == 3);
    CHECK(ended[2].how == refresh_ended::outcome::failed);
    CHECK(ended[2].node.empty());
    CHECK(ended[2].queries >= 5);
    CHECK(ended[2].message.find(std::string{a} + ": connect_failed, Connection refused") !=
          std::string::npos);
}

TEST_CASE("the pause between refreshes that failed has options of its own", "[notices]") {
    script_options options = watched_by_somebody();
    options.boots = false;
    options.connects_by_itself = false;
    options.engine.reconnect_delay = options.engine.reconnect_delay_max = 1ms;
    options.engine.refreshing.delay = options.engine.refreshing.delay_max = 400ms;
    script s{options};
    s.start("GET foo", {.timeout = 10s});
    for (int i = 0; i < 2000; ++i) {
        if (s.dials(a)) s.refuse(a);
        s.pass(1ms);
    }
    CHECK(heard<refresh_ended>(s).size() >= 5);
    CHECK(heard<refresh_ended>(s).size() <= 11);
}

TEST_CASE("a node that answers, but has no slots, is named with what it said", "[notices]") {
    script_options options = watched_by_somebody();
    options.boots = false;
    script s{options};
    auto get = s.start("GET foo", {.timeout = 500ms});
    for (int i = 0; i < 600; ++i) {
        for (sent seen = s.next(); !(seen == nothing); seen = s.next()) s.receive(a, "*0\r\n");
        s.pass(1ms);
    }
    CHECK(outcome(get) == failed{errc::cluster_down, delivery::not_sent});
    CHECK(get.why().message() ==
          "no node told a topology; 10.0.0.1:6379: cluster_down, the node knows no slots");
}

TEST_CASE("a policy is told when its client was told to close", "[notices]") {
    struct gives_up_when_closing {
        cluster::verdict operator()(cluster::attempt const& seen) const noexcept {
            return seen.closing ? cluster::verdict::fail() : cluster::follow_redirects{}(seen);
        }
    };
    script s{script_options{}.judged_by(gives_up_when_closing{})};
    auto first = s.start("SET foo 1");
    s.next();
    s.receive(a, "-TRYAGAIN not now\r\n");
    CHECK_FALSE(first.done());
    s.pass(20ms);
    CHECK(commands(s) == std::vector{sent{a, "SET foo 1"}});
    s.core().routes().begin_closing();
    s.receive(a, "-TRYAGAIN not now\r\n");
    CHECK(outcome(first) == failed{errc::try_again, delivery::not_executed});
}
