// Tests of client/batch.hpp and of async/batch_run.hpp behind it: how a batch is filled, sent in order, and
// answered command by command.
#include "two_nodes.hpp"

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include <asio/awaitable.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::fault;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;
using text = std::optional<std::string>;
using umbel::cmd;

namespace {

/// The second words of the commands of this name, in the order in which they arrived.
std::vector<std::string> seen_by(scripted::server const& server, std::string_view name, std::size_t word) {
    std::vector<std::string> found;
    for (words const& said : server.seen())
        if (said[0] == name) found.push_back(said[word]);
    return found;
}

/// Counts the completions of an operation, and keeps its outcome.
template <class Value>
struct watched {
    std::optional<umbel::async::outcome_of<Value>> told;
    int completions = 0;
    asio::cancellation_signal signal;

    void begin(asio::io_context& io, umbel::operation<Value> what) {
        std::move(what)(asio::bind_cancellation_slot(
            signal.slot(), asio::bind_executor(io, [this](umbel::async::outcome_of<Value> outcome) {
                ++completions;
                told.emplace(std::move(outcome));
            })));
    }
};

}  // namespace

TEST_CASE("a batch of some commands completes with a tuple of their results", "[batch]") {
    two_nodes here;
    REQUIRE(here.wait(here.db->set("foo", "1")));
    auto [get, incr, set, bad] = here.wait(
        here.db->batch(cmd.get("foo"), cmd.incr("bar"), cmd.set("foo", "x"), cmd.append("foo", "y")));
    CHECK(shown(get) == "1");
    CHECK(shown(incr) == "1");
    CHECK(shown(set) == "written");
    CHECK(code_of(bad) == "server_error");
    CHECK(here.high.count("GET") == 1);
    CHECK(here.low.count("INCR") == 1);
    CHECK(std::get<0>(here.wait(here.db->with(5s).batch(cmd.get("foo")))).value() == "x");
}

TEST_CASE("a batch is filled command by command, and its answers are found by what add() returned",
          "[batch]") {
    two_nodes here;
    REQUIRE(here.wait(here.db->mset(std::map<std::string, std::string>{{"foo", "1"}, {"{a}1", "A"}})));
    umbel::batch b;
    CHECK(b.empty());
    auto const foo = b.add(cmd.get("foo"));
    auto const bar = b.add(cmd.incr("bar"));
    umbel::result<text> mine;
    b.add(cmd.get("{a}1"), mine);
    std::string const large(5000, 'x');
    auto const large_set = b.add(cmd.set("{b}1", large));
    auto const deleted = b.add(cmd.command<std::int64_t>("DEL", umbel::key("foo")));
    CHECK(b.size() == 5);
    umbel::batch moved{std::move(b)};
    umbel::answers told = here.wait(here.db->batch(std::move(moved)));
    CHECK(told.size() == 5);
    CHECK(told.failed() == 0);
    CHECK(told.first_error() == nullptr);
    CHECK(shown(told[foo]) == "1");
    CHECK(shown(told[bar]) == "1");
    CHECK(shown(mine) == "A");
    CHECK(shown(told[large_set]) == "written");
    CHECK(shown(told[deleted]) == "1");
    CHECK(shown(here.wait(here.db->get("{b}1"))) == large);
}

TEST_CASE("an empty batch completes", "[batch]") {
    two_nodes here;
    CHECK(here.wait(here.db->batch(umbel::batch{})).size() == 0);
}

TEST_CASE("a command that must not be sent fails alone", "[batch]") {
    two_nodes here{[](umbel::options& chosen) { chosen.argument_bytes_max = 1 << 20; }};
    umbel::batch b;
    auto const leased = b.add(cmd.command<umbel::reply>("BLPOP", "foo", 0));
    auto const spread = b.add(cmd.rename("foo", "bar"));
    auto const long_key = b.add(cmd.get(std::string((1 << 20) + 1, 'k')));
    auto const empty = b.add(cmd.sadd("foo", std::vector<std::string>{}));
    auto const good = b.add(cmd.incr("foo"));
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(code_of(told[leased]) == "needs_lease");
    CHECK(code_of(told[spread]) == "cross_slot");
    CHECK(told[spread].error().message().find("5061") != std::string_view::npos);
    CHECK(code_of(told[long_key]) == "bad_argument");
    CHECK(code_of(told[empty]) == "bad_argument");
    CHECK(shown(told[good]) == "1");
    CHECK(told.failed() == 4);
    REQUIRE(told.first_error() != nullptr);
    CHECK(*told.first_error() == umbel::errc::needs_lease);
    CHECK(delivery_of(told[leased]) == "not_sent");
    // Options of the call that nothing can mend are every command's error.
    auto [first, second] = here.wait(here.db->with(-1s).batch(cmd.get("foo"), cmd.get("bar")));
    CHECK(code_of(first) == "deadline_exceeded");
    CHECK(code_of(second) == "deadline_exceeded");
}

TEST_CASE("a client with a prefix sends batches with the prefix", "[batch]") {
    two_nodes here;
    auto const app = here.db->prefixed("{foo}:");
    umbel::batch b;
    b.add(cmd.incr("a"));
    b.add(cmd.set("b", std::string(300, 'x')));
    b.add(cmd.command<std::int64_t>("DEL", "c"));
    CHECK(here.wait(app.batch(std::move(b))).failed() == 0);
    auto [a, b_again] = here.wait(app.batch(cmd.incr("a"), cmd.get("b")));
    CHECK(shown(a) == "2");
    CHECK(shown(b_again) == std::string(300, 'x'));
    CHECK(seen_by(here.high, "INCR", 1) == std::vector<std::string>{"{foo}:a", "{foo}:a"});
    CHECK(seen_by(here.high, "SET", 1) == std::vector<std::string>{"{foo}:b"});
    CHECK(seen_by(here.high, "DEL", 1) == std::vector<std::string>{"{foo}:c"});
}

TEST_CASE("a redirect sends again only what was redirected", "[batch]") {
    two_nodes here;
    here.low_says = [&here](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR" && said[1] == "bar") return fault("MOVED", 5061, here.high);
        return std::nullopt;
    };
    auto [moved, stays, other] =
        here.wait(here.db->batch(cmd.incr("bar"), cmd.incr("{c}1"), cmd.incr("foo")));
    CHECK(shown(moved) == "1");
    CHECK(shown(stays) == "1");
    CHECK(shown(other) == "1");
    CHECK(here.low.count("INCR") == 2);
    CHECK(here.high.count("INCR") == 2);
}

TEST_CASE("what is refused for now goes before the later commands of its slot that are refused, too",
          "[batch]") {
    two_nodes here;
    int refusals = 0;
    here.high_says = [&refusals](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET" && refusals < 8 && ++refusals) return "-TRYAGAIN Multiple keys request\r\n";
        return std::nullopt;
    };
    umbel::batch b;
    for (int i = 0; i < 8; ++i) b.add(cmd.set("foo", std::to_string(i)));
    auto const other = b.add(cmd.incr("{a}n"));
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.failed() == 0);
    CHECK(shown(told[other]) == "1");
    auto const order = seen_by(here.high, "SET", 2);
    REQUIRE(order.size() == 16);
    CHECK(std::is_sorted(order.begin(), order.begin() + 8));
    CHECK(std::is_sorted(order.begin() + 8, order.end()));
    CHECK(shown(here.wait(here.db->get("foo"))) == "7");
}

TEST_CASE("commands that have not been sent wait for an earlier one of their slot that is sent again",
          "[batch]") {
    two_nodes here;
    bool refused = false;
    here.high_says = [&refused](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET" && !std::exchange(refused, true)) return "-TRYAGAIN Multiple keys request\r\n";
        return std::nullopt;
    };
    umbel::batch b;
    for (int i = 0; i < 9; ++i) b.add(cmd.set("foo", std::to_string(i)));
    b.window(2);
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.failed() == 0);
    // The second had left together with the first; no other passes it.
    CHECK(seen_by(here.high, "SET", 2) ==
          std::vector<std::string>{"0", "1", "0", "2", "3", "4", "5", "6", "7", "8"});
}

TEST_CASE("in strict order nothing of a slot passes a command that is refused for now", "[batch]") {
    two_nodes here;
    int asked = 0;
    here.high_says = [&asked](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET" && said[1] == "foo" && ++asked % 2 == 1)
            return "-TRYAGAIN Multiple keys request\r\n";
        return std::nullopt;
    };
    umbel::batch b;
    b.in_strict_order();
    for (int i = 0; i < 5; ++i) b.add(cmd.set("foo", std::to_string(i)));
    for (int i = 0; i < 5; ++i) b.add(cmd.set("{a}1", std::to_string(i)));
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.failed() == 0);
    std::vector<std::string> foo;
    for (words const& said : here.high.seen())
        if (said[0] == "SET" && said[1] == "foo") foo.push_back(said[2]);
    CHECK(foo == std::vector<std::string>{"0", "0", "1", "1", "2", "2", "3", "3", "4", "4"});
    CHECK(here.high.count("SET") == 15);
}

TEST_CASE("a large batch keeps a bounded number of commands under way, and tells its progress", "[batch]") {
    two_nodes here;
    constexpr std::size_t many = 20'000;
    std::vector<umbel::result<std::int64_t>> told(many);
    umbel::batch b;
    for (std::size_t i = 0; i < many; ++i) b.add(cmd.incr("key:" + std::to_string(i % 1000)), told[i]);
    std::size_t calls = 0;
    std::size_t last = 0;
    std::size_t most = 0;
    b.window(64).on_progress([&](std::size_t settled, std::size_t all) {
        CHECK(all == many);
        CHECK(settled > last);
        last = settled;
        ++calls;
        std::size_t const arrived = here.low.count("INCR") + here.high.count("INCR");
        most = std::max(most, arrived - std::min(arrived, settled));
    });
    auto const answers = here.wait(here.db->batch(std::move(b)));
    CHECK(answers.failed() == 0);
    CHECK(calls > 100);
    CHECK(most <= 64);
    std::map<std::int64_t, int> counts;
    for (auto const& count : told) ++counts[count.value()];
    CHECK(counts.size() == 20);
    for (auto const& [value, times] : counts) CHECK(times == 1000);
}

TEST_CASE("the cancellation of a batch ends each command with what is known of it", "[batch]") {
    two_nodes here;
    here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET") return scripted::answer::hold("+OK\r\n");
        return std::nullopt;
    };
    REQUIRE(here.wait(here.db->get("foo")));
    umbel::batch b;
    auto const answered = b.add(cmd.incr("bar"));
    auto const silent = b.add(cmd.set("foo", "1"));
    auto const unsent = b.add(cmd.set("foo", "2"));
    b.window(2);
    watched<umbel::answers> it;
    it.begin(here.io, here.db->batch(std::move(b)));
    REQUIRE(
        at_home::until(here.io, [&] { return here.high.count("SET") == 1 && here.low.count("INCR") == 1; }));
    at_home::settle(here.io);
    CHECK(it.completions == 0);
    it.signal.emit(asio::cancellation_type::terminal);
    REQUIRE(at_home::until(here.io, [&] { return it.completions != 0; }));
    auto& told = *it.told;
    CHECK(shown(told[answered]) == "1");
    CHECK(code_of(told[silent]) == "cancelled");
    CHECK(delivery_of(told[silent]) == "unknown");
    CHECK(code_of(told[unsent]) == "cancelled");
    here.high.release();
    at_home::settle(here.io);
    CHECK(it.completions == 1);
    CHECK(here.high.count("SET") <= 2);
}

TEST_CASE("the deadline of a batch is that of each command", "[batch]") {
    two_nodes here;
    here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET") return scripted::answer{""};
        return std::nullopt;
    };
    REQUIRE(here.wait(here.db->get("foo")));
    auto [good, late] = here.wait(here.db->with(50ms).batch(cmd.incr("bar"), cmd.set("foo", "1")));
    CHECK(shown(good) == "1");
    CHECK(code_of(late) == "deadline_exceeded");
    CHECK(delivery_of(late) == "unknown");
}

TEST_CASE("a lost connection ends each command of a batch with its own delivery", "[batch]") {
    two_nodes here;
    here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR") return scripted::answer::cut();
        return std::nullopt;
    };
    auto [lost, other] = here.wait(here.db->batch(cmd.incr("foo"), cmd.incr("bar")));
    CHECK(code_of(lost) == "connection_lost");
    CHECK(delivery_of(lost) == "unknown");
    CHECK(shown(other) == "1");
}

TEST_CASE("a batch outlives its client, and is told so", "[batch]") {
    two_nodes here;
    auto before = here.db->batch(cmd.get("foo"), cmd.get("bar"));
    umbel::batch b;
    auto const named = b.add(cmd.get("foo"));
    auto filled = here.db->batch(std::move(b));
    static_cast<void>(here.db->batch(cmd.get("never begun")));
    watched<umbel::answer_tuple<text, text>> under_way;
    under_way.begin(here.io, here.db->batch(cmd.get("foo"), cmd.get("bar")));
    here.db.reset();
    REQUIRE(at_home::until(here.io, [&] { return under_way.completions != 0; }));
    CHECK(code_of(std::get<0>(*under_way.told)) == "cancelled");
    auto [first, second] = at_home::wait(here.io, std::move(before));
    CHECK(code_of(first) == "cancelled");
    CHECK(code_of(second) == "cancelled");
    auto told = at_home::wait(here.io, std::move(filled));
    CHECK(code_of(told[named]) == "cancelled");
}

TEST_CASE("the context of a batch may be destroyed while it is under way", "[batch]") {
    bool called = false;
    auto const owned = std::make_shared<int>(1);
    scripted::server silent{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SET") return scripted::answer{""};
        return std::nullopt;
    }};
    {
        auto io = std::make_unique<asio::io_context>(1);
        umbel::client db{io->get_executor(), at_home::plain(silent.address())};
        umbel::batch b;
        b.window(4).in_strict_order();
        for (int i = 0; i < 20; ++i) b.add(cmd.set(i % 3 ? "foo" : "bar", std::to_string(i)));
        db.batch(std::move(b))([&called, owned](umbel::answers) { called = true; });
        REQUIRE(at_home::until(*io, [&] { return silent.count("SET") >= 2; }));
        io.reset();
    }
    CHECK(!called);
    CHECK(owned.use_count() == 1);
}

namespace {

asio::awaitable<void> asks(umbel::client& db, std::string& told) {
    auto [a, n] = co_await db.batch(cmd.get("foo"), cmd.incr("bar"));
    told = shown(a) + " " + shown(n);
    umbel::batch b;
    auto const size = b.add(cmd.set("foo", std::string(300, 'x')));
    umbel::answers answers = co_await db.batch(std::move(b));
    told += " " + shown(answers[size]);
    auto again = db.batch(cmd.set("foo", "1", {.expire = 10s}), cmd.get("foo"));
    auto [set, get] = co_await std::move(again);
    told += " " + shown(set) + " " + shown(get);
}

}  // namespace

TEST_CASE("a batch is awaited in a coroutine as it is, also in the operand of co_await", "[batch]") {
    two_nodes here;
    std::string told;
    bool done = false;
    asio::co_spawn(here.io, asks(*here.db, told), [&](std::exception_ptr) { done = true; });
    REQUIRE(at_home::until(here.io, [&] { return done; }));
    CHECK(told == "nil 1 written written 1");
}

namespace {

/// Sends one batch after another, each with more commands than may be under way.
struct chain {
    umbel::client& db;
    asio::io_context& io;
    std::atomic<int>& open;
    std::atomic<int>& failed;
    int left = 0;
    asio::cancellation_signal signal{};

    void next() {
        if (left-- == 0) {
            --open;
            return;
        }
        umbel::batch b;
        for (int i = 0; i < 40; ++i) b.add(cmd.incr("key:" + std::to_string(i % 7)));
        b.window(16);
        if (left % 3 == 0) b.in_strict_order();
        db.batch(std::move(b))(
            asio::bind_cancellation_slot(signal.slot(), asio::bind_executor(io, [this](umbel::answers told) {
                                             failed += static_cast<int>(told.failed());
                                             next();
                                         })));
    }
};

}  // namespace

TEST_CASE("batches complete once, whichever threads settle their commands", "[batch]") {
    std::atomic<int> asked{0};
    scripted::server server{[&asked](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR" && ++asked % 97 == 0) return "-TRYAGAIN Multiple keys request\r\n";
        return std::nullopt;
    }};
    asio::io_context contexts[3];
    std::vector<asio::any_io_executor> executors;
    for (auto& io : contexts) executors.push_back(io.get_executor());
    umbel::options chosen = at_home::plain(server.address());
    chosen.retry_budget_percent = 100;
    std::optional<umbel::client> db{std::in_place, executors, chosen};
    std::atomic<int> open{0};
    std::atomic<int> failed{0};
    std::vector<std::unique_ptr<chain>> chains;
    for (int i = 0; i < 12; ++i) {
        ++open;
        // Those on the context of another chain cross over from one thread to another.
        chains.push_back(std::make_unique<chain>(*db, contexts[i % 3], open, failed, 25));
        asio::post(contexts[(i / 3) % 3], [one = chains.back().get()] { one->next(); });
    }
    std::vector<std::thread> threads;
    for (auto& io : contexts) {
        threads.emplace_back([&io, &open] {
            auto const work = asio::make_work_guard(io);
            while (open != 0) io.run_for(5ms);
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(failed == 0);
    CHECK(server.count("INCR") >= 12 * 25 * 40);
    db.reset();
    for (auto& io : contexts) at_home::settle(io);
}
