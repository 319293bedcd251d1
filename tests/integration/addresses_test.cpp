// Addresses that are not what they seem: ports announced as others, nodes without addresses, nodes with host
// names, on a real cluster.
#include "support/session.hpp"

#include <algorithm>
#include <map>
#include <set>

using namespace umbel;
using namespace umbel::test;

namespace {

constexpr std::uint16_t shift =
    40;  // An announced port stands so far above the real one; nobody listens there.

/// Three primaries that only these tests reconfigure.
real_cluster& own_cluster() {
    static real_cluster one{{.primaries = 3, .replicas = 0}};
    return one;
}

void configure(real_cluster const& servers, std::string const& option, std::string const& value) {
    for (auto const& node : servers.nodes()) servers.talk(node).must({"CONFIG", "SET", option, value});
}

/// Waits until all nodes name the same owners of all slots, every one as `named` says of its host and port.
template <class Named>
void settle(real_cluster const& servers, Named named) {
    auto const settled = [&] {
        std::set<std::string> views;
        for (auto const& node : servers.nodes()) {
            long long covered = 0;
            std::map<long long, std::string> view;
            for (wire_value const& range : servers.talk(node).must({"CLUSTER", "SLOTS"}).items) {
                wire_value const& owner = range.items[2];
                if (!named(owner.items[0], owner.items[1].number())) return false;
                covered += range.items[1].number() - range.items[0].number() + 1;
                view[range.items[0].number()] = owner.items[2].text;
            }
            if (covered != cluster::slot_count) return false;
            std::string text;
            for (auto const& [first, owner] : view) text += std::to_string(first) + owner;
            views.insert(text);
        }
        return views.size() == 1;
    };
    REQUIRE(eventually(settled));
}
bool is_real(real_cluster const& servers, long long port) {
    return std::any_of(servers.nodes().begin(), servers.nodes().end(),
                       [port](auto const& one) { return one.port == port; });
}

/// The owner of a slot, as the servers see themselves.
real_cluster::node const& owner(real_cluster const& servers, std::uint16_t slot) {
    for (auto const& node : servers.nodes())
        if (!servers.talk(node).ask({"GET", real_cluster::key_in(slot)}).is_error()) return node;
    throw std::runtime_error{"addresses: nobody serves the slot"};
}

/// Everything is served, and an ASK and a MOVED are followed to where they point.
void serves_through_redirects(real_cluster const& servers, session& s, std::string const& suffix,
                              std::uint16_t slot) {
    auto const keys = keys_everywhere(suffix, 64);
    write_all(s, keys);
    read_all(s, s.db(), keys);
    std::string const key = real_cluster::key_in(slot) + suffix + ":absent";
    auto const& from = owner(servers, slot);
    auto const& to = servers.nodes()[&from == &servers.nodes()[0] ? 1 : 0];
    servers.begin_migration(slot, from, to);
    auto const before = s.counted();
    CHECK(s(s.db().set(key, "x")) == set_outcome::written);
    CHECK(s.counted().asked == before.asked + 1);
    for (auto const* const end : {&to, &from})
        servers.talk(*end).must({"CLUSTER", "SETSLOT", std::to_string(slot), "NODE", to.id});
    CHECK(s(s.db().get(key)) == "x");
    CHECK(s.counted().moved >= before.moved + 1);
    CHECK(s.counted().disconnects == 0);
}

}  // namespace

TEST_CASE("a cluster that announces other ports than it listens on is reached by a table or a function",
          "[addresses]") {
    auto& servers = own_cluster();
    std::vector<std::string> announced, reached;
    for (auto const& node : servers.nodes()) {
        std::string const port = std::to_string(node.port + shift);
        servers.talk(node).must({"CONFIG", "SET", "cluster-announce-port", port});
        announced.push_back("127.0.0.1:" + port);
        reached.push_back(node.address());
    }
    std::vector<address_pair> rows;
    for (std::size_t i = 0; i < announced.size(); ++i) rows.push_back({announced[i], reached[i]});
    settle(servers, [&](wire_value const&, long long port) { return is_real(servers, port - shift); });
    std::vector<std::string> const seeds{servers.address("n1")};
    options chosen{.seeds = std::span{seeds}, .address_map = rows};
    {
        session s{chosen};
        serves_through_redirects(servers, s, ":table", 70);
    }
    settle(servers, [&](wire_value const&, long long port) { return is_real(servers, port - shift); });
    chosen.address_map = {};
    chosen.address_function = [](void*, std::string_view told) {
        auto where = *cluster::endpoint::parse(told, 1);
        where.port = static_cast<std::uint16_t>(where.port - shift);
        return where.to_string();
    };
    {
        session s{chosen};
        serves_through_redirects(servers, s, ":function", 71);
    }
    configure(servers, "cluster-announce-port", "0");
}

TEST_CASE("a cluster that announces no addresses is reached at the host that was asked", "[addresses]") {
    auto& servers = own_cluster();
    configure(servers, "cluster-preferred-endpoint-type", "unknown-endpoint");
    settle(servers,
           [&](wire_value const& host, long long port) { return host.null && is_real(servers, port); });
    session s{servers.address("n2")};
    serves_through_redirects(servers, s, ":unknown", 72);
    configure(servers, "cluster-preferred-endpoint-type", "ip");
}

TEST_CASE("a cluster that announces host names is reached by them", "[addresses]") {
    auto& servers = own_cluster();
    configure(servers, "cluster-announce-hostname", "localhost");
    configure(servers, "cluster-preferred-endpoint-type", "hostname");
    settle(servers, [&](wire_value const& host, long long port) {
        return host.text == "localhost" && is_real(servers, port);
    });
    session s{servers.address("n3")};
    serves_through_redirects(servers, s, ":named", 73);
    auto const known = s.topology();
    REQUIRE(known.nodes.size() == 3);
    for (auto const& node : known.nodes) CHECK(node.address.host == "localhost");
    configure(servers, "cluster-preferred-endpoint-type", "ip");
    configure(servers, "cluster-announce-hostname", "");
}
