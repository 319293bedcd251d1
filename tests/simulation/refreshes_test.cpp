// Who is asked for the topology, and who is believed, in virtual time.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <initializer_list>
#include <set>
#include <string>

using namespace simulation;

TEST_CASE("after a MOVED the node that sent it is asked first, so that slow or stale ones delay nothing",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
        INFO("seed " << seed);
        scene on{{}, {5, 0}, seed};
        on.ready();
        std::uint16_t const first_busy = umbel::cluster::slot_of(on.key_of(0)).value();
        for (int i = 0; i < 5; ++i) REQUIRE(on.ask({"SET", on.key_of(i), "x"}).good());
        on.time.run_for(1s);
        std::string const key = on.key_of(0, "unused:");
        for (node_number node = 1; node < 5; ++node) on.cluster[node].slow = 300ms;
        on.cluster.partition(4, 1);
        on.cluster.drain(0, 1);
        auto const before = on.db.counters();
        on.call({"SET", key, "x"});
        instant const asked = on.time.now();
        on.time.run_while_not([&] { return on.db.counters().topology_changes > before.topology_changes; },
                              3s);
        CHECK(on.time.now() - asked <= 20ms);
        CHECK(on.db.counters().topology_queries - before.topology_queries == 1);
        for (std::uint16_t slot = 0; slot < 3000; ++slot)
            if (slot != first_busy && on.db.owner_of(umbel::cluster::slot{slot}) != on.cluster.where(1))
                FAIL_CHECK("slot " << slot);
    }
}

TEST_CASE("when all slots have moved to new nodes while the client was idle, one refresh finds them",
          "[simulation]") {
    for (auto const source : {umbel::topology_source::slots, umbel::topology_source::automatic}) {
        for (bool const old_servers : {false, true}) {
            INFO("source " << static_cast<int>(source) << (old_servers ? ", old servers" : ""));
            model_options servers;
            servers.knows_shards = !old_servers;
            scene on{{.topology_source = source}, {3, 0}, 1, {}, servers};
            on.ready();
            for (int i = 0; i < 3; ++i) REQUIRE(on.ask({"SET", on.key_of(i), "x"}).good());
            for (int i = 0; i < 3; ++i) on.cluster.join();
            on.time.run_for(1s);
            for (node_number i = 0; i < 3; ++i) on.cluster.drain(i, i + 3);
            on.time.run_while_not([&] { return !on.cluster.moving() && on.cluster.settled(); }, 10s);
            auto const before = on.db.counters();
            unsigned good = 0;
            for (int i = 0; i < 28; ++i) good += on.ask({"GET", "key:" + std::to_string(i)}).good() ? 1u : 0u;
            on.time.run_for(1s);
            CHECK(good == 28);
            CHECK(on.db.counters().topology_queries - before.topology_queries <= 1);
            CHECK(on.db.counters().moved - before.moved <= 2);
        }
    }
}

TEST_CASE("a user who may call only some of CLUSTER SHARDS, SLOTS and NODES is served at once",
          "[simulation]") {
    std::initializer_list<std::set<std::string>> const denied = {
        {"shards"},          {"nodes"},          {"slots"},          {"shards", "nodes"},
        {"shards", "slots"}, {"nodes", "slots"}, {"shards", "myid"}, {"shards", "nodes", "myid"}};
    for (auto const& those : denied) {
        std::string names;
        for (auto const& one : those) names += one + ' ';
        INFO("without " << names);
        model_options servers;
        servers.denied = those;
        scene on{{}, {3, 1}, 1, {}, servers};
        answer const& first = on.ask({"SET", "k", "v"});
        CHECK(first.good());
        CHECK(first.took() <= 30ms);
        auto const keys = keys_each(on, 3);
        for (auto const& key : keys) CHECK(on.ask({"SET", key, "x"}).good());
        // Its word is good enough for a failover too.
        on.cluster.fail_over(3);
        on.time.run_while_not([&] { return on.cluster.promotions() == 1; }, 3s);
        for (auto const& key : keys) CHECK(on.ask({"SET", key, "x"}).good());
    }
}

TEST_CASE("a user who may ask a cluster nothing is told so at once, and by name", "[simulation]") {
    model_options servers;
    servers.denied = {"shards", "slots", "nodes"};
    scene on{{}, {3, 0}, 1, {}, servers};
    answer const& one = on.ask({"SET", "k", "v"});
    REQUIRE(one.done());
    REQUIRE_FALSE(one.good());
    CHECK(one.told->error() == errc::no_permission);
    CHECK(one.told->error().delivery() == delivery::not_sent);
    CHECK(one.told->error().message().find("CLUSTER SHARDS") != std::string_view::npos);
    CHECK(one.took() <= 50ms);
}

TEST_CASE("a cluster that has no slots yet is named by what it answers", "[simulation]") {
    scene on{{}, {1, 0}};
    on.cluster[0].view.owner.fill(static_cast<std::int8_t>(nobody));
    ++on.cluster[0].view.version;
    answer const& one = on.ask({"SET", "k", "v"}, {.deadline = 300ms});
    REQUIRE(one.done());
    CHECK(one.told->error() == errc::cluster_down);
    CHECK(one.told->error().delivery() == delivery::not_sent);
    CHECK(one.told->error().message().find("10.0.0.1:6379: cluster_down, the node knows no slots") !=
          std::string_view::npos);
}
