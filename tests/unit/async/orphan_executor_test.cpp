// Tests of async/orphan_executor.hpp: what runs at once, what runs on another thread, and what
// any_io_executor makes of it.
#include <umbel/async/orphan_executor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/dispatch.hpp>
#include <asio/post.hpp>
#include <asio/system_executor.hpp>

#include <future>
#include <thread>

using umbel::async::orphan_executor;

static_assert(asio::execution::is_executor<orphan_executor>::value);

TEST_CASE("what is dispatched where orphans run is run at once; what is posted, by another thread",
          "[executors]") {
    asio::any_io_executor const fresh = orphan_executor{};
    asio::any_io_executor const posts = asio::require(fresh, asio::execution::blocking.never);
    for (asio::any_io_executor const& orphans :
         {fresh, asio::prefer(posts, asio::execution::blocking.possibly)}) {
        bool ran = false;
        asio::dispatch(orphans, [&] { ran = true; });
        CHECK(ran);
        std::promise<std::thread::id> there;
        asio::post(orphans, [&] { there.set_value(std::this_thread::get_id()); });
        CHECK(there.get_future().get() != std::this_thread::get_id());
    }
}

TEST_CASE("an executor of orphans differs only by whether it may run a function at once", "[executors]") {
    asio::any_io_executor const orphans = orphan_executor{};
    CHECK(asio::query(orphan_executor{}, asio::execution::blocking) == asio::execution::blocking.possibly);
    CHECK(asio::require(orphans, asio::execution::blocking.never) != orphans);
    CHECK(asio::prefer(orphans, asio::execution::outstanding_work.tracked) == orphans);
    CHECK(&asio::query(orphans, asio::execution::context) ==
          &asio::query(asio::system_executor{}, asio::execution::context));
}
