// A node that comes back is given its commands little by little, in virtual time.
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace simulation;

namespace {

constexpr std::uint64_t first_commands = 64;

/// A client with many commands for one node, and how many of them the node has got beyond what slow start
/// lets pass: `first_commands` and two for each reply.
struct returning {
    scene on;
    node_number node;
    std::string key;
    std::uint64_t arrived_before = 0;
    std::uint64_t answered_before = 0;
    std::uint64_t excess_max = 0;  ///< Beyond the window.
    std::uint64_t burst_max = 0;   ///< At one moment.
    std::uint64_t seen = 0;
    unsigned good = 0;
    unsigned failed = 0;
    bool watching = false;

    returning(std::uint64_t seed, std::uint32_t slow_start, node_number which)
        : on{asking(slow_start), {3, 0}, seed}, node{which} {
        on.ready();
        key = on.key_of(node);
        REQUIRE(on.ask({"GET", key}).good());
        on.time.after_every_step([this] { look(); });
    }
    static umbel::options asking(std::uint32_t slow_start) {
        return {.deadline = 30s, .slow_start = slow_start};
    }
    /// From here on its replies and commands count.
    void watch() {
        watching = true;
        arrived_before = seen = on.cluster[node].counted("get");
        answered_before = answered();
    }
    std::uint64_t answered() const {
        std::uint64_t all = 0;
        for (auto const& session : on.db.runtime().sessions()) all += session->counters().replies;
        return all;
    }
    void look() {
        if (!watching) return;
        std::uint64_t const now = on.cluster[node].counted("get");
        burst_max = std::max(burst_max, now - seen);
        seen = now;
        std::uint64_t const allowed = first_commands + 2 * (answered() - answered_before);
        std::uint64_t const arrived = now - arrived_before;
        excess_max = std::max(excess_max, arrived - std::min(arrived, allowed));
    }
    void ask(unsigned count) {
        for (unsigned i = 0; i < count; ++i)
            on.db.call({"GET", key}, [this](umbel::result<umbel::reply> told) { ++(told ? good : failed); });
    }
    void settle() {
        on.time.run_while_not([&] { return on.db.pending() == 0; }, 20s);
        INFO("failed " << failed << ", excess " << excess_max << ", burst " << burst_max);
        CHECK(on.db.pending() == 0);
        CHECK(failed == 0);
    }
};

/// A node is down while thousands of commands come for it, and is back then.
void node_returns(returning& here) {
    here.on.cluster.crash(here.node);
    here.on.time.run_for(300ms);
    here.ask(6000);
    here.on.time.run_for(2s);
    here.watch();
    here.on.cluster.restart(here.node);
    here.settle();
}
/// All nodes are.
void cluster_returns(returning& here) {
    for (node_number node : {0, 1, 2}) here.on.cluster.crash(node);
    here.on.time.run_for(300ms);
    here.ask(6000);
    here.on.time.run_for(2s);
    here.watch();
    for (node_number node : {0, 1, 2}) here.on.cluster.restart(node);
    here.settle();
}
/// Its connections end, and commands come while they are made anew.
void connection_returns(returning& here) {
    here.watch();
    here.on.cluster.reset_connections(here.node);
    here.on.time.run_for(5ms);
    here.ask(6000);
    here.settle();
}

using outage = void (*)(returning&);

}  // namespace

TEST_CASE("a node that comes back gets few commands at first, and more with each reply", "[simulation]") {
    unsigned number = 0;
    for (outage const happens : {&node_returns, &cluster_returns, &connection_returns}) {
        INFO("outage " << ++number);
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            INFO("seed " << seed);
            returning here{seed, first_commands, 1};
            happens(here);
            CHECK(here.good == 6000);
            CHECK(here.excess_max == 0);
        }
    }
}

TEST_CASE("without slow start it gets everything at once: a negative control", "[simulation]") {
    unsigned number = 0;
    for (outage const happens : {&node_returns, &cluster_returns, &connection_returns}) {
        INFO("outage " << ++number);
        returning here{1, 0, 1};
        happens(here);
        CHECK(here.good == 6000);
        CHECK(here.excess_max > 1000);
    }
}

TEST_CASE("slow start costs a node that answers a few round trips", "[simulation]") {
    auto const span = [](std::uint32_t slow_start) {
        returning here{1, slow_start, 1};
        here.on.cluster.crash(here.node);
        here.on.time.run_for(300ms);
        here.ask(6000);
        here.on.time.run_for(2s);
        here.on.cluster.restart(here.node);
        here.on.time.run_while_not([&] { return here.good != 0; }, 20s);
        instant const back = here.on.time.now();
        here.settle();
        return here.on.time.now() - back;
    };
    duration const slowly = span(first_commands), at_once = span(0);
    INFO("slowly " << slowly.count() << " ns, at once " << at_once.count() << " ns");
    // 64, 128, 256 … 4096: seven round trips, of 2 ms at most each.
    CHECK(slowly < at_once + 50ms);
}
