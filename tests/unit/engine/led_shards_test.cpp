// Tests of engine/led_shards.hpp: which nodes lead slots, who leads a shard by now, and who needs a command
// that the others have had.
#include <umbel/engine/led_shards.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

using namespace umbel;
using cluster::slot;
using cluster::slot_range;
using engine::led_shard;

namespace {

/// Nodes 0 to 3; 0 leads 0-99 and has 2 as replica, 1 leads 100-199.
struct led_by_two {
    engine::node_table nodes{8};
    cluster::slot_table table{8};
    cluster::topology told;

    led_by_two() {
        for (char const* host : {"a", "b", "c", "d"}) nodes.obtain({host, 1}, engine::instant{0});
        std::uint16_t const replicas[] = {2};
        slot_range const low[] = {{slot{0}, slot{99}}};
        slot_range const high[] = {{slot{100}, slot{199}}};
        table.publish(
            std::array{cluster::shard_assignment{0, replicas, low}, cluster::shard_assignment{1, {}, high}});
    }
    std::vector<led_shard> now() const { return engine::leaders_of(table, nodes, told); }
    /// In a ring, as a command for all of them keeps them.
    std::vector<led_shard> spread() const {
        std::vector<led_shard> all = now();
        for (std::size_t at = 0; at < all.size(); ++at) all[at].next = &all[(at + 1) % all.size()];
        return all;
    }
    std::string who_needs(std::vector<led_shard> const& had) const {
        std::string names;
        std::vector<led_shard> const list = now();
        for (led_shard const& shard : list)
            if (engine::needs_command(shard, had.data(), list)) names += nodes[shard.leader].name + ' ';
        return names;
    }
    engine::leadership lead(led_shard& shard) const { return engine::find_leader(shard, table, nodes); }
};

}  // namespace

TEST_CASE("each node that leads slots has one shard, with a slot that MOVED gave to it", "[led_shards]") {
    led_by_two c;
    auto all = c.now();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "a:1");
    CHECK(all[0].replicas == std::vector<std::uint16_t>{2});
    CHECK(all[1].ranges == std::vector<slot_range>{{slot{100}, slot{199}}});
    c.table.learn_moved(slot{50}, 0, 3);
    all = c.now();
    REQUIRE(all.size() == 3);
    CHECK(all[0].ranges == std::vector<slot_range>{{slot{0}, slot{49}}, {slot{51}, slot{99}}});
    CHECK(all[1].name == "d:1");
    CHECK(all[1].ranges == std::vector<slot_range>{{slot{50}, slot{50}}});
}

TEST_CASE("a shard without a leader is listed, slots of no shard are not", "[led_shards]") {
    led_by_two c;
    c.told.shards.resize(1);
    c.told.shards[0].ranges = {{slot{300}, slot{301}}};
    auto const all = c.now();
    REQUIRE(all.size() == 3);
    CHECK(all[2].leader == engine::link_id::no_node);
    CHECK(all[2].name.empty());
    CHECK(all[2].ranges == c.told.shards[0].ranges);
}

TEST_CASE("the list is made anew when the table or the topology has changed, and only then", "[led_shards]") {
    led_by_two c;
    engine::leader_list list;
    auto const now = [&](std::uint32_t version) { return list.now(c.table, c.nodes, c.told, version); };
    CHECK(now(1).size() == 2);
    // A change that no version tells of is not looked for: nothing goes through the slots again.
    c.told.shards.resize(1);
    c.told.shards[0].ranges = {{slot{300}, slot{301}}};
    CHECK(now(1).size() == 2);
    CHECK(now(2).size() == 3);
    c.table.learn_moved(slot{50}, 0, 3);
    CHECK(now(2).size() == 4);
    c.table.move_shard(0, 2);
    CHECK(now(2)[0].name == "c:1");
    c.table.publish({});
    CHECK(now(2).size() == 1);
}

TEST_CASE("a leader stays while it leads any slot; then one heir of all slots follows", "[led_shards]") {
    led_by_two c;
    auto had = c.spread();
    CHECK(c.lead(had[0]).node == 0);
    for (std::uint16_t at = 0; at < 99; ++at) c.table.learn_moved(slot{at}, 0, 3);
    CHECK(c.lead(had[0]).node == 0);
    // All its slots of then are gone, but it leads another.
    c.table.learn_moved(slot{200}, engine::link_id::no_node, 0);
    c.table.learn_moved(slot{99}, 0, 3);
    CHECK(c.lead(had[0]).node == 0);
    c.table.learn_moved(slot{200}, 0, 1);
    CHECK(c.lead(had[0]).node == 3);
    CHECK(had[0].leader == 3);
    CHECK_FALSE(c.lead(had[0]).split);
}

TEST_CASE("a shard with several leaders is split, and so is one that another part leads", "[led_shards]") {
    led_by_two c;
    auto had = c.spread();
    c.table.move_shard(0, 2);
    c.table.learn_moved(slot{7}, 2, 3);
    CHECK(c.lead(had[0]).split);
    CHECK(c.lead(had[0]).node == engine::link_id::no_node);
    for (std::uint16_t at = 0; at < 100; ++at) c.table.learn_moved(slot{at}, at == 7 ? 3 : 2, 1);
    CHECK(c.lead(had[0]).split);
    c.table.publish({});
    CHECK_FALSE(c.lead(had[0]).split);
}

TEST_CASE("who leads slots and has not had the command needs it, save the heir of one that had",
          "[led_shards]") {
    led_by_two c;
    CHECK(engine::needs_command(c.now()[0], nullptr, c.now()));
    auto const had = c.spread();
    CHECK(c.who_needs(had).empty());
    c.table.learn_moved(slot{50}, 0, 3);
    CHECK(c.who_needs(had) == "d:1 ");
    c.table.move_shard(0, 2);
    CHECK(c.who_needs(had) == "d:1 ");
    // A replica that has got single slots while its primary still leads is no heir.
    led_by_two other;
    auto const before = other.spread();
    other.table.learn_moved(slot{50}, 0, 2);
    CHECK(other.who_needs(before) == "c:1 ");
}

TEST_CASE("a node that was handed over has had the command by its former number", "[led_shards]") {
    led_by_two c;
    auto had = c.spread();
    std::uint16_t const second = c.nodes.obtain_successor(0, engine::instant{0});
    c.nodes.succeed(second);
    std::uint16_t const replicas[] = {2};
    slot_range const low[] = {{slot{0}, slot{99}}};
    slot_range const high[] = {{slot{100}, slot{199}}};
    c.table.publish(
        std::array{cluster::shard_assignment{second, replicas, low}, cluster::shard_assignment{1, {}, high}});
    CHECK(c.who_needs(had).empty());
    c.table.learn_moved(slot{50}, second, 3);
    CHECK(c.who_needs(had) == "d:1 ");
    // A replica that has got a slot while its primary still leads, by whatever number, is no heir.
    c.table.learn_moved(slot{50}, 3, 2);
    CHECK(c.who_needs(had) == "c:1 ");
    // Who has the command for one shard gets it for no other.
    c.table.learn_moved(slot{50}, 2, second);
    for (std::uint16_t at = 100; at < 200; ++at) c.table.learn_moved(slot{at}, 1, second);
    CHECK(c.lead(had[1]).split);
    CHECK(c.lead(had[0]).node == second);
    CHECK(c.who_needs(had).empty());
}
