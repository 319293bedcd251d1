#include <umbel/cluster/slot_table.hpp>
#include <umbel/cluster/slot_table_reader.hpp>

#include "model_atomic.hpp"
#include "slot_table_layout.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

using namespace umbel::cluster;
using umbel::test::explorer;
using umbel::test::model_atomic;

namespace {

using model_table = umbel::test::probed_table<model_atomic>;

constexpr std::size_t watched = 4;  // Slots 0 to 3 are read; all others go with slot 3.

// What one published state says of a slot: its primary, then its replicas.
struct said {
    std::uint16_t primary = no_node;
    std::vector<std::uint16_t> replicas;
    friend auto operator<=>(said const&, said const&) = default;
};
using state = std::array<said, watched>;

// A model table, and every pair that was ever published by it.
struct history {
    explicit history(std::uint16_t shards_max, bool acquire_counts = true) {
        explorer::current().start_writing(acquire_counts);
        table = std::make_unique<model_table>(shards_max);
    }

    void publish(state const& now) {
        std::vector<said> shards;
        std::vector<std::vector<slot_range>> ranges;
        for (std::uint16_t at = 0; at < watched; ++at) {
            auto const found = std::find(shards.begin(), shards.end(), now[at]);
            auto const index = static_cast<std::size_t>(found - shards.begin());
            if (found == shards.end()) {
                shards.push_back(now[at]);
                ranges.emplace_back();
            }
            ranges[index].push_back(
                {slot{at}, slot{static_cast<std::uint16_t>(at + 1 == watched ? 16383 : at)}});
        }
        std::vector<shard_assignment> assignments;
        for (std::size_t index = 0; index < shards.size(); ++index) {
            if (shards[index].primary == no_node) continue;
            assignments.push_back({shards[index].primary, shards[index].replicas, ranges[index]});
        }
        publish_summary const summary = table->publish(assignments);
        REQUIRE(summary.shards_dropped == 0);
        for (std::size_t at = 0; at < watched; ++at) published[at].insert(now[at]);
    }

    bool knows_primary(std::size_t at, std::uint16_t node) const {
        return std::any_of(published[at].begin(), published[at].end(),
                           [&](said const& one) { return one.primary == node; });
    }
    bool knows_replicas(std::size_t at, std::span<std::uint16_t const> seen) const {
        return std::any_of(published[at].begin(), published[at].end(), [&](said const& one) {
            return std::equal(one.replicas.begin(), one.replicas.end(), seen.begin(), seen.end());
        });
    }

    std::unique_ptr<model_table> table;
    std::array<std::set<said>, watched> published;
};

constexpr std::uint16_t a = 1, b = 2, c = 3, d = 4;

// Slot 0 goes from a to b and back, then slot 1 goes to c and back, then slot 0 to d and back: with two
// records, b, c and d stand in the same one, and slot 0 has never been c's.
void recycle_one_record(history& all) {
    state const backend{said{a, {}}, {a, {}}, {a, {}}, {a, {}}};
    auto const with = [&](std::size_t at, said one) {
        state made = backend;
        made[at] = std::move(one);
        return made;
    };
    all.publish(backend);
    explorer::current().reader_starts_here();
    all.publish(with(0, {b, {11}}));
    all.publish(backend);
    all.publish(with(1, {c, {12}}));
    all.publish(backend);
    all.publish(with(0, {d, {13}}));
    all.publish(backend);
}

template <class Read>
std::size_t count_wrong(history const& all, std::size_t at, Read read) {
    std::size_t wrong = 0;
    explorer::current().explore([&] {
        if (!all.knows_primary(at, read(slot{static_cast<std::uint16_t>(at)}))) ++wrong;
    });
    return wrong;
}

}  // namespace

TEST_CASE(
    "model check: a reader never returns a pair that was not published, although records are used again",
    "[slot_table]") {
    history all{2};
    recycle_one_record(all);
    for (std::size_t at = 0; at < watched; ++at) {
        CHECK(count_wrong(all, at, [&](slot slot) { return all.table->primary_of(slot); }) == 0);
    }
}

TEST_CASE("model check, control: without validation a recycled record is caught", "[slot_table]") {
    history all{2};
    recycle_one_record(all);
    CHECK(count_wrong(all, 0, [&](slot slot) {
              std::uint16_t const shard = all.table->shard_number_of(slot);
              return shard == no_shard ? no_node : all.table->primary_of_shard(shard);
          }) > 0);
}

TEST_CASE("model check, control: looking at the entry twice is not enough", "[slot_table]") {
    history all{2};
    recycle_one_record(all);
    // The entry names the same record again by then: only the version tells.
    CHECK(count_wrong(all, 0, [&](slot slot) {
              std::uint16_t const shard = all.table->shard_number_of(slot);
              std::uint16_t const node = all.table->primary_of_shard(shard);
              return all.table->shard_number_of(slot) == shard ? node : a;
          }) > 0);
}

TEST_CASE("model check, control: with relaxed loads the validation is caught", "[slot_table]") {
    history all{2, false};
    recycle_one_record(all);
    CHECK(count_wrong(all, 0, [&](slot slot) { return all.table->primary_of(slot); }) > 0);
}

TEST_CASE("model check: replicas are those of one published shard, all of them", "[slot_table]") {
    history all{5};
    state const first{said{a, {10, 11}}, {a, {10, 11}}, {b, {20}}, {b, {20}}};
    state const second{said{a, {11, 12}}, {b, {20}}, {b, {20}}, {c, {10}}};
    state const third{said{b, {}}, {b, {}}, {b, {}}, {c, {10, 12}}};
    all.publish(first);
    explorer::current().reader_starts_here();
    all.publish(second);
    all.publish(third);
    for (std::size_t at = 0; at < watched; ++at) {
        std::size_t wrong = 0;
        explorer::current().explore([&] {
            std::array<std::uint16_t, 16> seen{};
            std::size_t const count = all.table->replicas_of(slot{static_cast<std::uint16_t>(at)}, seen);
            if (!all.knows_replicas(at, std::span{seen}.first(count))) ++wrong;
        });
        CHECK(wrong == 0);
    }
}

TEST_CASE("model check: a replica in turn belongs to a published shard of the slot", "[slot_table]") {
    history all{5};
    all.publish({said{a, {10, 11}}, {a, {10, 11}}, {a, {10, 11}}, {b, {20, 21}}});
    explorer::current().reader_starts_here();
    all.publish({said{b, {20, 21}}, {a, {11}}, {c, {10}}, {b, {20, 21}}});
    all.publish({said{b, {20}}, {b, {20}}, {c, {30}}, {a, {10}}});
    for (std::uint32_t turn = 0; turn < 3; ++turn) {
        for (std::size_t at = 0; at < watched; ++at) {
            std::size_t wrong = 0;
            explorer::current().explore([&] {
                std::uint16_t const seen = all.table->replica_of(slot{static_cast<std::uint16_t>(at)}, turn);
                // Every shard that is published here has a replica, so that "none" is wrong, too.
                bool const known =
                    std::any_of(all.published[at].begin(), all.published[at].end(), [&](said const& one) {
                        return std::find(one.replicas.begin(), one.replicas.end(), seen) !=
                               one.replicas.end();
                    });
                if (!known) ++wrong;
            });
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("model check: random topologies, few records, every reader", "[slot_table]") {
    for (unsigned seed = 0; seed < 40; ++seed) {
        std::mt19937 random{seed};
        history all{static_cast<std::uint16_t>(8)};
        for (int turn = 0; turn < 3; ++turn) {
            state now;
            // Within one state a primary has one set of replicas.
            std::array<std::vector<std::uint16_t>, 4> replicas;
            for (auto& list : replicas) {
                for (std::uint16_t one = 10; one < 12; ++one) {
                    if (random() % 2 == 0) list.push_back(one);
                }
            }
            for (auto& one : now) {
                std::uint16_t const primary = static_cast<std::uint16_t>(random() % 4);
                one = {primary, replicas[primary]};
            }
            all.publish(now);
            if (turn == 0) explorer::current().reader_starts_here();
        }
        for (std::size_t at = 0; at < watched; ++at) {
            INFO("seed " << seed << " slot " << at);
            CHECK(count_wrong(all, at, [&](slot slot) { return all.table->primary_of(slot); }) == 0);
            std::size_t wrong = 0;
            explorer::current().explore([&] {
                std::array<std::uint16_t, 16> seen{};
                std::size_t const count = all.table->replicas_of(slot{static_cast<std::uint16_t>(at)}, seen);
                if (!all.knows_replicas(at, std::span{seen}.first(count))) ++wrong;
            });
            CHECK(wrong == 0);
        }
    }
}

TEST_CASE("model check: MOVED and failover show only what was there before or after", "[slot_table]") {
    history all{4};
    all.publish({said{a, {10}}, {a, {10}}, {b, {}}, {b, {}}});
    explorer::current().reader_starts_here();
    REQUIRE(all.table->on_moved(slot{0}, a, c) == moved_effect::slot_patched);
    all.published[0].insert(said{c, {}});
    REQUIRE(all.table->on_moved(slot{1}, a, 10) == moved_effect::shard_moved);
    all.published[1].insert(said{10, {a}});
    REQUIRE(all.table->learn_moved(slot{2}, b, d));
    all.published[2].insert(said{d, {}});
    for (std::size_t at = 0; at < watched; ++at) {
        CHECK(count_wrong(all, at, [&](slot slot) { return all.table->primary_of(slot); }) == 0);
    }
}
