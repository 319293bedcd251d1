// Tests of async::pool: calls are recycled clean, per thread and within bounds.
#include "support/lone_handle.hpp"

#include <umbel/async/call_pool.hpp>
#include <umbel/engine/in_flight_queue.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <thread>
#include <vector>

using umbel::async::pooled_call;
namespace pool = umbel::async::pool;
using umbel::engine::call;

TEST_CASE("a call that was given back is the next that is taken, as if new", "[pool]") {
    pooled_call* const first = support::take_lone_call();
    first->slot = umbel::cluster::slot{77};
    first->form.asking = true;
    first->issued_by = umbel::engine::issuer::engine;
    first->only_waits = true;
    first->redirects = 3;
    first->retries = 4;
    first->at = call::stage::done;
    first->link = {6, umbel::engine::link_mode::primary};
    first->accepted = umbel::engine::instant{99};
    first->launch = umbel::async::launch_kind::ready;
    first->make_retry_state()->message = "an old story";
    first->borrowed = new umbel::engine::borrowed_piece[2]{};
    pool::recycle(first);
    pooled_call* const again = support::take_lone_call();
    REQUIRE(again == first);
    CHECK_FALSE(again->form.asking);
    CHECK_FALSE(again->is_internal());
    CHECK_FALSE(again->only_waits);
    CHECK(again->tries() == 0);
    CHECK((again->at == call::stage::fresh));
    CHECK_FALSE(again->link);
    CHECK_FALSE(again->has_begun());
    CHECK((again->launch == umbel::async::launch_kind::direct));
    CHECK(again->retry == nullptr);
    CHECK(again->borrowed == nullptr);
    CHECK(again->token == nullptr);
    pool::recycle(again);
}

TEST_CASE("small commands stand inside the call, larger ones in a block that stays with it up to a size",
          "[pool]") {
    pooled_call* const call = support::take_lone_call();
    CHECK(call->reserve(pooled_call::inline_bytes) == call->inline_space);
    char* const block = call->reserve(1000);
    CHECK(block != call->inline_space);
    CHECK(call->block_capacity == 1024);
    std::memset(block, 'x', 1000);
    pool::recycle(call);
    pooled_call* const again = support::take_lone_call();
    REQUIRE(again == call);
    CHECK(again->reserve(900) == block);
    std::memset(again->reserve(100'000), 'x', 100'000);
    CHECK(again->block_capacity >= 100'000);
    pool::recycle(again);
    pooled_call* const third = support::take_lone_call();
    REQUIRE(third == call);
    CHECK(third->block_capacity == 0);
    pool::recycle(third);
}

TEST_CASE("a thread keeps a bounded number of calls, and none when it ends", "[pool][threads]") {
    std::thread{[] {
        std::vector<pooled_call*> all;
        for (std::uint32_t i = 0; i < pool::calls_max + 100; ++i) all.push_back(support::take_lone_call());
        for (pooled_call* const call : all) pool::recycle(call);
        CHECK(pool::local.count == pool::calls_max);
    }}.join();
    SUCCEED("the leak checker of the address sanitizer sees to the end of the thread");
}

TEST_CASE("a call may be given back on a thread that never took one, and does not outlive it",
          "[pool][threads]") {
    pooled_call* const call = support::take_lone_call();
    std::thread{[call] {
        pool::recycle(call);
        CHECK(pool::local.count == 1);
        CHECK(support::take_lone_call() == call);
        pool::recycle(call);
    }}.join();
}

TEST_CASE("what is fetched of a call ahead is what its way through a thread touches", "[pool]") {
    CHECK(sizeof(pooled_call) == 576);
    pooled_call* const call = support::take_lone_call();
    auto const line_of = [&](void const* at) {
        return static_cast<std::size_t>(static_cast<char const*>(at) - reinterpret_cast<char const*>(call)) /
               64 * 64;
    };
    auto const fetched = [](std::size_t line) {
        auto const& all = umbel::engine::fetched_lines;
        return std::find(std::begin(all), std::end(all), line) != std::end(all);
    };
    CHECK(fetched(line_of(&call->kind)));
    CHECK(fetched(line_of(&call->link)));
    CHECK(fetched(line_of(call->handler_space)));
    CHECK(fetched(line_of(call->result_space)));
    pool::recycle(call);
}
