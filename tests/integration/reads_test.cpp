// Who serves a read: every policy, for a client and for one call; READONLY; and what becomes of reads when
// roles change or replicas fail. One shard with two replicas, so that each read can be told apart by the node
// that has served it.
#include "support/beside.hpp"
#include "support/proxied.hpp"
#include "support/session.hpp"
#include "support/watched_node.hpp"

#include <algorithm>
#include <array>
#include <mutex>

using namespace umbel;
using namespace umbel::test;

namespace {

using milliseconds = std::chrono::milliseconds;

/// One shard: n1 is its primary whenever a test begins.
struct one_shard {
    real_cluster& servers;
    std::string const name;
    std::vector<std::string> keys;

    explicit one_shard(std::string test) : servers{cluster()}, name{std::move(test)} {
        servers.heal();
        if (servers.role_of(servers.at("n1")) != "primary") servers.fail_over_to(servers.at("n1"));
        servers.heal();
        for (int i = 0; i < 30; ++i) keys.push_back(name + ":" + std::to_string(i));
    }
    static real_cluster& cluster() {
        static real_cluster one{{.primaries = 1, .replicas = 2}};
        return one;
    }
    real_cluster::node node(int number) const { return servers.at("n" + std::to_string(number)); }
    std::string seed() const { return servers.address("n1"); }
    /// Waits until both replicas have all that was written so far.
    void settle() const {
        wire primary = servers.talk("n1");
        primary.must({"SET", name + ":settled", "1"});
        REQUIRE(primary.must({"WAIT", "2", "20000"}).number() == 2);
    }
    void write(session& s) const {
        write_all(s, keys);
        settle();
    }
    /// GETs that n1, n2 and n3 have served since the counts were forgotten.
    std::array<long long, 3> served() const {
        return {servers.count({node(1)}, "get"), servers.count({node(2)}, "get"),
                servers.count({node(3)}, "get")};
    }
    /// Reads all keys some times, and tells who has served how many.
    template <class Client>
    std::array<long long, 3> serve(session& s, Client const& db, int rounds = 4) const {
        servers.forget_counts();
        for (int round = 0; round < rounds; ++round) read_all(s, db, keys);
        return served();
    }
};

/// Asks with one policy, given to the client or to the call.
std::array<long long, 3> who_serves(one_shard const& c, read_from reads, bool by_client,
                                    options chosen = {}) {
    std::string const seed = c.seed();
    chosen.seeds = {seed};
    chosen.read_from =
        by_client ? reads : (reads == read_from::primary ? read_from::replica : read_from::primary);
    session s{chosen};
    REQUIRE(s(s.db().ready()));
    return by_client ? c.serve(s, s.db()) : c.serve(s, s.db().with(reads));
}

/// What commands were sent again for, and whether any of them had to wait.
class patience_log : public observer {
public:
    void retried(engine::call_retried const& what) override {
        std::lock_guard const guard{mutex_};
        ++faults_[what.why];
        if (what.delay > engine::duration{0}) ++waited_;
    }
    int count(errc why) {
        std::lock_guard const guard{mutex_};
        return faults_[why];
    }
    int waited() {
        std::lock_guard const guard{mutex_};
        return waited_;
    }

private:
    std::mutex mutex_;
    std::map<errc, int> faults_;
    int waited_ = 0;
};

bool is_said_in(std::vector<std::string> const& commands, std::string_view what) {
    return std::any_of(commands.begin(), commands.end(),
                       [&](auto const& one) { return one.find(what) != std::string::npos; });
}

}  // namespace

TEST_CASE("each policy asks whom it says, given to the client or to one call", "[reads]") {
    one_shard c{"policies"};
    session writer{c.seed()};
    c.write(writer);
    long long const all = 4 * static_cast<long long>(c.keys.size());
    for (bool const by_client : {true, false}) {
        CAPTURE(by_client);
        CHECK(who_serves(c, read_from::primary, by_client) == std::array{all, 0LL, 0LL});
        for (read_from const reads : {read_from::replica, read_from::prefer_replica}) {
            auto const served = who_serves(c, reads, by_client);
            CAPTURE(static_cast<int>(reads), served);
            CHECK(served[0] == 0);
            CHECK(served[1] + served[2] == all);
            // In turn: neither has more than its share, but for the little that the client's own commands
            // take a turn for.
            CHECK(std::min(served[1], served[2]) >= all / 2 - 4);
        }
        auto const any = who_serves(c, read_from::any, by_client);
        CAPTURE(any);
        CHECK(any[0] + any[1] + any[2] == all);
        CHECK(std::min({any[0], any[1], any[2]}) >= all / 3 - 4);
        // Nobody is far: all that is certain is that every read has been served, by whomever.
        auto const nearest = who_serves(c, read_from::lowest_latency, by_client);
        CHECK(nearest[0] + nearest[1] + nearest[2] == all);
    }
}

TEST_CASE("reads stay in the zone of the client while somebody there serves, and go on elsewhere at once",
          "[reads]") {
    one_shard c{"zones"};
    session writer{c.seed()};
    c.write(writer);
    long long const all = 4 * static_cast<long long>(c.keys.size());
    std::string const n1 = c.node(1).address(), n2 = c.node(2).address(), n3 = c.node(3).address();
    std::vector<node_zone> const zones{{n1, "west"}, {n2, "east"}, {n3, "west"}};
    options chosen{.availability_zone = "east", .zones = zones};
    for (bool const by_client : {true, false})
        CHECK(who_serves(c, read_from::same_zone, by_client, chosen) == std::array{0LL, all, 0LL});
    chosen.availability_zone = "west";
    CHECK(who_serves(c, read_from::same_zone, true, chosen) == std::array{0LL, 0LL, all});
    // Nobody stands in this zone: any replica is better than the primary.
    chosen.availability_zone = "north";
    auto const elsewhere = who_serves(c, read_from::same_zone, true, chosen);
    CHECK(elsewhere[0] == 0);
    CHECK(std::min(elsewhere[1], elsewhere[2]) > 0);

    chosen.availability_zone = "east";
    chosen.read_from = read_from::same_zone;
    chosen.seeds = {n1};
    session s{chosen};
    CHECK(c.serve(s, s.db()) == std::array{0LL, all, 0LL});
    c.servers.kill("n2");
    for (int round = 0; round < 10; ++round) read_all(s, s.db(), c.keys);
    CHECK(c.servers.count({c.node(1)}, "get") == 0);
    c.servers.kill("n3");
    for (int round = 0; round < 10; ++round) read_all(s, s.db(), c.keys);
    CHECK(c.servers.count({c.node(1)}, "get") > 0);
    c.servers.restart("n2");
    c.servers.restart("n3");
    c.servers.heal();
    CHECK(eventually([&] { return c.serve(s, s.db(), 1)[1] == static_cast<long long>(c.keys.size()); }));
}

TEST_CASE("a node's zone is believed where its server tells it", "[reads][zones]") {
    one_shard c{"told zones"};
    if (c.servers.talk("n1").ask({"CONFIG", "SET", "availability-zone", "west"}).is_error())
        SKIP("these servers have no availability-zone");
    wire greeted = c.servers.talk("n1");
    bool tells = false;
    for (auto const& word : greeted.must({"HELLO", "2"}).items)
        tells = tells || word.text == "availability_zone";
    auto const set = [&](int number, std::string const& zone) {
        c.servers.talk(c.node(number)).must({"CONFIG", "SET", "availability-zone", zone});
    };
    if (!tells) {
        set(1, "");
        SKIP("these servers keep their availability-zone to themselves (HELLO tells it from Valkey 8.1 on)");
    }
    set(2, "east");
    set(3, "west");
    session writer{c.seed()};
    c.write(writer);
    // What the user says counts until a server says something else, when the first connection to it is open.
    std::string const n3 = c.node(3).address();
    std::vector<node_zone> const zones{{n3, "east"}};
    std::string const seed = c.seed();
    session s{options{
        .seeds = {seed}, .read_from = read_from::same_zone, .availability_zone = "east", .zones = zones}};
    CHECK(eventually([&] { return c.serve(s, s.db(), 1)[1] == static_cast<long long>(c.keys.size()); }));
    CHECK(c.serve(s, s.db()) == std::array{0LL, 4 * static_cast<long long>(c.keys.size()), 0LL});
    for (int const number : {1, 2, 3}) set(number, "");
}

TEST_CASE("reads by latency find the quick node, and the one that is quick instead later", "[reads]") {
    one_shard c{"latency"};
    session writer{c.seed()};
    c.write(writer);
    proxied_cluster proxies{c.servers};
    std::string const seed = proxies.address(c.node(1));
    session s{options{.seeds = {seed}, .read_from = read_from::lowest_latency}};
    for (int const quick : {2, 1, 3}) {
        CAPTURE(quick);
        for (int const number : {1, 2, 3})
            proxies.behave(c.node(number), {.delay = number == quick ? 0ms : 20ms});
        // Most of its reads, since the others are looked at now and then.
        CHECK(eventually([&] {
            auto const served = c.serve(s, s.db(), 2);
            return 4 * served[static_cast<std::size_t>(quick - 1)] > 3 * (served[0] + served[1] + served[2]);
        }));
    }
}

TEST_CASE(
    "with a stale table, neither failover nor failback lets a demoted primary serve a read meant for the "
    "primary",
    "[reads]") {
    one_shard c{"roles"};
    std::string const seed = c.seed();
    options stale{.seeds = {seed}};
    stale.refresh_interval_min = 1h;
    stale.refresh_interval = 0ms;
    session s{stale};
    REQUIRE(s(s.db().ready()));
    std::array<watched_node, 3> nodes{watched_node{c.servers, c.node(1)}, watched_node{c.servers, c.node(2)},
                                      watched_node{c.servers, c.node(3)}};
    // The primary of each phase; the client is told of none of them but by MOVED.
    std::array const primaries{1, 2, 1, 3};
    for (std::size_t phase = 0; phase < primaries.size(); ++phase) {
        CAPTURE(phase);
        auto const primary = c.node(primaries[phase]);
        if (phase != 0) c.servers.fail_over_to(primary);
        std::string const mine = c.name + ":primary:" + std::to_string(phase);
        std::string const theirs = c.name + ":replica:" + std::to_string(phase);
        c.servers.talk(primary).must({"SET", mine, "=" + mine});
        // A read that comes to a demoted node before anything else has told the client of its demotion.
        for (int i = 0; i < 5; ++i) read_all(s, s.db(), {mine});
        write_all(s, {theirs});
        wire server = c.servers.talk(primary);
        server.must({"SET", theirs, "=" + theirs});
        REQUIRE(eventually([&] { return server.must({"WAIT", "2", "1000"}).number() == 2; }));
        for (int i = 0; i < 6; ++i) {
            read_all(s, s.db().with(read_from::replica), {theirs});
            read_all(s, s.db(), {mine});
        }
        c.servers.heal();
    }
    CHECK(s.counted().moved >= 3);
    int readers = 0, writers = 0;
    for (std::size_t at = 0; at < nodes.size(); ++at) {
        for (auto const& [from, commands] : nodes[at].read()) {
            CAPTURE(at + 1, from, commands);
            auto const readonly = std::count_if(commands.begin(), commands.end(),
                                                [](auto const& one) { return one == "\"READONLY\""; });
            CHECK(readonly <= 1);
            bool const of_replica = is_said_in(commands, "\"GET\" \"roles:replica");
            if (of_replica) CHECK(readonly == 1);
            readers += of_replica ? 1 : 0;
            // A connection that has said READONLY is never asked what only the primary may answer, and who is
            // not primary has answered nothing.
            for (std::size_t phase = 0; phase < primaries.size(); ++phase) {
                if (!is_said_in(commands, "\"GET\" \"roles:primary:" + std::to_string(phase))) continue;
                ++writers;
                CHECK(readonly == 0);
                CHECK(primaries[phase] == static_cast<int>(at) + 1);
            }
        }
    }
    CHECK(readers >= 2);
    CHECK(writers >= 4);
}

TEST_CASE("a replica that has lost its primary is left for the other at once", "[reads]") {
    one_shard c{"orphan"};
    auto const log = std::make_shared<patience_log>();
    std::string const seed = c.seed();
    session s{options{.seeds = {seed}, .read_from = read_from::replica}, {}, log};
    c.write(s);
    read_all(s, s.db(), c.keys);
    wire orphan = c.servers.talk("n2");
    orphan.must({"CONFIG", "SET", "replica-serve-stale-data", "no"});
    // With a wrong password it does not find back to its primary, which serves on.
    orphan.must({"CONFIG", "SET", "masterauth", "wrong"});
    c.servers.talk("n1").must({"CLIENT", "KILL", "TYPE", "replica"});
    REQUIRE(eventually([&] {
        return orphan.must({"INFO", "replication"}).text.find("master_link_status:down") != std::string::npos;
    }));
    REQUIRE(eventually([&] {
        return c.servers.talk("n3").must({"INFO", "replication"}).text.find("master_link_status:up") !=
               std::string::npos;
    }));
    c.servers.forget_counts();
    for (int round = 0; round < 20; ++round) read_all(s, s.db(), c.keys);
    CHECK(log->count(errc::master_down) > 0);
    CHECK(log->waited() == 0);
    CHECK(c.served() == std::array{0LL, 0LL, 20 * static_cast<long long>(c.keys.size())});
    orphan.must({"CONFIG", "SET", "masterauth", ""});
    orphan.must({"CONFIG", "SET", "replica-serve-stale-data", "yes"});
    c.servers.heal();
    // It is forgiven as soon as it serves again.
    CHECK(eventually([&] { return c.serve(s, s.db(), 2)[1] > 0; }));
}

TEST_CASE("a replica that loads its dataset is left for the other at once", "[reads]") {
    one_shard c{"loading"};
    auto const log = std::make_shared<patience_log>();
    std::string const seed = c.seed();
    session s{options{.seeds = {seed}, .read_from = read_from::replica}, {}, log};
    for (int i = 0; i < 1500; ++i) c.keys.push_back(c.name + ":bulk:" + std::to_string(i));
    c.write(s);
    c.keys.resize(30);
    read_all(s, s.db(), c.keys);
    wire loader = c.servers.talk("n2");
    loader.must({"CONFIG", "SET", "loading-process-events-interval-bytes", "1024"});
    loader.must({"CONFIG", "SET", "key-load-delay", "400"});
    c.servers.forget_counts();
    std::atomic<bool> loaded{false};
    beside reload{[&] {
        c.servers.talk("n2").must({"DEBUG", "RELOAD"});
        loaded = true;
    }};
    while (!loaded) read_all(s, s.db(), c.keys);
    reload.join();
    CHECK(log->count(errc::loading) > 0);
    CHECK(log->waited() == 0);
    CHECK(c.served()[0] == 0);
    loader.must({"CONFIG", "SET", "key-load-delay", "0"});
    c.servers.heal();
    CHECK(eventually([&] { return c.serve(s, s.db(), 2)[1] > 0; }));
}

TEST_CASE("a replica that is killed or stands still is left for the other", "[reads]") {
    one_shard c{"down"};
    auto const log = std::make_shared<patience_log>();
    std::string const seed = c.seed();
    session s{
        options{
            .seeds = {seed}, .read_from = read_from::replica, .probe_after = 200ms, .probe_timeout = 300ms},
        {},
        log};
    c.write(s);
    read_all(s, s.db(), c.keys);
    c.servers.kill("n2");
    for (int round = 0; round < 20; ++round) read_all(s, s.db(), c.keys);
    CHECK(log->waited() == 0);
    CHECK(c.servers.count({c.node(1)}, "get") == 0);
    c.servers.restart("n2");
    c.servers.heal();
    CHECK(eventually([&] { return c.serve(s, s.db(), 2)[1] > 0; }));
    // Nobody is told that it stands still: the reads that were under way find out.
    c.servers.freeze("n2");
    for (int round = 0; round < 20; ++round) read_all(s, s.db().with(20s), c.keys);
    c.servers.thaw("n2");
    c.servers.heal();
    CHECK(eventually([&] { return c.serve(s, s.db(), 2)[1] > 0; }));
}

TEST_CASE(
    "hedged reads do not wait for a node that keeps its replies, and these are for nobody when they come",
    "[reads]") {
    one_shard c{"hedged"};
    session writer{c.seed()};
    c.write(writer);
    proxied_cluster proxies{c.servers};
    std::string const seed = proxies.address(c.node(1));
    session s{options{
        .seeds = {seed}, .read_from = read_from::replica, .hedge_percent_max = 100, .probe_after = 0ms}};
    read_all(s, s.db(), c.keys);
    for (int const silent : {2, 3}) {
        CAPTURE(silent);
        proxies.behave(c.node(silent), {.hold_replies = true});
        auto const late = s.counted().late_replies;
        // Without a second question every other one of these would wait for its deadline. One by one, for the
        // allowance is small.
        for (std::string const& key : c.keys) read_all(s, s.db().with(hedge_after{2ms}, 50s), {key});
        proxies.behave(c.node(silent), {});
        CHECK(eventually([&] { return s.counted().late_replies > late; }));
        read_all(s, s.db(), c.keys);
    }
    CHECK(s.counted().disconnects == 0);
}
