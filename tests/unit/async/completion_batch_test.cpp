// Tests of net::departures: calls settled in one turn go to their executors together, in their order, each
// exactly once, whatever a handler does.
#include "support/lone_handle.hpp"

#include <umbel/async/completion.hpp>
#include <umbel/async/turn.hpp>
#include <umbel/resp/decode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::result;
using umbel::async::completion_batch;
using umbel::async::handler_slot;
using umbel::async::pooled_call;
using umbel::async::result_slot;
namespace async = umbel::async;

namespace {

/// While it is set, Asio gets no memory on this thread.
[[maybe_unused]] constinit thread_local bool failing = false;

}  // namespace

// Asio asks for the memory of its messages by aligned_alloc; a sanitizer has its own.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CAN_REFUSE_MEMORY
extern "C" {
void* __libc_memalign(std::size_t, std::size_t) noexcept;
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    return failing ? nullptr : __libc_memalign(alignment, bytes);
}
}
#endif

namespace {

/// A thread in the middle of a turn, in which calls are settled.
class serving {
public:
    serving() noexcept { begin_turn(); }
    /// Of a client whose only context is `backend`.
    explicit serving(asio::io_context& backend) : backend_{&backend}, contexts_{{backend.get_executor()}} {
        begin_turn();
    }
    serving(serving const&) = delete;
    serving& operator=(serving const&) = delete;
    ~serving() { end_turn(); }
    void begin_turn() noexcept {
        async::current_turn = {this, umbel::engine::instant{0}, &leaving_, backend_};
    }
    void end_turn() noexcept {
        async::current_turn = {};
        leaving_.send_all();
    }
    bool empty() const noexcept { return leaving_.empty(); }
    void drop_all() noexcept {
        umbel::engine::call_list all;
        leaving_.surrender(all);
        while (umbel::engine::call* const call = all.pop()) call->kind->drop(*call);
    }
    /// A call whose handler runs on `where`, and keeps that busy until then.
    template <class Handler, class Executor = asio::any_io_executor>
    pooled_call& begin(Executor const& where, Handler handler) {
        auto bound = asio::bind_executor(
            where, [told = std::move(handler)](result<std::string> value) { told(*value); });
        pooled_call& call = *support::take_lone_call();
        result_slot<std::string>::prepare(call);
        handler_slot<decltype(bound), std::string>::put(call, std::move(bound),
                                                        backend_ ? &contexts_ : nullptr);
        return call;
    }
    static void settle(pooled_call& call) {
        static constexpr umbel::resp::node text =
            umbel::resp::node::text(umbel::resp::type::bulk_string, 0, 5);
        call.kind->decode(call, umbel::resp::view{&text, "hello"});
        call.kind->complete(call);
    }
    template <class Handler>
    void settle(asio::any_io_executor const& where, Handler handler) {
        settle(begin(where, std::move(handler)));
    }
    /// The same, with a handler that names the io_context's own type of executor.
    template <class Handler>
    void settle_typed(asio::io_context& where, Handler handler) {
        settle(begin(where.get_executor(), std::move(handler)));
    }

private:
    asio::io_context const* const backend_ = nullptr;
    async::contexts contexts_;
    completion_batch leaving_;
};

}  // namespace

TEST_CASE("what is settled in one turn arrives after it, in its order, with few messages",
          "[completion_batch]") {
    asio::io_context other{1};
    serving here;
    std::vector<unsigned> arrived;
    constexpr unsigned count = completion_batch::together_max - 1;
    for (unsigned i = 0; i != count; ++i)
        here.settle(other.get_executor(), [&arrived, i](std::string const&) { arrived.push_back(i); });
    CHECK(other.poll() == 0);
    here.end_turn();
    CHECK(other.poll() == 1);
    REQUIRE(arrived.size() == count);
    for (unsigned i = 0; i != count; ++i) CHECK(arrived[i] == i);
    CHECK(other.stopped());
}

TEST_CASE("an executor of the io_context's own type is gathered for, too", "[completion_batch]") {
    asio::io_context io{1};
    std::vector<int> seen;
    serving here;
    for (int number = 0; number != 5; ++number)
        here.settle_typed(io, [&seen, number](std::string const&) { seen.push_back(number); });
    CHECK_FALSE(here.empty());
    here.end_turn();
    CHECK(here.empty());
    CHECK(io.poll() == 1);
    CHECK(seen == std::vector<int>{0, 1, 2, 3, 4});
}

TEST_CASE("a long turn does not let the others wait for its end", "[completion_batch]") {
    asio::io_context other{1};
    serving here;
    unsigned arrived = 0;
    for (unsigned i = 0; i != completion_batch::together_max; ++i)
        here.settle(other.get_executor(), [&](std::string const&) { ++arrived; });
    other.poll();
    CHECK(arrived == completion_batch::together_max);
}

TEST_CASE("more executors than are told apart: each gets its own, in its order", "[completion_batch]") {
    constexpr unsigned many = completion_batch::places_max * 2 + 1;
    std::deque<asio::io_context> others(many);
    std::vector<std::vector<unsigned>> arrived(many);
    serving here;
    for (unsigned turn = 0; turn != 5; ++turn)
        for (unsigned i = 0; i != many; ++i)
            here.settle(others[i].get_executor(),
                        [&, i, turn](std::string const&) { arrived[i].push_back(turn); });
    here.end_turn();
    for (unsigned i = 0; i != many; ++i) {
        others[i].poll();
        CHECK(arrived[i] == std::vector<unsigned>{0, 1, 2, 3, 4});
    }
}

TEST_CASE("a handler that throws does not keep the others of its message from theirs", "[completion_batch]") {
    asio::io_context other{1};
    serving here;
    std::string arrived;
    for (char const name : {'a', 'b', 'c', 'd'})
        here.settle(other.get_executor(), [&arrived, name](std::string const&) {
            arrived += name;
            if (name == 'b' || name == 'd') throw std::runtime_error{"its own"};
        });
    here.end_turn();
    CHECK_THROWS_AS(other.poll(), std::runtime_error);
    CHECK(arrived == "ab");
    CHECK_THROWS_AS(other.poll(), std::runtime_error);
    CHECK(arrived == "abcd");
    CHECK(other.poll() == 0);
}

TEST_CASE("an executor that goes away takes the handlers that were on their way to it along, uncalled",
          "[completion_batch]") {
    auto const mark = std::make_shared<int>(7);
    bool called = false;
    auto other = std::make_unique<asio::io_context>(1);
    {
        serving here;
        for (int i = 0; i != 3; ++i)
            here.settle(other->get_executor(), [&called, mark](std::string const&) { called = true; });
    }
    CHECK(mark.use_count() == 4);
    other.reset();
    CHECK(mark.use_count() == 1);
    CHECK_FALSE(called);
}

TEST_CASE("an executor that is no io_context is given each call by itself: its threads may share them",
          "[completion_batch][threads]") {
    asio::thread_pool pool{2};
    std::promise<void> second;
    std::future<void> const told = second.get_future();
    std::atomic<bool> met = false;
    serving here;
    here.settle(pool.get_executor(),
                [&](std::string const&) { met = told.wait_for(10s) == std::future_status::ready; });
    here.settle(pool.get_executor(), [&](std::string const&) { second.set_value(); });
    pool.join();
    CHECK(met);
}

TEST_CASE("a strand of the connection's own context runs its handler at once", "[completion_batch]") {
    asio::io_context backend{1};
    bool ran = false;
    asio::post(backend, [&] {
        serving here{backend};
        here.settle(asio::make_strand(backend), [&](std::string const&) { ran = true; });
        CHECK(ran);
    });
    backend.run();
    CHECK(ran);
}

TEST_CASE("a context may end as soon as the last handler on it has run", "[completion_batch][threads]") {
    asio::io_context backend{1};
    for (bool const by_strand : {false, true}) {
        for (int round = 0; round != 50; ++round) {
            serving here{backend};
            auto other = std::make_unique<asio::io_context>(1);
            bool ran = false;
            asio::any_io_executor where =
                by_strand ? asio::any_io_executor{asio::make_strand(*other)} : other->get_executor();
            pooled_call& call = here.begin(where, [&](std::string const&) { ran = true; });
            where = nullptr;
            std::thread runner{[context = std::move(other)]() mutable {
                context->run();
                context.reset();
            }};
            here.settle(call);
            here.end_turn();
            runner.join();
            CHECK(ran);
        }
    }
}

TEST_CASE("what comes from one turn for two contexts leaves in the order of the contexts",
          "[completion_batch]") {
    asio::io_context first{1}, second{1};
    std::string arrived;
    serving here;
    here.settle(first.get_executor(), [&](std::string const&) { arrived += 'a'; });
    here.settle(second.get_executor(), [&](std::string const&) { arrived += 'b'; });
    here.settle(first.get_executor(), [&](std::string const&) { arrived += 'c'; });
    here.end_turn();
    first.poll();
    second.poll();
    CHECK(arrived == "acb");
}

#if defined(CAN_REFUSE_MEMORY)
TEST_CASE("without memory for a message calls stay where they are, and leave with the next turn",
          "[completion_batch]") {
    asio::io_context other{1};
    serving here;
    std::string arrived;
    here.settle(other.get_executor(), [&](std::string const&) { arrived += 'a'; });
    failing = true;
    here.end_turn();
    failing = false;
    CHECK_FALSE(here.empty());
    CHECK(other.poll() == 0);
    here.begin_turn();
    here.settle(other.get_executor(), [&](std::string const&) { arrived += 'b'; });
    here.end_turn();
    CHECK(here.empty());
    other.restart();
    CHECK(other.poll() == 1);
    CHECK(arrived == "ab");
}

TEST_CASE("calls that stay for want of memory are dropped with their connection", "[completion_batch]") {
    asio::io_context other{1};
    auto const mark = std::make_shared<int>(7);
    {
        serving here;
        here.settle(other.get_executor(), [mark](std::string const&) {});
        failing = true;
        here.end_turn();
        failing = false;
        CHECK(mark.use_count() == 2);
        here.drop_all();
    }
    CHECK(mark.use_count() == 1);
    CHECK(other.poll() == 0);
    CHECK(other.stopped());
}
#endif
