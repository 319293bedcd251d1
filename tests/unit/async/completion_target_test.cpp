// completion_target_test: the table of completion_target.hpp, row by row: affinity, work guard and context of
// a call, by the executor of its handler and the contexts of its client.
#include "support/lone_handle.hpp"

#include <umbel/async/completion_target.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/system_executor.hpp>
#include <asio/thread_pool.hpp>

#include <cstddef>
#include <functional>
#include <memory>

using namespace umbel;
using async::affinity;
using async::any_target;
using async::completion_target;
using async::contexts;
using async::pooled_call;
using async::work_guard_kind;

namespace {

/// A call that has begun, and room for its work guard.
struct begun_call {
    pooled_call& call = *support::take_lone_call();
    alignas(std::max_align_t) std::byte guard[sizeof(asio::any_io_executor)];

    template <class Executor>
    begun_call(Executor const& executor, contexts const* client) {
        completion_target<Executor>::choose(call, executor, client, guard);
    }
    begun_call(begun_call const&) = delete;
    begun_call& operator=(begun_call const&) = delete;
    ~begun_call() {
        release();
        async::pool::recycle(&call);
    }
    void release() {
        if (call.work != work_guard_kind::none) any_target::release_work(call, guard);
    }
};

}  // namespace

TEST_CASE("the client's own context is recognised behind a type-erased executor; a strand is not the context",
          "[completion_target]") {
    asio::io_context client{1};
    asio::io_context other{1};
    asio::any_io_executor const own = client.get_executor();
    CHECK(any_target::runs_anywhere_on(own, &client));
    CHECK_FALSE(any_target::runs_anywhere_on(own, &other));
    CHECK_FALSE(any_target::runs_anywhere_on(own, nullptr));
    asio::any_io_executor const strand = asio::make_strand(client);
    CHECK_FALSE(any_target::runs_anywhere_on(strand, &client));
    CHECK(any_target::belongs_to(strand, &client));
    CHECK_FALSE(any_target::belongs_to(strand, &other));
    CHECK_FALSE(any_target::runs_here(strand));
    bool here = false;
    asio::post(strand, [&] { here = any_target::runs_here(strand) && any_target::runs_here(own); });
    client.run();
    CHECK(here);
}

TEST_CASE("a handler without an executor completes anywhere and holds nothing", "[completion_target]") {
    asio::io_context io{1};
    contexts const client{{io.get_executor()}};
    begun_call const begun{async::client_executor{}, &client};
    CHECK(begun.call.affinity == affinity::anywhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::none);
}

TEST_CASE("a handler on the client's only io_context completes anywhere and holds nothing",
          "[completion_target]") {
    asio::io_context io{1};
    contexts const client{{io.get_executor()}};
    begun_call const typed{io.get_executor(), &client};
    CHECK(typed.call.affinity == affinity::anywhere);
    CHECK(work_guard_kind{typed.call.work} == work_guard_kind::none);
    begun_call const erased{asio::any_io_executor{io.get_executor()}, &client};
    CHECK(erased.call.affinity == affinity::anywhere);
    CHECK(work_guard_kind{erased.call.work} == work_guard_kind::none);
}

TEST_CASE("a handler in a strand on the client's only context completes there; the client keeps it busy",
          "[completion_target]") {
    asio::io_context io{1};
    contexts const client{{io.get_executor()}};
    begun_call const begun{asio::any_io_executor{asio::make_strand(io)}, &client};
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::none);
}

TEST_CASE("another io_context is kept busy until the work guard is released", "[completion_target]") {
    asio::io_context io{1};
    asio::io_context other{1};
    contexts const client{{io.get_executor()}};
    begun_call begun{asio::any_io_executor{other.get_executor()}, &client};
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::io_context);
    other.poll();
    CHECK_FALSE(other.stopped());
    begun.release();
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::none);
    other.poll();
    CHECK(other.stopped());
}

TEST_CASE("a settled call goes to another io_context in its own memory, and its work guard ends with that",
          "[completion_target]") {
    static pooled_call* arrived = nullptr;
    engine::call_kind kind{};
    kind.complete = [](engine::call& call) { arrived = static_cast<pooled_call*>(&call); };
    asio::io_context io{1};
    asio::io_context other{1};
    contexts const client{{io.get_executor()}};
    begun_call begun{asio::any_io_executor{other.get_executor()}, &client};
    begun.call.kind = &kind;
    async::post_to(other.get_executor(), begun.call, begun.guard);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::none);
    CHECK(arrived == nullptr);
    CHECK_FALSE(other.stopped());
    other.poll();
    CHECK(arrived == &begun.call);
    CHECK(other.stopped());
}

TEST_CASE("a call that is on its way to an io_context is dropped with it", "[completion_target]") {
    static int dropped = 0;
    engine::call_kind kind{};
    kind.drop = [](engine::call&) noexcept { ++dropped; };
    asio::io_context io{1};
    auto other = std::make_unique<asio::io_context>(1);
    contexts const client{{io.get_executor()}};
    begun_call begun{other->get_executor(), &client};
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::io_context);
    begun.call.kind = &kind;
    async::post_to(other->get_executor(), begun.call, begun.guard);
    CHECK(dropped == 0);
    other.reset();
    CHECK(dropped == 1);
}

TEST_CASE("memory of a call that does not suffice comes from the heap", "[completion_target]") {
    asio::io_context io{1};
    contexts const client{{io.get_executor()}};
    begun_call begun{async::client_executor{}, &client};
    async::memory_of_call<std::byte> memory{begun.call};
    auto const inside = [&](std::byte const* at) {
        auto const* const from = reinterpret_cast<std::byte const*>(&begun.call);
        return std::greater_equal<>{}(at, from) && std::less<>{}(at, from + sizeof begun.call);
    };
    constexpr std::size_t room = pooled_call::inline_bytes - pooled_call::result_bytes;
    for (std::size_t const size : {std::size_t{1}, room, room + 1}) {
        std::byte* const given = memory.allocate(size);
        CHECK(inside(given) == (size <= room));
        memory.deallocate(given, size);
    }
}

TEST_CASE("any other executor is held by a guard of its own type", "[completion_target]") {
    asio::io_context io{1};
    asio::thread_pool pool{1};
    contexts const client{{io.get_executor()}};
    begun_call const begun{asio::any_io_executor{pool.get_executor()}, &client};
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::executor);
}

TEST_CASE(
    "of several contexts a call travels on that of its handler, which holds nothing until the call leaves",
    "[completion_target]") {
    asio::io_context first{1};
    asio::io_context second{1};
    contexts const client{{first.get_executor(), second.get_executor()}};
    begun_call begun{asio::any_io_executor{second.get_executor()}, &client};
    CHECK(begun.call.link.context == 1);
    CHECK(begun.call.affinity == affinity::on_context);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::none);
    async::leave_context(begun.call, second);
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::left_context);
    second.poll();
    CHECK_FALSE(second.stopped());
    begun.release();
    second.poll();
    CHECK(second.stopped());
}

TEST_CASE("of several contexts a call from a foreign one has a fixed context, and holds its handler's",
          "[completion_target]") {
    asio::io_context first{1};
    asio::io_context second{1};
    asio::io_context foreign{1};
    contexts const client{{first.get_executor(), second.get_executor()}};
    begun_call const begun{asio::any_io_executor{foreign.get_executor()}, &client};
    begun_call const again{asio::any_io_executor{foreign.get_executor()}, &client};
    CHECK(begun.call.link.context == again.call.link.context);
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::io_context);
}

TEST_CASE("a call whose client has gone is held where its handler runs", "[completion_target]") {
    asio::io_context io{1};
    begun_call const begun{asio::any_io_executor{io.get_executor()}, nullptr};
    CHECK(begun.call.affinity == affinity::elsewhere);
    CHECK(work_guard_kind{begun.call.work} == work_guard_kind::io_context);
}
