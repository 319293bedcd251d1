// Tests of completions: on which executor, never inside the initiating call, and what a handler that throws
// does to the others.
#include "at_home.hpp"

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

using at_home::backend;
using at_home::code_of;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

std::optional<scripted::answer> holds_gets(words const& said) {
    if (said[0] == "GET") return scripted::answer::hold("$4\r\nlate\r\n");
    return std::nullopt;
}
std::optional<scripted::answer> says_nothing(words const&) { return ""; }

}  // namespace

TEST_CASE("a handler completes on its associated executor: a strand, another context, a pool",
          "[executors]") {
    backend here;
    auto const strand = asio::make_strand(here.io);
    bool on_strand = false;
    here.db->incr("n")(asio::bind_executor(strand, [&](auto told) {
        CHECK(shown(told) == "1");
        on_strand = strand.running_in_this_thread();
    }));
    CHECK(here.until([&] { return here.server.count("INCR") == 1; }));
    at_home::settle(here.io);
    CHECK(on_strand);

    asio::io_context other{1};
    bool on_other = false;
    here.db->incr("n")(asio::bind_executor(other, [&](auto told) {
        CHECK(shown(told) == "2");
        on_other = true;
    }));
    CHECK(here.until([&] { return here.server.count("INCR") == 2; }));
    at_home::settle(here.io);
    CHECK_FALSE(on_other);
    other.run();
    CHECK(on_other);
}

TEST_CASE("work is tracked on the executor where a handler will complete", "[executors][threads]") {
    scripted::server server{&holds_gets};
    std::string const seed = server.address();
    asio::io_context io{1};
    umbel::client db{io.get_executor(), at_home::plain(seed)};
    std::thread::id ran_on{};
    asio::thread_pool pool{1};
    db.get("k")(asio::bind_executor(pool, [&](auto told) {
        CHECK(shown(told) == "late");
        ran_on = std::this_thread::get_id();
    }));
    asio::io_context other{1};
    bool on_other = false;
    db.get("k")(asio::bind_executor(other, [&](auto) { on_other = true; }));
    std::thread runner{[&] {
        at_home::until(io, [&] { return server.count("GET") == 2; });
        server.release();
        auto const give_up = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < give_up && !io.stopped()) io.run_one_for(10ms);
    }};
    other.run();
    CHECK(on_other);
    pool.join();
    CHECK(ran_on != std::thread::id{});
    CHECK(ran_on != std::this_thread::get_id());
    CHECK(ran_on != runner.get_id());
    io.stop();
    runner.join();
}

TEST_CASE("a completion never runs inside the initiating call, also when the answer is there at once",
          "[executors]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    int done = 0;
    bool inside = false;
    auto const check = [&](auto const&) {
        CHECK_FALSE(inside);
        ++done;
    };
    asio::post(here.io, [&] {
        inside = true;
        here.db->incr("n")(check);
        here.db->command<std::string>("")(check);
        here.db->command<std::string>("MULTI")(check);
        here.db->mget(std::vector<std::string>{})(check);
        here.db->ready()(check);
        here.db->nodes()(check);
        inside = false;
    });
    CHECK(here.until([&] { return done == 6; }));
}

namespace {

/// How deep the stack is, compared with the first time it is asked.
struct depth_gauge {
    std::uintptr_t first = 0;
    std::uintptr_t deepest = 0;
    void look() {
        // Not the address of a variable: the address sanitizer keeps those elsewhere.
        auto const now = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        if (first == 0) first = now;
        deepest = std::max(deepest, now > first ? now - first : first - now);
    }
};

// A stack that grew by a word a command would be seen after some thousands. With UMBEL_LONG set, a million.
int const many = std::getenv("UMBEL_LONG") ? 1'000'000 : 100'000;

struct failing_loop {
    umbel::client& db;
    depth_gauge& gauge;
    int& done;
    void next() {
        db.command<std::string>("MULTI")([this](auto told) {
            gauge.look();
            if (told || ++done == many) return;
            next();
        });
    }
};

asio::awaitable<void> fails_in_a_loop(umbel::client& db, depth_gauge& gauge, int& done) {
    while (done < many) {
        auto const told = co_await db.command<std::string>("MULTI");
        gauge.look();
        if (!told) ++done;
    }
}

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
    ~plain_task() { frame.destroy(); }
};

plain_task fails_in_a_plain_loop(umbel::client& db, depth_gauge& gauge, int& done) {
    while (done < many) {
        auto const told = co_await db.command<std::string>("MULTI");
        gauge.look();
        if (!told) ++done;
    }
}

}  // namespace

TEST_CASE("commands by the hundred thousand that fail at once, one after the other, do not grow the stack",
          "[executors]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    depth_gauge gauge;
    int done = 0;
    auto const to_the_end = [&] {
        while (done < many && here.io.run_one() != 0) {
        }
        CHECK(done == many);
        CHECK(gauge.deepest < 16 * 1024);
    };
    SECTION("by callback") {
        failing_loop loop{*here.db, gauge, done};
        loop.next();
        to_the_end();
    }
    SECTION("in an awaitable") {
        asio::co_spawn(here.io, fails_in_a_loop(*here.db, gauge, done), asio::detached);
        to_the_end();
    }
    SECTION("in a coroutine that knows nothing of Asio") {
        plain_task const task = fails_in_a_plain_loop(*here.db, gauge, done);
        gauge.first = 0;
        gauge.deepest = 0;
        to_the_end();
    }
}

TEST_CASE("a thousand commands that wait for nothing more do not grow the stack either", "[executors]") {
    backend here;
    depth_gauge gauge;
    int done = 0;
    std::function<void()> next = [&] {
        here.db->incr("n")([&](auto) {
            gauge.look();
            if (++done < 1000) next();
        });
    };
    next();
    CHECK(here.until([&] { return done == 1000; }));
    CHECK(gauge.deepest < 16 * 1024);
}

TEST_CASE("a handler that throws stops nobody else", "[executors]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    int done = 0;
    int thrown = 0;
    for (int i = 0; i < 100; ++i) {
        here.db->incr("n")([&, i](auto told) {
            CHECK(shown(told) == std::to_string(i + 1));
            ++done;
            if (i % 10 == 3) {
                here.db->set("from inside", "x")([&](auto) { ++done; });
                throw std::runtime_error{"a handler's own"};
            }
        });
    }
    for (int i = 0; i < 5; ++i) {
        here.db->command<std::string>("MULTI")([&](auto) {
            ++done;
            throw std::runtime_error{"another"};
        });
    }
    while (done < 115) {
        try {
            static_cast<void>(here.until([&] { return done == 115; }));
        } catch (std::runtime_error const&) {
            ++thrown;
        }
    }
    CHECK(thrown == 15);
    CHECK(shown(here.wait(here.db->incr("n"))) == "101");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("handlers that throw while their connection is lost, or their client ends, stop nobody else",
          "[executors]") {
    backend here{&says_nothing};
    int done = 0;
    int thrown = 0;
    for (int i = 0; i < 10; ++i) {
        here.db->incr("n")([&](auto told) {
            CHECK(code_of(told) == "cancelled");
            ++done;
            throw std::runtime_error{"a handler's own"};
        });
    }
    CHECK(here.until([&] { return here.server.count("CLUSTER") == 1; }));
    here.db.reset();
    while (done < 10) {
        try {
            static_cast<void>(here.until([&] { return done == 10; }));
        } catch (std::runtime_error const&) {
            ++thrown;
        }
    }
    CHECK(thrown == 10);
    at_home::settle(here.io);
}

// A handler that waits in there for a command of its own may wait for ever, as Asio's own page of
// io_context::run() says.
TEST_CASE("a handler may run what is ready on the executor, and may end the client in there", "[executors]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    int done = 0;
    for (int i = 0; i < 60; ++i) {
        here.db->incr("n")([&, i](auto told) {
            CHECK(shown(told) == std::to_string(i + 1));
            ++done;
            if (i % 7 == 0) here.db->get<umbel::bytes>("n")([&](auto) { ++done; });
            here.io.poll();
        });
    }
    CHECK(here.until([&] { return done == 69; }));
    CHECK(shown(here.wait(here.db->incr("n"))) == "61");
    done = 0;
    for (int i = 0; i < 60; ++i) {
        here.db->incr("n")([&](auto told) {
            if (++done > 20) return;
            CHECK(told.has_value());
            if (done == 20) here.db.reset();
            here.io.poll();
        });
    }
    CHECK(here.until([&] { return done == 60; }));
    at_home::settle(here.io);
}
