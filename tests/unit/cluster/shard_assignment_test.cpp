#include <umbel/cluster/shard_assignment.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <vector>

using namespace umbel::cluster;

TEST_CASE("a topology becomes assignments by the engine's numbers, without replicas that cannot serve",
          "[slot_table]") {
    topology told;
    told.nodes.resize(5);
    told.nodes[2].health = node_health::failed;
    told.nodes[3].health = node_health::loading;
    told.nodes[4].health = node_health::suspect;
    told.shards.push_back({{{slot{0}, slot{99}}}, 0, {1, 2, 3, 4}, 0});
    told.shards.push_back({{{slot{100}, slot{199}}}, topology::none, {}, 0});
    told.shards.push_back({{}, 4, {1}, 0});
    std::vector<std::uint16_t> const numbers{100, no_node, 102, 103, 104};
    assignment_list const list{told, numbers};
    REQUIRE(list.all().size() == 3);
    CHECK(list.all()[0].primary == 100);
    REQUIRE(list.all()[0].replicas.size() == 1);
    CHECK(list.all()[0].replicas[0] == 104);
    CHECK(list.all()[0].ranges.size() == 1);
    CHECK(list.all()[1].primary == no_node);
    CHECK(list.all()[1].replicas.empty());
    CHECK(list.all()[2].primary == 104);
    CHECK(list.all()[2].ranges.empty());
}
