#include <umbel/cluster/shards_by_slot.hpp>
#include <umbel/cluster/standalone_topology.hpp>
#include <umbel/cluster/topology.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::cluster;

namespace {

topology two_shards() {
    topology made;
    made.nodes.resize(3);
    made.nodes[0].id = "a";
    made.nodes[1].id = "b";
    made.nodes[2].id = "c";
    made.shards.push_back({{{slot{0}, slot{99}}, {slot{200}, slot{200}}}, 0, {2}, 1});
    made.shards.push_back({{{slot{100}, slot{199}}}, 1, {}, 2});
    return made;
}

}  // namespace

TEST_CASE("a topology knows the owner of every slot", "[topology]") {
    topology const told = two_shards();
    CHECK(told.owner(slot{0}) == 0);
    CHECK(told.owner(slot{99}) == 0);
    CHECK(told.owner(slot{100}) == 1);
    CHECK(told.owner(slot{200}) == 0);
    CHECK(told.owner(slot{201}) == topology::none);
    CHECK(told.shard_of(slot{150}) == 1);
}

TEST_CASE("covered slots are counted once", "[topology]") {
    topology told = two_shards();
    CHECK(told.covered_slots() == 201);
    told.shards[1].ranges.push_back({slot{150}, slot{250}});
    CHECK(told.covered_slots() == 251);
    told.shards[1].ranges.push_back({slot{16383}, slot{16383}});
    told.shards[1].ranges.push_back({slot{9}, slot{3}});
    CHECK(told.covered_slots() == 252);
    CHECK(topology{}.covered_slots() == 0);
}

TEST_CASE("the shard of every slot can be had at once", "[topology]") {
    auto const owners = shards_by_slot(two_shards());
    REQUIRE(owners.size() == slot_count);
    CHECK(owners[0] == 0);
    CHECK(owners[150] == 1);
    CHECK(owners[200] == 0);
    CHECK(owners[201] == no_shard);
}

TEST_CASE("a range counts both its ends, and none when it is reversed", "[topology]") {
    CHECK(slot_range{slot{5}, slot{5}}.size() == 1);
    CHECK(slot_range{slot{0}, slot{16383}}.size() == 16384);
    CHECK(slot_range{slot{6}, slot{5}}.size() == 0);
    CHECK(slot_range{slot{5}, slot{7}}.contains(slot{7}));
    CHECK_FALSE(slot_range{slot{5}, slot{7}}.contains(slot{8}));
}

TEST_CASE("equality compares everything", "[topology]") {
    topology other = two_shards();
    CHECK(other == two_shards());
    other.nodes[2].replication_offset = 7;
    CHECK(other != two_shards());
}

TEST_CASE("a stand-alone server owns every slot", "[topology]") {
    topology const alone = standalone_topology({"10.0.0.7", 6379});
    CHECK(alone.covered_slots() == slot_count);
    CHECK(alone.told_by == source::standalone);
    CHECK(alone.self == 0);
    CHECK(alone.nodes[alone.owner(slot{12182})].address == endpoint{"10.0.0.7", 6379});
}
