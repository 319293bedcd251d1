#include <umbel/cluster/topology_parse_nodes.hpp>

#include "index_of.hpp"
#include "read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::cluster;
using umbel::test::captured;
using umbel::test::index_of;
using umbel::test::read_reply;

namespace {

constexpr parse_context asked{"10.9.9.9", false};

topology read(std::string_view text, parse_context const& context = asked) {
    auto const told = parse_cluster_nodes(text, context);
    INFO(text);
    if (!told) FAIL(told.error().message());
    return *told;
}

std::string refused(std::string_view text) {
    auto const told = parse_cluster_nodes(text, asked);
    INFO(text);
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == errc::protocol_error);
    CHECK(told.error().delivery() == delivery::executed);
    return std::string{told.error().message()};
}

}  // namespace

TEST_CASE("CLUSTER NODES of a real cluster tells nodes, shards, replicas and epochs", "[topology]") {
    read_reply const reply{captured("redis7_nodes_resp2")};
    topology const told = read(reply.text());
    REQUIRE(told.nodes.size() == 6);
    REQUIRE(told.shards.size() == 3);
    CHECK(told.told_by == source::nodes);
    CHECK(told.covered_slots() == slot_count);
    auto const& foo = told.shards[told.shard_of(slot{12182})];
    CHECK(told.nodes[foo.primary].address == endpoint{"127.0.0.1", 27312});
    CHECK(told.nodes[foo.primary].id == "17833bef4f5e88785b68452a1247b3e55f3f3e2f");
    CHECK(foo.config_epoch == 3);
    REQUIRE(foo.replicas.size() == 1);
    CHECK(told.nodes[foo.replicas[0]].address == endpoint{"127.0.0.1", 27313});
    CHECK(told.nodes[foo.replicas[0]].role == node_role::replica);
    CHECK(told.nodes[foo.replicas[0]].config_epoch == 3);
    REQUIRE(told.self != topology::none);
    CHECK(told.nodes[told.self].address.port == 27310);
}

TEST_CASE("CLUSTER NODES reads the same from a RESP3 verbatim string", "[topology]") {
    read_reply const reply{captured("valkey8_nodes_resp3")};
    topology const told = read(reply.text());
    CHECK(told.nodes.size() == 6);
    CHECK(told.covered_slots() == slot_count);
    // This answer is a replica's.
    CHECK(told.nodes[told.self].role == node_role::replica);
}

TEST_CASE("CLUSTER NODES tells host names beside addresses, and connects to addresses", "[topology]") {
    read_reply const reply{captured("valkey8_hostname_missing_nodes_resp2")};
    topology const told = read(reply.text());
    CHECK(told.nodes[told.owner(slot{0})].hostname == "node-0.example");
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"127.0.0.1", 27410});
    CHECK(told.nodes[0].hostname.empty());
}

TEST_CASE("CLUSTER NODES tells migrations from both sides", "[topology]") {
    read_reply const reply{captured("redis7_migrating_nodes_resp2")};
    topology const told = read(reply.text());
    std::string const self = told.nodes[told.self].id;
    REQUIRE(told.migrations.size() == 2);
    CHECK(told.migrations[0] == migration{slot{93}, self, "fb7aa28591f3d66802145b66e52997dc98251ace",
                                          migration::direction::migrating});
    CHECK(told.migrations[1] == migration{slot{12182}, "17833bef4f5e88785b68452a1247b3e55f3f3e2f", self,
                                          migration::direction::importing});
    CHECK(told.covered_slots() == slot_count);
}

TEST_CASE("CLUSTER NODES tells who is suspected and who has failed", "[topology]") {
    read_reply const before{captured("redis7_suspect_nodes_resp2")};
    topology const suspected = read(before.text());
    CHECK(suspected.nodes[suspected.owner(slot{5461})].health == node_health::suspect);
    CHECK(suspected.nodes[suspected.owner(slot{0})].health == node_health::online);

    read_reply const after{captured("valkey8_failed_nodes_resp2")};
    topology const failed = read(after.text());
    CHECK(failed.covered_slots() == slot_count);
    CHECK(failed.nodes[failed.owner(slot{5461})].address.port == 27413);
    CHECK(failed.shards[failed.shard_of(slot{5461})].config_epoch == 7);
    std::uint32_t const dead = index_of(failed, "44946d9daafd3736f0a16a79566443d65d944f61");
    REQUIRE(dead != topology::none);
    CHECK(failed.nodes[dead].health == node_health::failed);
}

TEST_CASE("CLUSTER NODES reads IPv6 addresses", "[topology]") {
    read_reply const reply{captured("redis7_ipv6_nodes_resp2")};
    topology const told = read(reply.text());
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"::1", 27510});
    CHECK(told.nodes[told.owner(slot{16383})].address == endpoint{"::1", 27511});
}

TEST_CASE("CLUSTER NODES of a node that does not know its address means the queried host", "[topology]") {
    // redis-server 7.0.15 before its first CLUSTER MEET.
    topology const told = read(
        "90078d51ea482e0c415de894d439bdf0768dee98 :27510@37510 myself,master - 0 0 1 connected 0-8000\n");
    CHECK(told.nodes[0].address == endpoint{"10.9.9.9", 27510});
    CHECK(told.nodes[0].ip.empty());
}

TEST_CASE("CLUSTER NODES of old and of newer servers differ in the address field", "[topology]") {
    CHECK(read("a 10.0.0.1:7000 master - 0 0 1 connected 5\n").nodes[0].address ==
          endpoint{"10.0.0.1", 7000});
    CHECK(read("a [::1]:7000@17000 master - 0 0 1 connected 5\n").nodes[0].address == endpoint{"::1", 7000});
    topology const told =
        read("a 10.0.0.1:7000@17000,,shard-id=69bc,tls-port=7001 master - 0 0 1 connected 5\r\n");
    CHECK(told.nodes[0].address == endpoint{"10.0.0.1", 7000});
    CHECK(told.nodes[0].hostname.empty());
    CHECK(
        read("a 10.0.0.1:7000@17000,db.example,shard-id=69bc master - 0 0 1 connected\n").nodes[0].hostname ==
        "db.example");
}

TEST_CASE("CLUSTER NODES passes over fields and flags that it does not know", "[topology]") {
    topology const told = read(
        "a 10.0.0.1:7000@17000,db.example,shard-id=69bc,nodename=n1,availability-zone=z,later=x=y "
        "myself,master,shiny - 0 0 7 connected 0-99\n"
        "b 10.0.0.2:7000@17000,,shard-id=69bc,later= slave,nofailover,dull a 0 0 7 half-connected\n");
    REQUIRE(told.nodes.size() == 2);
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"10.0.0.1", 7000});
    CHECK(told.shards[told.shard_of(slot{0})].config_epoch == 7);
    CHECK(told.shards[told.shard_of(slot{0})].replicas == std::vector<std::uint32_t>{1});
}

TEST_CASE(
    "CLUSTER NODES leaves out nodes that nobody can connect to, and keeps their slots as a shard without a "
    "primary",
    "[topology]") {
    topology const told = read(
        "a 10.0.0.1:7000@17000 handshake - 0 0 0 connected\n"
        "b :0@0 master,fail,noaddr - 0 0 2 disconnected 0-99\n"
        "c ?:7002@17002 master - 0 0 3 connected 100\n"
        "d 10.0.0.4:7003@17003 slave b 0 0 2 connected\n"
        "e 10.0.0.5:0@17004 master - 0 0 5 connected\n"
        "f 10.0.0.6:7005@17005 noflags - 0 0 0 connected\n");
    REQUIRE(told.nodes.size() == 1);
    CHECK(told.nodes[0].id == "d");
    CHECK(told.covered_slots() == 101);
    CHECK(told.shard_of(slot{0}) != topology::none);
    CHECK(told.owner(slot{0}) == topology::none);
    CHECK(told.owner(slot{100}) == topology::none);
}

TEST_CASE("CLUSTER NODES joins replicas to primaries that come later, and leaves those of unknown ones alone",
          "[topology]") {
    topology const told = read(
        "r 10.0.0.2:7001@17001 slave p 0 0 1 connected\n"
        "q 10.0.0.3:7002@17002 slave gone 0 0 1 connected\n"
        "s 10.0.0.4:7003@17003 slave,nofailover r 0 0 1 connected\n"
        "p 10.0.0.1:7000@17000 master - 0 0 1 connected\n");
    REQUIRE(told.shards.size() == 1);
    CHECK(told.shards[0].ranges.empty());
    CHECK(told.shards[0].replicas == std::vector<std::uint32_t>{0});
    CHECK(told.nodes.size() == 4);
}

TEST_CASE("CLUSTER NODES that no cluster says is a protocol error", "[topology]") {
    CHECK(refused("a 10.0.0.1:7000@17000 master - 0 0 1\n") == "CLUSTER NODES: a line with too few fields");
    CHECK(refused("x\n") == "CLUSTER NODES: a line with too few fields");
    std::string const node = "a 10.0.0.1:7000@17000 master - 0 0 1 connected ";
    CHECK(refused(node + "70000\n") == "CLUSTER NODES: a slot beyond 16383");
    CHECK(refused(node + "16384\n") == "CLUSTER NODES: a slot beyond 16383");
    CHECK(refused(node + "0-16384\n") == "CLUSTER NODES: a slot beyond 16383");
    CHECK(refused(node + "0-4294967296\n") == "CLUSTER NODES: a range of slots that is none");
    CHECK(refused(node + "9-3\n") == "CLUSTER NODES: a range of slots that ends before it begins");
    CHECK(refused(node + "0-99 50\n") == "CLUSTER NODES: two shards with the same slot");
    CHECK(refused(node + "0-99\nb 10.0.0.2:7000@17000 master - 0 0 1 connected 99\n") ==
          "CLUSTER NODES: two shards with the same slot");
    for (auto const* slots : {"-", "1-", "-1", "x", "1-x", "1-2-3", "+1", "[", "[]", "[93]", "[93->-",
                              "[93->-]", "[->-b]", "[x->-b]", "[16384->-b]", "[93-<-b"}) {
        refused(node + slots + "\n");
    }
    CHECK(refused("a 10.0.0.1:7000@17000 master - 0 0 x connected\n") ==
          "CLUSTER NODES: a config epoch that is no number");
    for (auto const* address :
         {"10.0.0.1", "10.0.0.1:", "10.0.0.1:x@1", "10.0.0.1:70000@1", "a/b:1@1", "h:1@1,a/b"}) {
        CHECK(refused("a " + std::string{address} + " master - 0 0 1 connected\n") ==
              "CLUSTER NODES: a node address that is no host and port");
    }
    CHECK(refused(node + "\n" + node + "\n") == "CLUSTER NODES: two lines with the same node id");
}

TEST_CASE("CLUSTER NODES with more nodes than the bound is refused", "[topology]") {
    std::string text;
    for (int index = 0; index < 5000; ++index) {
        text += std::to_string(index) + " 10.0.0.1:" + std::to_string(1000 + index) +
                "@1 master - 0 0 1 connected\n";
    }
    CHECK(refused(text) == "CLUSTER NODES: more nodes than the client accepts");
    CHECK(read("", asked).nodes.empty());
}

TEST_CASE("CLUSTER NODES cut anywhere is read or refused, never more", "[topology]") {
    read_reply const reply{captured("redis7_migrating_nodes_resp2")};
    for (std::size_t size = 0; size < reply.text().size(); ++size) {
        std::string const exact{reply.text().substr(0, size)};
        auto const told = parse_cluster_nodes(exact, asked);
        if (told) CHECK(told->nodes.size() <= 6);
    }
}
