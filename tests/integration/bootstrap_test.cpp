// How a client begins: which seeds it can live with, what it says to servers, and how it fails when it must.
#include "support/session.hpp"

#include <sstream>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Lines of CLIENT LIST for connections of one name.
std::vector<std::string> connections_named(wire&& server, std::string const& name) {
    std::istringstream lines{server.must({"CLIENT", "LIST"}).text};
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);)
        if (line.find(" name=" + name + " ") != std::string::npos) found.push_back(line);
    return found;
}

/// One server with cluster mode that owns all slots, with a password for everybody.
real_cluster& locked_cluster() {
    static real_cluster one{{.primaries = 1, .replicas = 0, .password = "secret"}};
    return one;
}

void serves_all_slots(session& s, std::string const& suffix) {
    auto const keys = keys_everywhere(suffix, 64);
    write_all(s, keys);
    read_all(s, s.db(), keys);
}

}  // namespace

TEST_CASE("one replica as the only seed is enough", "[bootstrap]") {
    auto& servers = real_cluster::shared();
    auto const replica = servers.now("replica").front();
    session s{replica.address()};
    REQUIRE(s(s.db().ready()));
    auto const nodes = s(s.db().nodes());
    REQUIRE(nodes);
    CHECK(nodes->size() == servers.nodes().size());
    for (auto const& node : *nodes) {
        CAPTURE(node.address);
        CHECK(node.member);
        auto const& server = servers.by_port(cluster::endpoint::parse(node.address, 1)->port);
        CHECK((node.role == cluster::node_role::primary ? "primary" : "replica") == servers.role_of(server));
        CHECK(node.id == server.id);
    }
    CHECK(s.topology().covered_slots() == cluster::slot_count);
    serves_all_slots(s, ":replica seed");
    CHECK(s.counted().moved == 0);
    CHECK(s.counted().refreshes == 1);
}

TEST_CASE("dead seeds beside a live one do not matter", "[bootstrap]") {
    auto& servers = real_cluster::shared();
    dead_port const first, second, third;
    std::vector<std::string> const seeds{first.address(), second.address(), servers.address("n6"),
                                         third.address()};
    session s{options{.seeds = std::span{seeds}}};
    REQUIRE(s(s.db().ready()));
    serves_all_slots(s, ":dead seeds");
    CHECK(s.counted().moved == 0);
}

TEST_CASE("a seed may be a host name with several addresses", "[bootstrap]") {
    auto& servers = real_cluster::shared();
    std::string const seed = "localhost:" + std::to_string(servers.at("n5").port);
    session s{seed};
    REQUIRE(s(s.db().ready()));
    serves_all_slots(s, ":localhost");
}

TEST_CASE("when all seeds are dead every command says so by its deadline", "[bootstrap]") {
    dead_port const first, second;
    std::string const text = first.address(), other = second.address();
    session s{options{.seeds = {text, other}, .deadline = 300ms}};
    auto const told = s(s.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::no_reachable_node);
    CHECK(told.error().delivery() == delivery::not_sent);
    CHECK(told.error().message().find("refused") != std::string_view::npos);
    CHECK(s(s.db().ready()).error() == errc::no_reachable_node);
    CHECK(s(s.db().incr("n")).error() == errc::no_reachable_node);
    CHECK(s(s.db().mget("a", "b")).error() == errc::no_reachable_node);
    CHECK(s(s.db().with(read_from::replica).get("k")).error() == errc::no_reachable_node);
    CHECK(s.counted().waiting == 0);
}

TEST_CASE("seeds that were dead at first are found when they live", "[bootstrap]") {
    real_cluster server{{.primaries = 1, .replicas = 0}};
    server.kill("n1");
    std::string const seed = server.address("n1");
    session s{options{.seeds = {seed}, .deadline = 300ms}};
    CHECK(s(s.db().ready()).error() == errc::no_reachable_node);
    // One that is patient waits through it all.
    auto const under_way = s.begin(s.db().with(50s).set("k", "v"));
    server.restart("n1");
    CHECK(s.finish(under_way).front() == set_outcome::written);
    CHECK(s(s.db().with(50s).get("k")) == "v");
}

TEST_CASE("RESP2 and RESP3 serve the same, each with its own shapes", "[bootstrap]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    for (auto const& [spoken, version, map] : {std::tuple{protocol::resp2, " resp=2", resp::type::array},
                                               std::tuple{protocol::resp3, " resp=3", resp::type::map},
                                               std::tuple{protocol::automatic, " resp=3", resp::type::map}}) {
        CAPTURE(version);
        session s{options{.seeds = {seed}, .client_name = "speaker", .protocol = spoken}};
        serves_all_slots(s, ":resp");
        for (auto const& server : servers.now("primary")) {
            auto const lines = connections_named(servers.talk(server), "speaker");
            REQUIRE(lines.size() == 1);
            CHECK(lines[0].find(version) != std::string::npos);
        }
        REQUIRE(s(s.db().del("h")));
        REQUIRE(s(s.db().command<std::int64_t>("HSET", umbel::key("h"), "field", "value")));
        CHECK(s(s.db().command<reply>("HGETALL", umbel::key("h")))->kind() == map);
        using fields = std::map<std::string, std::string>;
        CHECK(s(s.db().command<fields>("HGETALL", umbel::key("h"))) == fields{{"field", "value"}});
        CHECK(s(s.db().get("no such key")) == std::nullopt);
        CHECK(s(s.db().incrbyfloat("speaker:f", 0.25)).has_value());
        CHECK(s(s.db().command<double>("ZINCRBY", umbel::key("speaker:z"), 0.5, "m")).has_value());
        CHECK(s(s.db().mget("{speaker}a", "{speaker}b")) == std::vector<std::optional<std::string>>(2));
    }
}

TEST_CASE("on the plain wire servers see one topology command and the user's commands, nothing else",
          "[bootstrap]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.now("primary").front().address();
    for (auto const& [source, spelled] : {std::pair{topology_source::slots, "cluster|slots"},
                                          std::pair{topology_source::nodes, "cluster|nodes"},
                                          std::pair{topology_source::shards, "cluster|shards"}}) {
        CAPTURE(spelled);
        servers.forget_counts();
        auto const keys = keys_everywhere(":plain", 64);
        {
            session s{options{.seeds = {seed},
                              .protocol = protocol::resp2,
                              .handshake = handshake::minimal,
                              .topology_source = source}};
            write_all(s, keys);
            read_all(s, s.db(), keys);
            CHECK(s.counted().topology_queries == 1);
            CHECK(s.counted().commands == 2 * keys.size() + 1);
        }
        std::map<std::string, long long> seen;
        for (auto const& server : servers.now("primary"))
            for (auto const& [command, calls] : servers.counts(server)) seen[command] += calls;
        auto const size = static_cast<long long>(keys.size());
        CHECK(seen == std::map<std::string, long long>{{spelled, 1}, {"get", size}, {"set", size}});
    }
}

TEST_CASE("each topology source alone is enough, also where the handshake is full", "[bootstrap]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.now("replica").front().address();
    using enum topology_source;
    for (topology_source const source : {slots, nodes, shards, automatic}) {
        session s{options{.seeds = {seed}, .topology_source = source}};
        serves_all_slots(s, ":source");
        auto const known = s.topology();
        CHECK(known.nodes.size() == 6);
        CHECK(known.shards.size() == 3);
        CHECK(known.covered_slots() == cluster::slot_count);
        for (std::uint16_t slot = 0; slot < 16000; slot = static_cast<std::uint16_t>(slot + 999))
            CHECK(s.owner_of(slot) == servers.owner_of(slot).address());
        CHECK(s.counted().moved == 0);
        auto const keys = keys_everywhere(":source", 64);
        servers.settle_replication();
        read_all(s, s.db().with(read_from::replica), keys);
    }
}

TEST_CASE("a wrong password is told at once, not at the deadline", "[bootstrap]") {
    std::string const seed = locked_cluster().address("n1");
    for (protocol const spoken : {protocol::automatic, protocol::resp2, protocol::resp3}) {
        // There is no deadline: only the refusal can end these.
        session s{options{.seeds = {seed}, .password = "wrong", .protocol = spoken, .deadline = no_deadline}};
        auto const told = s(s.db().get("k"));
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::wrong_password);
        CHECK(told.error().delivery() == delivery::not_sent);
        CHECK(told.error().message().starts_with("WRONGPASS"));
        CHECK(s(s.db().ready()).error() == errc::wrong_password);
    }
    session none{options{.seeds = {seed}, .deadline = no_deadline}};
    auto const told = none(none.db().get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::no_auth);
    session minimal{options{.seeds = {seed},
                            .password = "wrong",
                            .protocol = protocol::resp2,
                            .handshake = handshake::minimal,
                            .deadline = no_deadline}};
    CHECK(minimal(minimal.db().get("k")).error() == errc::wrong_password);
}

TEST_CASE("the right password, and a user of the access list, are let in", "[bootstrap]") {
    auto& server = locked_cluster();
    std::string const seed = server.address("n1");
    wire admin = server.talk("n1");
    admin.must({"ACL", "SETUSER", "ada", "on", ">lovelace", "~ada:*", "+@all", "-flushall"});
    for (protocol const spoken : {protocol::automatic, protocol::resp2, protocol::resp3}) {
        session s{options{.seeds = {seed}, .password = "secret", .protocol = spoken}};
        serves_all_slots(s, ":secret");
        session ada{options{.seeds = {seed},
                            .username = "ada",
                            .password = "lovelace",
                            .client_name = "ada",
                            .protocol = spoken}};
        CHECK(ada(ada.db().set("ada:1", "engine")) == set_outcome::written);
        CHECK(ada(ada.db().get("ada:1")) == "engine");
        auto const told = ada(ada.db().set("charles:1", "engine"));
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::no_permission);
        auto const lines = connections_named(server.talk("n1"), "ada");
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].find(" user=ada ") != std::string::npos);
    }
    session minimal{options{.seeds = {seed},
                            .password = "secret",
                            .protocol = protocol::resp2,
                            .handshake = handshake::minimal,
                            .topology_source = topology_source::slots}};
    serves_all_slots(minimal, ":minimal");
}

TEST_CASE("rights that are taken away and given back need no new client", "[bootstrap]") {
    auto& server = locked_cluster();
    std::string const seed = server.address("n1");
    wire admin = server.talk("n1");
    admin.must({"ACL", "SETUSER", "eve", "on", ">first", "~*", "+@all"});
    session s{options{.seeds = {seed}, .username = "eve", .password = "first"}};
    CHECK(s(s.db().set("eve:1", "v")) == set_outcome::written);
    admin.must({"ACL", "SETUSER", "eve", "-set"});
    auto const told = s(s.db().set("eve:1", "w"));
    REQUIRE_FALSE(told);
    CHECK(told.error() == errc::no_permission);
    CHECK(told.error().delivery() == delivery::not_executed);
    CHECK(s(s.db().get("eve:1")) == "v");
    // The server closes the connections of a user who is gone, and lets nobody in under that name.
    admin.must({"ACL", "DELUSER", "eve"});
    CHECK(eventually([&] {
        auto const locked_out = s(s.db().with(500ms).get("eve:1"));
        return !locked_out && locked_out.error().message().find("WRONGPASS") != std::string_view::npos;
    }));
    admin.must({"ACL", "SETUSER", "eve", "on", ">first", "~*", "+@all"});
    CHECK(eventually([&] { return s(s.db().get("eve:1")) == "v"; }));
}

TEST_CASE("the client's name is seen by every server it talks to, also on connections for replicas",
          "[bootstrap]") {
    auto& servers = real_cluster::shared();
    std::string const seed = servers.address("n1");
    for (protocol const spoken : {protocol::resp2, protocol::resp3}) {
        session s{options{.seeds = {seed}, .client_name = "named", .protocol = spoken}};
        auto const keys = keys_everywhere(":named", 256);
        write_all(s, keys);
        servers.settle_replication();
        read_all(s, s.db().with(read_from::replica), keys);
        for (auto const& node : servers.nodes())
            CHECK(connections_named(servers.talk(node), "named").size() == 1);
    }
}

TEST_CASE("a server without cluster mode is no seed of a cluster client, and says so", "[bootstrap]") {
    real_cluster server{{.standalone = true}};
    std::string const seed = server.address("n1");
    {
        session s{options{.seeds = {seed}, .deployment = deployment::cluster, .deadline = no_deadline}};
        auto const told = s(s.db().get("k"));
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::bad_argument);
        CHECK(told.error().delivery() == delivery::not_sent);
        CHECK(told.error().message().find("cluster mode") != std::string_view::npos);
        CHECK(s(s.db().ready()).error() == errc::bad_argument);
    }
    // Beside a node of a real cluster it does no harm.
    std::string const other = real_cluster::shared().address("n2");
    session s{options{.seeds = {seed, other}, .deployment = deployment::cluster}};
    serves_all_slots(s, ":beside");
    // On the plain wire a stand-alone server sees nothing of clusters but the one question.
    server.forget_counts();
    {
        session plain{options{.seeds = {seed},
                              .protocol = protocol::resp2,
                              .handshake = handshake::minimal,
                              .topology_source = topology_source::slots}};
        CHECK(plain(plain.db().set("k", "v")) == set_outcome::written);
        CHECK(plain(plain.db().get("k")) == "v");
    }
    auto seen = server.counts(server.at("n1"));
    seen.erase("cluster|slots");
    CHECK(seen == std::map<std::string, long long>{{"get", 1}, {"set", 1}});
}
