// Reads in virtual time: which node serves them, and which must not.
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

using namespace simulation;

namespace {

/// The longest time a read took, long after one of two replicas has come out of reach.
duration slowest_read(umbel::read_from reads, unsigned breaker_failures) {
    scene on{{.read_from = reads, .connect_timeout = 500ms, .breaker_failures = breaker_failures}, {3, 2}};
    on.ready();
    std::string const key = on.key_of(0);
    for (int i = 0; i < 10; ++i) REQUIRE(on.ask({"GET", key}).good());
    on.cluster.cut_from_clients(3, true);
    for (int i = 0; i < 10; ++i) on.call({"GET", key});
    on.time.run_for(12s);
    duration slowest{};
    for (int i = 0; i < 1000; ++i) {
        answer const& one = on.ask({"GET", key});
        CHECK(one.good());
        slowest = std::max(slowest, one.took());
        on.time.run_for(7ms);
    }
    return slowest;
}

}  // namespace

TEST_CASE("reads from replicas do not notice a replica that cannot be reached, with a breaker and without",
          "[simulation]") {
    for (auto const reads :
         {umbel::read_from::replica, umbel::read_from::prefer_replica, umbel::read_from::any}) {
        CHECK(slowest_read(reads, 5) < 20ms);
        CHECK(slowest_read(reads, 0) < 20ms);
    }
}

namespace {

/// Three nodes of one shard that differ, and a key of theirs.
struct three_nodes {
    scene on;
    std::string key;
    std::array<node_number, 3> nodes{0, 3, 6};  // The primary and its replicas.

    explicit three_nodes(umbel::options chosen) : on{chosen, {3, 2}}, key{on.key_of(0)} {
        on.ready();
        for (node_number const number : {3, 6}) REQUIRE(on.cluster[number].view.me().follows == 0);
    }
    /// How many of `count` reads each of the nodes served.
    std::array<std::uint64_t, 3> read(int count) {
        std::array<std::uint64_t, 3> seen{};
        for (std::size_t i = 0; i < 3; ++i) seen[i] = on.cluster[nodes[i]].counted("get");
        for (int i = 0; i < count; ++i) {
            CHECK(on.ask({"GET", key}).good());
            on.time.run_for(1ms);
        }
        for (std::size_t i = 0; i < 3; ++i) seen[i] = on.cluster[nodes[i]].counted("get") - seen[i];
        return seen;
    }
};

}  // namespace

TEST_CASE("reads by latency find the quickest node, and another when it is not that any more",
          "[simulation]") {
    three_nodes shard{{.read_from = umbel::read_from::lowest_latency}};
    shard.on.cluster[0].slow = 5ms;
    shard.on.cluster[3].slow = 10ms;
    shard.read(100);
    CHECK(shard.read(1000)[2] > 900);
    shard.on.cluster[6].slow = 20ms;
    shard.read(100);
    CHECK(shard.read(1000)[0] > 850);
    shard.on.cluster[3].slow = 0ms;
    shard.read(1000);
    CHECK(shard.read(1000)[1] > 900);
    // Gone, it is not missed.
    shard.on.cluster.crash(3);
    shard.read(100);
    CHECK(shard.read(100)[0] > 85);
}

TEST_CASE("reads in the same zone stay there, as the servers or the user tell it", "[simulation]") {
    for (bool const told_by_servers : {true, false}) {
        std::vector<umbel::node_zone> const known{
            {"10.0.0.1:6379", "north"}, {"10.0.0.4:6379", "south"}, {"10.0.0.7:6379", "north"}};
        umbel::options chosen{.read_from = umbel::read_from::same_zone,
                              .availability_zone = "north",
                              .refresh_interval = 100ms};
        if (!told_by_servers) chosen.zones = known;
        three_nodes shard{chosen};
        if (told_by_servers) {
            CHECK(shard.read(100)[1] > 40);
            for (auto const& [number, zone] :
                 {std::pair{0, "north"}, std::pair{3, "south"}, std::pair{6, "north"}})
                shard.on.cluster.set_zone(number, zone);
            shard.on.time.run_for(500ms);
        }
        CHECK(shard.read(100)[2] == 100);
        shard.on.cluster.crash(6);
        shard.on.time.run_for(3s);
        CHECK(shard.read(100)[1] == 100);
        shard.on.cluster.crash(3);
        shard.on.time.run_for(3s);
        CHECK(shard.read(100)[0] == 100);
    }
}

TEST_CASE("a replica that is loading is left for another at once, by those who come later too",
          "[simulation]") {
    for (auto const reads :
         {umbel::read_from::replica, umbel::read_from::any, umbel::read_from::lowest_latency}) {
        three_nodes shard{{.read_from = reads}};
        shard.read(50);
        shard.on.cluster[3].loading = true;
        auto const retried = shard.on.db.counters().retried;
        auto const seen = shard.read(1000);
        CHECK(seen[0] + seen[2] == 1000);
        // It is looked at again after a quarter of a second.
        CHECK(shard.on.db.counters().retried - retried <= 12);
        CHECK(seen[1] <= 12);
        shard.on.cluster[3].loading = false;
        shard.on.time.run_for(300ms);
        CHECK(shard.read(1000)[1] > (reads == umbel::read_from::lowest_latency ? 5u : 250u));
    }
}

TEST_CASE(
    "a demoted primary serves no primary read: not while it is demoted, nor by an old table, nor on the way "
    "back",
    "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        model_options servers;
        servers.replication_lag_max = 200ms;
        scene on{{.refresh_interval = 60s}, {3, 1}, seed, {}, servers};
        on.ready();
        std::string const tag = "{" + on.key_of(0) + "}", key = tag + "primary", copied = tag + "replica";
        std::map<node_number, unsigned> copies;
        on.cluster.book().watch([&](execution const& what) {
            if (what.words[0] != "GET") return;
            bool const for_primary = what.words[1] == key;
            if (for_primary) CHECK(what.as_primary);
            if (for_primary)
                CHECK_FALSE(what.readonly_link);
            else if (what.readonly_link)
                ++copies[what.node];
        });
        int written = 0;
        // Replica reads run beside, so that every node has a link that has sent READONLY.
        auto const writes_and_reads = [&](int count) {
            for (int i = 0; i < count; ++i) {
                std::string const value = std::to_string(++written);
                REQUIRE(on.ask({"SET", key, value}).good());
                on.call({"GET", copied}, {.reads = umbel::read_from::replica});
                CHECK(on.ask({"GET", key}).text() == "\"" + value + "\"");
            }
        };
        writes_and_reads(20);
        for (node_number const heir : {3, 0, 3, 0}) {
            on.cluster.fail_over(heir);
            // In every other turn the client meets the failover; in the others only its table is old
            // afterwards.
            if (heir == 3) writes_and_reads(20);
            auto const done = [&] { return on.cluster[heir].primary() && on.cluster.serves_writes(); };
            // A failover that finds no majority in time is given up by the node; an operator asks for it
            // again.
            for (int again = 0; again < 3 && !on.time.run_while_not(done, 3s); ++again)
                on.cluster.fail_over(heir);
            REQUIRE(done());
            on.time.run_for(500ms);
            auto const moved = on.db.counters().moved;
            CHECK(on.ask({"GET", key}).text() == "\"" + std::to_string(written) + "\"");
            if (heir == 0) CHECK(on.db.counters().moved > moved);
            writes_and_reads(20);
            on.time.run_for(1s);
            writes_and_reads(20);
        }
        CHECK(copies[0] > 0);
        CHECK(copies[3] > 0);
    }
}

TEST_CASE("a primary whose breaker opened while it was down serves reads when it is back as a replica",
          "[simulation]") {
    for (auto const reads : {umbel::read_from::replica, umbel::read_from::prefer_replica,
                             umbel::read_from::any, umbel::read_from::lowest_latency}) {
        INFO("reads " << static_cast<int>(reads));
        scene on{{.read_from = reads, .breaker_failures = 1, .refresh_interval = 500ms}, {3, 1}};
        on.ready();
        std::string const key = on.key_of(0);
        REQUIRE(on.ask({"SET", key, "x"}).good());
        on.cluster.crash(0);
        REQUIRE(on.time.run_while_not([&] { return on.cluster.serves_writes(); }, 5s));
        on.cluster.restart(0);
        REQUIRE(on.time.run_while_not([&] { return on.cluster.settled(); }, 5s));
        on.time.run_for(5s);
        auto const before = on.cluster[0].counted("get");
        for (int i = 0; i < 100; ++i) {
            CHECK(on.ask({"GET", key}).good());
            on.time.run_for(10ms);
        }
        CHECK(on.cluster[0].counted("get") > before);
    }
}
