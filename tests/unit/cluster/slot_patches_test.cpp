#include <umbel/cluster/slot_patches.hpp>

#include <umbel/cluster/slot_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel::cluster;

namespace {

constexpr std::uint16_t a = 0, b = 1, c = 2, a_reads = 3, stranger = 9;

/// Two shards: `a` with a replica has the lower half, `b` the upper.
topology halves() {
    topology told;
    for (std::uint16_t port = 1; port <= 4; ++port) {
        node_info one;
        one.address = {"10.0.0.1", port};
        told.nodes.push_back(one);
    }
    told.shards = {shard{{slot_range{slot{0}, slot{8191}}}, a, {a_reads}, 0},
                   shard{{slot_range{slot{8192}, slot{16383}}}, b, {}, 0}};
    return told;
}
std::vector<std::uint16_t> const numbers{a, b, c, a_reads};

/// What the table says once `told`, asked for at `asked_at`, is published.
struct published {
    slot_table table{64};
    published(slot_patches const& patches, std::uint64_t asked_at, topology const& told = halves()) {
        patched_assignments const made{told, numbers, patches, asked_at};
        table.publish(made.all());
    }
    std::uint16_t operator[](unsigned at) const {
        return table.primary_of(slot{static_cast<std::uint16_t>(at)});
    }
};

}  // namespace

TEST_CASE("an answer that was asked for before a MOVED does not take that slot back", "[slot_patches]") {
    slot_patches patches;
    auto const before = patches.now();
    patches.note(slot{100}, a, c, false);
    patches.note(slot{200}, a, stranger, false);
    published const older{patches, before};
    CHECK(older[100] == c);
    CHECK(older[200] == stranger);
    CHECK(older[101] == a);
    CHECK(older[9000] == b);
    CHECK(patches.any_after(before));
    published const newer{patches, patches.now()};
    CHECK(newer[100] == a);
    CHECK(newer[200] == a);
    CHECK_FALSE(patches.any_after(patches.now()));
}

TEST_CASE("only what is newer than an answer stands above it", "[slot_patches]") {
    slot_patches patches;
    patches.note(slot{100}, a, c, false);
    auto const between = patches.now();
    patches.note(slot{200}, a, c, false);
    published const told{patches, between};
    CHECK(told[100] == a);
    CHECK(told[200] == c);
    // The same slot again: the later one counts.
    patches.note(slot{100}, c, b, false);
    published const again{patches, between};
    CHECK(again[100] == b);
}

TEST_CASE("a patch joins the shard of a primary that the answer knows", "[slot_patches]") {
    slot_patches patches;
    patches.note(slot{9000}, b, a, false);
    published const told{patches, 0};
    CHECK(told[9000] == a);
    CHECK(told.table.replica_of(slot{9000}, 0) == a_reads);
}

TEST_CASE("a replica that has taken over a whole shard keeps it", "[slot_patches]") {
    slot_patches patches;
    patches.note(slot{100}, a, a_reads, true);
    published const told{patches, 0};
    for (unsigned at : {0u, 100u, 8191u}) CHECK(told[at] == a_reads);
    CHECK(told[8192] == b);
    CHECK(told.table.replica_of(slot{0}, 0) == a);
    // An answer that knows it already, or knows of no such replica.
    topology knows = halves();
    knows.shards[0].primary = a_reads;
    knows.shards[0].replicas = {a};
    published const same{patches, 0, knows};
    CHECK(same[0] == a_reads);
    CHECK(same.table.replica_of(slot{100}, 0) == a);
    topology alone = halves();
    alone.shards[0].replicas.clear();
    published const other{patches, 0, alone};
    CHECK(other[100] == a_reads);
    CHECK(other[101] == a);
}

TEST_CASE("an answer settles every patch that it can know", "[slot_patches]") {
    slot_patches patches;
    patches.note(slot{1}, a, c, false);
    auto const asked = patches.now();
    patches.note(slot{2}, a, stranger, false);
    patches.settle(asked);
    std::vector<std::uint16_t> targets;
    patches.each_target([&](std::uint16_t one) { targets.push_back(one); });
    CHECK(targets == std::vector<std::uint16_t>{stranger});
    CHECK(patches.any_after(asked));
    patches.settle(patches.now());
    CHECK_FALSE(patches.any_after(0));
}
