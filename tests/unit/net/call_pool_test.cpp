// Tests of net::pool: calls are recycled clean, per thread and within bounds.
#include <umbel/engine/ring.hpp>
#include <umbel/net/call_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <thread>
#include <vector>

using umbel::net::pooled_call;
namespace pool = umbel::net::pool;
using umbel::engine::call;

TEST_CASE("a call that was given back is the next that is taken, as if new", "[pool]") {
    pooled_call* const first = pool::take();
    first->slot = 77;
    first->asking = true;
    first->internal = true;
    first->only_waits = true;
    first->redirects = 3;
    first->retries = 4;
    first->at = call::stage::done;
    first->link = {6, umbel::engine::link_mode::primary};
    first->accepted = umbel::engine::instant{99};
    first->detour = umbel::net::detour::settled;
    first->journey()->message = "an old story";
    first->borrowed = new umbel::engine::borrowed_piece[2]{};
    pool::give_back(first);
    pooled_call* const again = pool::take();
    REQUIRE(again == first);
    CHECK_FALSE(again->asking);
    CHECK_FALSE(again->internal);
    CHECK_FALSE(again->only_waits);
    CHECK(again->tries() == 0);
    CHECK((again->at == call::stage::fresh));
    CHECK_FALSE(again->link);
    CHECK((again->accepted == umbel::engine::never));
    CHECK((again->detour == umbel::net::detour::none));
    CHECK(again->way == nullptr);
    CHECK(again->borrowed == nullptr);
    CHECK(again->token == nullptr);
    pool::give_back(again);
}

TEST_CASE("small commands stand inside the call, larger ones in a block that stays with it up to a size",
          "[pool]") {
    pooled_call* const one = pool::take();
    CHECK(one->reserve(pooled_call::inline_bytes) == one->inline_space);
    char* const block = one->reserve(1000);
    CHECK(block != one->inline_space);
    CHECK(one->block_capacity == 1024);
    std::memset(block, 'x', 1000);
    pool::give_back(one);
    pooled_call* const again = pool::take();
    REQUIRE(again == one);
    CHECK(again->reserve(900) == block);
    std::memset(again->reserve(100'000), 'x', 100'000);
    CHECK(again->block_capacity >= 100'000);
    pool::give_back(again);
    pooled_call* const third = pool::take();
    REQUIRE(third == one);
    CHECK(third->block_capacity == 0);
    pool::give_back(third);
}

TEST_CASE("a thread keeps a bounded number of calls, and none when it ends", "[pool][threads]") {
    std::thread{[] {
        std::vector<pooled_call*> all;
        for (std::uint32_t i = 0; i < pool::calls_max + 100; ++i) all.push_back(pool::take());
        for (pooled_call* const one : all) pool::give_back(one);
        CHECK(pool::local.count == pool::calls_max);
    }}.join();
    SUCCEED("the leak checker of the address sanitizer sees to the end of the thread");
}

TEST_CASE("a call may be given back on a thread that never took one, and does not outlive it",
          "[pool][threads]") {
    pooled_call* const one = pool::take();
    std::thread{[one] {
        pool::give_back(one);
        CHECK(pool::local.count == 1);
        CHECK(pool::take() == one);
        pool::give_back(one);
    }}.join();
}

TEST_CASE("what is fetched of a call ahead is what its way through a thread touches", "[pool]") {
    CHECK(sizeof(pooled_call) == 576);
    pooled_call* const one = pool::take();
    auto const line_of = [&](void const* at) {
        return static_cast<std::size_t>(static_cast<char const*>(at) - reinterpret_cast<char const*>(one)) /
               64 * 64;
    };
    auto const fetched = [](std::size_t line) {
        auto const& all = umbel::engine::fetched_lines;
        return std::find(std::begin(all), std::end(all), line) != std::end(all);
    };
    CHECK(fetched(line_of(&one->kind)));
    CHECK(fetched(line_of(&one->link)));
    CHECK(fetched(line_of(one->handler_space)));
    CHECK(fetched(line_of(one->result_space)));
    pool::give_back(one);
}
