// Real sentinels: the primary is found by them and followed through failovers, by their word and by kill -9,
// while writes go on; sentinels with a password, dead ones, and a name that they do not know.
#include "support/session.hpp"

#include <umbel/client.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Waits until both replicas have what was written so far: WAIT is for writes of its own connection.
bool all_replicated(wire primary) {
    primary.must({"SET", "settled", "1"});
    return primary.must({"WAIT", "2", "10000"}).number() == 2;
}

cluster_shape watched_group() { return {.replicas = 2, .group = true, .sentinels = 3}; }
/// The sentinels of a group: behind its three servers.
std::string sentinels_of(real_cluster const& servers, std::string const& scheme = "redis-sentinel",
                         std::string const& rest = "#mymaster") {
    std::string url = scheme + "://";
    for (char const* const name : {"n4", "n5", "n6"})
        url += (url.back() == '/' ? "" : ",") + servers.address(name);
    return url + rest;
}
/// The server that leads, by the word of a sentinel.
std::string leader_of(real_cluster const& servers, char const* sentinel = "n4") {
    auto const told = servers.talk(sentinel).must({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"});
    return servers.by_port(std::stoll(told.items.at(1).text)).name;
}
/// Whether this server says that it is a replica. Sentinels close its connections when they make it one.
bool is_replica(real_cluster const& servers, std::string const& name) {
    try {
        return servers.talk(name).must({"ROLE"}).items[0].text == "slave";
    } catch (std::runtime_error const&) {
        return false;
    }
}
void await_leader_other_than(real_cluster const& servers, std::string const& before) {
    REQUIRE(eventually([&] {
        return std::all_of(servers.nodes().begin(), servers.nodes().end(), [&](auto const& node) {
            return node.role != "sentinel" || leader_of(servers, node.name.c_str()) != before;
        });
    }));
}

}  // namespace

TEST_CASE("sentinels lead to the primary and its replicas, by URL and by options", "[sentinels]") {
    real_cluster servers{watched_group()};
    umbel::options plain;
    plain.seeds = {servers.address("n4"), servers.address("n5")};
    plain.sentinel_primary = "mymaster";
    for (umbel::options const& how : {umbel::options{.seeds = {sentinels_of(servers)}}, plain}) {
        session s{how};
        REQUIRE(s(s.db().set("k", "1")));
        CHECK(s(s.db().get("k")) == "1");
        CHECK(all_replicated(servers.talk("n1")));
        for (int time = 0; time < 10; ++time) CHECK(s(s.db().with(read_from::replica).get("k")) == "1");
        CHECK(s.topology().nodes.size() == 3);
        // A sentinel is told of the subscription.
        CHECK(eventually([&] {
            std::string all;
            for (char const* const name : {"n4", "n5", "n6"})
                all += servers.talk(name).must({"CLIENT", "LIST"}).text;
            return all.find(" sub=1 ") != std::string::npos;
        }));
    }
}

TEST_CASE("SENTINEL FAILOVER under load: each write that was acknowledged counts once, and writes go on",
          "[sentinels]") {
    real_cluster servers{watched_group()};
    umbel::options how{.seeds = {sentinels_of(servers)}};
    how.refresh_interval = 600s;  // The news of the sentinels must do.
    session s{how};
    REQUIRE(s(s.db().incr("n")) == 1);
    std::string const before = leader_of(servers);
    servers.talk("n4").must({"SENTINEL", "FAILOVER", "mymaster"});
    long long acknowledged = 1, unknown = 0, last = 1;
    auto const end = std::chrono::steady_clock::now() + 8s;
    while (std::chrono::steady_clock::now() < end) {
        auto const told = s(s.db().with(20s).incr("n"));
        if (told) {
            // What is acknowledged may be lost by the servers (replication is asynchronous), never doubled.
            CHECK(*told <= last + 1 + unknown);
            last = *told;
            ++acknowledged;
        } else {
            CAPTURE(told.error().to_string());
            CHECK(told.error().delivery() == delivery::unknown);
            ++unknown;
        }
    }
    await_leader_other_than(servers, before);
    auto const total = s(s.db().incr("n"));
    REQUIRE(total);
    CHECK(*total <= acknowledged + unknown + 1);
    CHECK(acknowledged > 100);
    CHECK(servers.talk(leader_of(servers)).must({"GET", "n"}).text == std::to_string(*total));
    CHECK(s.topology().nodes[s.topology().shards[0].primary].address.port ==
          servers.at(leader_of(servers)).port);
}

TEST_CASE("kill -9 of the primary: the client goes on where the sentinels say, and the old one is no danger",
          "[sentinels]") {
    real_cluster servers{watched_group()};
    session s{sentinels_of(servers)};
    REQUIRE(s(s.db().set("k", "1")));
    CHECK(all_replicated(servers.talk("n1")));
    std::string const before = leader_of(servers);
    servers.kill(before);
    auto const waits = s.begin(s.db().with(55s).set("k", "2"));
    CHECK(s(s.db().with(read_from::replica).get("k")) == "1");
    REQUIRE(s.finish(waits)[0]);
    std::string const after = leader_of(servers);
    CHECK(after != before);
    CHECK(servers.talk(after).must({"GET", "k"}).text == "2");
    // The old primary comes back with what it had, as a primary, until the sentinels make it a replica.
    servers.restart(before);
    for (int time = 0; time < 200; ++time) {
        CHECK(s(s.db().get("k")) == "2");
        if (time % 50 == 0) s.db().refresh();
    }
    CHECK(eventually([&] { return is_replica(servers, before); }));
    CHECK(s(s.db().set("k", "3")));
    CHECK(servers.talk(after).must({"GET", "k"}).text == "3");
}

TEST_CASE("one sentinel is dead, another knows nothing: the client starts all the same", "[sentinels]") {
    real_cluster servers{watched_group()};
    servers.kill("n4");
    {
        session s{sentinels_of(servers)};
        CHECK(s(s.db().set("k", "1")));
    }
    servers.talk("n5").must({"SENTINEL", "REMOVE", "mymaster"});
    session s{sentinels_of(servers)};
    CHECK(s(s.db().get("k")) == "1");
}

TEST_CASE("a sentinel that is frozen delays the others' news, and does not keep them back", "[sentinels]") {
    real_cluster servers{watched_group()};
    session s{sentinels_of(servers)};
    REQUIRE(s(s.db().set("k", "1")));
    std::string const before = leader_of(servers);
    servers.freeze("n6");
    servers.talk("n4").must({"SENTINEL", "FAILOVER", "mymaster"});
    REQUIRE(eventually([&] { return leader_of(servers) != before && leader_of(servers, "n5") != before; }));
    std::string const after = leader_of(servers);
    CHECK(eventually([&] {
        auto const view = s.topology();
        return view.nodes[view.shards[0].primary].address.port == servers.at(after).port;
    }));
    CHECK(s(s.db().set("k", "2")));
    CHECK(servers.talk(after).must({"GET", "k"}).text == "2");
    servers.thaw("n6");
}

TEST_CASE("a name that no sentinel knows, and servers in place of sentinels, are clear errors",
          "[sentinels]") {
    real_cluster servers{watched_group()};
    session wrong{sentinels_of(servers, "redis-sentinel", "#nobody")};
    auto const told = wrong(wrong.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::bad_argument);
    CHECK(told.error().delivery() == delivery::not_sent);
    CHECK(told.error().message().find("options.sentinel_primary is \"nobody\"") != std::string_view::npos);
    session server{"redis-sentinel://" + servers.address("n1") + "#mymaster"};
    auto const said = server(server.db().get("k"));
    REQUIRE_FALSE(said);
    CHECK(said.error() == errc::bad_argument);
    CHECK(said.error().message().find("it is no sentinel") != std::string_view::npos);
    session sentinel{umbel::options{.seeds = {servers.address("n4")}, .deadline = 500ms}};
    auto const answered = sentinel(sentinel.db().get("k"));
    REQUIRE_FALSE(answered);
    CHECK(answered.error().message().find("it is a sentinel") != std::string_view::npos);
}

TEST_CASE("sentinels and servers have passwords of their own", "[sentinels]") {
    cluster_shape shape = watched_group();
    shape.password = "of-servers";
    shape.sentinel_password = "of-sentinels";
    real_cluster servers{shape};
    umbel::options how{.seeds = {sentinels_of(servers)}, .password = "of-servers"};
    {
        session without{how};
        auto const told = without(without.db().get("k"));
        REQUIRE_FALSE(told);
        CAPTURE(told.error().to_string());
        CHECK(told.error() == errc::no_auth);
        CHECK(told.error().message().find("options.sentinel_password") != std::string_view::npos);
    }
    how.sentinel_password = "wrong";
    {
        session mistaken{how};
        auto const told = mistaken(mistaken.db().get("k"));
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::wrong_password);
    }
    how.sentinel_password = "of-sentinels";
    session s{how};
    CHECK(s(s.db().set("k", "1")));
    session by_url{"redis-sentinel://:of-servers@" + servers.address("n4") +
                   "?sentinel_password=of-sentinels#mymaster"};
    CHECK(by_url(by_url.db().get("k")) == "1");
}
