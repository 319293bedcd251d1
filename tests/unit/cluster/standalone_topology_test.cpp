#include <umbel/cluster/standalone_topology.hpp>
#include <umbel/cluster/topology_merge.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>

using namespace umbel::cluster;

TEST_CASE("one server without cluster mode serves every slot", "[standalone]") {
    topology const view = standalone_topology({"10.0.0.1", 6379});
    CHECK(view.covered_slots() == slot_count);
    CHECK(view.nodes[view.owner(slot{7})].address == endpoint{"10.0.0.1", 6379});
    CHECK_FALSE(lacks_primary(view));
    CHECK_FALSE(lacks_primary(topology{}));
}

TEST_CASE("a replication group is one shard, and nobody stands in it twice", "[standalone]") {
    topology const view = group_topology(endpoint{"10.0.0.1", 6379},
                                         {{"10.0.0.2", 6379}, {"10.0.0.1", 6379}, {"10.0.0.2", 6379}});
    REQUIRE(view.nodes.size() == 2);
    CHECK(view.shards.front().primary == 0);
    CHECK(view.shards.front().replicas == std::vector<std::uint32_t>{1});
    CHECK(view.nodes[1].role == node_role::replica);
}

TEST_CASE("replicas alone are a group without a primary", "[standalone]") {
    topology const view = group_topology(std::nullopt, {{"10.0.0.2", 6379}});
    CHECK(lacks_primary(view));
    CHECK(view.covered_slots() == slot_count);
    CHECK(differs(view, group_topology(endpoint{"10.0.0.2", 6379}, {})));
}

TEST_CASE("who leads a group now was its replica, and who has led it is one", "[standalone]") {
    topology const before =
        group_topology(endpoint{"10.0.0.1", 6379}, {{"10.0.0.2", 6379}, {"10.0.0.3", 6379}});
    for (endpoint const& leader : {endpoint{"10.0.0.2", 6379}, endpoint{"10.0.0.9", 6379}}) {
        topology const after = led_by(before, leader);
        CHECK(after.nodes[after.owner(slot{0})].address == leader);
        CHECK(after.nodes.size() == (leader.host == "10.0.0.9" ? 4u : 3u));
        CHECK(after.shards.front().replicas.size() == after.nodes.size() - 1);
    }
}
