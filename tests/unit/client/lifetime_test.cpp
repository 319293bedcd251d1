// Tests of ends: clients destroyed in every state, operations that outlive them, and executors that go first.
#include "at_home.hpp"

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

using at_home::backend;
using at_home::code_of;
using at_home::delivery_of;
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
void ends(backend& here, std::vector<outcome>& all) {
    here.db.reset();
    CHECK(here.until([&] {
        return std::all_of(all.begin(), all.end(), [](outcome const& outcome) { return outcome.times != 0; });
    }));
    at_home::settle(here.io);
    for (outcome const& outcome : all) {
        CHECK(outcome.times == 1);
        CHECK(outcome.code == "cancelled");
    }
}

void begin_some(backend& here, std::vector<outcome>& all) {
    here.db->get("k")([&](auto told) { all[0](told); });
    here.db->incr("n")([&](auto told) { all[1](told); });
    here.db->mget("a", "b")([&](auto told) { all[2](told); });
    here.db->ready()([&](auto told) { all[3](told); });
}

}  // namespace

TEST_CASE("a client destroyed before anything has run completes every command with cancelled", "[lifetime]") {
    backend here;
    std::vector<outcome> all(4);
    begin_some(here, all);
    ends(here, all);
    CHECK(here.server.seen().empty());
}

TEST_CASE("a client destroyed while its commands wait for a topology completes them with cancelled",
          "[lifetime]") {
    backend here{says_nothing};
    std::vector<outcome> all(4);
    begin_some(here, all);
    CHECK(here.until([&] { return here.server.count("CLUSTER") == 1; }));
    ends(here, all);
    CHECK(here.server.seen().size() == 1);
}

TEST_CASE("a client destroyed with commands queued, written and in the inbox completes them with cancelled",
          "[lifetime]") {
    backend here{holds_gets};
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::vector<outcome> all(300);
    for (std::size_t i = 0; i < 100; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    CHECK(here.until([&] { return here.server.count("GET") == 100; }));
    for (std::size_t i = 100; i < 200; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    here.io.poll_one();
    for (std::size_t i = 200; i < 300; ++i) here.db->get("k")([&all, i](auto told) { all[i](told); });
    ends(here, all);
}

TEST_CASE("a client destroyed with a borrowed argument half written lets the caller have it back",
          "[lifetime]") {
    backend here;
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
    backend here;
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
    backend here;
    outcome last;
    here.db->incr("n")([&](auto) {
        auto pending = here.db->incr("n");
        here.db.reset();
        std::move(pending)(asio::bind_executor(here.io, [&](auto told) { last(told); }));
    });
    CHECK(here.until([&] { return last.times != 0; }));
    CHECK(last.code == "cancelled");
}

TEST_CASE("a client destroyed by another thread completes every command exactly once",
          "[lifetime][threads]") {
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

TEST_CASE("an operation begun after its client is gone completes with cancelled, never inside the call",
          "[lifetime]") {
    backend here;
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
        [](umbel::operation<std::optional<std::string>> operation,
           std::string& into) -> asio::awaitable<void> {
            auto const value = co_await std::move(operation);
            into = code_of(value);
        }(std::move(dropped), told_awaitable),
        asio::detached);
    CHECK(here.until([&] { return !told_awaitable.empty(); }));
    CHECK(told_awaitable == "cancelled");
}

TEST_CASE("a new client does not inherit the operations of an old one", "[lifetime]") {
    backend here;
    auto old = here.db->set("k", "old");
    here.db.reset();
    here.db.emplace(here.io.get_executor(), at_home::plain(here.seed));
    CHECK(code_of(here.wait(std::move(old))) == "cancelled");
    CHECK(shown(here.wait(here.db->get("k"))) == "nil");
    CHECK(here.server.count("SET") == 0);
}

// ---- The executor goes first --------------------------------------------------------------------

namespace {

struct counted {
    explicit counted(int& where) : alive{where} { ++alive; }
    counted(counted const&) = delete;
    counted& operator=(counted const&) = delete;
    ~counted() { --alive; }
    int& alive;
};

asio::awaitable<void> owns_the_client(std::shared_ptr<umbel::client> db, std::string_view name,
                                      std::shared_ptr<counted>) {
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

TEST_CASE("an io_context may be destroyed with operations pending whose frames own the client",
          "[lifetime]") {
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

TEST_CASE(
    "an io_context may be destroyed while cancellations, losses and answers are on their way between strands",
    "[lifetime]") {
    int alive = 0;
    for (int steps = 0; steps < 12; ++steps) {
        scripted::server server{&holds_gets};
        std::string const seed = server.address();
        asio::cancellation_signal waiting;
        asio::cancellation_signal written;
        asio::io_context io{1};
        auto const mark = std::make_shared<counted>(alive);
        umbel::client const db{io.get_executor(), at_home::plain(seed)};
        db.get("early")(asio::bind_cancellation_slot(waiting.slot(), [mark](auto) {}));
        if (steps % 2 == 0) CHECK(at_home::until(io, [&] { return server.count("GET") == 1; }));
        db.get("late")(asio::bind_cancellation_slot(written.slot(), [mark](auto) {}));
        db.incr("n")([mark](auto) {});
        if (steps % 3 == 0) server.cut();
        waiting.emit(asio::cancellation_type::terminal);
        written.emit(asio::cancellation_type::terminal);
        for (int i = 0; i < steps; ++i) io.run_one_for(1ms);
    }
    CHECK(alive == 0);
}
