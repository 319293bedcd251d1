// Addresses in virtual time: what a cluster announces is not always what a client reaches.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace simulation;

namespace {

umbel::cluster::endpoint const shared_name{"cluster.example", 6379};

/// A cluster whose nodes all announce one name.
model_options one_name() {
    model_options servers;
    servers.style = endpoint_style::hostname;
    return servers;
}
void announce_one_name(scene& on) {
    for (auto const& node : on.cluster.nodes())
        for (model_peer& peer : node->view.peers) peer.hostname = shared_name.host;
}

}  // namespace

TEST_CASE("a name that stands for whoever leads: after a failover a new connection finds the new primary",
          "[simulation]") {
    scene on{{.seeds = {"cluster.example:6379"}}, {1, 1}, 1, {}, one_name()};
    announce_one_name(on);
    on.cluster.net().listen(shared_name, on.cluster[0]);
    on.ready();
    REQUIRE(on.ask({"SET", "k", "0"}).good());
    unsigned failed = 0;
    for (node_number const heir : {1, 0, 1}) {
        on.cluster.fail_over(heir);
        on.time.run_while_not([&] { return on.cluster.truth(0) == heir; }, 5s);
        REQUIRE(on.cluster.truth(0) == heir);
        on.cluster.net().listen(shared_name, on.cluster[heir]);
        auto const connects = on.cluster.net().connects();
        for (int i = 0; i < 100; ++i)
            on.db.call({"INCR", "n"}, [&](umbel::result<umbel::reply> told) { failed += told ? 0u : 1u; });
        on.time.run_for(1s);
        CHECK(on.cluster.net().connects() - connects <= 2);
        CHECK(on.cluster.net().streams_to(on.cluster[1 - heir]).empty());
    }
    CHECK(failed == 0);
    CHECK(on.ask({"GET", "n"}).text() == "\"300\"");
}

TEST_CASE("one name before all nodes, each new connection to another of them: every key is served",
          "[simulation]") {
    scene on{{.seeds = {"cluster.example:6379"}}, {3, 0}, 1, {}, one_name()};
    announce_one_name(on);
    on.time.after_every_step([&] {
        auto const turn = static_cast<node_number>(on.cluster.net().connects() % 3);
        on.cluster.net().listen(shared_name, on.cluster[turn]);
    });
    on.ready();
    for (int round = 0; round < 3; ++round)
        for (node_number const owner : {0, 1, 2}) {
            answer const& told = on.ask({"INCR", on.key_of(owner)});
            CHECK(told.text() == "(integer) " + std::to_string(round + 1));
        }
    CHECK(on.db.counters().moved > 0);
    CHECK(on.cluster.net().connects() < 100);
}

TEST_CASE("a configuration endpoint leads to the cluster when all nodes of before have been replaced",
          "[simulation]") {
    umbel::cluster::endpoint const configuration{"configuration.example", 6379};
    scene on{{.seeds = {"configuration.example:6379"}, .refresh_interval = 0ms}, {3, 0}};
    on.cluster.net().listen(configuration, on.cluster[1]);
    on.ready();
    std::string const key = on.key_of(0);
    REQUIRE(on.ask({"SET", key, "kept"}).good());
    // Nobody asks for anything while each node gives its slots to a new one and leaves.
    for (node_number const old : {0, 1, 2}) {
        node_number const heir = on.cluster.join();
        on.time.run_for(2s);
        on.cluster.drain(old, heir);
        on.time.run_while_not([&] { return on.cluster.settled(); }, 10s);
        REQUIRE(on.cluster.settled());
        on.cluster.forget(old);
        on.cluster.net().listen(configuration, on.cluster[heir]);
        on.time.run_for(2s);
    }
    CHECK(on.ask({"GET", key}, {.deadline = 20s}).text() == "\"kept\"");
}

TEST_CASE("a cluster behind NAT is served like any other: failover, MOVED and ASK", "[simulation]") {
    // Six nodes announce 10.0.0.x:6379; only 127.0.0.1:7000 and up is there for the client.
    std::vector<std::string> announced, reached;
    for (int i = 0; i < 6; ++i) {
        announced.push_back("10.0.0." + std::to_string(i + 1) + ":6379");
        reached.push_back("127.0.0.1:" + std::to_string(7000 + i));
    }
    std::vector<umbel::address_pair> rows;
    for (std::size_t i = 0; i < 6; ++i) rows.push_back({announced[i], reached[i]});
    scene on{{.seeds = {"127.0.0.1:7004"},
              .address_map = rows,
              .retry_unknown = umbel::retry_unknown::idempotent}};
    for (int i = 0; i < 6; ++i) {
        REQUIRE(on.cluster.where(i).to_string() == announced[static_cast<std::size_t>(i)]);
        on.cluster.net().listen({"127.0.0.1", static_cast<std::uint16_t>(7000 + i)}, on.cluster[i]);
        on.cluster.net().leave(on.cluster.where(i));
    }
    on.ready();
    heartbeat users{on, keys_each(on, 3), 5ms, on.time.now() + 8s};
    users.start();
    on.time.run_for(500ms);
    on.cluster.crash(0);
    on.time.run_for(3s);
    CHECK(on.cluster.promotions() == 1);
    // A slot with keys moves while somebody asks for one of them: ASK, then MOVED.
    auto const slot = umbel::cluster::slot_of("{moves}").value();
    node_number const from = on.cluster.truth(slot);
    for (int i = 0; i < 20; ++i) REQUIRE(on.ask({"SET", "{moves}" + std::to_string(i), "x"}).good());
    on.cluster.key_pace = 20ms;
    on.cluster.move_slot(slot, from == 1 ? 2 : 1);
    for (int i = 0; i < 200; ++i) {
        CHECK(on.ask({"GET", "{moves}" + std::to_string(i % 20)}).text() == "\"x\"");
        on.time.run_for(2ms);
    }
    on.time.run_for(4s);
    CHECK(on.db.counters().asked > 0);
    CHECK(on.db.counters().moved > 0);
    CHECK(users.failed == 0);
    CHECK(on.db.owner_of(umbel::cluster::slot{slot})->host == "127.0.0.1");
}
