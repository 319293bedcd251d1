// Tests of net::departures: calls settled in one turn go to their executors together, in their order, each exactly once, whatever a handler does.
#include <umbel/net/completion.hpp>
#include <umbel/net/turn.hpp>
#include <umbel/resp/decode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/bind_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using umbel::result;
using umbel::net::departures;
using umbel::net::handler_slot;
using umbel::net::pooled_call;
using umbel::net::result_slot;
namespace net = umbel::net;

namespace {

/// A thread in the middle of a turn, in which calls are settled.
class serving {
public:
    serving() noexcept { net::current_turn.leaving = &leaving_; }
    serving(serving const&) = delete;
    serving& operator=(serving const&) = delete;
    ~serving() { end_turn(); }
    void end_turn() noexcept {
        net::current_turn.leaving = nullptr;
        leaving_.send_all();
    }
    /// Settles a call whose handler runs on `where`.
    template <class Handler>
    void settle(asio::any_io_executor const& where, Handler handler) {
        auto bound = asio::bind_executor(where, [told = std::move(handler)](result<std::string> value) { told(*value); });
        pooled_call& one = *net::pool::take();
        result_slot<std::string>::prepare(one);
        handler_slot<decltype(bound), std::string>::put(one, std::move(bound), &home_);
        static constexpr umbel::resp::node text = umbel::resp::node::text(umbel::resp::type::bulk_string, 0, 5);
        one.kind->decode(one, umbel::resp::view{&text, "hello"});
        one.kind->complete(one);
    }

private:
    asio::io_context home_{1};
    departures leaving_;
};

}  // namespace

TEST_CASE("what is settled in one turn arrives after it, in its order, with few messages", "[departures]") {
    asio::io_context other{1};
    serving here;
    std::vector<unsigned> arrived;
    constexpr unsigned count = departures::together_max - 1;
    for (unsigned i = 0; i != count; ++i) here.settle(other.get_executor(), [&arrived, i](std::string const&) { arrived.push_back(i); });
    CHECK(other.poll() == 0);
    here.end_turn();
    CHECK(other.poll() == 1);
    REQUIRE(arrived.size() == count);
    for (unsigned i = 0; i != count; ++i) CHECK(arrived[i] == i);
    CHECK(other.stopped());
}

TEST_CASE("a long turn does not let the others wait for its end", "[departures]") {
    asio::io_context other{1};
    serving here;
    unsigned arrived = 0;
    for (unsigned i = 0; i != departures::together_max; ++i) here.settle(other.get_executor(), [&](std::string const&) { ++arrived; });
    other.poll();
    CHECK(arrived == departures::together_max);
}

TEST_CASE("more executors than are told apart: each gets its own, in its order", "[departures]") {
    constexpr unsigned many = departures::places_max * 2 + 1;
    std::deque<asio::io_context> others(many);
    std::vector<std::vector<unsigned>> arrived(many);
    serving here;
    for (unsigned turn = 0; turn != 5; ++turn)
        for (unsigned i = 0; i != many; ++i)
            here.settle(others[i].get_executor(), [&, i, turn](std::string const&) { arrived[i].push_back(turn); });
    here.end_turn();
    for (unsigned i = 0; i != many; ++i) {
        others[i].poll();
        CHECK(arrived[i] == std::vector<unsigned>{0, 1, 2, 3, 4});
    }
}

TEST_CASE("a handler that throws does not keep the others of its message from theirs", "[departures]") {
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

TEST_CASE("an executor that goes away takes the handlers that were on their way to it along, uncalled", "[departures]") {
    auto const mark = std::make_shared<int>(7);
    bool called = false;
    auto other = std::make_unique<asio::io_context>(1);
    {
        serving here;
        for (int i = 0; i != 3; ++i) here.settle(other->get_executor(), [&called, mark](std::string const&) { called = true; });
    }
    CHECK(mark.use_count() == 4);
    other.reset();
    CHECK(mark.use_count() == 1);
    CHECK_FALSE(called);
}

TEST_CASE("an executor that is no io_context gets its calls, too, and is kept busy until then", "[departures][threads]") {
    asio::thread_pool pool{1};
    std::atomic<int> arrived = 0;
    serving here;
    for (int i = 0; i != 3; ++i) here.settle(pool.get_executor(), [&](std::string const&) { ++arrived; });
    here.end_turn();
    pool.join();
    CHECK(arrived == 3);
}
