// The slot table read at full speed while it changes; with UMBEL_LONG set, 10^8 reads beside 10^5 changes,
// and beside 5,000 topologies. Clean under the thread sanitizer.
#include "slot_table_layout.hpp"

#include <umbel/cluster/slot_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

using namespace umbel::test;

namespace {

// Four shards on a ring of slots that turns by a thousand with every version, so that a pair taken from two
// versions shows.
constexpr std::uint32_t ring_shards = 4;
constexpr std::uint32_t ring_shard_of(std::uint32_t at, std::uint32_t version) {
    return (at + version * 1000) % slot_count * ring_shards / slot_count;
}

layout in_flight_queue(std::uint32_t version, std::uint16_t first_number) {
    std::array<ranges, ring_shards> where;
    for (std::uint16_t at = 0; at < slot_count; ++at) {
        auto& mine = where[ring_shard_of(at, version)];
        if (!mine.empty() && mine.back().last.value() + 1 == at) {
            mine.back().last = slot{at};
        } else {
            mine.push_back({slot{at}, slot{at}});
        }
    }
    layout made;
    for (std::uint16_t index = 0; index < ring_shards; ++index) {
        // The replicas of a shard tell their primary, and so their version.
        auto const primary = static_cast<std::uint16_t>(first_number + index);
        made.add(primary,
                 {static_cast<std::uint16_t>(primary + 30000), static_cast<std::uint16_t>(primary + 31000)},
                 std::move(where[index]));
    }
    return made;
}

bool long_form() { return std::getenv("UMBEL_LONG") != nullptr; }

// Readers at full speed beside one writer; `belongs(slot, node)` says whether that pair was ever published.
// Returns wrong answers.
template <class Write, class Belongs>
std::uint64_t stress(slot_table& table, Write write, Belongs belongs) {
    std::atomic<bool> done{false};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> reads{0};
    std::uint64_t const each_at_least = long_form() ? 50'000'000 : 10'000;
    auto const reader = [&](std::uint32_t at) {
        std::uint64_t mine = 0;
        std::uint64_t bad = 0;
        std::array<std::uint16_t, slot_table::replicas_max> seen{};
        while (!done.load(std::memory_order_acquire) || mine < each_at_least) {
            at = (at * 5 + 12345) % slot_count;
            slot const slot{static_cast<std::uint16_t>(at)};
            std::uint16_t const primary = table.primary_of(slot);
            if (!belongs(at, primary)) ++bad;
            std::size_t const count = table.replicas_of(slot, seen);
            if (count != 2 || seen[1] != seen[0] + 1000 ||
                !belongs(at, static_cast<std::uint16_t>(seen[0] - 30000)))
                ++bad;
            std::uint16_t const next = table.replica_of(slot, at);
            if (next == no_node ||
                !belongs(at, static_cast<std::uint16_t>(next - (at % 2 == 0 ? 30000 : 31000))))
                ++bad;
            ++mine;
        }
        wrong += bad;
        reads += mine;
    };
    std::thread first{reader, 1u};
    std::thread second{reader, 7777u};
    write();
    done.store(true, std::memory_order_release);
    first.join();
    second.join();
    CHECK(reads >= 2 * each_at_least);
    return wrong;
}

}  // namespace

TEST_CASE("stress: every answer was published while topologies change", "[slot_table][stress]") {
    auto const table = make_table();
    std::vector<layout> turns;
    for (std::uint32_t version = 0; version < 8; ++version)
        turns.push_back(in_flight_queue(version, static_cast<std::uint16_t>(version * ring_shards)));
    table->publish(turns[0].assignments());
    int const turns_due = long_form() ? 5'000 : 200;
    auto const wrong = stress(
        *table,
        [&] {
            for (int turn = 1; turn < turns_due; ++turn)
                table->publish(turns[static_cast<std::size_t>(turn) % turns.size()].assignments());
        },
        [](std::uint32_t at, std::uint16_t node) {
            return node < 8 * ring_shards && ring_shard_of(at, node / ring_shards) == node % ring_shards;
        });
    CHECK(wrong == 0);
}

TEST_CASE("stress: every answer was published while nodes are ever new and records are used again",
          "[slot_table][stress]") {
    // Room for two generations of shards only, so that every publication writes over the records of the last
    // but one.
    auto const table = make_table(2 * ring_shards);
    table->publish(in_flight_queue(0, 0).assignments());
    constexpr std::uint32_t versions = 160;
    auto const wrong = stress(
        *table,
        [&] {
            for (std::uint32_t version = 1; version < versions; ++version) {
                CHECK(
                    table
                        ->publish(in_flight_queue(version, static_cast<std::uint16_t>(version * ring_shards))
                                      .assignments())
                        .shards_dropped == 0);
            }
        },
        [](std::uint32_t at, std::uint16_t node) {
            return node < versions * ring_shards &&
                   ring_shard_of(at, node / ring_shards) == node % ring_shards;
        });
    CHECK(wrong == 0);
}

TEST_CASE("stress: every answer was published while MOVED and failovers change single slots and whole shards",
          "[slot_table][stress]") {
    auto const table = make_table();
    // Shard k has the primary k and the replicas k + 30000 and k + 31000; what changes is which k serves a
    // slot.
    auto const backend = in_flight_queue(0, 0);
    auto const away = in_flight_queue(0, 4);
    table->publish(backend.assignments());
    auto const wrong = stress(
        *table,
        [&] {
            std::uint16_t at = 0;
            for (int turn = 0; turn < (long_form() ? 200 : 15); ++turn) {
                table->publish(away.assignments());
                table->publish(backend.assignments());
                for (int patch = 0; patch < 500; ++patch) {
                    at = static_cast<std::uint16_t>((at + 1) % slot_count);
                    auto const from = table->primary_of(slot{at});
                    table->learn_moved(slot{at}, from, static_cast<std::uint16_t>((from + 1) % ring_shards));
                }
            }
        },
        [](std::uint32_t at, std::uint16_t node) {
            std::uint32_t const shard = ring_shard_of(at, 0);
            return node == shard + 4 || node == shard ||
                   (node < ring_shards && node == (shard + 1) % ring_shards);
        });
    CHECK(wrong == 0);
}
