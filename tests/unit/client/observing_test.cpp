// Tests of what a client tells of itself: the observer's hooks, trails, and times by node and by class of
// command.
#include "two_nodes.hpp"

#include <asio/steady_timer.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using at_home::code_of;
using at_home::fault;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;

namespace {

/// Writes down what it is told.
struct diary : umbel::observer {
    std::vector<umbel::engine::node_connected> up;
    std::vector<umbel::engine::node_connect_failed> refused;
    std::vector<umbel::engine::node_disconnected> down;
    std::vector<umbel::engine::topology_changed> topologies;
    std::vector<umbel::engine::refresh_ended> refreshes;
    std::vector<umbel::engine::call_redirected> redirects;
    std::vector<umbel::engine::call_retried> retries;
    std::vector<umbel::engine::call_slow> slows;
    void connected(umbel::engine::node_connected const& what) override { up.push_back(what); }
    void connect_failed(umbel::engine::node_connect_failed const& what) override { refused.push_back(what); }
    void disconnected(umbel::engine::node_disconnected const& what) override { down.push_back(what); }
    void topology_changed(umbel::engine::topology_changed const& what) override {
        topologies.push_back(what);
    }
    void refreshed(umbel::engine::refresh_ended const& what) override { refreshes.push_back(what); }
    void redirected(umbel::engine::call_redirected const& what) override { redirects.push_back(what); }
    void retried(umbel::engine::call_retried const& what) override { retries.push_back(what); }
    void slow(umbel::engine::call_slow const& what) override { slows.push_back(what); }
};

void nothing_special(umbel::options&) {}

/// A port of loopback that refuses connections.
std::string closed_port() {
    asio::io_context io{1};
    asio::ip::tcp::acceptor const brief{io, {asio::ip::make_address_v4("127.0.0.1"), 0}};
    return std::to_string(brief.local_endpoint().port());
}

}  // namespace

TEST_CASE("an observer is told who was redirected, from where to where, and why", "[observing]") {
    auto const watching = std::make_shared<diary>();
    two_nodes here{nothing_special, {}, watching};
    int asked = 0;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET") return std::nullopt;
        return ++asked == 1 ? fault("ASK", 12182, here.low) : fault("MOVED", 12182, here.low);
    };
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "ASKING") return scripted::ok;
        return std::nullopt;
    };
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    REQUIRE(here.wait(here.db->statistics()));
    REQUIRE(watching->redirects.size() == 2);
    for (auto const& one : watching->redirects) {
        CHECK(one.from == here.high.address());
        CHECK(one.to == here.low.address());
        CHECK(one.slot == 12182);
    }
    CHECK(watching->redirects[0].why == umbel::errc::ask);
    CHECK(watching->redirects[1].why == umbel::errc::moved);
    CHECK(watching->retries.empty());
}

TEST_CASE("an observer is told of retries, and the way is told with the value and with the error",
          "[observing]") {
    auto const watching = std::make_shared<diary>();
    two_nodes here{[](umbel::options& chosen) { chosen.redirects_max = 2; }, {}, watching};
    std::vector<std::string> replies{"-TRYAGAIN not now\r\n", fault("MOVED", 12182, here.low)};
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET" || replies.empty()) return std::nullopt;
        std::string const first = replies.front();
        replies.erase(replies.begin());
        return scripted::answer{first};
    };
    auto const traced = here.wait(here.db->with(umbel::trail).get("foo"));
    REQUIRE(traced);
    REQUIRE(traced->trail.size() == 2);
    CHECK(traced->trail[0].reason == umbel::errc::try_again);
    CHECK(traced->trail[1].reason == umbel::errc::moved);
    for (auto const& hop : traced->trail) CHECK(hop.node == here.high.address());
    REQUIRE(watching->retries.size() == 1);
    CHECK(watching->retries[0].from == here.high.address());
    CHECK(watching->retries[0].why == umbel::errc::try_again);
    CHECK(watching->retries[0].delay > 0ns);
    // Round and round: the error tells the same.
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer{fault("MOVED", 12182, here.low)};
        return std::nullopt;
    };
    here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer{fault("MOVED", 12182, here.high)};
        return std::nullopt;
    };
    auto const looped = here.wait(here.db->get("foo"));
    REQUIRE(code_of(looped) == "too_many_redirects");
    REQUIRE(looped.error().trail().size() == 2);
    CHECK(looped.error().trail()[0].node != looped.error().trail()[1].node);
    for (auto const& hop : looped.error().trail()) CHECK(hop.reason == umbel::errc::moved);
}

TEST_CASE("an observer is told who cannot be reached, who was lost and what the cluster looks like",
          "[observing]") {
    auto const watching = std::make_shared<diary>();
    two_nodes here{nothing_special, {}, watching};
    std::string const nobody = closed_port();
    here.slots = "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n" + scripted::bulk("127.0.0.1") + ":" + nobody + "\r\n" +
                 two_nodes::range(8192, 16383, here.high);
    auto const told = here.wait(here.db->with(100ms).set("bar", "1"));
    CHECK((code_of(told) == "deadline_exceeded" || code_of(told) == "connect_failed"));
    REQUIRE_FALSE(watching->refused.empty());
    CHECK(watching->refused[0].node == "127.0.0.1:" + nobody);
    CHECK(watching->refused[0].why == umbel::errc::connect_failed);
    CHECK_FALSE(watching->refused[0].message.empty());
    REQUIRE_FALSE(watching->topologies.empty());
    CHECK(watching->topologies[0].nodes == 2);
    CHECK(watching->topologies[0].shards == 2);
    REQUIRE_FALSE(watching->up.empty());
    CHECK(watching->up[0].node == here.high.address());
    here.high.cut();
    CHECK(at_home::until(here.io, [&] { return !watching->down.empty(); }));
    CHECK(watching->down[0].node == here.high.address());
    CHECK(watching->down[0].why == umbel::errc::connection_lost);
}

TEST_CASE("an observer hears the end of each connection that the client closes itself, and of each refresh",
          "[observing]") {
    auto const watching = std::make_shared<diary>();
    two_nodes here{nothing_special, {}, watching};
    CHECK(shown(here.wait(here.db->set("foo", "1"))) == "written");
    CHECK(shown(here.wait(here.db->set("bar", "1"))) == "written");
    CHECK(watching->up.size() == 2);
    REQUIRE(watching->refreshes.size() == 1);
    CHECK(watching->refreshes[0].how == umbel::engine::refresh_ended::outcome::changed);
    CHECK(watching->refreshes[0].node == here.high.address());
    CHECK(shown(here.wait(here.db->close())) == "ok");
    REQUIRE(watching->down.size() == 2);
    for (auto const& one : watching->down) {
        CHECK(one.why == umbel::errc::cancelled);
        CHECK(one.message == "the client was closed");
    }
    CHECK(watching->down[0].node != watching->down[1].node);
}

TEST_CASE("an observer is told of slow commands by name, node and slot, and of these alone", "[observing]") {
    auto const watching = std::make_shared<diary>();
    two_nodes here{[](umbel::options& chosen) { chosen.slow_after = 5s; }, {}, watching};
    CHECK(shown(here.wait(here.db->set("foo", "1"))) == "written");
    CHECK(watching->slows.empty());
    auto const second = std::make_shared<diary>();
    two_nodes there{[](umbel::options& chosen) { chosen.slow_after = 10ms; }, {}, second};
    there.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer::hold(scripted::missing);
        return std::nullopt;
    };
    REQUIRE(shown(there.wait(there.db->ready())) == "ok");
    std::string told;
    there.db->get("foo")([&](auto one) { told = shown(one); });
    CHECK(at_home::until(there.io, [&] { return there.high.count("GET") == 1; }));
    asio::steady_timer patience{there.io, 20ms};
    bool passed = false;
    patience.async_wait([&](asio::error_code) { passed = true; });
    CHECK(at_home::until(there.io, [&] { return passed; }));
    there.high.release();
    CHECK(at_home::until(there.io, [&] { return told == "nil" && !second->slows.empty(); }));
    auto const& one = *std::find_if(second->slows.begin(), second->slows.end(),
                                    [](auto const& slow) { return slow.command == "GET"; });
    CHECK(one.node == there.high.address());
    CHECK(one.slot == 12182);
    CHECK(one.took >= 20ms);
}

TEST_CASE("times are counted for each node and for reads and writes apart, where that is wanted",
          "[observing]") {
    for (bool const wanted : {false, true}) {
        two_nodes here{wanted ? [](umbel::options& chosen) { chosen.latency_histograms = true; }
                              : nothing_special};
        for (int i = 0; i < 3; ++i) CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
        for (int i = 0; i < 2; ++i) CHECK(shown(here.wait(here.db->set("foo", "1"))) == "written");
        CHECK(shown(here.wait(here.db->set("bar", "1"))) == "written");
        auto const nodes = here.wait(here.db->nodes());
        REQUIRE(nodes);
        for (auto const& node : *nodes) {
            if (!node.member) continue;
            bool const high = node.address == here.high.address();
            CHECK(node.primary_link.reads.count() == (wanted && high ? 3u : 0u));
            CHECK(node.primary_link.writes.count() == (!wanted ? 0u : high ? 2u : 1u));
            CHECK(node.replica_link.reads.count() == 0);
        }
    }
}
