// Planned maintenance of a model cluster, in virtual time: with notices no caller notices it; the same plan
// without them shows.
#include "heartbeat.hpp"

#include <umbel/testing/model_maintenance.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

using namespace simulation;

namespace {

/// A cluster of managed servers under the load of one write a millisecond and shard.
struct managed {
    scene on;
    model_maintenance plans{on.time, on.cluster};

    explicit managed(umbel::options client, std::uint64_t seed = 1, cluster_shape shape = {3, 1})
        : on{client, shape, seed, {}, servers()} {
        on.ready();
        // Every node has been asked before the load begins.
        heartbeat first{on, keys_each(on, 3), 1ms, on.time.now() + 20ms, 5s};
        first.start();
        on.time.run_for(100ms);
    }
    static model_options servers() {
        model_options made;
        made.announces = true;
        made.node_timeout = 60s;
        return made;
    }
    heartbeat load(duration span, duration deadline) {
        return {on, keys_each(on, 3), 1ms, on.time.now() + span, deadline};
    }
    umbel::engine::engine_counters const& counted() { return on.db.counters(); }
};

umbel::options asking(bool asks) {
    umbel::options chosen;
    chosen.maintenance_notices =
        asks ? umbel::maintenance_notices::automatic : umbel::maintenance_notices::off;
    return chosen;
}

}  // namespace

TEST_CASE("connections that end by plan are handed over before: no caller notices; unannounced, some do",
          "[simulation][maintenance]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        for (bool const announced : {true, false}) {
            managed stage{asking(announced), seed};
            heartbeat users = stage.load(12s, 5s);
            users.start();
            for (node_number which = 0; which < 3; ++which)
                stage.on.time.in(which * 3s, [&stage, which] { stage.plans.end_connections(which, 2s); });
            stage.on.time.run_for(18s);
            INFO("seed " << seed << ", " << (announced ? "announced" : "unannounced"));
            CHECK((users.failed == 0) == announced);
            CHECK((stage.counted().hand_overs == 3) == announced);
            CHECK((stage.counted().disconnects == 0) == announced);
            if (!announced) continue;
            CHECK(stage.counted().retried == 0);
            for (std::size_t shard = 0; shard < 3; ++shard) CHECK(users.good[shard].size() == 12000);
            CHECK(users.p99(0) < 10ms);
        }
    }
}

TEST_CASE("a node that answers nobody for a while by plan fails nobody; unannounced, it does",
          "[simulation][maintenance]") {
    for (bool const fails_over : {true, false})
        for (bool const announced : {true, false}) {
            umbel::options client = asking(announced);
            client.deadline = 1000ms;
            managed stage{client};
            heartbeat users = stage.load(6s, 1s);
            users.start();
            stage.on.time.in(500ms, [&stage, fails_over] { stage.plans.hold_back(0, 4s, fails_over); });
            stage.on.time.run_for(14s);
            INFO((announced ? "announced" : "unannounced"));
            CHECK((users.failed == 0) == announced);
            CHECK((stage.counted().disconnects == 0) == announced);
        }
}

TEST_CASE("a node that is dead while it is expected to be slow is given up when its time is over",
          "[simulation][maintenance]") {
    umbel::options client = asking(true);
    client.deadline = 1000ms;
    client.maintenance_timeout = 3000ms;
    managed stage{client};
    heartbeat users = stage.load(20s, 1s);
    users.start();
    stage.on.time.in(500ms, [&stage] {
        stage.plans.hold_back(0, 2s, true);
        stage.on.cluster.cut_from_clients(0, true);
    });
    stage.on.time.run_for(30s);
    CHECK(users.failed != 0);
    CHECK(users.errors[errc::deadline_exceeded] != 0);
    CHECK(stage.counted().disconnects != 0);
    CHECK(users.good[1].size() == 20000);
    CHECK(users.good[2].size() == 20000);
    CHECK(stage.on.db.pending() == 0);
}

TEST_CASE("slots that have moved are known before a command is refused; unannounced, they are not",
          "[simulation][maintenance]") {
    for (bool const announced : {true, false}) {
        umbel::options client = asking(announced);
        client.refresh_interval = 0ms;
        managed stage{client};
        std::string const key = stage.on.key_of(0);
        std::uint16_t const slot = umbel::cluster::slot_of(key).value();
        stage.plans.move_slots({slot}, 1);
        stage.on.time.run_for(500ms);
        REQUIRE(stage.on.cluster.truth(slot) == 1);
        auto const& table = stage.on.db.control().routes().table();
        auto const& nodes = stage.on.db.control().nodes();
        CHECK((nodes[table.primary_of(umbel::cluster::slot{slot})].address == stage.on.cluster.where(1)) ==
              announced);
        CHECK(stage.on.ask({"SET", key, "x"}).good());
        CHECK((stage.counted().moved == 0) == announced);
    }
}

TEST_CASE("who waits on a node whose connections end by plan goes on waiting; unannounced, he is told",
          "[simulation][maintenance]") {
    for (bool const announced : {true, false}) {
        managed stage{asking(announced)};
        std::string const key = stage.on.key_of(0, "q");
        answer& waits = stage.on.call({"BLPOP", key, "0"}, {.deadline = 60s, .blocks = true});
        stage.on.time.run_for(500ms);
        stage.plans.end_connections(0, 4s);
        stage.on.time.run_for(10s);
        INFO(waits.text());
        CHECK(waits.done() == !announced);
        CHECK(stage.on.ask({"RPUSH", key, "x"}).good());
        stage.on.time.run_for(1s);
        CHECK(waits.good() == announced);
    }
}

TEST_CASE("servers that know no notices are served as ever", "[simulation][maintenance]") {
    model_options plain;
    for (umbel::maintenance_notices const asks :
         {umbel::maintenance_notices::automatic, umbel::maintenance_notices::on}) {
        umbel::options client;
        client.maintenance_notices = asks;
        scene on{client, {3, 1}, 1, {}, plain};
        on.ready();
        heartbeat users{on, keys_each(on, 3), 1ms, on.time.now() + 1s, 5s};
        users.start();
        on.time.run_for(2s);
        CHECK(users.failed == 0);
        CHECK(on.db.counters().disconnects == 0);
    }
}
