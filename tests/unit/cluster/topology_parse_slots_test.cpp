#include <umbel/cluster/shards_by_slot.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>

#include "read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::cluster;
using umbel::test::captured;
using umbel::test::read_reply;

namespace {

constexpr parse_context asked{"10.9.9.9", false};

topology read(std::string bytes, parse_context const& context = asked) {
    read_reply const reply{std::move(bytes)};
    auto const told = parse_cluster_slots(reply, context);
    if (!told) FAIL(told.error().message());
    return *told;
}

std::string refused(std::string bytes, parse_context const& context = asked) {
    INFO(bytes);
    read_reply const reply{std::move(bytes)};
    auto const told = parse_cluster_slots(reply, context);
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == errc::protocol_error);
    CHECK(told.error().delivery() == delivery::executed);
    return std::string{told.error().message()};
}

}  // namespace

TEST_CASE("CLUSTER SLOTS of a real cluster tells nodes, shards and replicas", "[topology]") {
    topology const told = read(captured("redis7_slots_resp2"));
    REQUIRE(told.nodes.size() == 6);
    REQUIRE(told.shards.size() == 3);
    CHECK(told.told_by == source::slots);
    CHECK(told.covered_slots() == slot_count);
    auto const& foo = told.shards[told.shard_of(slot{12182})];
    CHECK(told.nodes[foo.primary].address == endpoint{"127.0.0.1", 27312});
    CHECK(told.nodes[foo.primary].id == "17833bef4f5e88785b68452a1247b3e55f3f3e2f");
    CHECK(told.nodes[foo.primary].role == node_role::primary);
    REQUIRE(foo.replicas.size() == 1);
    CHECK(told.nodes[foo.replicas[0]].address == endpoint{"127.0.0.1", 27313});
    CHECK(told.nodes[foo.replicas[0]].role == node_role::replica);
    CHECK(foo.config_epoch == 0);
    CHECK(read(captured("valkey8_slots_resp3")).covered_slots() == slot_count);
}

TEST_CASE("CLUSTER SLOTS tells host names, and leaves out a node that has none", "[topology]") {
    for (auto const* name : {"redis7_hostname_missing_slots_resp2", "redis7_hostname_missing_slots_resp3"}) {
        topology const told = read(captured(name));
        CHECK(told.nodes.size() == 5);
        auto const& foo = told.nodes[told.owner(slot{12182})];
        CHECK(foo.address == endpoint{"node-2.example", 27312});
        CHECK(foo.hostname == "node-2.example");
        CHECK(foo.ip == "127.0.0.1");
        // The replica with the host "?".
        CHECK(told.shards[told.shard_of(slot{5461})].replicas.empty());
    }
}

TEST_CASE("CLUSTER SLOTS with hosts of null means the queried host", "[topology]") {
    topology const told = read(captured("redis7_unknown_slots_resp2"));
    auto const& foo = told.nodes[told.owner(slot{12182})];
    CHECK(foo.address == endpoint{"10.9.9.9", 27312});
    CHECK(foo.hostname == "node-2.example");
    CHECK(foo.ip == "127.0.0.1");
}

TEST_CASE("CLUSTER SLOTS takes an empty host for the queried one, and an empty host name for none",
          "[topology]") {
    // Managed clouds leave names empty, and newer servers say more than is known here.
    topology const told = read(
        "*2\r\n*4\r\n:0\r\n:99\r\n"
        "*4\r\n$0\r\n\r\n:7000\r\n$1\r\na\r\n*2\r\n$8\r\nhostname\r\n$0\r\n\r\n"
        "*4\r\n$8\r\n10.0.0.2\r\n:7000\r\n$1\r\nb\r\n*4\r\n$8\r\nhostname\r\n$0\r\n\r\n$4\r\nzone\r\n$"
        "1\r\nz\r\n"
        "*3\r\n:100\r\n:199\r\n"
        "*5\r\n$8\r\n10.0.0.3\r\n:7000\r\n$1\r\nc\r\n*0\r\n$5\r\nlater\r\n");
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"10.9.9.9", 7000});
    CHECK(told.nodes[told.owner(slot{0})].hostname.empty());
    REQUIRE(told.shards[told.shard_of(slot{0})].replicas.size() == 1);
    CHECK(told.nodes[told.shards[told.shard_of(slot{0})].replicas[0]].address == endpoint{"10.0.0.2", 7000});
    CHECK(told.nodes[told.owner(slot{100})].address == endpoint{"10.0.0.3", 7000});
}

TEST_CASE("CLUSTER SLOTS after a failover names the new primary only", "[topology]") {
    topology const told = read(captured("valkey8_failed_slots_resp3"));
    CHECK(told.covered_slots() == slot_count);
    CHECK(told.nodes[told.owner(slot{5461})].address.port == 27413);
}

TEST_CASE("CLUSTER SLOTS reads IPv6 addresses", "[topology]") {
    topology const told = read(captured("redis7_ipv6_slots_resp3"));
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"::1", 27510});
    CHECK(told.nodes[told.owner(slot{0})].ip == "::1");
}

TEST_CASE("CLUSTER SLOTS of an old server carries no ids", "[topology]") {
    topology const told = read(
        "*3\r\n"
        "*4\r\n:0\r\n:99\r\n*2\r\n$8\r\n10.0.0.1\r\n:7000\r\n*2\r\n$8\r\n10.0.0.2\r\n:7000\r\n"
        "*3\r\n:100\r\n:199\r\n*2\r\n$8\r\n10.0.0.3\r\n:7000\r\n"
        "*4\r\n:200\r\n:299\r\n*2\r\n$8\r\n10.0.0.1\r\n:7000\r\n*2\r\n$8\r\n10.0.0.2\r\n:7000\r\n");
    CHECK(told.nodes.size() == 3);
    REQUIRE(told.shards.size() == 2);
    CHECK(told.shards[0].ranges == std::vector<slot_range>{{slot{0}, slot{99}}, {slot{200}, slot{299}}});
    CHECK(told.shards[0].replicas.size() == 1);
}

TEST_CASE("CLUSTER SLOTS keeps a shard whose primary cannot be reached, without one", "[topology]") {
    topology const told = read(
        "*1\r\n*4\r\n:0\r\n:99\r\n*3\r\n$1\r\n?\r\n:7000\r\n$1\r\na\r\n*3\r\n$8\r\n10.0.0.2\r\n:7000\r\n$"
        "1\r\nb\r\n");
    REQUIRE(told.shards.size() == 1);
    CHECK(told.shards[0].primary == topology::none);
    CHECK(told.shards[0].replicas == std::vector<std::uint32_t>{0});
    CHECK(read("*1\r\n*2\r\n:0\r\n:99\r\n").covered_slots() == 100);
}

TEST_CASE("CLUSTER SLOTS over TLS names TLS ports", "[topology]") {
    topology const told =
        read("*1\r\n*3\r\n:0\r\n:99\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$1\r\na\r\n", {"10.9.9.9", true});
    CHECK(told.nodes[0].address.port == 7000);
    CHECK(told.nodes[0].tls_port == 7000);
    CHECK(told.nodes[0].port == 0);
}

TEST_CASE("CLUSTER SLOTS that no cluster says is a protocol error", "[topology]") {
    CHECK(refused("+OK\r\n") == "CLUSTER SLOTS: the reply is no array");
    CHECK(refused("*1\r\n:1\r\n") == "CLUSTER SLOTS: an entry without a range of slots");
    CHECK(refused("*1\r\n*1\r\n:1\r\n") == "CLUSTER SLOTS: an entry without a range of slots");
    CHECK(refused("*1\r\n*2\r\n:1\r\n+1\r\n") == "CLUSTER SLOTS: a slot that is no number");
    CHECK(refused("*1\r\n*2\r\n:0\r\n:70000\r\n") == "CLUSTER SLOTS: a slot beyond 16383");
    CHECK(refused("*1\r\n*2\r\n:-1\r\n:5\r\n") == "CLUSTER SLOTS: a slot beyond 16383");
    CHECK(refused("*1\r\n*2\r\n:-9223372036854775808\r\n:9223372036854775807\r\n") ==
          "CLUSTER SLOTS: a slot beyond 16383");
    CHECK(refused("*1\r\n*2\r\n:9\r\n:3\r\n") ==
          "CLUSTER SLOTS: a range of slots that ends before it begins");
    CHECK(refused("*2\r\n*2\r\n:0\r\n:9\r\n*2\r\n:9\r\n:12\r\n") ==
          "CLUSTER SLOTS: two shards with the same slot");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n:1\r\n") == "CLUSTER SLOTS: a node without host and port");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*1\r\n+h\r\n") == "CLUSTER SLOTS: a node without host and port");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n:5\r\n:1\r\n") == "CLUSTER SLOTS: a host that is no string");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n+h\r\n:70000\r\n") == "CLUSTER SLOTS: a port that is none");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n+h\r\n+x\r\n") == "CLUSTER SLOTS: a port that is none");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*2\r\n+a b\r\n:1\r\n") ==
          "CLUSTER SLOTS: a host that cannot be one");
    CHECK(refused("*1\r\n*3\r\n:0\r\n:9\r\n*4\r\n+h\r\n:1\r\n+id\r\n*1\r\n+ip\r\n") ==
          "CLUSTER SLOTS: further addresses that cannot be read");
    CHECK(refused(
              "*2\r\n*3\r\n:0\r\n:9\r\n*3\r\n+h\r\n:1\r\n+a\r\n*3\r\n:10\r\n:19\r\n*3\r\n+h\r\n:2\r\n+b\r\n",
              {"h", false, 1}) == "CLUSTER SLOTS: more nodes than the client accepts");
}

TEST_CASE("a cluster in pieces, each slot a range of its own, keeps every slot with its owner",
          "[topology]") {
    constexpr unsigned primaries = 250;
    auto const id_of = [](unsigned node) { return std::string(36, 'a') + std::to_string(1000 + node); };
    std::string bytes = "*16384\r\n";
    for (unsigned at = 0; at < slot_count; ++at) {
        std::string const number = ":" + std::to_string(at) + "\r\n";
        bytes += "*3\r\n" + number + number +
                 "*4\r\n$8\r\n10.0.0.1\r\n:" + std::to_string(7000 + at % primaries) + "\r\n$40\r\n" +
                 id_of(at % primaries) + "\r\n*0\r\n";
    }
    topology const told = read(std::move(bytes));
    REQUIRE(told.nodes.size() == primaries);
    REQUIRE(told.shards.size() == primaries);
    auto const owners = shards_by_slot(told);
    for (unsigned at = 0; at < slot_count; ++at)
        REQUIRE(told.nodes[told.shards[owners[at]].primary].id == id_of(at % primaries));
}
