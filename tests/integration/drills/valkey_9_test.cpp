// What the line Valkey 9 brings to a cluster under load: slots that change hands at one instant (CLUSTER
// MIGRATESLOTS), and an upgrade to it, node by node.
#include "integration/support/deposing.hpp"

#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace umbel;
using namespace umbel::test;

namespace {

/// How the latest migration that a node knows of stands; empty when it knows of none.
std::string latest_migration(real_cluster const& servers, real_cluster::node const& asked,
                             std::string_view wanted) {
    auto const all = servers.talk(asked).must({"CLUSTER", "GETSLOTMIGRATIONS"});
    if (all.items.empty()) return {};
    auto const& fields = all.items[0].items;
    for (std::size_t at = 0; at + 1 < fields.size(); at += 2)
        if (fields[at].text == wanted) return fields[at + 1].text;
    return {};
}
bool is_over(std::string const& state) {
    return state == "success" || state == "failed" || state == "cancelled" || state == "canceled";
}
void begin_at_once(real_cluster const& servers, std::vector<std::uint16_t> const& slots,
                   real_cluster::node const& from, real_cluster::node const& to) {
    servers.talk(from).must({"CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", std::to_string(slots.front()),
                             std::to_string(slots.back()), "NODE", to.id});
}
/// Moves neighbouring slots with all their keys, and waits until every node has heard of it. The servers give
/// up now and then on a busy machine: they are asked again.
bool move_at_once(real_cluster const& servers, std::vector<std::uint16_t> const& slots,
                  real_cluster::node const& from, real_cluster::node const& to) {
    for (int attempt = 0; attempt < 6; ++attempt) {
        begin_at_once(servers, slots, from, to);
        if (!eventually([&] { return is_over(latest_migration(servers, from, "state")); }, 60s)) return false;
        if (latest_migration(servers, from, "state") != "success") continue;
        return eventually([&] {
            for (auto const& node : servers.nodes())
                for (std::uint16_t const slot : slots)
                    if (!servers.owns(to, slot, node.name)) return false;
            return true;
        });
    }
    return false;
}
bool moves_at_once(real_cluster const& servers) {
    return !servers.talk("n1").ask({"CLUSTER", "GETSLOTMIGRATIONS"}).is_error();
}
drill_plan many_slots() {
    drill_plan plan = patient(16);
    plan.elections = false;
    plan.transactions = true;
    return plan;
}
/// The server from which an upgrade begins; empty where UMBEL_OLDER_SERVER names none.
std::string older_server() {
    char const* const named = std::getenv("UMBEL_OLDER_SERVER");
    return named ? named : "";
}
std::string version_of(real_cluster const& servers, std::string const& name) {
    std::string const text = servers.talk(name).must({"INFO", "server"}).text;
    for (std::string_view const field : {"valkey_version:", "redis_version:"})
        if (auto const at = text.find(field); at != text.npos)
            return text.substr(at + field.size(), text.find('\r', at) - at - field.size());
    return "unknown";
}
bool follows_its_primary(real_cluster const& servers, real_cluster::node const& replica) {
    return servers.talk(replica).must({"INFO", "replication"}).text.find("master_link_status:up") !=
           std::string::npos;
}

}  // namespace

TEST_CASE("slots change hands at one instant, forth and back, under load: no caller notices",
          "[drill][atomic]") {
    if (!moves_at_once(real_cluster::shared())) SKIP("this server does not know CLUSTER MIGRATESLOTS");
    drill d{"atomic slot migration", many_slots()};
    auto const before = d.s.counted();
    d.disturb([&] {
        for (int round = 0; round < short_or_long(4, 40); ++round) {
            auto from = d[0].primary;
            auto to = d[1].primary;
            if (round % 2 != 0) std::swap(from, to);
            REQUIRE(move_at_once(d.servers, d[0].slots, from, to));
            // The load finds some of it; nobody waits until it has found everything.
            REQUIRE(d.users.goes_on(0, 5));
        }
    });
    REQUIRE(d.users.all_go_on(200));
    auto const after = d.s.counted();
    check_nothing_was_noticed(d);
    // Nothing is half moved at any time: nobody is sent to ask elsewhere.
    CHECK(after.asked == before.asked);
    CHECK(after.moved > before.moved);
    CHECK(after.disconnects == before.disconnects);
}

TEST_CASE("a migration at one instant that is cancelled half-way leaves no trace", "[drill][atomic]") {
    if (!moves_at_once(real_cluster::shared())) SKIP("this server does not know CLUSTER MIGRATESLOTS");
    drill d{"cancelled slot migration", many_slots()};
    d.disturb([&] {
        for (int round = 0; round < short_or_long(3, 30); ++round) {
            begin_at_once(d.servers, d[0].slots, d[0].primary, d[1].primary);
            d.servers.talk(d[0].primary).must({"CLUSTER", "CANCELSLOTMIGRATIONS"});
            REQUIRE(
                eventually([&] { return is_over(latest_migration(d.servers, d[0].primary, "state")); }, 60s));
            REQUIRE(d.users.all_go_on(50));
        }
    });
    // Some may have been over before they were cancelled.
    if (d.servers.owns(d[1].primary, d[0].slots.front(), d[1].primary.name))
        REQUIRE(move_at_once(d.servers, d[0].slots, d[1].primary, d[0].primary));
    REQUIRE(d.users.all_go_on(100));
    check_nothing_was_noticed(d);
}

TEST_CASE("waits follow their slot when it changes hands at one instant", "[drill][atomic]") {
    auto& servers = real_cluster::shared();
    if (!moves_at_once(servers)) SKIP("this server does not know CLUSTER MIGRATESLOTS");
    servers.heal();
    std::uint16_t const slot = 700;
    std::string const key = real_cluster::key_in(slot) + ":wait";
    auto const from = servers.owner_of(slot);
    auto const to = servers.at(from.name == "n2" ? "n3" : "n2");
    REQUIRE(servers.role_of(to) == "primary");
    session s{options{.seeds = {from.address()}}};
    REQUIRE(s(s.db().del(key)));
    auto const waiting = [&](real_cluster::node const& at) {
        return servers.talk(at).must({"INFO", "clients"}).text.find("blocked_clients:20") !=
               std::string::npos;
    };
    for (auto const& [source, target] : {std::pair{from, to}, std::pair{to, from}}) {
        std::vector<operation<std::optional<popped_value<std::string>>>> waits;
        for (int at = 0; at < 20; ++at) waits.push_back(s.db().blpop(key, 50s));
        auto const under_way = s.begin(std::move(waits));
        REQUIRE(eventually([&, &source = source] { return waiting(source); }));
        REQUIRE(move_at_once(servers, {slot}, source, target));
        REQUIRE(eventually([&, &target = target] { return waiting(target); }));
        for (int at = 0; at < 20; ++at) REQUIRE(s(s.db().rpush(key, at)));
        std::set<std::string> all;
        for (auto const& told : s.finish(under_way)) {
            REQUIRE((told && *told));
            all.insert((*told)->value);
        }
        CHECK(all.size() == 20);
    }
}

TEST_CASE("a cluster is upgraded node by node, with handovers, under load: no caller notices",
          "[drill][upgrade]") {
    if (older_server().empty()) SKIP("UMBEL_OLDER_SERVER names no server to upgrade from");
    real_cluster servers{{.server = older_server()}};
    drill_plan plan = patient();
    plan.servers = &servers;
    drill d{"rolling upgrade", plan};
    figure("rolling upgrade: from %s", version_of(servers, "n1").c_str());
    auto const upgrade = [&](real_cluster::node const& node) {
        servers.restart_as(node.name, server_program());
        REQUIRE(eventually([&] { return follows_its_primary(servers, node); }, 60s));
    };
    // In the short form the cluster stays half upgraded: that takes a third of the time.
    std::size_t const upgraded = short_or_long<std::size_t>(1, 3);
    d.disturb([&] {
        for (std::size_t at = 0; at < upgraded; ++at) {
            upgrade(d[at].replica);
            REQUIRE(depose(d, at, "", d[at].replica));
            // Whoever still asks the old primary is sent on by it; then it may go.
            REQUIRE(d.users.all_go_on(100));
            REQUIRE(eventually([&] { return servers.role_of(d[at].primary) == "replica"; }));
            upgrade(d[at].primary);
            REQUIRE(d.users.all_go_on(50));
        }
    });
    for (std::size_t at = 0; at < upgraded; ++at)
        CHECK(version_of(servers, d[at].replica.name) == version_of(servers, d[at].primary.name));
    figure("rolling upgrade: %zu of 3 shards to %s", upgraded,
           version_of(servers, d[0].primary.name).c_str());
    // And back to the primaries of before, all on the new line.
    for (std::size_t at = 0; long_drills() && at < upgraded; ++at)
        d.disturb([&] { REQUIRE(depose(d, at, "", d[at].primary)); });
    REQUIRE(d.users.all_go_on(200));
    check_nothing_was_noticed(d);
}
