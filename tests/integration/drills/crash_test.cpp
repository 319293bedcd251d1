// Primaries that die or stand still under load: what was acknowledged stays, nothing runs twice, the other
// shards go on.
#include "integration/support/drill.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// What a failover without notice may tell the callers of its shard.
std::string beyond_a_crash(drill const& d, std::size_t at) {
    return d.surprises(
        at, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded, errc::cluster_down});
}
std::string probe_key(shard const& shard) { return real_cluster::key_in(shard.slots[0]) + ":probe"; }

}  // namespace

TEST_CASE("a primary is killed under load", "[drill]") {
    for (int round = 0; round < short_or_long(1, 4); ++round) {
        drill d{"kill -9"};
        d.disturb([&] { d.servers.kill(d[0].primary.name); });
        prober direct{d[0].replica.port, probe_key(d[0])};
        REQUIRE(d.serves(0, d[0].replica));
        REQUIRE(d.users.all_go_on(200));
        d.forgive(0);
        // The old primary comes back as a replica, and is not taken for what it was.
        d.servers.restart(d[0].primary.name);
        d.servers.heal();
        REQUIRE(d.users.all_go_on(200));
        auto const found = d.reckon();
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(beyond_a_crash(d, 0) == "");
        CHECK(d.surprises(1, {}) == "");
        CHECK(d.surprises(2, {}) == "");
        REQUIRE(direct.taken() != 0);
        d.tell_recovery(0, direct.taken());
    }
}

TEST_CASE("a primary stands still under load and no reset arrives; later it goes on as if nothing had been",
          "[drill]") {
    for (int round = 0; round < short_or_long(1, 4); ++round) {
        drill d{"frozen", {.deadline = 400ms}};
        d.disturb([&] { d.servers.freeze(d[0].primary.name); });
        prober direct{d[0].replica.port, probe_key(d[0])};
        REQUIRE(d.serves(0, d[0].replica));
        REQUIRE(d.users.all_go_on(200));
        // It wakes with a head full of commands that were given up long ago, and answers them.
        d.servers.thaw(d[0].primary.name);
        REQUIRE(d.users.all_go_on(100));
        d.servers.heal();
        REQUIRE(d.users.all_go_on(100));
        d.forgive(0);
        auto const found = d.reckon();
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(found.unknown > 0);
        CHECK(beyond_a_crash(d, 0) == "");
        // A caller of a healthy shard may come late on a busy machine; anything else would be strange.
        CHECK(d.surprises(1, {errc::deadline_exceeded}) == "");
        CHECK(d.surprises(2, {errc::deadline_exceeded}) == "");
        REQUIRE(direct.taken() != 0);
        d.tell_recovery(0, direct.taken());
    }
}

TEST_CASE("a primary stands still for a moment only, and nobody takes over", "[drill]") {
    drill d{"frozen briefly", {.deadline = 200ms}};
    for (int round = 0; round < short_or_long(3, 20); ++round) {
        auto const failed = d.users.failed(0);
        d.disturb([&] { d.servers.freeze(d[0].primary.name); });
        REQUIRE(eventually([&] { return d.users.failed(0) > failed; }));
        d.servers.thaw(d[0].primary.name);
        REQUIRE(d.users.all_go_on(100));
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    if (d.servers.role_of(d[0].primary) != "primary")
        SKIP("the machine was so slow that the cluster failed over");
    CHECK(found.clean());
    CHECK(beyond_a_crash(d, 0) == "");
    CHECK(d.s.counted().late_replies > 0);
}

TEST_CASE(
    "commands for a primary that stands still pile up to a bound, and no further; the other shards do not "
    "notice",
    "[drill]") {
    constexpr std::uint32_t bound = 500;
    drill d{"piling up", {.deadline = 400ms, .options = {.in_flight_max = bound, .waiting_max = bound}}};
    std::string const key = real_cluster::key_in(d[0].slots[0]) + ":piled";
    std::string const value(1000, 'v');
    d.disturb([&] { d.servers.freeze(d[0].primary.name); });
    std::map<errc, int> faults;
    std::uint64_t most = 0;
    for (int wave = 0; wave < short_or_long(4, 20); ++wave) {
        std::vector<operation<set_outcome>> pile;
        for (int i = 0; i < 3000; ++i) pile.push_back(d.s.db().with(400ms).set(key, value));
        auto const under_way = d.s.begin(std::move(pile));
        auto const link = d.s.node(d.servers.told_address(d[0].primary)).primary_link;
        most = std::max<std::uint64_t>({most, link.in_flight, d.s.counted().waiting});
        for (auto const& told : d.s.finish(under_way))
            if (!told) ++faults[told.error().code()];
    }
    // As many again may have come to the connection's door.
    CHECK(most <= 2 * bound);
    CHECK(faults[errc::overloaded] > 0);
    CHECK(faults[errc::deadline_exceeded] > 0);
    REQUIRE(d.serves(0, d[0].replica));
    d.servers.thaw(d[0].primary.name);
    d.servers.heal();
    REQUIRE(d.users.all_go_on(100));
    d.forgive(0);
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    for (auto const& [code, count] : faults)
        figure("piling up: %d told %s", count, std::string{name_of(code)}.c_str());
    for (std::size_t at : {1u, 2u}) CHECK(d.surprises(at, {errc::deadline_exceeded}) == "");
}

TEST_CASE("two primaries are killed at once, and their replicas take over by order", "[drill]") {
    for (int round = 0; round < short_or_long(1, 3); ++round) {
        drill d{"two shards"};
        d.disturb([&] {
            d.servers.kill(d[0].primary.name);
            d.servers.kill(d[1].primary.name);
        });
        prober first{d[0].replica.port, probe_key(d[0])};
        prober second{d[1].replica.port, probe_key(d[1])};
        // Two of three primaries are gone, so there is nobody to elect anybody.
        for (std::size_t at : {0u, 1u})
            d.servers.talk(d[at].replica).must({"CLUSTER", "FAILOVER", "TAKEOVER"});
        for (std::size_t at : {0u, 1u}) REQUIRE(d.serves(at, d[at].replica));
        REQUIRE(d.users.all_go_on(200));
        for (std::size_t at : {0u, 1u}) {
            d.forgive(at);
            d.servers.restart(d[at].primary.name);
        }
        auto const found = d.reckon();
        INFO(found.to_string());
        CHECK(found.clean());
        for (std::size_t at : {0u, 1u, 2u}) CHECK(beyond_a_crash(d, at) == "");
        REQUIRE(eventually([&] { return first.taken() != 0 && second.taken() != 0; }));
        d.tell_recovery(0, first.taken());
        d.tell_recovery(1, second.taken());
    }
}
