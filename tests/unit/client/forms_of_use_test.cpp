// Every form in which a command may be used: each compiles, answers, and owns what it needs.
#include "at_home.hpp"

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include <asio/append.hpp>
#include <asio/as_tuple.hpp>
#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/compose.hpp>
#include <asio/deferred.hpp>
#include <asio/detached.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <coroutine>
#include <exception>
#include <future>
#include <memory>
#include <vector>

using at_home::backend;
using at_home::code_of;
using at_home::shown;
using namespace std::chrono_literals;
using text = std::optional<std::string>;

namespace {

/// A server whose GET answers late, when it is told to.
std::optional<scripted::answer> holds_gets(scripted::words const& said) {
    if (said[0] == "GET") return scripted::answer::hold("$4\r\nlate\r\n");
    return std::nullopt;
}

/// Runs one coroutine to its end and rethrows what it throws.
template <class Body>
void run(backend& here, Body body) {
    bool done = false;
    std::exception_ptr thrown;
    asio::co_spawn(here.io, body(here), [&](std::exception_ptr what) {
        thrown = what;
        done = true;
    });
    REQUIRE(here.until([&] { return done; }));
    if (thrown) std::rethrow_exception(thrown);
}

asio::awaitable<void> without_a_token(backend& here) {
    umbel::client& db = *here.db;
    auto const set = co_await db.set("user:1", "ada", {.expire = 30s});
    CHECK(shown(set) == "written");
    auto const name = co_await db.get("user:1");
    CHECK(shown(name) == "ada");
    auto const nobody = co_await db.get("user:2");
    CHECK(shown(nobody) == "nil");
    auto const hits = co_await db.incr("hits");
    CHECK(shown(hits) == "1");
    auto const blob = co_await db.get<umbel::bytes>("user:1");
    REQUIRE((blob && *blob));
    CHECK((**blob).view() == "ada");
    std::vector<std::string> const keys{"user:1", "none", "hits"};
    auto const many = co_await db.mget(keys);
    REQUIRE(many);
    CHECK(*many == std::vector<text>{text{"ada"}, text{}, text{"1"}});
    auto const any = co_await db.command<std::string>("PING", "hello");
    CHECK(shown(any) == "hello");
    std::array<std::string_view, 2> const argv{"GET", "user:1"};
    auto const raw = co_await db.execute(argv);
    REQUIRE(raw);
    CHECK(raw->text() == "ada");
    auto const near = co_await db.with(umbel::read_from::prefer_replica).with(3s).get("hits");
    CHECK(shown(near) == "1");
}

asio::awaitable<void> with_tokens(backend& here) {
    umbel::client& db = *here.db;
    auto const first = co_await db.incr("n")(asio::use_awaitable);
    CHECK(shown(first) == "1");
    auto const second = co_await db.incr("n")(asio::deferred);
    CHECK(shown(second) == "2");
    auto const [third] = co_await db.incr("n")(asio::as_tuple(asio::use_awaitable));
    CHECK(shown(third) == "3");
    auto const [fourth, extra] = co_await db.incr("n")(asio::append(asio::use_awaitable, 7));
    CHECK(shown(fourth) == "4");
    CHECK(extra == 7);
    auto kept = db.incr("n")(asio::deferred);
    auto const fifth = co_await std::move(kept)(asio::use_awaitable);
    CHECK(shown(fifth) == "5");
}

asio::awaitable<void> stored_and_dropped(backend& here) {
    umbel::client& db = *here.db;
    auto later = db.set(std::string(300, 'k'), std::string(3000, 'v'));
    {
        auto const dropped = db.set("dropped", "never");
        auto const deferred = db.set("dropped", "never")(asio::deferred);
    }
    auto moved = std::move(later);
    auto const first = co_await db.get("nothing");
    CHECK(shown(first) == "nil");
    auto const set = co_await std::move(moved);
    CHECK(shown(set) == "written");
    auto const got = co_await db.get(std::string(300, 'k'));
    CHECK(shown(got) == std::string(3000, 'v'));
}

/// A composed operation that wraps ours: INCR twice.
struct increment_twice {
    umbel::client& db;
    int step = 0;
    template <class Self>
    void operator()(Self& self) {
        step = 1;
        db.incr("twice")(std::move(self));
    }
    template <class Self>
    void operator()(Self& self, umbel::result<std::int64_t> told) {
        if (told && step == 1) {
            step = 2;
            return db.incr("twice")(std::move(self));
        }
        self.complete(std::move(told));
    }
};

template <class Token>
auto async_increment_twice(umbel::client& db, Token&& token) {
    return asio::async_compose<Token, void(umbel::result<std::int64_t>)>(increment_twice{db}, token);
}

asio::awaitable<void> composed(backend& here) {
    auto const sum = co_await async_increment_twice(*here.db, asio::use_awaitable);
    CHECK(shown(sum) == "2");
    auto const again = co_await async_increment_twice(*here.db, asio::deferred);
    CHECK(shown(again) == "4");
}

asio::awaitable<void> side_by_side(backend& here) {
    using namespace asio::experimental::awaitable_operators;
    umbel::client& db = *here.db;
    auto const [order, a, b] = co_await asio::experimental::make_parallel_group(
                                   db.incr("a")(asio::deferred), db.set("b", "x")(asio::deferred))
                                   .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    CHECK(order[0] == 0);
    CHECK(shown(a) == "1");
    CHECK(shown(b) == "written");

    asio::steady_timer hours{here.io, 24h};
    auto const either = co_await (db.incr("a")(asio::use_awaitable) || hours.async_wait(asio::use_awaitable));
    REQUIRE(either.index() == 0);
    CHECK(shown(std::get<0>(either)) == "2");
    auto const both = co_await (db.incr("a")(asio::use_awaitable) && db.incr("c")(asio::use_awaitable));
    CHECK(shown(std::get<0>(both)) == "3");
    CHECK(shown(std::get<1>(both)) == "1");
}

asio::awaitable<void> timer_wins(backend& here) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer soon{here.io, 20ms};
    auto const either =
        co_await (here.db->get("late")(asio::use_awaitable) || soon.async_wait(asio::use_awaitable));
    CHECK(either.index() == 1);
    here.server.release();
    auto const after = co_await here.db->incr("n");
    CHECK(shown(after) == "1");
}

asio::awaitable<void> cancelled_from_outside(backend& here, asio::cancellation_signal& signal) {
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::steady_timer shortly{here.io, 5ms};
    shortly.async_wait([&signal](asio::error_code) { signal.emit(asio::cancellation_type::terminal); });
    auto const told = co_await here.db->get("late");
    CHECK(code_of(told) == "cancelled");
}

/// The smallest coroutine type that knows nothing of Asio.
struct plain_task {
    struct promise_type {
        plain_task get_return_object() {
            return plain_task{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> frame;
    explicit plain_task(std::coroutine_handle<promise_type> made) : frame{made} {}
    plain_task(plain_task const&) = delete;
    plain_task& operator=(plain_task const&) = delete;
    ~plain_task() {
        if (frame) frame.destroy();
    }
    bool done() const { return frame.done(); }
};

plain_task foreign(umbel::client& db, std::vector<std::string>& told) {
    auto const set = co_await db.set(std::string("k") + "ey", std::string(500, 'x'));
    told.push_back(set ? "written" : "failed");
    auto operation = db.get("key");
    auto const got = co_await std::move(operation);
    told.push_back(got && *got ? **got : "failed");
}

plain_task waits_for_late(umbel::client& db, std::shared_ptr<int> owned, bool& resumed) {
    auto const got = co_await db.get("late");
    resumed = *owned == 5 && got.has_value();
}

}  // namespace

TEST_CASE("an operation is awaited in asio::awaitable without a token", "[forms]") {
    backend here;
    run(here, &without_a_token);
    CHECK(here.server.count("SET") == 1);
    CHECK(here.server.seen()[1] == scripted::words{"SET", "user:1", "ada", "EX", "30"});
}

TEST_CASE("use_awaitable, deferred, as_tuple and append complete an operation", "[forms]") {
    backend here;
    run(here, &with_tokens);
}

TEST_CASE("an operation may be stored and awaited later, and one that is dropped sends nothing", "[forms]") {
    backend here;
    run(here, &stored_and_dropped);
    CHECK(here.server.count("SET") == 1);
}

TEST_CASE("a composed operation wraps ours", "[forms]") {
    backend here;
    run(here, &composed);
}

TEST_CASE("parallel groups and awaitable operators take operations", "[forms]") {
    backend here;
    run(here, &side_by_side);
}

TEST_CASE("a timer that wins cancels the operation, whose late reply disturbs nobody", "[forms]") {
    backend here{holds_gets};
    run(here, &timer_wins);
}

TEST_CASE("a cancelled awaitable sees the cancelled result when it does not want the exception", "[forms]") {
    backend here{holds_gets};
    asio::cancellation_signal signal;
    bool done = false;
    asio::co_spawn(here.io, cancelled_from_outside(here, signal),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown) {
                       CHECK_FALSE(thrown);
                       done = true;
                   }));
    CHECK(here.until([&] { return done; }));
}

TEST_CASE("a callback is called once, later, and may be move-only", "[forms]") {
    backend here;
    unsigned calls = 0;
    auto owned = std::make_unique<int>(9);
    bool inside = true;
    here.db->incr("n")([&, owned = std::move(owned)](umbel::result<std::int64_t> told) mutable {
        CHECK_FALSE(inside);
        CHECK(*owned == 9);
        CHECK(shown(told) == "1");
        ++calls;
    });
    inside = false;
    CHECK(here.until([&] { return calls != 0; }));
    at_home::settle(here.io);
    CHECK(calls == 1);
    here.db->incr("n")(asio::detached);
    CHECK(here.until([&] { return here.server.count("INCR") == 2; }));
}

TEST_CASE("a callback that has a name is copied, const or not", "[forms]") {
    backend here;
    int calls = 0;
    auto const kept = [&calls](auto const& told) { calls += told.has_value() ? 1 : 0; };
    auto changing = [&calls, own = 0](auto const& told) mutable { calls += told.has_value() ? ++own : 0; };
    here.db->incr("n")(kept);
    here.db->get("n")(kept);
    here.db->incr("n")(changing);
    here.db->incr("n")(changing);
    CHECK(here.until([&] { return calls == 4; }));
}

TEST_CASE("use_future tells another thread", "[forms]") {
    backend here;
    auto good = here.db->set("k", "v")(asio::use_future);
    auto bad = here.db->command<std::int64_t>("GET")(asio::use_future);
    CHECK(here.until([&] { return good.wait_for(0s) == std::future_status::ready; }));
    CHECK(shown(good.get()) == "written");
    REQUIRE(here.until([&] { return bad.wait_for(0s) == std::future_status::ready; }));
    auto const told = bad.get();
    CHECK(code_of(told) == "bad_argument");
}

TEST_CASE("arguments may die right after the call", "[forms]") {
    backend here;
    auto make = [&] {
        std::string const name = "a key of more than a few letters";
        std::vector<char> const value(50'000, 'v');
        return here.db->set(name, std::string_view{value.data(), value.size()});
    };
    auto operation = make();
    CHECK(shown(here.wait(std::move(operation))) == "written");
    CHECK(shown(here.wait(here.db->get("a key of more than a few letters"))) == std::string(50'000, 'v'));
}

TEST_CASE("a coroutine type that knows nothing of Asio awaits an operation", "[forms]") {
    backend here;
    std::vector<std::string> told;
    plain_task const task = foreign(*here.db, told);
    CHECK(here.until([&] { return task.done(); }));
    CHECK(told == std::vector<std::string>{"written", std::string(500, 'x')});
}

TEST_CASE("a frame that is destroyed while it waits is never resumed, and the connection goes on",
          "[forms]") {
    backend here{holds_gets};
    auto const owned = std::make_shared<int>(5);
    bool resumed = false;
    {
        plain_task const task = waits_for_late(*here.db, owned, resumed);
        CHECK(here.until([&] { return here.server.count("GET") == 1; }));
        CHECK(owned.use_count() == 2);
    }
    CHECK(owned.use_count() == 1);
    here.server.release();
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK_FALSE(resumed);
}

TEST_CASE("an unstarted coroutine frame that holds an operation may be destroyed", "[forms]") {
    backend here;
    auto started = std::make_shared<bool>(false);
    {
        auto body = [](umbel::client& db, std::shared_ptr<bool> begun) -> asio::awaitable<void> {
            *begun = true;
            static_cast<void>(co_await db.incr("n"));
        };
        asio::awaitable<void> const never = body(*here.db, started);
    }
    CHECK_FALSE(*started);
    at_home::settle(here.io);
    CHECK(here.server.count("INCR") == 0);
}
