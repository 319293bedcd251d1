// Named scenarios: one situation each, in virtual time.
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

using namespace simulation;

namespace {

/// Calls INCR on a key of every primary every `pace` until `until`; notes latencies and the time of every success, by primary.
struct heartbeat {
    scene& on;
    std::vector<std::string> keys;
    duration pace;
    instant until;
    duration deadline = 5s;
    std::vector<std::vector<duration>> latency{keys.size()};
    std::vector<std::vector<instant>> good{keys.size()};
    unsigned failed = 0;

    void start() {
        for (std::size_t i = 0; i < keys.size(); ++i) beat(i);
    }
    void beat(std::size_t which) {
        if (on.time.now() >= until) return;
        instant const asked = on.time.now();
        on.db.call({"SET", keys[which], "x"}, [this, which, asked](umbel::result<umbel::reply> told) {
            if (!told) {
                ++failed;
                return;
            }
            latency[which].push_back(on.time.now() - asked);
            good[which].push_back(on.time.now());
        }, {.deadline = deadline});
        on.time.in(pace, [this, which] { beat(which); });
    }
    static duration p99(std::vector<duration> all) {
        std::sort(all.begin(), all.end());
        return all.empty() ? duration{0} : all[all.size() * 99 / 100];
    }
};

std::vector<std::string> one_key_each(scene& on, int primaries = 3) {
    std::vector<std::string> keys;
    for (int i = 0; i < primaries; ++i) keys.push_back(on.key_of(i));
    return keys;
}

}  // namespace

TEST_CASE("ten thousand MOVED at once cost at most two topology queries and no connection", "[simulation]") {
    scene on;
    on.ready();
    for (int i = 0; i < 3; ++i) REQUIRE(on.ask({"SET", on.key_of(i), "x"}).good());
    on.time.run_for(500ms);
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < 10000; ++i) {
        std::string key = "key:" + std::to_string(i);
        if (on.cluster.truth(umbel::cluster::slot_of(key).value()) == 0) keys.push_back(std::move(key));
    }
    auto const before = on.db.counters();
    auto const connects = on.cluster.net().connects();
    on.cluster.drain(0, 1);
    std::size_t good = 0;
    for (std::string const& key : keys) on.db.call({"SET", key, "x"}, [&](umbel::result<umbel::reply> told) { good += told.has_value() ? 1 : 0; });
    on.time.run_for(500ms);
    CHECK(good == keys.size());
    CHECK(on.db.counters().moved - before.moved >= keys.size() - 10);
    CHECK(on.db.counters().topology_queries - before.topology_queries <= 2);
    CHECK(on.cluster.net().connects() == connects);
}

TEST_CASE("a crash costs at most one MOVED beyond what was in flight", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        scene on{{}, {3, 1}, seed};
        on.ready();
        heartbeat users{on, one_key_each(on), 2ms, on.time.now() + 4s};
        users.start();
        on.time.run_for(300ms);
        auto const before = on.db.counters().moved;
        on.cluster.crash(0);
        on.time.run_for(6s);
        INFO("seed " << seed);
        CHECK(on.db.counters().moved - before <= 1);
        CHECK(on.cluster.promotions() == 1);
        CHECK(users.failed == 0);
        CHECK(on.db.pending() == 0);
    }
}

TEST_CASE("a failover that was asked for costs a MOVED for what the old primary held back, and fails nobody", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        scene on{{}, {3, 1}, seed};
        on.ready();
        heartbeat users{on, one_key_each(on), 2ms, on.time.now() + 2s};
        users.start();
        on.time.run_for(300ms);
        auto const before = on.db.counters().moved;
        on.cluster.fail_over(3);
        instant const asked = on.time.now();
        on.time.run_while_not([&] { return on.cluster.promotions() == 1; }, 2s);
        auto const held_back = static_cast<std::uint64_t>((on.time.now() - asked) / 2ms) + 5;
        on.time.run_for(4s);
        INFO("seed " << seed);
        CHECK(on.cluster.promotions() == 1);
        CHECK(on.db.counters().moved - before <= held_back + 1);
        CHECK(users.failed == 0);
        CHECK(on.db.pending() == 0);
    }
}

TEST_CASE("a multi-key command on a half-moved slot waits and succeeds", "[simulation]") {
    scene on;
    on.ready();
    REQUIRE(on.ask({"MSET", "{t}a", "1", "{t}b", "2"}).good());
    auto const slot = umbel::cluster::slot_of("{t}a").value();
    node_number const from = on.cluster.truth(slot);
    node_number const to = (from + 1) % 3;
    on.cluster.key_pace = 300ms;
    on.cluster.move_slot(slot, to);
    on.time.run_while_not([&] { return on.cluster[from].store.size() < 2; }, 2s);
    REQUIRE(on.cluster.moving());
    answer const& both = on.call({"MGET", "{t}a", "{t}b"});
    answer const& moved = on.call({"GET", "{t}a"});
    answer const& fresh = on.call({"SET", "{t}new", "3"});
    on.time.run_for(5ms);
    CHECK_FALSE(both.done());
    CHECK(moved.text() == "\"1\"");
    CHECK(fresh.good());
    CHECK(on.db.counters().asked >= 1);
    CHECK(on.db.owner_of(umbel::cluster::slot{slot}) == on.cluster.where(from));
    on.time.run_for(3s);
    REQUIRE(both.good());
    CHECK((*both.told)->root().child(0).text() == "1");
    CHECK((*both.told)->root().child(1).text() == "2");
    CHECK_FALSE(on.cluster.moving());
}

TEST_CASE("when all nodes were down and are back the client recovers by itself", "[simulation]") {
    scene on;
    on.ready();
    for (int i = 0; i < 6; ++i) on.cluster.crash(i);
    answer const& waits = on.call({"SET", "k", "1"}, {.deadline = 10s});
    answer const& gives_up = on.call({"SET", "k", "1"}, {.deadline = 500ms});
    on.time.run_for(3s);
    CHECK_FALSE(waits.done());
    REQUIRE(gives_up.done());
    CHECK(gives_up.told->error() == errc::deadline_exceeded);
    CHECK(gives_up.told->error().delivery() == delivery::not_sent);
    for (int i = 0; i < 6; ++i) on.cluster.restart(i);
    on.time.run_while_not([&] { return on.cluster.serves_writes(); }, 5s);
    instant const back = on.time.now();
    on.time.run_while_not([&] { return waits.done(); }, 5s);
    CHECK(waits.good());
    CHECK(waits.came - back < 1500ms);
}

TEST_CASE("dead seeds beside a live one do no harm", "[simulation]") {
    scene on{{.seeds = {"10.0.0.98:6379", "10.0.0.99:6379", "10.0.0.4:6379"}}};
    answer const& one = on.ask({"SET", "k", "v"});
    CHECK(one.good());
    CHECK(one.took() < 1s);
}

TEST_CASE("when all seeds are dead a command says so by its deadline", "[simulation]") {
    scene on{{.seeds = {"10.0.0.98:6379", "10.0.0.99:6379"}}};
    answer const& one = on.ask({"SET", "k", "v"}, {.deadline = 700ms});
    REQUIRE(one.done());
    REQUIRE_FALSE(one.good());
    CHECK(one.told->error() == errc::no_reachable_node);
    CHECK(one.told->error().delivery() == delivery::not_sent);
    CHECK(one.took() >= 700ms);
    CHECK(one.took() < 740ms);
}

TEST_CASE("one node with an old view does not make the table flap", "[simulation]") {
    scene on{{.refresh_interval_min = 10ms, .refresh_interval = 50ms}};
    on.ready();
    on.cluster.partition(5, 1);
    on.cluster.fail_over(3, false, true);
    on.time.run_while_not([&] { return on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3); }, 5s);
    REQUIRE(on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3));
    on.time.run_for(300ms);
    auto const changes = on.db.counters().topology_changes;
    auto const asked = on.cluster[5].counted("cluster");
    unsigned flaps = 0;
    on.time.after_every_step([&] { flaps += on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3) ? 0u : 1u; });
    // The stale node is asked too: it is the only seed, and the others are asked less often.
    for (int i = 0; i < 40; ++i) {
        on.cluster.reset_connections(i % 3 == 0 ? 3 : i % 3);
        on.time.run_for(50ms);
    }
    CHECK(flaps == 0);
    CHECK(on.db.counters().topology_changes - changes <= 2);
    CHECK(on.cluster[5].counted("cluster") >= asked);
}

TEST_CASE("writes flow again within 200 ms of the cluster's own recovery", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        for (int how = 0; how < 4; ++how) {
            scene on{{}, {3, 1}, seed};
            on.ready();
            std::string const key = on.key_of(0);
            instant const began = on.time.now();
            heartbeat users{on, {key}, 5ms, began + 8s};
            users.start();
            on.time.run_for(500ms);
            if (how == 0) on.cluster.crash(0);
            if (how == 1) on.cluster.freeze(0);
            if (how == 2) on.cluster.fail_over(3);
            if (how == 3) on.cluster.fail_over(3, true);
            on.time.run_while_not([&] { return on.cluster.promotions() == 1 && on.cluster.serves_writes(); }, 6s);
            instant const recovered = on.time.now();
            on.time.run_for(8s);
            auto const first = std::find_if(users.good[0].begin(), users.good[0].end(), [&](instant when) { return when >= recovered; });
            INFO("seed " << seed << ", how " << how);
            REQUIRE(first != users.good[0].end());
            CHECK((*first - recovered) <= 200ms);
        }
    }
}

TEST_CASE("a frozen primary is felt on its own shard only, and memory stays bounded", "[simulation]") {
    scene on{{.in_flight_max = 200}};
    on.ready();
    auto const keys = one_key_each(on);
    heartbeat before{on, keys, 1ms, on.time.now() + 1s, 300ms};
    before.start();
    on.time.run_for(1100ms);
    // No replica may take over: the shard stays frozen.
    on.cluster.crash(3);
    on.cluster.freeze(0);
    heartbeat during{on, keys, 1ms, on.time.now() + 3s, 300ms};
    during.start();
    std::size_t most = 0;
    on.time.after_every_step([&] {
        for (auto* const one : on.db.driver().connections()) most = std::max(most, one->link().pipe().in_flight());
    });
    on.time.run_for(100ms);
    CHECK(during.good[0].empty());
    // From its failure on the whole cluster is down by its own rule; until then the other shards serve.
    for (int shard : {1, 2}) {
        auto const index = static_cast<std::size_t>(shard);
        CHECK(during.good[index].size() > 90);
        CHECK(heartbeat::p99(during.latency[index]) * 2 <= heartbeat::p99(before.latency[index]) * 3);
    }
    on.time.run_for(4s);
    CHECK(most <= 201);
    CHECK(on.db.pending() == 0);
}

namespace {

/// GETs on one key every millisecond for ten seconds, while something is wrong with its primary; what callers and servers saw.
struct outage_seen {
    std::uint64_t asked = 0;
    std::uint64_t good = 0;
    std::uint64_t arrived = 0;
    std::uint64_t denied = 0;
};
outage_seen resets_for_ten_seconds(umbel::options chosen) {
    scene on{chosen};
    on.ready();
    std::string const key = on.key_of(0);
    outage_seen seen;
    instant const until = on.time.now() + 10s;
    auto const before = on.cluster[0].counted("get");
    while (on.time.now() < until) {
        ++seen.asked;
        on.db.call({"GET", key}, [&](umbel::result<umbel::reply> told) { seen.good += told.has_value() ? 1u : 0u; }, {.deadline = 1s});
        // Three times in four replies are lost with their connection.
        if (seen.asked % 4 != 0) on.cluster.reset_connections(0);
        on.time.run_for(1ms);
    }
    on.time.run_for(2s);
    CHECK(on.db.pending() == 0);
    seen.arrived = on.cluster[0].counted("get") - before;
    seen.denied = on.db.counters().retries_denied;
    return seen;
}

}  // namespace

TEST_CASE("when a node loses its connections again and again, repetition adds no more than its budget", "[simulation]") {
    outage_seen const seen = resets_for_ten_seconds({.reconnect_delay = 1ms, .reconnect_delay_max = 2ms});
    INFO("asked " << seen.asked << ", good " << seen.good << ", arrived " << seen.arrived << ", denied " << seen.denied);
    CHECK(seen.denied > 0);
    CHECK(seen.arrived <= seen.asked + seen.asked / 10 + 10 * 12 + 100);
    outage_seen const free = resets_for_ten_seconds({.reconnect_delay = 1ms, .reconnect_delay_max = 2ms, .retry_budget_percent = 100000});
    INFO("without a budget: asked " << free.asked << ", good " << free.good << ", arrived " << free.arrived << ", denied " << free.denied);
    CHECK(free.denied == 0);
    CHECK(free.arrived > seen.arrived * 3 / 2);
}

TEST_CASE("a cluster that is down is asked at the budget's pace, and everybody who waited is served when it is back", "[simulation]") {
    scene on{{.deadline = 20s}, {3, 0}};
    on.ready();
    auto const keys = one_key_each(on);
    auto const sets = [&] { return on.cluster[1].counted("set") + on.cluster[2].counted("set"); };
    heartbeat users{on, {keys[1], keys[2]}, 2ms, on.time.now() + 6s, 20s};
    users.start();
    on.time.run_for(1s);
    on.cluster.crash(0);
    on.time.run_for(1s);
    auto const arrived = sets();
    auto const asked = on.db.counters().retried;
    on.time.run_for(3s);
    // 1,000 commands a second come for the first time; all of them wait.
    INFO("retried " << on.db.counters().retried - asked << ", waiting " << on.db.control().waiting());
    CHECK(on.db.control().waiting() > 3000);
    CHECK(sets() - arrived >= 3000);
    CHECK(sets() - arrived <= 3000 * 13 / 10);
    on.cluster.restart(0);
    on.time.run_while_not([&] { return on.cluster.serves_writes(); }, 3s);
    instant const back = on.time.now();
    on.time.run_while_not([&] { return on.db.control().waiting() == 0; }, 10s);
    CHECK(on.time.now() - back < 2s);
    on.time.run_for(2s);
    CHECK(users.failed == 0);
    CHECK(on.db.pending() == 0);
}

namespace {

/// The longest time that a command for an unreachable primary took to fail, once the client has had 15 s to learn of it.
duration slowest_failure(unsigned breaker_failures, scene& on) {
    std::string const key = on.key_of(0);
    on.cluster.cut_from_clients(0, true);
    // Somebody keeps asking for it.
    heartbeat users{on, {key}, 50ms, on.time.now() + 13s, 1s};
    users.start();
    on.time.run_for(15s);
    auto const& seen = on.db.control().nodes()[on.db.control().nodes().find(on.cluster.where(0))];
    CHECK(seen.breaker.refuses() == (breaker_failures != 0));
    duration slowest{};
    for (int i = 0; i < 200; ++i) {
        answer const& one = on.ask({"SET", key, "x"}, {.deadline = 1s});
        CHECK_FALSE(one.good());
        CHECK(one.told->error().delivery() == delivery::not_sent);
        slowest = std::max(slowest, one.took());
        on.time.run_for(7ms);
    }
    return slowest;
}

}  // namespace

TEST_CASE("commands for a node that cannot be reached fail at once where the policy is to fail fast", "[simulation]") {
    umbel::options options{.connect_timeout = 500ms};
    {
        scene on{options, {3, 0}, 1, umbel::cluster::fail_fast{}};
        on.ready();
        CHECK(slowest_failure(5, on) < 1ms);
        CHECK(on.ask({"SET", on.key_of(1), "x"}).took() < 20ms);
        // A probe finds it when it is back.
        on.cluster.cut_from_clients(0, false);
        on.time.run_for(2s);
        CHECK(on.ask({"SET", on.key_of(0), "x"}).good());
    }
    options.breaker_failures = 0;
    scene on{options, {3, 0}, 1, umbel::cluster::fail_fast{}};
    on.ready();
    CHECK(slowest_failure(0, on) > 400ms);
}

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

TEST_CASE("reads from replicas do not notice a replica that cannot be reached, with a breaker and without", "[simulation]") {
    for (auto const reads : {umbel::read_from::replica, umbel::read_from::prefer_replica, umbel::read_from::any}) {
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
        for (node_number const one : {3, 6}) REQUIRE(on.cluster[one].view.me().follows == 0);
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

TEST_CASE("reads by latency find the quickest node, and another when it is not that any more", "[simulation]") {
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
        umbel::node_zone const known[] = {{"10.0.0.1:6379", "north"}, {"10.0.0.4:6379", "south"}, {"10.0.0.7:6379", "north"}};
        umbel::options chosen{.read_from = umbel::read_from::same_zone, .availability_zone = "north", .refresh_interval = 100ms};
        if (!told_by_servers) chosen.zones = known;
        three_nodes shard{chosen};
        if (told_by_servers) {
            CHECK(shard.read(100)[1] > 40);
            for (auto const& [number, zone] : {std::pair{0, "north"}, std::pair{3, "south"}, std::pair{6, "north"}}) shard.on.cluster.set_zone(number, zone);
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

TEST_CASE("a replica that is loading is left for another at once, by those who come later too", "[simulation]") {
    for (auto const reads : {umbel::read_from::replica, umbel::read_from::any, umbel::read_from::lowest_latency}) {
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

TEST_CASE("a cluster behind NAT is served like any other: failover, MOVED and ASK", "[simulation]") {
    // Six nodes announce 10.0.0.x:6379; only 127.0.0.1:7000 and up is there for the client.
    std::vector<std::string> announced, reached;
    for (int i = 0; i < 6; ++i) {
        announced.push_back("10.0.0." + std::to_string(i + 1) + ":6379");
        reached.push_back("127.0.0.1:" + std::to_string(7000 + i));
    }
    std::vector<umbel::address_pair> rows;
    for (std::size_t i = 0; i < 6; ++i) rows.push_back({announced[i], reached[i]});
    scene on{{.seeds = {"127.0.0.1:7004"}, .address_map = rows}};
    for (int i = 0; i < 6; ++i) {
        REQUIRE(on.cluster.where(i).to_string() == announced[static_cast<std::size_t>(i)]);
        on.cluster.net().listen({"127.0.0.1", static_cast<std::uint16_t>(7000 + i)}, on.cluster[i]);
        on.cluster.net().leave(on.cluster.where(i));
    }
    on.ready();
    heartbeat users{on, one_key_each(on), 5ms, on.time.now() + 8s};
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
