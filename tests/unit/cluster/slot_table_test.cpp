#include "slot_table_layout.hpp"

#include <umbel/cluster/slot_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <utility>
#include <vector>

using namespace umbel::test;

TEST_CASE("an empty table routes nobody", "[slot_table]") {
    auto const table = make_table();
    CHECK(table->primary_of(slot{0}) == no_node);
    CHECK(table->replica_of(slot{0}, 7) == no_node);
    CHECK(replicas_of(*table, slot{16383}).empty());
    CHECK(table->shard_number_of(slot{5}) == no_shard);
    CHECK(table->uncovered_slots() == slot_count);
    CHECK(table->shards_max() == 64);
}

TEST_CASE("a published topology is what readers see", "[slot_table]") {
    auto const table = make_table();
    auto const summary = table->publish(
        layout{}.add(1, {11, 12}, {lower}).add(2, {}, {{slot{8192}, slot{16000}}}).assignments());
    CHECK(summary.slots_changed == 16001);
    CHECK(summary.shards_changed == 2);
    CHECK(summary.slots_uncovered == 383);
    CHECK(table->uncovered_slots() == 383);
    CHECK(table->primary_of(slot{0}) == 1);
    CHECK(table->primary_of(slot{8192}) == 2);
    CHECK(table->primary_of(slot{16383}) == no_node);
    CHECK(replicas_of(*table, slot{8191}) == numbers{11, 12});
    CHECK(replicas_of(*table, slot{8192}).empty());
    CHECK(table->shard_number_of(slot{0}) == table->shard_number_of(slot{8191}));
    CHECK(table->primary_of_shard(table->shard_number_of(slot{0})) == 1);
}

TEST_CASE("replicas are taken in turn", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11, 12, 13}, {whole}).assignments());
    CHECK(table->replica_of(slot{0}, 0) == 11);
    CHECK(table->replica_of(slot{0}, 1) == 12);
    CHECK(table->replica_of(slot{0}, 2) == 13);
    CHECK(table->replica_of(slot{0}, 3) == 11);
    CHECK(table->replica_of(slot{0}, 0xffffffff) == 11);
    std::array<std::uint16_t, 2> few{};
    CHECK(table->replicas_of(slot{0}, few) == 2);
    CHECK(few == std::array<std::uint16_t, 2>{11, 12});
}

TEST_CASE("publishing the same again stores nothing", "[slot_table]") {
    auto const table = make_table();
    auto const same = layout{}.add(1, {11}, {lower}).add(2, {12}, {upper});
    table->publish(same.assignments());
    CHECK(table->publish(same.assignments()).unchanged());
    auto const reordered =
        layout{}.add(2, {12}, {upper}).add(1, {11}, {{slot{4096}, slot{8191}}, {slot{0}, slot{4095}}});
    CHECK(table->publish(reordered.assignments()).unchanged());
}

TEST_CASE("a failover changes one record and no entry", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11}, {lower}).add(2, {12}, {upper}).assignments());
    auto const shard = table->shard_number_of(slot{0});
    auto const summary = table->publish(layout{}.add(11, {1}, {lower}).add(2, {12}, {upper}).assignments());
    CHECK(summary.slots_changed == 0);
    CHECK(summary.shards_changed == 1);
    CHECK(table->primary_of(slot{0}) == 11);
    CHECK(replicas_of(*table, slot{0}) == numbers{1});
    CHECK(table->shard_number_of(slot{0}) == shard);
}

TEST_CASE("a resharding changes only the entries of the slots that move", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11}, {lower}).add(2, {12}, {upper}).assignments());
    auto const summary = table->publish(layout{}
                                            .add(1, {11}, {{slot{0}, slot{8181}}})
                                            .add(2, {12}, {{slot{8182}, slot{16383}}})
                                            .assignments());
    CHECK(summary.slots_changed == 10);
    CHECK(summary.shards_changed == 0);
    CHECK(table->primary_of(slot{8182}) == 2);
    CHECK(table->primary_of(slot{8181}) == 1);
}

TEST_CASE("shards of one primary become one, and the later of overlapping ranges counts", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}
                       .add(1, {11}, {lower})
                       .add(2, {}, {whole})
                       .add(1, {13}, {{slot{16383}, slot{16383}}})
                       .assignments());
    CHECK(table->primary_of(slot{0}) == 2);
    CHECK(table->primary_of(slot{16383}) == 1);
    CHECK(replicas_of(*table, slot{16383}) == numbers{11});
    // Ranges that end before they begin, and shards without slots, are nothing.
    table->publish(
        layout{}.add(1, {}, {whole}).add(2, {}, {{slot{9}, slot{3}}}).add(3, {}, {}).assignments());
    CHECK(table->primary_of(slot{5}) == 1);
}

TEST_CASE("a shard without a primary leaves its replicas", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}
                       .add(no_node, {11}, {lower})
                       .add(no_node, {12}, {{slot{8192}, slot{8192}}})
                       .add(no_node, {}, {{slot{9000}, slot{9000}}})
                       .assignments());
    CHECK(table->primary_of(slot{0}) == no_node);
    CHECK(replicas_of(*table, slot{0}) == numbers{11});
    CHECK(table->replica_of(slot{8192}, 4) == 12);
    CHECK(table->shard_number_of(slot{9000}) == no_shard);
}

TEST_CASE("shards for which there is no record leave their slots uncovered", "[slot_table]") {
    auto const table = make_table(2);
    auto const three = layout{}
                           .add(1, {}, {{slot{0}, slot{9}}})
                           .add(2, {}, {{slot{10}, slot{19}}})
                           .add(3, {}, {{slot{20}, slot{29}}});
    auto const summary = table->publish(three.assignments());
    CHECK(summary.shards_dropped == 1);
    CHECK(table->primary_of(slot{20}) == no_node);
    CHECK(table->primary_of(slot{10}) == 2);
    CHECK_FALSE(table->learn_moved(slot{20}, no_node, 4));
    // When a shard has gone its record serves another.
    table->publish(layout{}.add(1, {}, {{slot{0}, slot{9}}}).assignments());
    CHECK(table
              ->publish(
                  layout{}.add(1, {}, {{slot{0}, slot{9}}}).add(3, {}, {{slot{20}, slot{29}}}).assignments())
              .shards_dropped == 0);
    CHECK(table->primary_of(slot{20}) == 3);
}

TEST_CASE("a topology is published by the engine's node numbers, without replicas that cannot serve",
          "[slot_table]") {
    topology told;
    told.nodes.resize(5);
    told.nodes[2].health = node_health::failed;
    told.nodes[3].health = node_health::loading;
    told.nodes[4].health = node_health::suspect;
    told.shards.push_back({{lower}, 0, {1, 2, 3, 4}, 0});
    told.shards.push_back({{upper}, topology::none, {}, 0});
    auto const table = make_table();
    numbers const known{100, 101, 102, 103, 104};
    table->publish(told, known);
    CHECK(table->primary_of(slot{0}) == 100);
    CHECK(replicas_of(*table, slot{0}) == numbers{101, 104});
    CHECK(table->primary_of(slot{8192}) == no_node);
    CHECK(table->publish(told, known).unchanged());
    // A node that the engine does not use.
    numbers const without{100, no_node, 102, 103, 104};
    table->publish(told, without);
    CHECK(replicas_of(*table, slot{0}) == numbers{104});
}

TEST_CASE("a MOVED patches one slot", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11}, {lower}).add(2, {12}, {upper}).assignments());
    CHECK(table->on_moved(slot{7}, 1, 2) == moved_effect::slot_patched);
    CHECK(table->primary_of(slot{7}) == 2);
    CHECK(replicas_of(*table, slot{7}) == numbers{12});
    CHECK(table->primary_of(slot{6}) == 1);
    CHECK(table->primary_of(slot{8}) == 1);
    // A node that is new here becomes a shard without replicas.
    CHECK(table->on_moved(slot{8}, 1, 33) == moved_effect::slot_patched);
    CHECK(table->primary_of(slot{8}) == 33);
    CHECK(replicas_of(*table, slot{8}).empty());
    CHECK(table->on_moved(slot{9}, 11, 2) == moved_effect::slot_patched);
    CHECK(table->primary_of(slot{9}) == 2);
}

TEST_CASE("a MOVED leaves an entry alone that was changed meanwhile, or that says the same already",
          "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11}, {lower}).add(2, {12}, {upper}).assignments());
    REQUIRE(table->learn_moved(slot{7}, 1, 2));
    CHECK(table->on_moved(slot{7}, 1, 3) == moved_effect::ignored);
    CHECK(table->primary_of(slot{7}) == 2);
    CHECK_FALSE(table->learn_moved(slot{8}, 1, 1));
    CHECK_FALSE(table->learn_moved(slot{8}, 2, 3));
    CHECK_FALSE(table->learn_moved(slot{8}, no_node, 3));
    CHECK(table->primary_of(slot{8}) == 1);
}

TEST_CASE("a MOVED teaches a slot that nobody served", "[slot_table]") {
    auto const table = make_table();
    CHECK(table->on_moved(slot{7}, no_node, 2) == moved_effect::slot_patched);
    CHECK(table->primary_of(slot{7}) == 2);
    CHECK(table->on_moved(slot{8}, 5, 2) == moved_effect::slot_patched);
    CHECK(table->shard_number_of(slot{7}) == table->shard_number_of(slot{8}));
    CHECK(table->uncovered_slots() == slot_count - 2);
}

TEST_CASE("a MOVED that names a known replica of the old owner moves the whole shard", "[slot_table]") {
    auto const table = make_table();
    table->publish(layout{}.add(1, {11, 13}, {lower}).add(2, {12}, {upper}).assignments());
    CHECK(table->on_moved(slot{7}, 1, 13) == moved_effect::shard_moved);
    CHECK(table->primary_of(slot{0}) == 13);
    CHECK(table->primary_of(slot{8191}) == 13);
    CHECK(table->primary_of(slot{8192}) == 2);
    CHECK(replicas_of(*table, slot{0}) == numbers{11, 1});
    // The same from the next thousand commands that were on their way changes nothing.
    CHECK(table->on_moved(slot{8}, 1, 13) == moved_effect::ignored);
    // A refresh that says the same stores nothing but the order of the replicas.
    CHECK(table->publish(layout{}.add(13, {11, 1}, {lower}).add(2, {12}, {upper}).assignments()).unchanged());
    // A replica of another shard is not a failover.
    CHECK(table->on_moved(slot{0}, 13, 12) == moved_effect::slot_patched);
    CHECK(table->primary_of(slot{1}) == 13);
}

TEST_CASE("a failover takes in the slots that MOVED gave to the new primary before", "[slot_table]") {
    auto const table = make_table(3);
    table->publish(layout{}.add(1, {11}, {lower}).add(2, {12}, {upper}).assignments());
    REQUIRE(table->learn_moved(slot{7}, 1, 11));
    REQUIRE(table->shard_number_of(slot{7}) != table->shard_number_of(slot{8}));
    CHECK(table->move_shard(1, 11));
    CHECK(table->shard_number_of(slot{7}) == table->shard_number_of(slot{8}));
    CHECK(table->primary_of(slot{7}) == 11);
    CHECK(replicas_of(*table, slot{7}) == numbers{1});
    // The record of the one slot is free again.
    CHECK(table->learn_moved(slot{9}, 11, 50));
    CHECK_FALSE(table->move_shard(1, 11));
    CHECK_FALSE(table->move_shard(77, 11));
    CHECK_FALSE(table->move_shard(11, 11));
}

TEST_CASE("any row of changes leaves what a plain map would hold", "[slot_table]") {
    for (unsigned seed = 0; seed < 30; ++seed) {
        std::mt19937 random{seed};
        auto const pick = [&](unsigned below) { return static_cast<std::uint16_t>(random() % below); };
        auto const table = make_table(40);
        std::array<std::uint16_t, 16> owner;  // Of each sixteenth of the slots.
        owner.fill(no_node);
        std::map<std::uint16_t, numbers> replicas;
        auto const at = [](std::size_t part) { return slot{static_cast<std::uint16_t>(part * 1024)}; };

        for (int turn = 0; turn < 60; ++turn) {
            INFO("seed " << seed << " turn " << turn);
            if (turn == 0 || pick(4) == 0) {
                layout now;
                replicas.clear();
                for (auto& one : owner) one = pick(8) == 0 ? no_node : pick(12);
                for (std::uint16_t node = 0; node < 12; ++node) {
                    ranges mine;
                    for (std::uint16_t part = 0; part < 16; ++part) {
                        if (owner[part] == node)
                            mine.push_back({at(part), slot{static_cast<std::uint16_t>(part * 1024 + 1023)}});
                    }
                    for (unsigned count = pick(4); count > 0; --count)
                        replicas[node].push_back(static_cast<std::uint16_t>(20 + node * 4 + count));
                    now.add(node, replicas[node], mine);
                }
                REQUIRE(table->publish(now.assignments()).shards_dropped == 0);
                REQUIRE(table->publish(now.assignments()).unchanged());
            } else {
                // A failover of one shard.
                std::uint16_t const from = owner[pick(16)];
                if (from == no_node || replicas[from].empty()) continue;
                std::uint16_t const to = replicas[from].front();
                numbers rest{replicas[from].begin() + 1, replicas[from].end()};
                rest.push_back(from);
                REQUIRE(table->move_shard(from, to));
                for (auto& one : owner) one = one == from ? to : one;
                replicas[to] = rest;
            }
            for (std::size_t part = 0; part < 16; ++part) {
                REQUIRE(table->primary_of(at(part)) == owner[part]);
                REQUIRE(table->primary_of(slot{static_cast<std::uint16_t>(part * 1024 + 1023)}) ==
                        owner[part]);
                REQUIRE(replicas_of(*table, at(part)) ==
                        (owner[part] == no_node ? numbers{} : replicas[owner[part]]));
            }
        }
    }
}
