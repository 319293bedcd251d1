// One node, each node, all of them, and all keys: on a real cluster, also while slots move and a primary is
// replaced; and on one stand-alone server.
#include "support/session.hpp"

#include <umbel/client/each_client.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/node_client.hpp>

#include <map>
#include <set>

using namespace umbel;
using namespace umbel::test;

namespace {

/// A cluster with nothing in it, and a client.
struct empty_cluster {
    real_cluster& servers = real_cluster::shared();
    session s{servers.address("n1")};
    client& db = s.db();

    empty_cluster() { REQUIRE(s(db.flushall(flush_mode::sync))); }
};

/// All keys of a scan, and how often the loop's body ran; `between(page)` runs behind each page.
template <class Client, class Between>
std::set<std::string> scan_all(session& s, Client const& db, key_scan_options const& options,
                               Between between) {
    std::set<std::string> seen;
    auto const scan = db.scan(options);
    unsigned number = 0;
    while (auto page = s(scan.next())) {
        CHECK_FALSE(page->empty());
        seen.insert(page->begin(), page->end());
        between(++number);
    }
    INFO((scan.failure() ? scan.failure()->to_string() : ""));
    CHECK(scan.done());
    return seen;
}
auto const no_pause = [](unsigned) {};

/// Keys of the list that were not seen.
std::vector<std::string> missing(std::vector<std::string> const& keys, std::set<std::string> const& seen) {
    std::vector<std::string> lost;
    for (std::string const& key : keys)
        if (!seen.contains(key)) lost.push_back(key);
    return lost;
}

}  // namespace

TEST_CASE("commands without keys concern the whole cluster, and their replies are joined", "[whole]") {
    empty_cluster t;
    auto& [servers, s, db] = t;
    CHECK(s(db.dbsize()) == 0);
    CHECK(s(db.randomkey()) == std::nullopt);
    auto const keys = keys_everywhere(":whole", 160);
    write_all(s, keys);
    auto const count = static_cast<std::int64_t>(keys.size());
    CHECK(s(db.dbsize()) == count);
    std::vector<std::string> const argv{"DBSIZE"};
    auto const raw = s(db.execute(argv));
    REQUIRE(raw);
    CHECK(raw->integer() == count);
    auto const listed = s(db.keys("*:whole"));
    REQUIRE(listed);
    CHECK(missing(keys, {listed->begin(), listed->end()}).empty());
    CHECK(listed->size() == keys.size());
    auto const some = s(db.randomkey());
    REQUIRE((some && *some));
    CHECK((**some).ends_with(":whole"));
    CHECK(*s(db.memory_usage(keys[0])) > 0);

    auto const sha = s(db.script_load("return 7"));
    REQUIRE(sha);
    for (auto const& node : servers.nodes())
        CHECK(servers.talk(node).must({"SCRIPT", "EXISTS", *sha}).items.at(0).number() == 1);
    CHECK(s(db.script_exists(*sha, "ffffffffffffffffffffffffffffffffffffffff")) ==
          std::vector<bool>{true, false});
    CHECK(s(db.script_kill()).error() == errc::server_error);
    CHECK(s(db.script_flush()));
    CHECK(s(db.script_exists(*sha)) == std::vector<bool>{false});

    char const* const library =
        "#!lua name=whole\nredis.register_function('whole_seven', function() return 7 end)";
    CHECK(s(db.function_load(library, true)) == "whole");
    for (auto const& key : {keys[0], keys[keys.size() / 2], keys.back()})
        CHECK(s(db.command<std::int64_t>("FCALL", "whole_seven", 1, umbel::key(key))) == 7);
    REQUIRE(s(db.function_stats()));
    auto const dumped = s(db.function_dump());
    REQUIRE(dumped);
    CHECK(s(db.function_delete("whole")));
    CHECK(s(db.function_restore(*dumped)));
    CHECK(s(db.function_flush()));

    CHECK(s(db.config_set("hz", 11)));
    for (auto const& node : servers.nodes())
        CHECK(servers.talk(node).must({"CONFIG", "GET", "hz"}).items.at(1).text == "11");
    CHECK(s(db.config_get("hz")) == std::unordered_map<std::string, std::string>{{"hz", "11"}});
    CHECK(s(db.config_set("hz", 10)));
    auto const refused = s(db.config_set("no-such-setting", 1));
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::server_error);
    CHECK(s(db.slowlog_len()));
    CHECK(s(db.latency_reset()));
    CHECK(s(db.info("server")));
    CHECK(s(db.time())->at.time_since_epoch() > std::chrono::hours{24 * 365 * 50});
    CHECK(s(db.flushall()));
    CHECK(s(db.dbsize()) == 0);
    std::vector<std::string> const plain_scan{"SCAN", "0"};
    CHECK(s(db.execute(plain_scan)).error() == errc::bad_argument);
}

TEST_CASE("a node is asked by its name, and each of them at once", "[whole]") {
    empty_cluster t;
    auto& [servers, s, db] = t;
    write_all(s, keys_everywhere(":nodes", 160));
    std::map<std::string, std::int64_t> sizes;
    for (auto const& node : servers.nodes()) {
        auto const size = s(db.on(node.address()).dbsize());
        REQUIRE(size);
        CHECK(*size == servers.talk(node).must({"DBSIZE"}).number());
        CHECK(s(db.on(node.id).command<std::string>("CLUSTER", "MYID")) == node.id);
        sizes[node.address()] = *size;
    }
    auto const each = s(db.on_each_node().dbsize());
    REQUIRE(each);
    CHECK(each->size() == servers.nodes().size());
    for (auto const& one : *each) CHECK(one.answer == sizes.at(one.node));
    auto const primaries = s(db.on_each_primary().dbsize());
    REQUIRE(primaries);
    CHECK(primaries->size() == 3);

    std::string const key = real_cluster::key_in(100) + ":there";
    REQUIRE(s(db.set(key, "1")));
    CHECK(s(db.on(primary_of(key)).get(key)) == "1");
    servers.settle_replication();
    auto const shard = servers.shard_of(100, "n1");
    CHECK(s(db.on(shard.at(1).address()).get(key)) == "1");  // From the replica.
    auto const written = s(db.on(shard.at(1).address()).set(key, "2"));
    REQUIRE_FALSE(written);
    CHECK(written.error() == errc::moved);
    CHECK(written.error().delivery() == delivery::not_executed);
    for (auto const& node : servers.now("primary")) {
        if (node.port == shard.at(0).port) continue;
        auto const elsewhere = s(db.on(node.address()).get(key));
        REQUIRE_FALSE(elsewhere);
        CHECK(elsewhere.error() == errc::moved);
        CHECK(elsewhere.error().node() == shard.at(0).address());
    }
    CHECK(s(db.on("127.0.0.1:1").ping()).error() == errc::no_reachable_node);
}

TEST_CASE("a scan sees all keys of a cluster, by pattern and type, and goes on from its text",
          "[whole][scan]") {
    empty_cluster t;
    auto& [servers, s, db] = t;
    auto const keys = keys_everywhere(":scan", 16);
    write_all(s, keys);
    for (unsigned at = 0; at < 50; ++at)
        REQUIRE(s(db.rpush(real_cluster::key_in(static_cast<std::uint16_t>(at * 300)) + ":list", "x")));
    CHECK(scan_all(s, db, {}, no_pause).size() == keys.size() + 50);
    CHECK(missing(keys, scan_all(s, db, {.match = "*:scan", .count = 50}, no_pause)).empty());
    CHECK(scan_all(s, db, {.type = "list"}, no_pause).size() == 50);
    CHECK(scan_all(s, db, {.match = "nothing*"}, no_pause).empty());
    CHECK(scan_all(s, db.prefixed(real_cluster::key_in(300)), {}, no_pause) ==
          std::set<std::string>{":list"});

    std::set<std::string> seen;
    std::string text;
    for (unsigned rounds = 0; rounds < 1000; ++rounds) {
        session fresh{servers.address("n2")};
        auto const scan = fresh.db().scan({.match = "*:scan", .count = 200, .resume = text});
        bool over = false;
        for (int pages = 0; pages < 2 && !over; ++pages) {
            auto page = fresh(scan.next());
            over = !page;
            if (page) seen.insert(page->begin(), page->end());
        }
        text = scan.cursor();
        if (over) {
            CHECK(scan.done());
            break;
        }
    }
    CHECK(missing(keys, seen).empty());
}

TEST_CASE("no key that lasts is missed while slots move under a scan and a primary is replaced",
          "[whole][scan]") {
    real_cluster servers{{.primaries = 3, .replicas = 1}};
    session s{servers.address("n1")};
    auto const keys = keys_everywhere(":lasting", 8);
    write_all(s, keys);
    servers.settle_replication();
    // Slots go round: from the shard that is scanned later to one that was scanned before, and back.
    std::vector<std::uint16_t> slots;
    for (unsigned slot = 8; slots.size() < 12; slot += 1360)
        slots.push_back(static_cast<std::uint16_t>(slot));
    unsigned moves = 0;
    auto const move_some = [&](unsigned page) {
        if (page > 40) return;
        std::uint16_t const slot = slots[page % slots.size()];
        auto const from = servers.shard_of(slot, "n1").at(0);
        auto const all = servers.now("primary");
        auto const to =
            all[page % all.size()].port == from.port ? all[(page + 1) % all.size()] : all[page % all.size()];
        servers.move_slot(slot, from, to);
        ++moves;
        if (page != 20) return;
        servers.fail_over_to(servers.shard_of(5000, "n1").at(1));
        REQUIRE(eventually([&] { return servers.is_whole(); }));
    };
    auto const lost = missing(keys, scan_all(s, s.db(), {.count = 20}, move_some));
    CHECK(lost.empty());
    CHECK(moves > 20);
}

TEST_CASE("a scan of one stand-alone server, which begins anew when the server has", "[whole][scan]") {
    real_cluster alone{{.standalone = true}};
    session s{alone.address("n1")};
    std::vector<std::string> keys;
    for (int at = 0; at < 500; ++at) keys.push_back("k" + std::to_string(at));
    write_all(s, keys);
    CHECK(s(s.db().dbsize()) == 500);
    CHECK(missing(keys, scan_all(s, s.db(), {.count = 40}, no_pause)).empty());
    auto const restart = [&](unsigned page) {
        if (page != 4) return;
        alone.kill("n1");
        alone.restart("n1");
        write_all(s, keys);
    };
    CHECK(missing(keys, scan_all(s, s.db(), {.count = 40}, restart)).empty());
    std::vector<std::string> const plain_scan{"SCAN", "0"};
    CHECK(s(s.db().execute(plain_scan)));
}
