// Tests of net::anchor_registry, net::home_of and net::shutdown_service: who is alive, asked by whoever comes
// late.
#include <umbel/net/anchors.hpp>
#include <umbel/net/shutdown.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <vector>

using umbel::net::anchor;
using umbel::net::anchor_registry;
using umbel::net::driver;
using umbel::net::home_of;
using umbel::net::pooled_call;
namespace pool = umbel::net::pool;

namespace {

std::shared_ptr<driver> make_driver(asio::io_context& io) {
    umbel::net::settings chosen;
    return std::make_shared<driver>(std::vector<asio::any_io_executor>{io.get_executor()}, std::move(chosen));
}

struct late_call {
    pooled_call* one = pool::take();
    late_call(anchor& where, std::uint32_t generation) {
        one->owner = &where;
        one->generation = generation;
    }
    late_call(late_call const&) = delete;
    late_call& operator=(late_call const&) = delete;
    ~late_call() { pool::give_back(one); }
};

}  // namespace

TEST_CASE("a call finds its driver as long as the client holds the anchor, and nobody afterwards",
          "[anchors]") {
    asio::io_context io{1};
    auto const home = make_driver(io);
    anchor& where = anchor_registry::moor(*home);
    std::uint32_t const generation = where.generation;
    late_call const mine{where, generation};
    CHECK(home_of(*mine.one) == home.get());
    anchor_registry::leave(where, generation);
    CHECK(home_of(*mine.one) == nullptr);
}

TEST_CASE("an anchor is used again in a new generation, which old calls do not take for their own",
          "[anchors]") {
    asio::io_context io{1};
    auto const first = make_driver(io);
    auto const second = make_driver(io);
    anchor& where = anchor_registry::moor(*first);
    std::uint32_t const old = where.generation;
    late_call const late{where, old};
    anchor_registry::leave(where, old);
    anchor& again = anchor_registry::moor(*second);
    REQUIRE(&again == &where);
    CHECK(again.generation != old);
    CHECK(home_of(*late.one) == nullptr);
    anchor_registry::leave(where, old);
    CHECK(again.home == second.get());
    anchor_registry::leave(again, again.generation);
}

TEST_CASE("a call without an anchor has no home", "[anchors]") {
    pooled_call* const one = pool::take();
    one->owner = nullptr;
    CHECK(home_of(*one) == nullptr);
    pool::give_back(one);
}

TEST_CASE(
    "when a context goes, the drivers it watches destroy what is pending, and those that are gone are no "
    "matter",
    "[anchors]") {
    int dropped = 0;
    struct noted : umbel::engine::call {
        int* count = nullptr;
    } waiting;
    static constexpr umbel::engine::call_kind noting{
        .decode = [](umbel::engine::call&, umbel::resp::view const&) noexcept {},
        .reject = [](umbel::engine::call&, umbel::error&&) noexcept {},
        .complete = [](umbel::engine::call&) {},
        .drop = [](umbel::engine::call& one) noexcept { ++*static_cast<noted&>(one).count; }};
    waiting.kind = &noting;
    waiting.count = &dropped;
    {
        asio::io_context io{1};
        auto& service = asio::use_service<umbel::net::shutdown_service>(io);
        service.watch(make_driver(io));
        auto home = make_driver(io);
        service.watch(home);
        service.watch(home);
        home->start(waiting);
        home.reset();
        CHECK(dropped == 0);
    }
    CHECK(dropped == 1);
}
