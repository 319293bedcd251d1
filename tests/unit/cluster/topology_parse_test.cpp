#include <umbel/cluster/topology_parse.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::cluster;
using detail::placing;

TEST_CASE("a node is placed by its host, or by the queried one, or not at all", "[topology]") {
    parse_context const context{"10.9.9.9", false};
    node_info node;
    CHECK(detail::place(node, "10.0.0.1", 7000, context) == placing::placed);
    CHECK(node.address == endpoint{"10.0.0.1", 7000});
    CHECK(detail::place(node, "", 7001, context) == placing::placed);
    CHECK(node.address == endpoint{"10.9.9.9", 7001});
    CHECK(detail::place(node, "?", 7000, context) == placing::hidden);
    CHECK(detail::place(node, "10.0.0.1", 0, context) == placing::hidden);
    CHECK(detail::place(node, "", 7000, parse_context{}) == placing::hidden);
    CHECK(detail::place(node, "a b", 7000, context) == placing::malformed);
    CHECK(detail::place(node, "/etc/passwd", 7000, context) == placing::malformed);
}

TEST_CASE("a node without an address, asked over a Unix socket, is that socket", "[topology]") {
    node_info node;
    CHECK(detail::place(node, "", 7000, {"/run/redis.sock", false}) == placing::placed);
    CHECK(node.address == endpoint{"/run/redis.sock", 0});
}

TEST_CASE("the builder joins what belongs together and refuses what cannot be", "[topology]") {
    parse_context const context{"10.9.9.9", false, 2};
    detail::topology_builder builder{source::shards, context};
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    node_info first;
    first.config_epoch = 7;
    REQUIRE(builder.add_node(std::move(first), "a", a));
    REQUIRE(builder.add_node(node_info{}, "b", b));
    CHECK(builder.find("a") == a);
    CHECK(builder.find("c") == builder.none);
    CHECK_FALSE(builder.add_node(node_info{}, "c", b));
    CHECK(builder.reason() == "more nodes than the client accepts");

    std::uint32_t const shard = builder.shard_of_primary(a);
    CHECK(builder.shard_of_primary(a) == shard);
    builder.add_replica(shard, a);
    builder.add_replica(shard, 1);
    builder.add_replica(shard, 1);
    CHECK(builder.add_range(shard, 0, 16383));
    CHECK_FALSE(builder.add_range(shard, 16383, 16383));
    CHECK_FALSE(builder.add_range(shard, 5, 4));
    CHECK_FALSE(builder.add_range(shard, -1, 4));
    CHECK_FALSE(builder.add_range(shard, 0, 16384));

    topology const told = builder.finish();
    CHECK(told.shards.size() == 1);
    CHECK(told.shards[0].config_epoch == 7);
    CHECK(told.shards[0].replicas == std::vector<std::uint32_t>{1});
}
