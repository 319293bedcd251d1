// Tests of ends: clients destroyed in every state, executors that go first, handlers that throw, and where completions run.
#include "at_home.hpp"

#include <asio/awaitable.hpp>
#include <asio/bind_executor.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>
#include <asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

using at_home::code_of;
using at_home::delivery_of;
using at_home::home;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

std::optional<scripted::answer> holds_gets(words const& said) {
    if (said[0] == "GET") return scripted::answer::hold("$4\r\nlate\r\n");
    return std::nullopt;
}
std::optional<scripted::answer> says_nothing(words const&) { return ""; }

/// Counts completions of one command, and what they said.
struct outcome {
    int times = 0;
    std::string code;
    template <class Value>
    void operator()(umbel::result<Value> const& told) {
        ++times;
        code = code_of(told);
    }
};

/// Destroys the client of `here` and expects every outcome to be one cancellation.
void ends(home& here, std::vector<outcome>& all) {
    here.db.reset();
    CHECK(here.until([&] { return std::all_of(all.begin(), all.end(), [](outcome const& one) { return one.times != 0; }); }));
    at_home::settle(here.io);
    for (outcome const& one : all) {
        CHECK(one.times == 1);
        CHECK(one.code == "cancelled");
    }
}

void begin_some(home& here, std::vector<outcome>& all) {
    here.db->get("k")([&](auto told) { all[0](told); });
    here.db->incr("n")([&](auto told) { all[1](told); });
    here.db->mget("a", "b")([&](auto told) { all[2](told); });
    here.db->ready()([&](auto told) { all[3](told); });
}

}  // namespace

TEST_CASE("a client destroyed before anything has run completes every command with cancelled", "[lifetime]") {
    home here;
    std::vector<outcome> all(4);
    begin_some(here, all);
    ends(here, all);
    CHECK(here.server.seen().empty());
}

TEST_CASE("a client destroyed while its commands wait for a topology completes them with cancelled", "[lifetime]") {
    home here{says_nothing};
    std::vector<outcome> all(4);
    begin_some(here, all);
    CHECK(here.until([&] { return here.server.count("CLUSTER") == 1; }));
    ends(here, all);
    CHECK(here.server.seen().size() == 1);
}

TEST_CASE("a client destroyed with commands queued, written and in the inbox completes them with cancelled", "[lifetime]") {
    home here{holds_gets};
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::vector<outcome> all(300);
    for (std::size_t i = 0; i < 100; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    CHECK(here.until([&] { return here.server.count("GET") == 100; }));
    for (std::size_t i = 100; i < 200; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    here.io.poll_one();
    for (std::size_t i = 200; i < 300; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    ends(here, all);
}

TEST_CASE("a client destroyed with a borrowed argument half written lets the caller have it back", "[lifetime]") {
    home here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    here.server.freeze(true);
    auto lent = std::make_unique<std::string>(32 << 20, 'L');
    std::vector<outcome> all(1);
    here.db->set("k", umbel::borrow(*lent))([&](auto told) {
        all[0](told);
        lent.reset();
    });
    at_home::settle(here.io);
    ends(here, all);
    CHECK_FALSE(lent);
}

TEST_CASE("a client may be destroyed from inside a completion", "[lifetime]") {
    home here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::vector<outcome> all(8);
    for (std::size_t i = 0; i < 8; ++i) {
        here.db->incr("n")([&, i](auto told) {
            all[i](told);
            if (i == 3) here.db.reset();
        });
    }
    CHECK(here.until([&] { return all[7].times != 0; }));
    at_home::settle(here.io);
    for (std::size_t i = 0; i < 8; ++i) {
        INFO(i);
        CHECK(all[i].times == 1);
        if (i <= 3) CHECK(all[i].code == "none");
    }
    CHECK(here.until([&] { return here.server.count("INCR") == 8; }));
}

TEST_CASE("commands begun inside the completion that destroys the client are cancelled, too", "[lifetime]") {
    home here;
    outcome last;
    here.db->incr("n")([&](auto) {
        auto pending = here.db->incr("n");
        here.db.reset();
        std::move(pending)([&](auto told) { last(told); });
    });
    CHECK(here.until([&] { return last.times != 0; }));
    CHECK(last.code == "cancelled");
}

TEST_CASE("a client destroyed by another thread completes every command exactly once", "[lifetime][threads]") {
    for (int round = 0; round < 20; ++round) {
        scripted::server server;
        std::string const seed = server.address();
        asio::io_context io{1};
        std::atomic<int> done{0};
        int begun = 0;
        auto guard = asio::make_work_guard(io);
        std::thread runner{[&] { io.run(); }};
        {
            umbel::client const db{io.get_executor(), at_home::plain(seed)};
            for (; begun < 50 + round * 10; ++begun) db.incr("n")([&](auto) { ++done; });
        }
        guard.reset();
        runner.join();
        CHECK(done == begun);
    }
}

TEST_CASE("run returns when the client is gone and nothing is pending", "[lifetime]") {
    scripted::server server;
    std::string const seed = server.address();
    asio::io_context io{1};
    {
        umbel::client const db{io.get_executor(), at_home::plain(seed)};
        CHECK(shown(at_home::wait(io, db.incr("n"))) == "1");
    }
    io.restart();
    io.run();
    SUCCEED();
}

TEST_CASE("an operation begun after its client is gone completes with cancelled, never inside the call", "[lifetime]") {
    home here;
    auto get = here.db->get("k");
    auto stats = here.db->statistics();
    auto dropped = here.db->get("k");
    auto const scoped = here.db->with(1s);
    here.db.reset();
    auto late = scoped.incr("n");
    outcome told;
    bool inside = true;
    std::move(get)(asio::bind_executor(here.io, [&](auto value) {
        CHECK_FALSE(inside);
        told(value);
        CHECK(delivery_of(value) == "not_sent");
    }));
    inside = false;
    CHECK(here.until([&] { return told.times == 1; }));
    CHECK(told.code == "cancelled");
    CHECK(code_of(std::move(stats)(asio::use_future).get()) == "cancelled");
    CHECK(code_of(std::move(late)(asio::use_future).get()) == "cancelled");
    std::string told_awaitable;
    asio::co_spawn(
        here.io,
        [](umbel::operation<std::optional<std::string>> operation, std::string& into) -> asio::awaitable<void> {
            auto const value = co_await std::move(operation);
            into = code_of(value);
        }(std::move(dropped), told_awaitable),
        asio::detached);
    CHECK(here.until([&] { return !told_awaitable.empty(); }));
    CHECK(told_awaitable == "cancelled");
}

TEST_CASE("a new client does not inherit the operations of an old one", "[lifetime]") {
    home here;
    auto old = here.db->set("k", "old");
    here.db.reset();
    here.db.emplace(here.io.get_executor(), at_home::plain(here.seed));
    CHECK(code_of(here.wait(std::move(old))) == "cancelled");
    CHECK(shown(here.wait(here.db->get("k"))) == "nil");
    CHECK(here.server.count("SET") == 0);
}

// ---- The executor goes first ---------------------------------------------------------------------------------------------------

namespace {

struct counted {
    explicit counted(int& where) : alive{where} { ++alive; }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() { --alive; }
    int& alive;
};

asio::awaitable<void> owns_the_client(std::shared_ptr<umbel::client> db, std::string_view name, std::shared_ptr<counted>) {
    for (;;) static_cast<void>(co_await db->get(name));
}
asio::awaitable<void> owns_the_client_and_many(std::shared_ptr<umbel::client> db, std::shared_ptr<counted>) {
    for (;;) static_cast<void>(co_await db->mget("a", "b", "c"));
}

void abandon(scripted::server::script says, std::string_view until_seen, bool cluster) {
    int alive = 0;
    {
        scripted::server server{std::move(says)};
        std::string const seed = server.address();
        asio::io_context io{1};
        {
            umbel::options chosen = at_home::plain(seed);
            if (cluster) chosen.deployment = umbel::deployment::cluster;
            auto const db = std::make_shared<umbel::client>(io.get_executor(), chosen);
            auto const mark = std::make_shared<counted>(alive);
            for (int i = 0; i < 10; ++i) {
                asio::co_spawn(io, owns_the_client(db, "k", mark), asio::detached);
                asio::co_spawn(io, owns_the_client_and_many(db, mark), asio::detached);
                db->get("k")([mark, db](auto) {});
                db->ready()([mark, db](auto) {});
                db->nodes()([mark, db](auto) {});
                db->close().operator()([mark, db](auto) {});
            }
        }
        if (!until_seen.empty()) CHECK(at_home::until(io, [&] { return server.count(until_seen) != 0; }));
    }
    CHECK(alive == 0);
}

}  // namespace

TEST_CASE("an io_context may be destroyed with operations pending whose frames own the client", "[lifetime]") {
    SECTION("before anything has run") { abandon({}, {}, false); }
    SECTION("while they wait for a topology") { abandon(&says_nothing, "CLUSTER", false); }
    SECTION("while they are in flight") {
        int alive = 0;
        {
            scripted::server server{&holds_gets};
            std::string const seed = server.address();
            asio::io_context io{1};
            {
                auto const db = std::make_shared<umbel::client>(io.get_executor(), at_home::plain(seed));
                auto const mark = std::make_shared<counted>(alive);
                asio::co_spawn(io, owns_the_client(db, "k", mark), asio::detached);
                db->get("k")([mark, db](auto) {});
                db->mget("k", "l")([mark, db](auto) {});
            }
            CHECK(at_home::until(io, [&] { return server.count("GET") == 2; }));
        }
        CHECK(alive == 0);
    }
}

TEST_CASE("an io_context may be destroyed before its client", "[lifetime]") {
    scripted::server server{&holds_gets};
    std::string const seed = server.address();
    std::optional<asio::io_context> io;
    io.emplace(1);
    umbel::client db{io->get_executor(), at_home::plain(seed)};
    outcome never;
    db.get("k")([&](auto told) { never(told); });
    CHECK(at_home::until(*io, [&] { return server.count("GET") == 1; }));
    io.reset();
    CHECK(never.times == 0);
}

// ---- Where completions run -----------------------------------------------------------------------------------------------------

TEST_CASE("a handler completes on its associated executor: a strand, another context, a pool", "[executors]") {
    home here;
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

TEST_CASE("a completion never runs inside the initiating call, also when the answer is there at once", "[executors]") {
    home here;
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
        char here = 0;
        auto const now = reinterpret_cast<std::uintptr_t>(&here);
        if (first == 0) first = now;
        deepest = std::max(deepest, now > first ? now - first : first - now);
    }
};

constexpr int many = 1'000'000;

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
        plain_task get_return_object() { return plain_task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
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

TEST_CASE("a million commands that fail at once, one after the other, do not grow the stack", "[executors]") {
    home here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    depth_gauge gauge;
    int done = 0;
    auto const to_the_end = [&] {
        while (done < many && here.io.run_one() != 0) {}
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
    home here;
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
    home here;
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
            CHECK(here.until([&] { return done == 115; }));
        } catch (std::runtime_error const&) {
            ++thrown;
        }
    }
    CHECK(thrown == 15);
    CHECK(shown(here.wait(here.db->incr("n"))) == "101");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("handlers that throw while their connection is lost, or their client ends, stop nobody else", "[executors]") {
    home here{&says_nothing, [](std::string const& seed) {
        umbel::options made = at_home::plain(seed);
        made.handshake = umbel::handshake::minimal;
        return made;
    }};
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
            CHECK(here.until([&] { return done == 10; }));
        } catch (std::runtime_error const&) {
            ++thrown;
        }
    }
    CHECK(thrown == 10);
    at_home::settle(here.io);
}
