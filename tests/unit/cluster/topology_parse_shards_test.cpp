#include <umbel/cluster/topology_parse_shards.hpp>

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

topology read(std::string bytes, parse_context const& context = asked) {
    read_reply const reply{std::move(bytes)};
    auto const told = parse_cluster_shards(reply, context);
    if (!told) FAIL(told.error().message());
    return *told;
}

std::string refused(std::string bytes, parse_context const& context = asked) {
    INFO(bytes);
    read_reply const reply{std::move(bytes)};
    auto const told = parse_cluster_shards(reply, context);
    REQUIRE_FALSE(told);
    CHECK(told.error().code() == errc::protocol_error);
    CHECK(told.error().delivery() == delivery::executed);
    return std::string{told.error().message()};
}

// One shard with the slots 0 to 9 and one node of these fields, in RESP3.
std::string with_node(int fields, std::string_view bytes) {
    return "*1\r\n%2\r\n+slots\r\n*2\r\n:0\r\n:9\r\n+nodes\r\n*1\r\n%" + std::to_string(fields) + "\r\n" +
           std::string{bytes};
}

}  // namespace

TEST_CASE("a client that speaks TLS takes the port for it, where a node tells two or only that",
          "[topology]") {
    parse_context const secure{.queried_host = "10.9.9.9", .tls = true};
    auto const address_in = [](topology const& told) {
        return told.nodes.empty() ? std::string{} : told.nodes[0].address.to_string();
    };
    std::string const plain = with_node(3, "+id\r\n+n1\r\n+port\r\n:6379\r\n+endpoint\r\n+10.0.0.1\r\n");
    std::string const both =
        with_node(4, "+id\r\n+n1\r\n+port\r\n:6379\r\n+tls-port\r\n:6380\r\n+endpoint\r\n+10.0.0.1\r\n");
    // As servers tell it that listen for TLS only; older ones tell a port of 0 besides.
    std::string const only = with_node(3, "+id\r\n+n1\r\n+tls-port\r\n:6380\r\n+endpoint\r\n+10.0.0.1\r\n");
    std::string const zero =
        with_node(4, "+id\r\n+n1\r\n+port\r\n:0\r\n+tls-port\r\n:6380\r\n+endpoint\r\n+10.0.0.1\r\n");
    CHECK(address_in(read(plain)) == "10.0.0.1:6379");
    CHECK(address_in(read(both)) == "10.0.0.1:6379");
    CHECK_FALSE(read(both).hides_tls_nodes);
    // Something in front of the server may speak TLS for it.
    CHECK(address_in(read(plain, secure)) == "10.0.0.1:6379");
    CHECK(address_in(read(both, secure)) == "10.0.0.1:6380");
    for (std::string const& bytes : {only, zero}) {
        CHECK(address_in(read(bytes, secure)) == "10.0.0.1:6380");
        CHECK(address_in(read(bytes)).empty());
        CHECK(read(bytes).hides_tls_nodes);
        CHECK(read(bytes).shards[0].primary == topology::none);
    }
}

TEST_CASE("CLUSTER SHARDS of a real cluster reads the same from RESP2 and RESP3", "[topology]") {
    topology const told = read(captured("redis7_shards_resp3"));
    CHECK(told == read(captured("redis7_shards_resp2")));
    REQUIRE(told.nodes.size() == 6);
    REQUIRE(told.shards.size() == 3);
    CHECK(told.told_by == source::shards);
    CHECK(told.covered_slots() == slot_count);
    auto const& foo = told.shards[told.shard_of(slot{12182})];
    CHECK(told.nodes[foo.primary].address == endpoint{"127.0.0.1", 27312});
    CHECK(told.nodes[foo.primary].id == "17833bef4f5e88785b68452a1247b3e55f3f3e2f");
    CHECK(told.nodes[foo.primary].replication_offset == 70);
    CHECK(told.nodes[foo.primary].health == node_health::online);
    REQUIRE(foo.replicas.size() == 1);
    CHECK(told.nodes[foo.replicas[0]].address == endpoint{"127.0.0.1", 27313});
    CHECK(told.nodes[foo.replicas[0]].role == node_role::replica);
    CHECK(read(captured("valkey8_shards_resp3")).covered_slots() == slot_count);
}

TEST_CASE("CLUSTER SHARDS connects to the endpoint, and leaves out a node whose endpoint is a question mark",
          "[topology]") {
    topology const told = read(captured("redis7_hostname_missing_shards_resp3"));
    CHECK(told.nodes.size() == 5);
    auto const& foo = told.nodes[told.owner(slot{12182})];
    CHECK(foo.address == endpoint{"node-2.example", 27312});
    CHECK(foo.hostname == "node-2.example");
    CHECK(foo.ip == "127.0.0.1");
    CHECK(told.shards[told.shard_of(slot{5461})].replicas.empty());
}

TEST_CASE("CLUSTER SHARDS with an empty endpoint means the queried host", "[topology]") {
    topology const told = read(captured("redis7_unknown_shards_resp3"));
    CHECK(told.nodes.size() == 6);
    CHECK(told.nodes[told.owner(slot{12182})].address == endpoint{"10.9.9.9", 27312});
    CHECK(read(with_node(3, "+id\r\n+a\r\n+port\r\n:1\r\n+endpoint\r\n_\r\n")).nodes[0].address ==
          endpoint{"10.9.9.9", 1});
}

TEST_CASE("CLUSTER SHARDS of redis-server lists a dead primary as a shard without slots", "[topology]") {
    topology const told = read(captured("redis7_failed_shards_resp3"));
    CHECK(told.shards.size() == 4);
    CHECK(told.covered_slots() == slot_count);
    CHECK(told.nodes[told.owner(slot{5461})].address.port == 27315);
    std::uint32_t const dead = index_of(told, "fb7aa28591f3d66802145b66e52997dc98251ace");
    REQUIRE(dead != topology::none);
    CHECK(told.nodes[dead].health == node_health::failed);
}

TEST_CASE("CLUSTER SHARDS of valkey-server lists a dead primary before the new one in the same shard",
          "[topology]") {
    topology const told = read(captured("valkey8_failed_shards_resp2"));
    REQUIRE(told.shards.size() == 3);
    auto const& shard = told.shards[told.shard_of(slot{5461})];
    CHECK(told.nodes[shard.primary].address.port == 27413);
    CHECK(told.nodes[shard.primary].health == node_health::online);
    CHECK(shard.replicas.empty());
    CHECK(told.nodes.size() == 6);
}

TEST_CASE("CLUSTER SHARDS reads IPv6 addresses", "[topology]") {
    topology const told = read(captured("redis7_ipv6_shards_resp2"));
    CHECK(told.nodes[told.owner(slot{0})].address == endpoint{"::1", 27510});
}

TEST_CASE("CLUSTER SHARDS names two ports where a server has both", "[topology]") {
    std::string const both =
        with_node(4, "+id\r\n+a\r\n+port\r\n:6379\r\n+tls-port\r\n:6380\r\n+endpoint\r\n+h\r\n");
    CHECK(read(both).nodes[0].address == endpoint{"h", 6379});
    CHECK(read(both, {"q", true}).nodes[0].address == endpoint{"h", 6380});
    CHECK(read(both).nodes[0].tls_port == 6380);
    // Only a port for the other kind of connection: nobody to connect to, but the shard is there.
    topology const told = read(with_node(3, "+id\r\n+a\r\n+tls-port\r\n:6380\r\n+endpoint\r\n+h\r\n"));
    CHECK(told.nodes.empty());
    CHECK(told.covered_slots() == 10);
    CHECK(told.owner(slot{0}) == topology::none);
}

TEST_CASE("CLUSTER SHARDS takes the ip where there is no endpoint, and passes over what it does not know",
          "[topology]") {
    topology const told =
        read(with_node(6,
                       "+id\r\n+a\r\n+port\r\n:1\r\n+ip\r\n+10.0.0.1\r\n+availability-zone\r\n+eu-1a\r\n"
                       "+health\r\n+loading\r\n+novelty\r\n*1\r\n%1\r\n+x\r\n:1\r\n"));
    CHECK(told.nodes[0].address == endpoint{"10.0.0.1", 1});
    CHECK(told.nodes[0].availability_zone == "eu-1a");
    CHECK(told.nodes[0].health == node_health::loading);
}

TEST_CASE("CLUSTER SHARDS entries of one primary become one shard", "[topology]") {
    std::string const node =
        "+nodes\r\n*1\r\n%4\r\n+id\r\n+a\r\n+port\r\n:1\r\n+ip\r\n+10.0.0.1\r\n+role\r\n+master\r\n";
    topology const told = read("*3\r\n%2\r\n+slots\r\n*2\r\n:0\r\n:9\r\n" + node + "%2\r\n+slots\r\n*0\r\n" +
                               node + "%2\r\n+slots\r\n*4\r\n:20\r\n:29\r\n:40\r\n:40\r\n" + node);
    REQUIRE(told.shards.size() == 1);
    CHECK(told.nodes.size() == 1);
    CHECK(told.shards[0].ranges ==
          std::vector<slot_range>{{slot{0}, slot{9}}, {slot{20}, slot{29}}, {slot{40}, slot{40}}});
}

TEST_CASE("CLUSTER SHARDS that no cluster says is a protocol error", "[topology]") {
    CHECK(refused("$2\r\nOK\r\n") == "CLUSTER SHARDS: the reply is no array");
    CHECK(refused("*1\r\n:1\r\n") == "CLUSTER SHARDS: an entry that is no map");
    CHECK(refused("*1\r\n*1\r\n+slots\r\n") == "CLUSTER SHARDS: an entry that is no map");
    CHECK(refused("*1\r\n%1\r\n+slots\r\n*0\r\n") == "CLUSTER SHARDS: a shard without slots or nodes");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*1\r\n:1\r\n+nodes\r\n*0\r\n") ==
          "CLUSTER SHARDS: slots that are no list of ranges");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*0\r\n+nodes\r\n:1\r\n") ==
          "CLUSTER SHARDS: nodes that are no list");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*0\r\n+nodes\r\n*1\r\n:1\r\n") ==
          "CLUSTER SHARDS: a node that is no map");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*2\r\n:0\r\n:70000\r\n+nodes\r\n*0\r\n") ==
          "CLUSTER SHARDS: a slot beyond 16383");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*2\r\n:9\r\n:3\r\n+nodes\r\n*0\r\n") ==
          "CLUSTER SHARDS: a range of slots that ends before it begins");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*4\r\n:0\r\n:9\r\n:9\r\n:9\r\n+nodes\r\n*0\r\n") ==
          "CLUSTER SHARDS: two shards with the same slot");
    CHECK(refused("*1\r\n%2\r\n+slots\r\n*2\r\n+0\r\n+9\r\n+nodes\r\n*0\r\n") ==
          "CLUSTER SHARDS: a slot that is no number");
    CHECK(refused(with_node(1, "+port\r\n:1\r\n")) == "CLUSTER SHARDS: a node without an id");
    CHECK(refused(with_node(1, "+id\r\n+a\r\n")) == "CLUSTER SHARDS: a node without a port");
    CHECK(refused(with_node(2, "+id\r\n+a\r\n+port\r\n:-1\r\n")) == "CLUSTER SHARDS: a port that is none");
    CHECK(refused(with_node(3, "+id\r\n+a\r\n+port\r\n:1\r\n+endpoint\r\n+a b\r\n")) ==
          "CLUSTER SHARDS: a host that cannot be one");
    CHECK(refused(with_node(2, "+port\r\n:1\r\n+id\r\n+" + std::string(300, 'a') + "\r\n")) ==
          "CLUSTER SHARDS: a field of more than 255 bytes");
}
