// Transactions, scripts and libraries of functions on a real cluster: what it queues, aborts, redirects and
// lacks.
#include "support/session.hpp"

#include <umbel/client/optimistic.hpp>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <array>
#include <tuple>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr script add_to{"return redis.call('INCRBY', KEYS[1], ARGV[1])"};
constexpr script length_of{"return redis.call('STRLEN', KEYS[1])"};
constexpr function_library counters{
    "#!lua name=umbel_counters\n"
    "redis.register_function('umbel_add', function(keys, args)\n"
    "  return redis.call('INCRBY', keys[1], args[1])\n"
    "end)"};

/// Reads a number and writes the next one: by itself it would lose what others have written meanwhile.
asio::awaitable<result<planned<set_outcome>>> next_number(lease const& held) {
    auto reading = held.get<std::int64_t>("{cas}n");
    auto have = co_await std::move(reading);
    if (!have) co_return umbel::fail(have.error());
    co_return plan(cmd.set("{cas}n", have->value_or(0) + 1));
}
/// Counts to `goal`, beside others who do the same.
asio::awaitable<void> count_up(client& db, int goal, std::atomic<int>& counted, std::atomic<int>& left) {
    for (int i = 0; i < goal; ++i) {
        auto adding =
            optimistic(db, std::array<std::string, 1>{"{cas}n"}, &next_number, {.attempts_max = 1000});
        auto const done = co_await std::move(adding);
        if (done && *done) ++counted;
    }
    --left;
}

/// A slot on its way from its owner to another primary.
struct move {
    real_cluster& servers = real_cluster::shared();
    std::uint16_t slot;
    real_cluster::node from, to;

    explicit move(std::uint16_t which) : slot{which}, from{servers.owner_of(which)} {
        for (auto const& server : servers.now("primary"))
            if (server.port != from.port) to = server;
    }
    std::string key(std::string const& suffix) const { return real_cluster::key_in(slot) + suffix; }
    void end() const {
        servers.migrate_rest(slot, from, to);
        servers.end_migration(slot, from, to);
    }
};

/// Options of a client that asks for the topology once and never again of its own accord.
options frozen_view(std::string const& seed) {
    options made;
    made.seeds = {seed};
    made.refresh_interval_min = std::chrono::hours{1};
    made.refresh_interval = std::chrono::milliseconds{0};
    return made;
}

}  // namespace

TEST_CASE("a transaction runs as a whole, in RESP2 and RESP3", "[transactions]") {
    auto& servers = real_cluster::shared();
    for (auto const version : {protocol::resp2, protocol::resp3}) {
        session s{options{.seeds = {servers.address("n1")}, .protocol = version}};
        std::string const name = "{tx" + std::to_string(static_cast<int>(version)) + "}";
        auto const done = s(s.db().transaction(cmd.set(name + "text", "x"), cmd.incr(name + "text"),
                                               cmd.hset(name + "hash", "f", "v"), cmd.hgetall(name + "hash"),
                                               cmd.zadd(name + "z", "m", 1.5), cmd.zscore(name + "z", "m")));
        REQUIRE(done);
        CHECK(std::get<0>(*done).has_value());
        REQUIRE_FALSE(std::get<1>(*done));
        CHECK(std::get<1>(*done).error().delivery() == delivery::executed);
        CHECK(std::get<2>(*done).value() == 1);
        CHECK(std::get<3>(*done)->at("f") == "v");
        CHECK(std::get<5>(*done).value() == 1.5);
        // WRONGTYPE is that command's alone.
        auto const mixed = s(s.db().transaction(cmd.rpush(name + "text", "y"), cmd.get(name + "text")));
        REQUIRE(mixed);
        CHECK(std::get<0>(*mixed).error() == errc::wrong_type);
        CHECK(std::get<1>(*mixed).value() == "x");
    }
}

TEST_CASE("what a server refuses between MULTI and EXEC ends the transaction, and nothing has run",
          "[transactions]") {
    auto& servers = real_cluster::shared();
    session s{servers.address("n1")};
    auto const done = s(s.db().transaction(cmd.incr("{refused}n"),
                                           cmd.command<reply>("SET", key("{refused}n"), "1", "NOSUCH"),
                                           cmd.command<reply>("UMBEL.NOSUCH", key("{refused}n"))));
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::exec_aborted);
    CHECK(done.error().delivery() == delivery::not_executed);
    CHECK(done.error().message().find("command 3 of the transaction: ERR unknown command") !=
          std::string_view::npos);
    CHECK(s(s.db().get("{refused}n")) == std::nullopt);
    std::vector<bare_command<std::int64_t>> many;
    for (int i = 0; i < 1000; ++i) many.push_back(cmd.incr("{refused}n"));
    auto const thousand = s(s.db().transaction(std::move(many)));
    REQUIRE(thousand);
    CHECK(thousand->back().value() == 1000);
}

TEST_CASE("a user who may not say MULTI is told that the commands have run one by one", "[transactions]") {
    auto& servers = real_cluster::shared();
    for (auto const& node : servers.nodes())
        servers.talk(node).must(
            {"ACL", "SETUSER", "no-multi", "reset", "on", ">word", "~*", "&*", "+@all", "-multi"});
    session s{options{.seeds = {servers.address("n1")}, .username = "no-multi", .password = "word"}};
    auto const done = s(s.db().transaction(cmd.incr("{nomulti}a"), cmd.incr("{nomulti}b")));
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::no_permission);
    CHECK(done.error().delivery() == delivery::unknown);
    CHECK(s(s.db().get("{nomulti}a")) == "1");
}

TEST_CASE("a transaction of reads may go to a replica", "[transactions]") {
    auto& servers = real_cluster::shared();
    session s{servers.address("n1")};
    REQUIRE(s(s.db().set("{txr}k", "v")));
    servers.settle_replication();
    servers.forget_counts();
    auto const done =
        s(s.db().with(read_from::replica).transaction(cmd.get("{txr}k"), cmd.exists("{txr}none")));
    REQUIRE(done);
    CHECK(std::get<0>(*done).value() == "v");
    CHECK(servers.count(servers.now("replica"), "exec") == 1);
    CHECK(servers.count(servers.now("primary"), "exec") == 0);
}

TEST_CASE("ASK and TRYAGAIN hold for the whole transaction, and MOVED moves it", "[transactions]") {
    move j{9000};
    session s{frozen_view(j.from.address())};
    s.warm_up();
    std::string const a = j.key(":a"), b = j.key(":b");
    REQUIRE(s(s.db().transaction(cmd.rpush(a, "0"), cmd.rpush(b, "0"))));
    j.servers.begin_migration(j.slot, j.from, j.to);
    auto const before = s.counted();
    // Both are missing at the old owner: what asks for them is redirected, with ASKING in front of MULTI.
    auto const fresh = s(s.db().transaction(cmd.incr(j.key(":new")), cmd.incr(j.key(":new"))));
    REQUIRE(fresh);
    CHECK(std::get<1>(*fresh).value() == 2);
    CHECK(s.counted().asked == before.asked + 1);
    CHECK(s.owner_of(j.slot) == j.from.address());
    // Half-way neither node can serve both.
    j.servers.migrate_key(a, j.from, j.to);
    auto const under_way = s.begin(s.db().transaction(cmd.rpush(a, "1"), cmd.rpush(b, "1")));
    CHECK(eventually([&] { return s.counted().retried >= before.retried + 3; }));
    CHECK(under_way->left == 1);
    j.end();
    auto const told = s.finish(under_way);
    REQUIRE(told[0]);
    CHECK(std::get<0>(*told[0]).value() == 2);
    CHECK(std::get<1>(*told[0]).value() == 2);
    // The table is stale for this client: one MOVED, for the whole.
    auto const again = s(s.db().transaction(cmd.rpush(a, "2"), cmd.rpush(b, "2")));
    REQUIRE(again);
    CHECK(std::get<1>(*again).value() == 3);
}

TEST_CASE("callers who write one key by check-and-set lose nothing", "[transactions]") {
    auto& servers = real_cluster::shared();
    session s{servers.address("n1")};
    REQUIRE(s(s.db().del("{cas}n")));
    std::atomic<int> counted{0}, left{4};
    s.on_its_thread([&] {
        for (int caller = 0; caller < 4; ++caller)
            asio::co_spawn(s.executor(), count_up(s.db(), 25, counted, left), asio::detached);
    });
    REQUIRE(eventually([&] { return left == 0; }));
    CHECK(counted == 100);
    CHECK(s(s.db().get<std::int64_t>("{cas}n")) == 100);
}

TEST_CASE("scripts reach every node that is asked, and again where they are forgotten", "[scripts]") {
    auto& servers = real_cluster::shared();
    session s{servers.address("n1")};
    CHECK(servers.talk("n1").must({"SCRIPT", "LOAD", std::string{add_to.text()}}).text == add_to.sha1());
    for (auto const& node : servers.now("primary")) servers.talk(node).must({"SCRIPT", "FLUSH"});
    servers.forget_counts();
    for (int round = 1; round <= 2; ++round) {
        for (auto const& key_name : keys_everywhere(":script", 256))
            CHECK(s(s.db().run<std::int64_t>(add_to, key(key_name), 5)) == 5 * round);
        CHECK(servers.count(servers.now("primary"), "eval") == 3);
    }
    servers.settle_replication();
    CHECK(s(s.db().with(read_from::replica).run_ro<std::int64_t>(length_of, key("{0}:script"))).has_value());
    auto const whole = s(s.db().transaction(cmd.run<std::int64_t>(add_to, key("{txs}n"), 2),
                                            cmd.run<std::int64_t>(add_to, key("{txs}n"), 3)));
    REQUIRE(whole);
    CHECK(std::get<1>(*whole).value() == 5);
}

TEST_CASE("a library of functions is loaded where it is missing", "[scripts]") {
    auto& servers = real_cluster::shared();
    session s{servers.address("n1")};
    for (auto const& node : servers.now("primary")) servers.talk(node).must({"FUNCTION", "FLUSH"});
    servers.forget_counts();
    for (int round = 1; round <= 2; ++round) {
        for (auto const& key_name : keys_everywhere(":function", 256))
            CHECK(s(s.db().run<std::int64_t>(counters.function("umbel_add"), key(key_name), 5)) == 5 * round);
        CHECK(servers.count(servers.now("primary"), "function|load") == 3);
    }
    auto const none = s(s.db().run<std::int64_t>(counters.function("umbel_none"), key("{0}:function"), 5));
    REQUIRE_FALSE(none);
    CHECK(none.error().delivery() == delivery::not_executed);
    CHECK(none.error().message() == "ERR Function not found");
}
