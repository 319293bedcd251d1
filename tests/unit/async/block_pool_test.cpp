// Tests of async/block_pool.hpp: blocks are used again, a bounded number of each size.
#include <umbel/async/block_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace pool = umbel::async::block_pool;

TEST_CASE("sizes are powers of two from the smallest on", "[memory]") {
    CHECK(pool::size_number(0) == 0);
    CHECK(pool::size_number(1) == 0);
    CHECK(pool::size_number(1024) == 0);
    CHECK(pool::size_number(1025) == 1);
    CHECK(pool::size_number(2048) == 1);
    CHECK(pool::size_number(pool::largest_bytes) == pool::sizes - 1);
    CHECK(pool::size_number(pool::largest_bytes + 1) == pool::sizes);
    CHECK(pool::bytes_of(pool::sizes - 1) == pool::largest_bytes);
}

TEST_CASE("a block is used again for any size of its number", "[memory]") {
    void* const first = pool::take(1500);
    CHECK(reinterpret_cast<std::uintptr_t>(first) % pool::alignment == 0);
    std::memset(first, 1, 2048);
    pool::give_back(first, 1500);
    void* const again = pool::take(2048);
    CHECK(again == first);
    void* const other = pool::take(2000);
    CHECK(other != first);
    pool::give_back(again, 2048);
    pool::give_back(other, 2000);
    pool::give_back(nullptr, 2000);
}

TEST_CASE("what is larger than the largest size, or too much, is freed", "[memory]") {
    void* const large = pool::take(pool::largest_bytes + 1);
    std::memset(large, 1, pool::largest_bytes + 1);
    pool::give_back(large, pool::largest_bytes + 1);
    std::size_t const kept = pool::kept_bytes_max / pool::largest_bytes;
    std::vector<void*> taken;
    for (std::size_t i = 0; i < kept + 3; ++i) taken.push_back(pool::take(pool::largest_bytes));
    for (void* const block : taken) pool::give_back(block, pool::largest_bytes);
    CHECK(pool::local.of_size[pool::sizes - 1].count == kept);
}

TEST_CASE("a block may be given back by another thread, which frees it when it ends", "[memory]") {
    void* const block = pool::take(1000);
    std::thread{[block] {
        pool::give_back(block, 1000);
        CHECK(pool::take(1000) == block);
        pool::give_back(block, 1000);
    }}.join();
}
