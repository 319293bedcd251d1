// Primaries that die, freeze, hand over or move while commands are under way: what a client must live
// through, and tell the truth about.
#include "support/workers.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// A whole cluster, whatever the test before did to it, and the shard of one slot.
struct whole_cluster {
    real_cluster& servers = real_cluster::shared();
    std::uint16_t slot = 0;
    real_cluster::node primary;
    real_cluster::node replica;

    explicit whole_cluster(std::uint16_t which) : slot{which} {
        servers.heal();
        auto const shard = servers.shard_of(slot, "n1");
        REQUIRE(shard.size() == 2);
        primary = shard[0];
        replica = shard[1];
    }
    std::string key(std::string const& suffix) const { return real_cluster::key_in(slot) + suffix; }
    /// One key in this shard, one in each of the others: key 0 is ours.
    std::vector<std::string> keys(std::string const& suffix) const {
        std::vector<std::string> all{key(suffix)};
        for (std::uint16_t other = 1; other < umbel::cluster::slot_count;
             other = static_cast<std::uint16_t>(other + 7000))
            if (servers.owner_of(other).port != primary.port)
                all.push_back(real_cluster::key_in(other) + suffix);
        REQUIRE(all.size() == 3);
        return all;
    }
    /// A node that is none of the two.
    real_cluster::node bystander() const {
        for (auto const& node : servers.nodes())
            if (node.port != primary.port && node.port != replica.port) return node;
        return {};
    }
    bool has_taken_over() const {
        return eventually([&] { return servers.owns(replica, slot, bystander().name); });
    }
};

bool belongs_to_a_loss(errc fault) {
    return fault == errc::connection_lost || fault == errc::connect_failed ||
           fault == errc::deadline_exceeded || fault == errc::cluster_down;
}

}  // namespace

TEST_CASE("a graceful failover loses nothing and fails nothing", "[failover]") {
    whole_cluster c{300};
    session s{options{.seeds = {c.servers.nodes()[2].address()}}};
    auto const keys = c.keys(":graceful");
    incrementers users{s, keys, 50s};
    REQUIRE(users.all_go_on(50));
    c.servers.fail_over_to(c.replica);
    REQUIRE(c.has_taken_over());
    REQUIRE(users.all_go_on(100));
    CHECK(eventually([&] { return s.owner_of(c.slot) == c.replica.address(); }));
    users.stop();
    CHECK(users.faults().empty());
    for (auto const& one : users.books()) {
        CHECK(one.lost == 0);
        CHECK(one.unknown == 0);
    }
    check_books(s, users);
    // The whole shard was learned, not one slot after the other.
    auto const before = s.counted().moved;
    CHECK(before >= 1);
    s.warm_up();
    CHECK(s.counted().moved == before);
    // And back, with a client that has reads on the replica under way.
    c.servers.heal();
    write_all(s, keys_everywhere(":both"));
    c.servers.settle_replication();
    auto const reader = s.db().with(read_from::prefer_replica);
    read_all(s, reader, keys_everywhere(":both"));
    c.servers.fail_over_to(c.primary);
    for (int i = 0; i < 20; ++i) read_all(s, reader, keys_everywhere(":both"));
    read_all(s, reader, keys_everywhere(":both"));
    read_all(s, s.db(), keys_everywhere(":both"));
}

TEST_CASE(
    "a primary is killed with commands under way: the others go on, writes flow again, the books are true",
    "[failover]") {
    whole_cluster c{400};
    std::string const seed = c.bystander().address();
    session s{options{.seeds = {seed}}};
    auto const keys = c.keys(":killed");
    incrementers users{s, keys, 2s};
    talkers talking{s, 16, 100, 20s};
    REQUIRE(users.all_go_on(50));
    c.servers.kill(c.primary.name);
    auto const killed = std::chrono::steady_clock::now();
    auto const others = users.acknowledged(1);
    CHECK(eventually([&] { return users.acknowledged(1) > others + 100; }));
    REQUIRE(c.has_taken_over());
    REQUIRE(users.all_go_on(100));
    std::chrono::duration<double> const took = std::chrono::steady_clock::now() - killed;
    users.stop();
    check_books(s, users);
    for (errc const fault : users.faults()) {
        CAPTURE(name_of(fault));
        CHECK(belongs_to_a_loss(fault));
    }
    CHECK(eventually([&] { return talking.done(); }));
    CHECK(talking.crossed() == 0);
    CHECK(s.owner_of(c.slot) == c.replica.address());
    CHECK(s(s.db().set(c.key(":after"), "written")) == set_outcome::written);
    INFO("writes flowed again after " << took.count() << " s");

    // It comes back as a replica and serves as one.
    c.servers.restart(c.primary.name);
    c.servers.heal();
    REQUIRE(c.servers.role_of(c.primary) == "replica");
    c.servers.settle_replication();
    CHECK(eventually([&] { return s(s.db().with(read_from::replica).get(c.key(":after"))) == "written"; }));
    CHECK(s(s.db().get(c.key(":after"))) == "written");
}

TEST_CASE(
    "a frozen primary: its commands end at their deadlines, the other shards go on, the failover is found",
    "[failover]") {
    whole_cluster c{500};
    std::string const seed = c.bystander().address();
    session s{options{.seeds = {seed}}};
    auto const keys = c.keys(":frozen");
    s.warm_up();
    write_all(s, keys);
    c.servers.freeze(c.primary.name);
    std::vector<operation<std::int64_t>> doomed;
    for (int i = 0; i < 50; ++i) doomed.push_back(s.db().with(300ms).incr(c.key(":doomed")));
    auto const under_way = s.begin(std::move(doomed));
    for (int i = 0; i < 20; ++i) {
        for (std::size_t at = 1; at < keys.size(); ++at)
            CHECK(s(s.db().with(20s).get(keys[at])) == "=" + keys[at]);
    }
    for (auto const& told : s.finish(under_way)) {
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::deadline_exceeded);
        CHECK(told.error().delivery() == delivery::unknown);
        CHECK(told.error().node() == c.primary.address());
    }
    // The cluster makes the replica primary, although the frozen node's connection still stands.
    REQUIRE(c.has_taken_over());
    CHECK(s(s.db().with(50s).set(c.key(":frozen"), "after the failover")) == set_outcome::written);
    CHECK(s.owner_of(c.slot) == c.replica.address());
    // Thawed, it answers what is long forgotten, and is asked by nobody who means the primary.
    c.servers.thaw(c.primary.name);
    for (int i = 0; i < 20; ++i) CHECK(s(s.db().get(c.key(":frozen"))) == "after the failover");
    c.servers.wait();
    for (int i = 0; i < 20; ++i) CHECK(s(s.db().get(c.key(":frozen"))) == "after the failover");
    auto const doomed_ones = s(s.db().get<std::int64_t>(c.key(":doomed")));
    REQUIRE(doomed_ones);
    CHECK(doomed_ones->value_or(0) <= 50);
}

TEST_CASE("a node that is frozen for a moment: late replies are for nobody", "[failover]") {
    whole_cluster c{600};
    session s{options{.seeds = {c.bystander().address()}}};
    std::vector<std::string> keys;
    for (int i = 0; i < 100; ++i) keys.push_back(c.key(":late:" + std::to_string(i)));
    write_all(s, keys);
    c.servers.freeze(c.primary.name);
    std::vector<operation<std::optional<std::string>>> doomed;
    for (std::string const& key : keys) doomed.push_back(s.db().with(100ms).get(key));
    for (auto const& told : s.all(std::move(doomed))) {
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::deadline_exceeded);
    }
    std::vector<operation<std::optional<std::string>>> patient;
    for (std::size_t at = keys.size(); at-- > 0;) patient.push_back(s.db().with(50s).get(keys[at]));
    auto const under_way = s.begin(std::move(patient));
    c.servers.thaw(c.primary.name);
    auto const told = s.finish(under_way);
    for (std::size_t at = 0; at < keys.size(); ++at) CHECK(told[at] == "=" + keys[keys.size() - 1 - at]);
    read_all(s, s.db(), keys);
}

TEST_CASE("a replica is killed: reads that may go elsewhere do, reads that may not say why", "[failover]") {
    whole_cluster c{650};
    std::string const seed = c.bystander().address();
    session s{options{.seeds = {seed}}};
    std::vector<std::string> keys;
    for (int i = 0; i < 50; ++i) keys.push_back(c.key(":reads:" + std::to_string(i)));
    write_all(s, keys);
    c.servers.settle_replication();
    read_all(s, s.db().with(read_from::replica), keys);
    c.servers.kill(c.replica.name);
    for (int i = 0; i < 20; ++i) {
        read_all(s, s.db().with(read_from::prefer_replica), keys);
        read_all(s, s.db().with(read_from::any), keys);
        read_all(s, s.db(), keys);
    }
    auto const told = s(s.db().with(read_from::replica).with(500ms).get(keys[0]));
    REQUIRE_FALSE(told);
    CAPTURE(told.error().to_string());
    CHECK((belongs_to_a_loss(told.error().code()) || told.error() == errc::slot_uncovered));
    CHECK_FALSE(told.error().message().empty());
    c.servers.restart(c.replica.name);
    c.servers.heal();
    CHECK(eventually(
        [&] { return s(s.db().with(read_from::replica).with(2s).get(keys[0])) == "=" + keys[0]; }));
}

TEST_CASE("all nodes restart, and the client needs no help", "[failover]") {
    whole_cluster c{700};
    session s{options{.seeds = {c.servers.nodes()[3].address()}}};
    auto const keys = keys_everywhere(":restart", 128);
    write_all(s, keys);
    auto const connects = s.counted().connects;
    c.servers.restart("all");
    c.servers.wait();
    // Nothing was saved: the values are gone, the way is not.
    std::vector<operation<set_outcome>> writes;
    for (std::string const& key : keys) writes.push_back(s.db().with(50s).set(key, "=" + key));
    for (auto const& write : s.all(std::move(writes))) CHECK(write == set_outcome::written);
    read_all(s, s.db(), keys);
    CHECK(s.counted().connects > connects);
}

TEST_CASE("one node after the other restarts on a new port, seeds included", "[failover]") {
    whole_cluster c{800};
    std::string const seed = c.servers.address("n1");
    session s{options{.seeds = {seed}}};
    auto const keys = keys_everywhere(":moving", 128);
    for (auto const& each : std::vector<real_cluster::node>{c.servers.nodes()}) {
        CAPTURE(each.name);
        c.servers.restart_elsewhere(each.name);
        c.servers.wait();
        std::vector<operation<set_outcome>> writes;
        for (std::string const& key : keys) writes.push_back(s.db().with(50s).set(key, "=" + key));
        for (auto const& write : s.all(std::move(writes))) CHECK(write == set_outcome::written);
        REQUIRE(c.servers.at(each.name).port != each.port);
        // A replica that moves is not missed by anybody who only writes: the next refresh tells.
        CHECK(eventually([&] {
            s.db().refresh();
            return s.node(c.servers.address(each.name)).member;
        }));
        CHECK_FALSE(s.node(each.address()).member);
    }
    read_all(s, s.db(), keys);
    c.servers.heal();
    c.servers.settle_replication();
    read_all(s, s.db().with(read_from::replica), keys);
}

TEST_CASE("the whole cluster freezes and thaws: nothing hangs, nothing crosses", "[failover]") {
    whole_cluster c{900};
    session s{options{.seeds = {c.bystander().address()}}};
    auto const keys = c.keys(":winter");
    incrementers users{s, keys, 500ms};
    talkers talking{s, 8, 100, 20s};
    REQUIRE(users.all_go_on(20));
    c.servers.freeze("all");
    CHECK(eventually([&] { return !users.faults().empty(); }));
    c.servers.thaw("all");
    c.servers.wait();
    REQUIRE(users.all_go_on(100));
    users.stop();
    CHECK(eventually([&] { return talking.done(); }));
    CHECK(talking.crossed() == 0);
    for (errc const fault : users.faults()) {
        CAPTURE(name_of(fault));
        CHECK(belongs_to_a_loss(fault));
    }
    check_books(s, users);
}
