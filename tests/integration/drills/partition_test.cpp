// Networks that come apart under load: each node has a network namespace of its own, and links are cut with
// nobody told: no reset, no refusal. Skipped where the machine lets nobody make network namespaces.
#include "integration/support/drill.hpp"
#include "integration/support/private_network.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// A cluster whose nodes can be cut off one by one, and a drill on it. The client stands where the bridge is.
struct island {
    real_cluster servers{{.network = true}};
    drill d;

    island(std::string title, drill_plan plan) : d{std::move(title), on(servers, std::move(plan))} {}
    static drill_plan on(real_cluster& servers, drill_plan plan) {
        plan.servers = &servers;
        return plan;
    }
};

std::string probe_key(shard const& shard) { return real_cluster::key_in(shard.slots[0]) + ":probe"; }
constexpr std::initializer_list<errc> of_a_partition{errc::connection_lost, errc::connect_failed,
                                                     errc::deadline_exceeded, errc::cluster_down};

}  // namespace

TEST_CASE("a primary is cut off from everybody; its replica takes over; the link comes back", "[drill]") {
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    island here{"partition", {.deadline = 400ms}};
    drill& d = here.d;
    for (int round = 0; round < short_or_long(1, 4); ++round) {
        auto const roles = d.servers.shard_of(d[0].slots[0], d.bystander().name);
        REQUIRE(roles.size() == 2);
        auto const begun = steady_now();
        d.disturb([&] { d.servers.cut(roles[0].name); });
        prober direct{roles[1].port, probe_key(d[0]), roles[1].host};
        REQUIRE(d.serves(0, roles[1]));
        REQUIRE(d.users.all_go_on(200));
        d.forgive(0);
        // It has kept its role and its dataset while it was alone; it must not be taken for what it believes
        // itself to be.
        d.servers.rejoin(roles[0].name);
        REQUIRE(d.users.all_go_on(100));
        d.servers.heal();
        REQUIRE(d.users.all_go_on(100));
        REQUIRE(eventually([&] { return direct.taken() != 0; }));
        d.note_handover(0, begun, direct.taken());
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.unknown > 0);
    CHECK(d.surprises(0, of_a_partition) == "");
    for (std::size_t at : {1u, 2u}) CHECK(d.surprises(at, {errc::deadline_exceeded}) == "");
}

TEST_CASE(
    "a replica and a primary of another shard are cut off: reads go elsewhere, and the healthy shard goes on",
    "[drill]") {
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    island here{"partition of two", {.deadline = 400ms}};
    drill& d = here.d;
    std::string const key = real_cluster::key_in(d[1].slots[0]) + ":read";
    REQUIRE(d.s(d.s.db().set(key, "=" + key)) == set_outcome::written);
    d.servers.settle_replication();
    auto const reader = d.s.db().with(read_from::prefer_replica).with(20s);
    read_all(d.s, reader, {key});
    d.disturb([&] {
        d.servers.cut(d[0].primary.name);
        d.servers.cut(d[1].replica.name);
    });
    for (int i = 0; i < 20; ++i) read_all(d.s, reader, {key});
    REQUIRE(d.serves(0, d[0].replica));
    REQUIRE(d.users.all_go_on(200));
    d.forgive(0);
    d.servers.rejoin(d[0].primary.name);
    d.servers.rejoin(d[1].replica.name);
    d.servers.heal();
    REQUIRE(d.users.all_go_on(100));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(d.surprises(0, of_a_partition) == "");
    for (std::size_t at : {1u, 2u}) CHECK(d.surprises(at, {errc::deadline_exceeded}) == "");
}

TEST_CASE(
    "a node hears the client and is not heard by it, while the cluster finds it well: nothing runs twice",
    "[drill]") {
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    island here{
        "one-way partition",
        {.deadline = 250ms, .elections = false, .options = {.probe_after = 200ms, .probe_timeout = 300ms}}};
    drill& d = here.d;
    for (int round = 0; round < short_or_long(2, 12); ++round) {
        auto const failed = d.users.failed(0);
        auto const disconnects = d.s.counted().disconnects;
        d.disturb([&] {
            d.servers.mute(d[0].primary.name);
            // Short, and late replies come; or until the client has given the connection up.
            bool const briefly = round % 2 == 0;
            REQUIRE(eventually([&] {
                return d.users.failed(0) > failed + 10 &&
                       (briefly || d.s.counted().disconnects > disconnects);
            }));
            REQUIRE(d.users.goes_on(1, 100));
            d.servers.rejoin(d[0].primary.name);
        });
        REQUIRE(d.users.all_go_on(100));
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    CHECK(found.unknown > 0);
    CHECK(d.surprises(0, of_a_partition) == "");
    for (std::size_t at : {1u, 2u}) CHECK(d.surprises(at, {errc::deadline_exceeded}) == "");
}

TEST_CASE("the client hears nobody for a while, and needs no help afterwards", "[drill]") {
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    island here{
        "client alone",
        {.deadline = 250ms, .elections = false, .options = {.probe_after = 200ms, .probe_timeout = 300ms}}};
    drill& d = here.d;
    for (int round = 0; round < short_or_long(1, 6); ++round) {
        auto const disconnects = d.s.counted().disconnects;
        d.disturb([&] {
            d.servers.mute("all");
            REQUIRE(eventually([&] { return d.s.counted().disconnects > disconnects + 3; }));
            d.servers.rejoin("all");
        });
        REQUIRE(d.users.all_go_on(100));
    }
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.forgiven == 0);
    for (std::size_t at : {0u, 1u, 2u})
        CHECK(d.surprises(at, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded,
                               errc::no_reachable_node}) == "");
}
