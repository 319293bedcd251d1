// Servers that are not, or no longer, what a client knew: another node at a known address, a node that has
// left, owners that contradict each other, a stand-alone server that was made a replica.
#include "support/session.hpp"

#include <algorithm>
#include <sstream>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Connections of one name that a node has.
std::size_t connections(real_cluster const& servers, real_cluster::node const& node,
                        std::string const& client) {
    std::istringstream lines{servers.talk(node).must({"CLIENT", "LIST"}).text};
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);)
        found += line.find(" name=" + client + " ") != std::string::npos ? 1u : 0u;
    return found;
}

}  // namespace

TEST_CASE("another server at a known address is noticed at connect, and the topology asked for",
          "[membership]") {
    real_cluster servers{{.primaries = 1, .replicas = 0}};
    std::string const seed = servers.address("n1");
    // Nothing but the new connection can tell: no refresh comes by itself.
    session s{options{.seeds = {seed}, .refresh_interval = 0ms}};
    CHECK(s(s.db().set("k", "v")) == set_outcome::written);
    std::string const before = s.node(seed).id;
    CHECK(before == servers.at("n1").id);
    wire server = servers.talk("n1");
    server.must({"FLUSHALL"});
    server.must({"CLUSTER", "RESET", "HARD"});
    server.must({"CLUSTER", "ADDSLOTSRANGE", "0", "16383"});
    std::string const after = server.must({"CLUSTER", "MYID"}).text;
    REQUIRE(after != before);
    server.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    CHECK(eventually([&] { return s(s.db().set("k", "w")) == set_outcome::written; }));
    CHECK(eventually([&] { return s.node(seed).id == after; }));
    CHECK(s(s.db().get("k")) == "w");
}

TEST_CASE("a node that has left the cluster gets no more commands, and its connection is closed",
          "[membership]") {
    real_cluster servers{{.primaries = 1, .replicas = 2}};
    std::string const seed = servers.address("n1");
    session s{options{.seeds = {seed}, .client_name = "leaver", .read_from = read_from::replica}};
    std::vector<std::string> keys;
    for (int i = 0; i < 20; ++i) keys.push_back("leaving:" + std::to_string(i));
    write_all(s, keys);
    REQUIRE(eventually([&] { return servers.talk("n1").must({"WAIT", "2", "1000"}).number() == 2; }));
    for (int i = 0; i < 4; ++i) read_all(s, s.db(), keys);
    REQUIRE(connections(servers, servers.at("n3"), "leaver") == 1);
    // Commands go on while it leaves; none of them fails.
    wire leaver = servers.talk("n3");
    leaver.must({"CLUSTER", "RESET", "SOFT"});
    for (char const* const name : {"n1", "n2"})
        servers.talk(name).must({"CLUSTER", "FORGET", servers.at("n3").id});
    CHECK(eventually([&] {
        s.db().refresh();
        read_all(s, s.db(), keys);
        return !s.node(servers.address("n3")).member;
    }));
    CHECK(eventually([&] { return connections(servers, servers.at("n3"), "leaver") == 0; }));
    auto const told = servers.counts(servers.at("n3"))["get"];
    for (int i = 0; i < 4; ++i) read_all(s, s.db(), keys);
    CHECK(servers.counts(servers.at("n3"))["get"] == told);
}

TEST_CASE("owners that send a command to and fro: the way is bounded, and the error tells it",
          "[membership]") {
    real_cluster servers{{.primaries = 3, .replicas = 0}};
    std::string const seed = servers.address("n3");
    session s{options{.seeds = {seed}, .deadline = 20s}};
    s.warm_up();
    std::uint16_t const slot = 100;
    std::string const key = real_cluster::key_in(slot) + ":nobody";
    auto const owner = servers.owner_of(slot);
    auto const other = servers.at(owner.name == "n2" ? "n1" : "n2");
    // The owner says that the other one has it; the other one has not heard of that.
    servers.talk(owner).must({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", other.id});
    REQUIRE(servers.talk(other).ask({"GET", key}).text ==
            "MOVED " + std::to_string(slot) + " " + owner.address());
    REQUIRE(servers.talk(owner).ask({"GET", key}).text ==
            "MOVED " + std::to_string(slot) + " " + other.address());
    auto const told = s(s.db().incr(key));
    REQUIRE_FALSE(told);
    CAPTURE(told.error().to_string());
    CHECK(told.error() == errc::too_many_redirects);
    CHECK(told.error().delivery() == delivery::not_executed);
    CHECK(told.error().slot() == slot);
    auto const& trail = told.error().trail();
    REQUIRE(trail.size() == options{}.redirects_max);
    for (std::size_t at = 0; at < trail.size(); ++at) {
        CHECK(trail[at].reason == errc::moved);
        // Later ones wait first; a topology that comes meanwhile may send the command to either.
        bool const at_once = at <= cluster::redirects_at_once;
        if (at_once) CHECK(trail[at].node == (at % 2 == 0 ? trail[0].node : trail[1].node));
    }
    CHECK(trail[0].node != trail[1].node);
    // They agree again, and nothing is left of it.
    servers.talk(owner).must({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", owner.id});
    CHECK(eventually([&] { return s(s.db().get(key)) == std::nullopt; }));
    CHECK(s(s.db().incr(key)) == 1);
}

TEST_CASE("a stand-alone server that was made a replica takes no writes: they wait until it is none",
          "[membership]") {
    real_cluster server{{.standalone = true}};
    dead_port const nobody;
    std::string const seed = server.address("n1");
    session s{options{.seeds = {seed}}};
    CHECK(s(s.db().incr("n")) == 1);
    std::string const port = nobody.address().substr(nobody.address().find(':') + 1);
    server.talk("n1").must({"REPLICAOF", "127.0.0.1", port});
    auto const told = s(s.db().with(300ms).incr("n"));
    REQUIRE_FALSE(told);
    CAPTURE(told.error().to_string());
    CHECK((told.error() == errc::deadline_exceeded || told.error() == errc::read_only));
    CHECK(told.error().delivery() == delivery::not_executed);
    // One that says REDIRECT answers as a replica only.
    bool const redirects = server.cli("n1", {"CLIENT", "CAPA", "redirect"}).starts_with("OK");
    CHECK(s(s.db().with(redirects ? read_from::replica : read_from::primary).get("n")) == "1");
    auto const before = s.counted().retried;
    auto const patient = s.begin(s.db().with(50s).incr("n"));
    CHECK(eventually([&] { return s.counted().retried >= before + 3; }));
    CHECK(patient->left == 1);
    server.talk("n1").must({"REPLICAOF", "NO", "ONE"});
    CHECK(s.finish(patient)[0] == 2);
}
