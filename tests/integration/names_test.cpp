// Names and addresses that change or are many: DNS answers, seeds, announced host names and addresses, IPv6,
// on a real cluster.
#include "support/names.hpp"
#include "support/session.hpp"

#include <algorithm>
#include <set>
#include <sstream>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Three primaries that listen on three addresses of this machine.
real_cluster& many_homed() {
    static real_cluster one{{.primaries = 3, .replicas = 0, .conf = {"bind 127.0.0.1 127.0.0.2 127.0.0.3"}}};
    return one;
}
void configure(real_cluster const& servers, std::string const& option, std::string const& value) {
    for (auto const& node : servers.nodes()) servers.talk(node).must({"CONFIG", "SET", option, value});
}
/// Waits until every node calls every other one as `named` says.
template <class Named>
void settle(real_cluster const& servers, Named named) {
    REQUIRE(eventually([&] {
        for (auto const& asked : servers.nodes()) {
            for (wire_value const& range : servers.talk(asked).must({"CLUSTER", "SLOTS"}).items)
                if (range.items[2].items[0].text != named(servers.by_port(range.items[2].items[1].number())))
                    return false;
        }
        return true;
    }));
}
void serves_all_slots(session& s, std::string const& suffix) {
    auto const keys = keys_everywhere(suffix, 64);
    write_all(s, keys);
    read_all(s, s.db(), keys);
}
/// The addresses of this machine at which a node has connections of that name.
std::set<std::string> homes(real_cluster const& servers, real_cluster::node const& node,
                            std::string const& client) {
    std::istringstream lines{servers.talk(node).must({"CLIENT", "LIST"}).text};
    std::set<std::string> found;
    for (std::string line; std::getline(lines, line);) {
        if (line.find(" name=" + client + " ") == std::string::npos) continue;
        auto const at = line.find(" laddr=") + 7;
        std::string const address = line.substr(at, line.find(' ', at) - at);
        found.insert(address.substr(0, address.rfind(':')));
    }
    return found;
}
using texts = std::set<std::string>;

}  // namespace

TEST_CASE("a seed with two addresses is reached at the one that answers", "[names]") {
    auto& servers = many_homed();
    for (auto const& addresses :
         {std::vector<std::string>{"127.0.0.9", "127.0.0.2"}, {"127.0.0.2", "127.0.0.9"}}) {
        name_service::shared().set("two.umbel.test", addresses);
        std::string const seed = "two.umbel.test:" + std::to_string(servers.at("n1").port);
        session s{options{.seeds = {seed}}};
        REQUIRE(s(s.db().ready()));
        serves_all_slots(s, ":two");
    }
}

TEST_CASE("a seed is looked up again as long as nobody answers", "[names]") {
    auto& servers = many_homed();
    auto& names = name_service::shared();
    std::string const seed = "moving.umbel.test:" + std::to_string(servers.at("n1").port);
    for (auto const& at_first : {std::vector<std::string>{}, {"127.0.0.9"}}) {
        names.set("moving.umbel.test", at_first);
        session s{options{.seeds = {seed}, .deadline = 300ms}};
        auto const told = s(s.db().get("k"));
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::no_reachable_node);
        auto const patient = s.begin(s.db().with(50s).get("k"));
        REQUIRE(eventually([&] { return names.asked("moving.umbel.test") >= 3; }));
        names.set("moving.umbel.test", {"127.0.0.2"});
        CHECK(s.finish(patient)[0] == std::nullopt);
    }
}

TEST_CASE("a node that is known by name is looked up at each reconnect", "[names]") {
    auto& servers = many_homed();
    auto& names = name_service::shared();
    auto const name_of_node = [](real_cluster::node const& node) { return node.name + ".umbel.test"; };
    for (auto const& node : servers.nodes()) {
        names.set(name_of_node(node), {"127.0.0.1"});
        servers.talk(node).must({"CONFIG", "SET", "cluster-announce-hostname", name_of_node(node)});
    }
    configure(servers, "cluster-preferred-endpoint-type", "hostname");
    settle(servers, name_of_node);
    std::string const seed = "n1.umbel.test:" + std::to_string(servers.at("n1").port);
    // So much time that nobody goes by what the names meant before.
    session s{options{.seeds = {seed}, .client_name = "by-name", .connect_timeout = 40s}};
    serves_all_slots(s, ":by name");
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "by-name") == texts{"127.0.0.1"});
    // They all move; who is connected does not care, who connects anew finds them where they are.
    for (auto const& node : servers.nodes()) names.set(name_of_node(node), {"127.0.0.3"});
    serves_all_slots(s, ":by name");
    CHECK(homes(servers, servers.at("n2"), "by-name") == texts{"127.0.0.1"});
    for (auto const& node : servers.nodes())
        servers.talk(node).must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    auto const keys = keys_everywhere(":by name", 64);
    REQUIRE(eventually([&] {
        return std::all_of(keys.begin(), keys.end(),
                           [&](auto const& key) { return s(s.db().get(key)) == "=" + key; });
    }));
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "by-name") == texts{"127.0.0.3"});
    CHECK(s.counted().moved == 0);
    configure(servers, "cluster-preferred-endpoint-type", "ip");
    configure(servers, "cluster-announce-hostname", "");
}

TEST_CASE("while name servers are silent, nodes are reached where they were before", "[names]") {
    auto& servers = many_homed();
    auto& names = name_service::shared();
    auto const name_of_node = [](real_cluster::node const& node) { return node.name + ".umbel.test"; };
    for (auto const& node : servers.nodes()) {
        names.set(name_of_node(node), {"127.0.0.9", "127.0.0.2"});
        servers.talk(node).must({"CONFIG", "SET", "cluster-announce-hostname", name_of_node(node)});
    }
    configure(servers, "cluster-preferred-endpoint-type", "hostname");
    settle(servers, name_of_node);
    std::string const seed = "n1.umbel.test:" + std::to_string(servers.at("n1").port);
    session s{options{.seeds = {seed}, .client_name = "silence"}};
    serves_all_slots(s, ":silence");
    names.keep_silent(true);
    for (auto const& node : servers.nodes())
        servers.talk(node).must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    auto const keys = keys_everywhere(":silence", 64);
    CHECK(eventually([&] {
        return std::all_of(keys.begin(), keys.end(),
                           [&](auto const& key) { return s(s.db().get(key)) == "=" + key; });
    }));
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "silence") == texts{"127.0.0.2"});
    names.keep_silent(false);
    configure(servers, "cluster-preferred-endpoint-type", "ip");
    configure(servers, "cluster-announce-hostname", "");
}

TEST_CASE("a node that has no name where names are wanted is passed over, and found when it has one",
          "[names]") {
    auto& servers = many_homed();
    auto const name_of_node = [](real_cluster::node const& node) {
        return node.name == "n3" ? "?" : "localhost";
    };
    for (auto const& node : servers.nodes())
        if (node.name != "n3")
            servers.talk(node).must({"CONFIG", "SET", "cluster-announce-hostname", "localhost"});
    configure(servers, "cluster-preferred-endpoint-type", "hostname");
    settle(servers, name_of_node);
    std::string const seed = servers.address("n1");
    session s{options{.seeds = {seed}, .deadline = 300ms}};
    REQUIRE(s(s.db().ready()));
    for (std::uint16_t slot = 0; slot < 16000; slot = static_cast<std::uint16_t>(slot + 500)) {
        auto const told = s(s.db().get(real_cluster::key_in(slot) + ":nameless"));
        CAPTURE(slot);
        if (servers.owner_of(slot).name != "n3") {
            CHECK(told == std::nullopt);
        } else {
            REQUIRE_FALSE(told);
            CAPTURE(told.error().to_string());
            CHECK(told.error() == errc::slot_uncovered);
            CHECK(told.error().delivery() == delivery::not_sent);
        }
    }
    servers.talk("n3").must({"CONFIG", "SET", "cluster-announce-hostname", "localhost"});
    settle(servers, [](auto const&) { return "localhost"; });
    auto const keys = keys_everywhere(":nameless", 500);
    CHECK(eventually([&] {
        return std::all_of(keys.begin(), keys.end(),
                           [&](auto const& key) { return s(s.db().get(key)) == std::nullopt; });
    }));
    configure(servers, "cluster-preferred-endpoint-type", "ip");
    configure(servers, "cluster-announce-hostname", "");
}

TEST_CASE("two names of one node are one node", "[names]") {
    auto& servers = many_homed();
    name_service::shared().set("alias.umbel.test", {"127.0.0.1"});
    std::string const port = ":" + std::to_string(servers.at("n1").port);
    std::string const first = "alias.umbel.test" + port, second = "127.0.0.2" + port,
                      third = "127.0.0.1" + port;
    session s{options{.seeds = {first, second, third}, .client_name = "aliases"}};
    serves_all_slots(s, ":alias");
    CHECK(s.counted().moved == 0);
    auto const nodes = s(s.db().nodes());
    REQUIRE(nodes);
    CHECK(std::count_if(nodes->begin(), nodes->end(), [](auto const& one) { return one.member; }) == 3);
    // Commands go to the address that the cluster announces, whatever the seeds said.
    for (auto const& node : servers.nodes()) CHECK(s.node(node.address()).primary_link.commands > 0);
}

TEST_CASE("a cluster behind another address than it announces is reached by a map of hosts", "[names]") {
    auto& servers = many_homed();
    configure(servers, "cluster-announce-ip", "127.0.0.2");
    settle(servers, [](auto const&) { return "127.0.0.2"; });
    std::string const seed = "127.0.0.3:" + std::to_string(servers.at("n3").port);
    std::vector<address_pair> const map{{"127.0.0.2", "127.0.0.3"}};
    options chosen{.seeds = {seed}, .client_name = "mapped"};
    {
        session direct{chosen};
        serves_all_slots(direct, ":announced");
        for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "mapped").contains("127.0.0.2"));
    }
    REQUIRE(eventually([&] { return homes(servers, servers.at("n1"), "mapped").empty(); }));
    chosen.address_map = map;
    session s{chosen};
    serves_all_slots(s, ":mapped");
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "mapped") == texts{"127.0.0.3"});
    // Redirects name announced addresses, too.
    auto const& from =
        servers.by_port(servers.talk("n1").must({"CLUSTER", "SLOTS"}).items[0].items[2].items[1].number());
    auto const& to = servers.at(from.name == "n1" ? "n2" : "n1");
    std::uint16_t const slot = 5;
    std::string const key = real_cluster::key_in(slot) + ":absent";
    REQUIRE(servers.owner_of(slot).name == from.name);
    servers.begin_migration(slot, from, to);
    CHECK(s(s.db().set(key, "x")) == set_outcome::written);
    servers.migrate_rest(slot, from, to);
    for (auto const* const end : {&to, &from})
        servers.talk(*end).must({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", to.id});
    CHECK(s(s.db().get(key)) == "x");
    CHECK(s.counted().asked >= 1);
    CHECK(s.counted().moved >= 1);
    CHECK(s.counted().disconnects == 0);
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "mapped") == texts{"127.0.0.3"});
    configure(servers, "cluster-announce-ip", "127.0.0.1");
}

TEST_CASE("a cluster that speaks IPv6 is reached by its addresses, and its redirects are followed",
          "[names]") {
    int const probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in6 where{};
    where.sin6_family = AF_INET6;
    where.sin6_addr = in6addr_loopback;
    bool const spoken =
        probe >= 0 && ::bind(probe, reinterpret_cast<sockaddr const*>(&where), sizeof where) == 0;
    if (probe >= 0) ::close(probe);
    if (!spoken) SKIP("this machine has no ::1");
    real_cluster servers{
        {.primaries = 3, .replicas = 0, .conf = {"bind ::1 127.0.0.1", "cluster-announce-ip ::1"}}};
    settle(servers, [](auto const&) { return "::1"; });
    std::string const seed = "[::1]:" + std::to_string(servers.at("n2").port);
    session s{options{.seeds = {seed}, .client_name = "six"}};
    serves_all_slots(s, ":six");
    for (auto const& node : servers.nodes()) CHECK(homes(servers, node, "six") == texts{"[::1]"});
    CHECK(s.counted().moved == 0);
    std::uint16_t const slot = 7;
    std::string const key = real_cluster::key_in(slot) + ":absent";
    auto const from = servers.owner_of(slot);
    auto const to = servers.at(from.name == "n1" ? "n2" : "n1");
    servers.begin_migration(slot, from, to);
    CHECK(s(s.db().set(key, "x")) == set_outcome::written);
    CHECK(s.counted().asked == 1);
    servers.end_migration(slot, from, to);
    CHECK(s(s.db().get(key)) == "x");
    CHECK(s.counted().moved >= 1);
    CHECK(s.counted().disconnects == 0);
}
