// A primary and its replicas without cluster mode: found from any of them, read from replicas, and followed
// when another one leads, by READONLY, by REDIRECT where the server says it, and after the primary's death.
#include "support/session.hpp"

#include <umbel/client.hpp>
#include <umbel/client/node_client.hpp>

#include <algorithm>
#include <string>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Waits until both replicas have what was written so far: WAIT is for writes of its own connection.
bool replicated(wire primary) {
    primary.must({"SET", "settled", "1"});
    return primary.must({"WAIT", "2", "10000"}).number() == 2;
}

cluster_shape group_shape() { return {.replicas = 2, .group = true}; }

/// Makes `leader` the primary of everybody else.
void lead(real_cluster const& servers, std::string const& leader) {
    servers.talk(leader).must({"REPLICAOF", "NO", "ONE"});
    std::string const port = std::to_string(servers.at(leader).port);
    for (auto const& node : servers.nodes())
        if (node.name != leader) servers.talk(node).must({"REPLICAOF", node.host, port});
}
void await_replicas(real_cluster const& servers, std::string const& leader) {
    REQUIRE(eventually([&] {
        auto const told = servers.talk(leader).must({"ROLE"});
        return told.items[0].text == "master" && told.items[2].items.size() == servers.nodes().size() - 1;
    }));
}
std::size_t replicas_known(session& s) {
    auto const view = s.topology();
    return static_cast<std::size_t>(std::count_if(view.nodes.begin(), view.nodes.end(), [](auto const& node) {
        return node.role == cluster::node_role::replica;
    }));
}

}  // namespace

TEST_CASE("any server of a replication group leads to all of it, and replicas serve reads", "[groups]") {
    real_cluster servers{group_shape()};
    await_replicas(servers, "n1");
    for (char const* const seed : {"n1", "n2", "n3"}) {
        CAPTURE(seed);
        session s{servers.address(seed)};
        std::string const key = std::string{"from-"} + seed;
        REQUIRE(s(s.db().set(key, "1")));
        CHECK(s.topology().told_by == cluster::source::standalone);
        CHECK(replicas_known(s) == 2);
        CHECK(replicated(servers.talk("n1")));
        servers.forget_counts();
        for (int time = 0; time < 20; ++time) CHECK(s(s.db().with(read_from::replica).get(key)) == "1");
        CHECK(servers.count({servers.at("n1")}, "get") == 0);
        CHECK(servers.count({servers.at("n2")}, "get") + servers.count({servers.at("n3")}, "get") == 20);
        CHECK(servers.count({servers.at("n2")}, "get") > 0);
        CHECK(s(s.db().get(key)) == "1");
        CHECK(servers.count({servers.at("n1")}, "get") == 1);
    }
}

TEST_CASE("the primary of a group is handed over: no command fails, and writes go to the new one",
          "[groups]") {
    real_cluster servers{group_shape()};
    await_replicas(servers, "n1");
    session s{servers.address("n1")};
    long long expected = 0;
    for (char const* const leader : {"n2", "n3", "n1"}) {
        CAPTURE(leader);
        CHECK(s(s.db().incr("n")) == ++expected);
        REQUIRE(eventually(
            [&] { return servers.talk(leader).must({"GET", "n"}).text == std::to_string(expected); }));
        lead(servers, leader);
        CHECK(s(s.db().with(30s).incr("n")) == ++expected);
        CHECK(servers.talk(leader).must({"GET", "n"}).text == std::to_string(expected));
        await_replicas(servers, leader);
        REQUIRE(eventually([&] { return s.db().refresh(), replicas_known(s) == 2; }));
        REQUIRE(eventually(
            [&] { return s(s.db().with(read_from::replica).get("n")) == std::to_string(expected); }));
    }
    // The server says it where it can.
    bool const redirects = servers.cli("n1", {"CLIENT", "CAPA", "redirect"}).starts_with("OK");
    CHECK((servers.errors("REDIRECT") > 0) == redirects);
    CHECK((servers.errors("READONLY") > 0) == !redirects);
}

TEST_CASE("the primary of a group dies: who takes its place is found by asking the replicas", "[groups]") {
    real_cluster servers{group_shape()};
    await_replicas(servers, "n1");
    session s{servers.address("n1")};
    REQUIRE(s(s.db().set("k", "1")));
    CHECK(replicated(servers.talk("n1")));
    servers.kill("n1");
    auto const waits = s.begin(s.db().with(50s).set("k", "2"));
    CHECK(s(s.db().with(read_from::replica).get("k")) == "1");
    auto const port = std::to_string(servers.at("n2").port);
    servers.talk("n2").must({"REPLICAOF", "NO", "ONE"});
    servers.talk("n3").must({"REPLICAOF", "127.0.0.1", port});
    REQUIRE(s.finish(waits)[0]);
    CHECK(servers.talk("n2").must({"GET", "k"}).text == "2");
    // The old primary comes back, as one of its own: nobody follows it.
    servers.restart("n1");
    s.db().refresh();
    CHECK(s(s.db().incr("n")) == 1);
    CHECK(servers.talk("n2").must({"GET", "n"}).text == "1");
}

TEST_CASE("the primary of a group freezes: replicas serve on, and it is not followed when it is back",
          "[groups]") {
    real_cluster servers{group_shape()};
    await_replicas(servers, "n1");
    session s{servers.address("n1")};
    REQUIRE(s(s.db().set("k", "1")));
    CHECK(replicated(servers.talk("n1")));
    servers.freeze("n1");
    auto const waits = s.begin(s.db().with(50s).set("k", "2"));
    // Refreshes ask it in vain, once a replica has named it.
    auto const asked = s.counted().topology_queries;
    CHECK(eventually([&] { return s.db().refresh(), s.counted().topology_queries > asked + 6; }));
    CHECK(replicas_known(s) == 2);
    CHECK(s(s.db().with(read_from::replica).get("k")) == "1");
    auto const port = std::to_string(servers.at("n2").port);
    servers.talk("n2").must({"REPLICAOF", "NO", "ONE"});
    servers.talk("n3").must({"REPLICAOF", "127.0.0.1", port});
    // It may have reached the frozen one; nobody knows.
    s.finish(waits);
    CHECK(eventually([&] { return s(s.db().set("k", "3")).has_value(); }));
    CHECK(servers.talk("n2").must({"GET", "k"}).text == "3");
    servers.thaw("n1");
    CHECK(eventually([&] { return s.db().refresh(), s(s.db().incr("n")).has_value(); }));
    CHECK(servers.talk("n1").must({"EXISTS", "n"}).number() == 0);
}
