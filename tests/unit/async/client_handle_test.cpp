// Tests of net::anchor_registry, net::home_of and net::shutdown_service: who is alive, asked by whoever comes
// late.
#include "support/lone_handle.hpp"

#include <umbel/async/client_handle.hpp>
#include <umbel/net/shutdown.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>

#include <memory>
#include <optional>
#include <vector>

using umbel::async::backend_of;
using umbel::async::client_handle;
using umbel::async::client_handles;
using umbel::async::pooled_call;
using umbel::net::driver;
namespace pool = umbel::async::pool;

namespace {

std::shared_ptr<driver> make_driver(asio::io_context& io) {
    umbel::net::settings chosen;
    return std::make_shared<driver>(std::vector<asio::any_io_executor>{io.get_executor()}, std::move(chosen));
}

struct late_call {
    pooled_call* call = support::take_lone_call();
    late_call(client_handle& where, std::uint32_t generation) {
        call->owner = &where;
        call->generation = generation;
    }
    late_call(late_call const&) = delete;
    late_call& operator=(late_call const&) = delete;
    ~late_call() { pool::recycle(call); }
};

}  // namespace

TEST_CASE("a call finds its driver as long as the client holds the anchor, and nobody afterwards",
          "[client_handle]") {
    asio::io_context io{1};
    auto const backend = make_driver(io);
    client_handle& where = client_handles::acquire(*backend, umbel::async::compiled_boundary);
    std::uint32_t const generation = where.generation;
    late_call const mine{where, generation};
    CHECK(backend_of(*mine.call) == backend.get());
    client_handles::release(where, generation);
    CHECK(backend_of(*mine.call) == nullptr);
}

TEST_CASE("an anchor is used again in a new generation, which old calls do not take for their own",
          "[client_handle]") {
    asio::io_context io{1};
    auto const first = make_driver(io);
    auto const second = make_driver(io);
    client_handle& where = client_handles::acquire(*first, umbel::async::compiled_boundary);
    std::uint32_t const old = where.generation;
    late_call const late{where, old};
    client_handles::release(where, old);
    client_handle& again = client_handles::acquire(*second, umbel::async::compiled_boundary);
    REQUIRE(&again == &where);
    CHECK(again.generation != old);
    CHECK(backend_of(*late.call) == nullptr);
    client_handles::release(where, old);
    CHECK(again.backend == second.get());
    client_handles::release(again, again.generation);
}

TEST_CASE("a call without a client handle has no backend", "[client_handle]") {
    pooled_call* const call = support::take_lone_call();
    call->owner = nullptr;
    CHECK(backend_of(*call) == nullptr);
    call->owner = &support::lone_handle();
    pool::recycle(call);
}

TEST_CASE(
    "when a context goes, the drivers it watches destroy what is pending, and those that are gone are no "
    "matter",
    "[client_handle]") {
    int dropped = 0;
    struct noted : pooled_call {
        int* count = nullptr;
    } waiting;
    static constexpr umbel::engine::call_kind noting{
        .decode = [](umbel::engine::call&, umbel::resp::view const&) noexcept {},
        .fail = [](umbel::engine::call&, umbel::error&&) noexcept {},
        .complete = [](umbel::engine::call&) {},
        .drop = [](umbel::engine::call& call) noexcept { ++*static_cast<noted&>(call).count; }};
    waiting.kind = &noting;
    waiting.count = &dropped;
    {
        asio::io_context io{1};
        auto& service = asio::use_service<umbel::net::shutdown_service>(io);
        service.watch(make_driver(io));
        auto backend = make_driver(io);
        service.watch(backend);
        service.watch(backend);
        backend->start(waiting);
        backend.reset();
        CHECK(dropped == 0);
    }
    CHECK(dropped == 1);
}
