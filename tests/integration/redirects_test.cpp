// MOVED, ASK, TRYAGAIN, reads from replicas, and connections that are cut: what a cluster asks of its clients
// while slots move.
#include "support/workers.hpp"

#include <algorithm>
#include <sstream>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Keeps what the client reports of redirects.
class redirect_log : public observer {
public:
    void redirected(engine::call_redirected const& what) override {
        std::lock_guard const guard{mutex_};
        seen_.push_back(what);
    }
    std::vector<engine::call_redirected> seen() {
        std::lock_guard const guard{mutex_};
        return seen_;
    }

private:
    std::mutex mutex_;
    std::vector<engine::call_redirected> seen_;
};

/// A slot, its owner, and another primary.
struct make_retry_state {
    real_cluster& servers = real_cluster::shared();
    std::uint16_t slot;
    real_cluster::node from;
    real_cluster::node to;

    explicit make_retry_state(std::uint16_t which) : slot{which}, from{servers.owner_of(which)} {
        for (auto const& server : servers.now("primary"))
            if (server.port != from.port) to = server;
    }
    std::string key(std::string const& suffix) const { return real_cluster::key_in(slot) + suffix; }
    void begin() const { servers.begin_migration(slot, from, to); }
    void end() const {
        servers.migrate_rest(slot, from, to);
        servers.end_migration(slot, from, to);
    }
};

/// Options of a client that asks for the topology once and never again of its own accord.
options frozen_view(std::string const& seed) {
    static constexpr std::chrono::milliseconds never_again = 1h;
    options made;
    made.seeds = {seed};
    made.refresh_interval_min = never_again;
    made.refresh_interval = 0ms;
    return made;
}

/// Lines of CLIENT LIST for connections of one name.
std::vector<std::string> connections_named(wire& server, std::string const& name) {
    std::istringstream lines{server.must({"CLIENT", "LIST"}).text};
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
        if (line.find(" name=" + name + " ") != std::string::npos) found.push_back(line);
    return found;
}
bool is_read_only(std::string const& line) {
    auto const at = line.find(" flags=") + 7;
    return line.substr(at, line.find(' ', at) - at).find('r') != std::string::npos;
}

}  // namespace

TEST_CASE("MOVED is followed when the table is stale, and the table learns the slot", "[redirects]") {
    make_retry_state j{1000};
    std::string const key = j.key(":moved");
    std::string const seed = j.from.address();
    auto const log = std::make_shared<redirect_log>();
    session throttled{frozen_view(seed), {}, log};
    session usual{options{.seeds = {seed}, .refresh_interval = 0ms}};
    session raw{frozen_view(seed), cluster::surface_redirects{}};
    for (session* session : {&throttled, &usual, &raw}) session->warm_up();
    write_all(throttled, {key});
    j.begin();
    j.end();
    j.servers.forget_counts();
    auto const before = throttled.counted();

    // The same MOVED as a policy shows it that follows nothing.
    auto const shown = raw(raw.db().get(key));
    REQUIRE_FALSE(shown);
    CHECK(shown.error() == errc::moved);
    CHECK(shown.error().slot() == j.slot);
    CHECK(shown.error().node() == j.to.address());
    CHECK(shown.error().delivery() == delivery::not_executed);
    CHECK(shown.error().message() == "MOVED " + std::to_string(j.slot) + " " + j.to.address());
    CHECK(shown.error().trail().empty());
    CHECK(raw(raw.db().get(key)).error() == errc::moved);
    CHECK(raw.counted().moved == 0);
    CHECK(j.servers.errors("MOVED") == 2);

    // Followed without a refresh: one MOVED, and none ever after.
    CHECK(throttled(throttled.db().get(key)) == "=" + key);
    CHECK(throttled.counted().moved == before.moved + 1);
    CHECK(j.servers.errors("MOVED") == 3);
    for (int i = 0; i < 20; ++i) read_all(throttled, throttled.db(), {key});
    auto const after = throttled.counted();
    CHECK(after.moved == before.moved + 1);
    CHECK(after.refreshes == before.refreshes);
    CHECK(after.retried == before.retried);
    CHECK(after.connects == before.connects);
    CHECK(j.servers.errors("MOVED") == 3);
    CHECK(j.servers.count({j.to}, "get") == 21);
    REQUIRE(log->seen().size() == 1);
    CHECK(log->seen()[0].from == j.from.address());
    CHECK(log->seen()[0].to == j.to.address());
    CHECK(log->seen()[0].slot == j.slot);
    CHECK(log->seen()[0].why == errc::moved);

    // With refreshes allowed, the topology is the cluster's soon afterwards.
    CHECK(usual(usual.db().get(key)) == "=" + key);
    CHECK(eventually([&] { return usual.owner_of(j.slot) == j.to.address(); }));
    CHECK(usual.counted().moved <= 1);
}

TEST_CASE("ASK is followed during a migration and teaches the table nothing", "[redirects]") {
    make_retry_state j{2000};
    std::vector<std::string> keys;
    for (int i = 0; i < 20; ++i) keys.push_back(j.key(":" + std::to_string(i)));
    session s{frozen_view(j.from.address())};
    session raw{frozen_view(j.from.address()), cluster::surface_redirects{}};
    s.warm_up();
    raw.warm_up();
    write_all(s, keys);
    j.begin();
    for (int i = 0; i < 10; ++i) j.servers.migrate_key(keys[static_cast<std::size_t>(i)], j.from, j.to);
    auto const before = s.counted();
    j.servers.forget_counts();
    std::vector<std::string> const gone(keys.begin(), keys.begin() + 10);
    std::vector<std::string> const left(keys.begin() + 10, keys.end());

    read_all(s, s.db(), gone);
    CHECK(s.counted().asked == before.asked + 10);
    CHECK(j.servers.count({j.to}, "asking") == 10);
    CHECK(j.servers.errors("ASK") == 10);
    // What has not moved is served where it is: the table was not touched.
    read_all(s, s.db(), left);
    CHECK(s.counted().asked == before.asked + 10);
    CHECK(s.counted().moved == before.moved);
    CHECK(s.counted().refreshes == before.refreshes);
    CHECK(s.owner_of(j.slot) == j.from.address());
    // New keys are born at the target; writes follow like reads.
    CHECK(s(s.db().set(j.key(":new"), "born there")) == set_outcome::written);
    CHECK(j.servers.count({j.to}, "set") == 1);
    CHECK(s(s.db().incr(j.key(":n"))) == 1);
    CHECK(s(s.db().incr(j.key(":n"))) == 2);
    // All in flight at one time, migrated and not, on one connection.
    for (int i = 0; i < 20; ++i) read_all(s, s.db(), keys);

    auto const shown = raw(raw.db().get(gone[0]));
    REQUIRE_FALSE(shown);
    CHECK(shown.error() == errc::ask);
    CHECK(shown.error().slot() == j.slot);
    CHECK(shown.error().node() == j.to.address());
    CHECK(shown.error().delivery() == delivery::not_executed);
    CHECK(s.counted().moved == before.moved);

    j.end();
    read_all(s, s.db(), keys);
    CHECK(s.counted().moved > before.moved);
    CHECK(s(s.db().get(j.key(":new"))) == "born there");
}

TEST_CASE("a command with several keys waits out a slot that is half moved", "[redirects]") {
    make_retry_state j{3000};
    std::vector<std::string> const keys{j.key(":a"), j.key(":b")};
    session s{options{.seeds = {j.from.address()}, .deadline = 50s}};
    session raw{frozen_view(j.from.address()), cluster::surface_redirects{}};
    s.warm_up();
    raw.warm_up();
    write_all(s, keys);
    j.begin();
    j.servers.migrate_key(keys[0], j.from, j.to);
    auto const shown = raw(raw.db().mget(keys));
    REQUIRE_FALSE(shown);
    CHECK(shown.error() == errc::try_again);
    CHECK(shown.error().delivery() == delivery::not_executed);

    auto const before = s.counted().retried;
    std::vector<operation<std::vector<std::optional<std::string>>>> waiting;
    waiting.push_back(s.db().mget(keys));
    auto const under_way = s.begin(std::move(waiting));
    CHECK(eventually([&] { return s.counted().retried >= before + 3; }));
    CHECK(under_way->left == 1);
    // Neighbours of the same slot do not wait for it.
    read_all(s, s.db(), keys);
    CHECK(under_way->left == 1);
    j.end();
    auto const told = s.finish(under_way);
    REQUIRE(told[0]);
    CHECK(*told[0] == std::vector<std::optional<std::string>>{"=" + keys[0], "=" + keys[1]});
}

TEST_CASE(
    "a command whose keys have gone or never were is sent to and fro for as long as the slot is half moved",
    "[redirects]") {
    make_retry_state j{3100};
    std::string const gone = j.key(":gone"), absent = j.key(":absent");
    std::string const seed = j.from.address();
    session s{options{.seeds = {seed}, .deadline = 50s}};
    s.warm_up();
    write_all(s, {gone});
    j.begin();
    j.servers.migrate_key(gone, j.from, j.to);
    // The old owner has neither key and says ASK, the new one lacks one of them and says TRYAGAIN.
    auto const before = s.counted();
    auto const under_way = s.begin(s.db().mget(std::vector{gone, absent}));
    CHECK(eventually([&] { return s.counted().asked >= before.asked + 24 || under_way->left == 0; }));
    CHECK(under_way->left == 1);
    j.end();
    auto const told = s.finish(under_way);
    CHECK(told[0] == std::vector<std::optional<std::string>>{"=" + gone, std::nullopt});
}

TEST_CASE("reads go to replicas where that is asked for, on connections that say READONLY once",
          "[redirects]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n2");
    session s{options{.seeds = {seed}, .client_name = "reader"}};
    auto const keys = keys_everywhere(":replica", 96);
    write_all(s, keys);
    servers.settle_replication();
    servers.forget_counts();
    auto const replicas = servers.now("replica");
    auto const primaries = servers.now("primary");
    REQUIRE(replicas.size() == 3);
    auto const size = static_cast<long long>(keys.size());

    for (int round = 0; round < 3; ++round) read_all(s, s.db().with(read_from::replica), keys);
    CHECK(servers.count(replicas, "get") == 3 * size);
    CHECK(servers.count(primaries, "get") == 0);
    CHECK(s.counted().moved == 0);
    for (auto const& replica : replicas) CHECK(servers.counts(replica)["readonly"] == 1);
    CHECK(servers.count(primaries, "readonly") == 0);

    // Writes and plain reads go to primaries as ever; a replica that is asked without READONLY says MOVED.
    write_all(s, keys);
    read_all(s, s.db(), keys);
    CHECK(servers.count(primaries, "set") == size);
    CHECK(servers.count(primaries, "get") == size);
    CHECK(servers.count(replicas, "get") == 3 * size);
    for (auto const& replica : replicas) {
        auto const slots = servers.talk("n1").must({"CLUSTER", "SLOTS"});
        for (auto const& range : slots.items) {
            if (range.items[3].items[1].number() != replica.port) continue;
            wire told = servers.talk(replica);
            std::string const key = real_cluster::key_in(static_cast<std::uint16_t>(range.items[0].number()));
            CHECK(told.ask({"GET", key}).text.starts_with("MOVED "));
            told.must({"READONLY"});
            CHECK_FALSE(told.ask({"GET", key}).is_error());
            CHECK(told.ask({"SET", key, "1"}).text.starts_with("MOVED "));
        }
        CHECK(s.node(replica.address()).replica_link.commands > 0);
        CHECK(s.node(replica.address()).primary_link.commands == 0);
    }
    // Both kinds in turn, and the client's option instead of the call's.
    session any{options{.seeds = {seed}, .read_from = read_from::any}};
    any.warm_up();
    servers.forget_counts();
    for (int round = 0; round < 4; ++round) read_all(any, any.db(), keys);
    CHECK(servers.count(replicas, "get") > 0);
    CHECK(servers.count(primaries, "get") > 0);
    CHECK(servers.count(replicas, "get") + servers.count(primaries, "get") == 4 * size);
    CHECK(servers.count(primaries, "readonly") == 0);
}

TEST_CASE("reads meant for a primary never travel on a connection that has said READONLY", "[redirects]") {
    auto& servers = real_cluster::shared();
    auto const shard = servers.shard_of(12000, "n1");
    REQUIRE(shard.size() == 2);
    std::string const key = real_cluster::key_in(12000) + ":modes";
    std::string const first = shard[0].address();
    auto chosen = frozen_view(first);
    chosen.client_name = "modes";
    session s{chosen, cluster::surface_redirects{}};
    write_all(s, {key});
    servers.settle_replication();
    read_all(s, s.db(), {key});
    CHECK(s(s.db().with(read_from::replica).get(key)) == "=" + key);
    // The roles change, the table does not.
    servers.fail_over_to(shard[1]);
    REQUIRE(eventually([&] { return servers.owns(shard[1], 12000, shard[0].name); }));
    servers.talk(shard[1]).must({"SET", key, "newer"});
    // The demoted node is asked on the connection that never said READONLY, and says so.
    auto const told = s(s.db().get(key));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::moved);
    CHECK(told.error().node() == shard[1].address());
    // Both kinds of reads now meet at the promoted node, on two connections.
    session fresh{options{.seeds = {shard[0].address()}, .client_name = "fresh"}};
    CHECK(fresh(fresh.db().get(key)) == "newer");
    REQUIRE(fresh(fresh.db().with(read_from::replica).strlen(key)));
    CHECK(eventually([&] { return fresh(fresh.db().with(read_from::replica).get(key)) == "newer"; }));
    CHECK(fresh(fresh.db().get(key)) == "newer");
    for (auto const& one : shard) {
        wire server = servers.talk(one);
        auto const lines = connections_named(server, "fresh");
        CHECK(std::count_if(lines.begin(), lines.end(), is_read_only) == (one.port == shard[0].port ? 1 : 0));
        CHECK(lines.size() >= 1);
    }
    servers.heal();
}

TEST_CASE("10,000 MOVED at one time cost at most two refreshes and no connection", "[redirects]") {
    make_retry_state j{4000};
    std::string const key = j.key(":storm");
    session s{options{.seeds = {j.from.address()}, .deadline = 50s, .refresh_interval = 0ms}};
    s.warm_up();
    write_all(s, {key});
    std::uint64_t moved = 0;
    // Should the client have had a reason of its own to look at the topology just now, the slot moves back
    // and the storm comes again.
    for (int attempt = 0; attempt < 6 && moved < 1000; ++attempt, std::swap(j.from, j.to)) {
        j.begin();
        j.end();
        auto const before = s.counted();
        std::vector<operation<std::optional<std::string>>> storm;
        for (int i = 0; i < 10000; ++i) storm.push_back(s.db().get(key));
        for (auto const& one : s.all(std::move(storm))) REQUIRE(one == "=" + key);
        auto const after = s.counted();
        moved = after.moved - before.moved;
        CHECK(moved <= 10000);
        // Each asks one node, unless that one takes its time.
        CHECK(after.refreshes - before.refreshes <= 2);
        CHECK(after.connects == before.connects);
        CHECK(after.retried == before.retried);
        CHECK(eventually([&] { return s.owner_of(j.slot) == j.to.address(); }));
    }
    CHECK(moved >= 1000);
    auto const quiet = s.counted().moved;
    read_all(s, s.db(), {key});
    CHECK(s.counted().moved == quiet);
}

TEST_CASE("slots move to and fro under load: nothing runs twice, nothing is lost", "[redirects]") {
    make_retry_state j{5000};
    session s{options{.seeds = {j.from.address()}, .deadline = 50s}};
    std::vector<std::string> keys;
    for (int i = 0; i < 16; ++i) keys.push_back(j.key(":load:" + std::to_string(i)));
    for (int const slot : {100, 7000, 15000})
        keys.push_back(real_cluster::key_in(static_cast<std::uint16_t>(slot)) + ":load");
    incrementers users{s, keys, 50s};
    REQUIRE(users.all_go_on(10));
    for (int round = 0; round < 4; ++round) {
        j.begin();
        REQUIRE(users.all_go_on(10));
        j.servers.migrate_rest(j.slot, j.from, j.to);
        REQUIRE(users.all_go_on(10));
        j.servers.end_migration(j.slot, j.from, j.to);
        REQUIRE(users.all_go_on(10));
        std::swap(j.from, j.to);
    }
    users.stop();
    CHECK(users.faults().empty());
    for (auto const& one : users.books()) {
        CHECK(one.unknown == 0);
        CHECK(one.lost == 0);
    }
    check_books(s, users);
    CHECK(s.counted().asked > 0);
    CHECK(s.counted().moved > 0);
}

TEST_CASE("connections killed in a loop: no reply crosses, nothing hangs, nothing runs twice",
          "[redirects]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    session s{options{.seeds = {seed}, .reconnect_delay_max = 50ms}};
    s.warm_up();
    std::vector<std::string> keys;
    for (int slot = 0; slot < 16000; slot += 1000)
        keys.push_back(real_cluster::key_in(static_cast<std::uint16_t>(slot)) + ":killed");
    incrementers counting{s, keys, 10s};
    talkers talking{s, 32, 100, 10s};
    std::vector<wire> killers;
    for (auto const& server : servers.now("primary")) killers.push_back(servers.talk(server));
    long long kills = 0;
    for (unsigned round = 0; round < 60 && !talking.done(); ++round) {
        auto const answered = talking.answered();
        for (wire& one : killers)
            kills += one.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}).number();
        // The next blow falls in the midst of what has just begun again.
        REQUIRE(eventually([&] { return talking.answered() > answered + round % 30 || talking.done(); }));
    }
    CHECK(eventually([&] { return talking.done(); }, 60s));
    CHECK(counting.all_go_on(20));
    counting.stop();
    check_books(s, counting);
    CHECK(kills > 30);
    CHECK(talking.done());
    CHECK(talking.crossed() == 0);
    CHECK(talking.stale() == 0);
    CHECK(talking.answered() > talking.failed());
    CHECK(s.counted().disconnects > 10);
    for (errc const fault : counting.faults()) {
        CAPTURE(name_of(fault));
        CHECK((fault == errc::connection_lost || fault == errc::connect_failed ||
               fault == errc::deadline_exceeded));
    }
    for (auto const& one : counting.books()) CHECK(one.lost == 0);
}
