#include <umbel/cluster/shard_record.hpp>

#include "model_atomic.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

using namespace umbel::cluster;
using umbel::test::explorer;
using umbel::test::model_atomic;

TEST_CASE("a record's head packs version, number of replicas and primary", "[slot_table]") {
    shard_head const head{12345, 16, 0xabcd};
    CHECK(head.version() == 12345);
    CHECK(head.bank() == 1);
    CHECK(head.replicas() == 16);
    CHECK(head.primary() == 0xabcd);
    CHECK(shard_head{}.primary() == no_node);
    CHECK(shard_head{}.replicas() == 0);
    STATIC_CHECK(sizeof(shard_record<std::atomic>) == 64);
}

TEST_CASE("a record says what was written to it last, under a new version", "[slot_table]") {
    shard_record<std::atomic> record;
    std::uint16_t const replicas[] = {4, 5, 6};
    shard_head const before = record.head(std::memory_order_relaxed);
    record.write(3, replicas);
    shard_head const after = record.head(std::memory_order_relaxed);
    CHECK(after.version() == before.version() + 1);
    CHECK(after.primary() == 3);
    CHECK(after.replicas() == 3);
    CHECK(record.replica(after, 2) == 6);
    CHECK(record.lists(5));
    CHECK_FALSE(record.lists(3));
    CHECK(record.says(3, replicas));
    CHECK_FALSE(record.says(4, replicas));
    CHECK_FALSE(record.says(3, {}));
    record.write(3, {});
    CHECK_FALSE(record.lists(5));
}

TEST_CASE("replicas beyond the bound are left out", "[slot_table]") {
    shard_record<std::atomic> record;
    std::vector<std::uint16_t> many(40);
    for (std::uint16_t index = 0; index < many.size(); ++index)
        many[index] = static_cast<std::uint16_t>(100 + index);
    record.write(1, many);
    CHECK(record.head(std::memory_order_relaxed).replicas() == 14);
    CHECK(record.lists(113));
    CHECK_FALSE(record.lists(114));
    CHECK(record.says(1, many));
}

TEST_CASE("model check: a head that is the same before and after vouches for the replicas read between",
          "[slot_table]") {
    explorer::current().start_writing();
    shard_record<model_atomic> record;
    std::vector<std::vector<std::uint16_t>> const written{{1, 2}, {3, 4}, {}, {2, 1}};
    record.write(9, written[0]);
    explorer::current().reader_starts_here();
    for (std::size_t index = 1; index < written.size(); ++index) record.write(9, written[index]);

    std::size_t wrong = 0;
    std::size_t wrong_unvalidated = 0;
    std::size_t const runs = explorer::current().explore([&] {
        shard_head const head = record.head(std::memory_order_acquire);
        std::vector<std::uint16_t> seen;
        for (std::size_t index = 0; index < head.replicas(); ++index)
            seen.push_back(record.replica(head, index));
        bool const known = std::find(written.begin(), written.end(), seen) != written.end();
        if (!known) ++wrong_unvalidated;
        if (!known && record.head(std::memory_order_relaxed) == head) ++wrong;
    });
    CHECK(runs > 5);
    CHECK(wrong == 0);
    CHECK(wrong_unvalidated > 0);
}
