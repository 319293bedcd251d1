// Tests of a client over several contexts while they run: each has connections of its own, what it asks comes
// back on it, in order, and it is kept busy for as long as something of it is under way.
#include "at_home.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::plain;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

/// Two contexts, both run by the test's thread, and a client over them.
struct two_loops {
    std::array<asio::io_context, 2> io;
    std::optional<umbel::client> db;

    two_loops(
        std::string const& seed, bool declared, void (*change)(umbel::options&) = [](umbel::options&) {},
        bool strands = false) {
        umbel::options chosen = plain(seed);
        chosen.one_thread_per_context = declared;
        change(chosen);
        std::vector<asio::any_io_executor> executors;
        for (auto& each : io)
            executors.push_back(strands ? asio::any_io_executor{asio::make_strand(each)}
                                        : each.get_executor());
        db.emplace(std::move(executors), chosen);
    }
    template <class Done>
    bool until(Done&& done) {
        auto const give_up = std::chrono::steady_clock::now() + 30s;
        while (!done()) {
            if (std::chrono::steady_clock::now() > give_up) return false;
            for (auto& each : io) {
                if (each.stopped()) each.restart();
                each.run_one_for(1ms);
            }
        }
        return true;
    }
    /// Both connections stand afterwards.
    void connect() {
        for (auto& each : io) {
            bool done = false;
            db->get("first")(asio::bind_executor(each, [&done](auto) { done = true; }));
            REQUIRE(until([&] { return done; }));
        }
    }
};

std::optional<scripted::answer> holds_gets(words const& said) {
    if (said[0] == "GET") return scripted::answer::hold("$4\r\nlate\r\n");
    return std::nullopt;
}
std::optional<scripted::answer> holds_topology(words const& said) {
    if (said[0] == "CLUSTER")
        return scripted::answer::hold("-ERR This instance has cluster support disabled\r\n");
    return std::nullopt;
}

}  // namespace

TEST_CASE("each context has a connection of its own, and what it asks comes back without the other one",
          "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server;
    std::string const seed = server.address();
    two_loops on{seed, declared};
    on.connect();
    CHECK(server.accepted() == 2);
    // From here on only the second context runs.
    CHECK(shown(at_home::wait(on.io[1], on.db->set("k", "v"))) == "written");
    CHECK(shown(at_home::wait(on.io[1], on.db->get("k"))) == "v");
    std::string by_strand;
    on.db->get("k")(
        asio::bind_executor(asio::make_strand(on.io[1]), [&](auto told) { by_strand = shown(told); }));
    CHECK(at_home::until(on.io[1], [&] { return !by_strand.empty(); }));
    CHECK(by_strand == "v");
    // In a handler of the second context none needs to be named.
    std::string unnamed;
    asio::post(on.io[1], [&] { on.db->get("k")([&](auto told) { unnamed = shown(told); }); });
    CHECK(at_home::until(on.io[1], [&] { return !unnamed.empty(); }));
    CHECK(unnamed == "v");
    auto many = at_home::wait(on.io[1], on.db->mget("k", "other"));
    REQUIRE(many);
    CHECK((*many)[0] == "v");
    // And the first has its own still.
    CHECK(shown(at_home::wait(on.io[0], on.db->get("k"))) == "v");
    CHECK(server.accepted() == 2);
}

TEST_CASE("a snapshot adds up the connections of all contexts", "[contexts]") {
    scripted::server server;
    std::string const seed = server.address();
    two_loops on{seed, true};
    on.connect();
    std::optional<std::vector<umbel::node_snapshot>> nodes;
    on.db->nodes()([&](auto told) { nodes = *told; });
    REQUIRE(on.until([&] { return nodes.has_value(); }));
    REQUIRE(nodes->size() == 1);
    CHECK(nodes->front().primary_link.connections == 2);
    CHECK((nodes->front().primary_link.state == umbel::engine::link_state::up));
    CHECK(nodes->front().primary_link.commands >= 2);
    CHECK(nodes->front().replica_link.connections == 0);
}

TEST_CASE("commands of one context keep their order, wherever on it they are begun", "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server;
    std::string const seed = server.address();
    bool const strands = GENERATE(false, true);
    two_loops on{seed, declared, [](umbel::options&) {}, strands};
    on.connect();
    int begun = 0;
    int done = 0;
    // Each counts those that have come before it.
    auto const count = [&](std::function<void()> then) {
        on.db->incr("n")(
            asio::bind_executor(on.io[1], [&done, expected = ++begun, then = std::move(then)](auto told) {
                CHECK(shown(told) == std::to_string(expected));
                ++done;
                if (then) then();
            }));
    };
    std::vector<std::pair<int, std::future<umbel::result<std::int64_t>>>> futures;
    auto const count_by_future = [&] {
        int const expected = ++begun;
        futures.emplace_back(expected, on.db->incr("n")(asio::use_future));
    };
    asio::steady_timer timer{on.io[1], 1ms};
    // From the outside, from a handler of the context, from one of a reply, and from a timer's; by handlers
    // and by futures.
    count([&] {
        count({});
        asio::post(on.io[1], [&] {
            count({});
            count_by_future();
            count({});
        });
        count_by_future();
        count([&] {
            count_by_future();
            count({});
        });
        timer.async_wait([&](asio::error_code) { count({}); });
    });
    REQUIRE(on.until([&] { return done == 7; }));
    for (auto& [expected, told] : futures) {
        REQUIRE(on.until([&told] { return told.wait_for(0s) == std::future_status::ready; }));
        CHECK(shown(told.get()) == std::to_string(expected));
    }
}

TEST_CASE(
    "a context is busy while a command of it waits for the first topology, and idle when its client has gone",
    "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server{&holds_topology};
    std::string const seed = server.address();
    two_loops on{seed, declared,
                 [](umbel::options& chosen) { chosen.deployment = umbel::deployment::automatic; }};
    std::string told;
    std::atomic<bool> done{false};
    on.db->get("k")(asio::bind_executor(on.io[1], [&](auto value) {
        told = shown(value);
        done = true;
    }));
    REQUIRE(on.until([&] { return server.count("CLUSTER") == 1; }));
    on.io[1].poll();
    CHECK_FALSE(on.io[1].stopped());
    server.release();
    // What the second context does now the first one has brought about; run() returns when nothing is left to
    // be done.
    std::thread second{[&] { on.io[1].run(); }};
    REQUIRE(at_home::until(on.io[0], [&] { return on.io[1].stopped() || done; }));
    on.db.reset();
    on.io[0].run();
    second.join();
    CHECK(told == "nil");
}

TEST_CASE(
    "what is refused, or given up in the engine, is told on the context of its handler, which is busy until "
    "then",
    "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server{&holds_gets};
    std::string const seed = server.address();
    std::vector<std::string> told;
    std::thread::id ran_on{};
    auto const note = [&](auto const& value) {
        told.push_back(code_of(value));
        ran_on = std::this_thread::get_id();
    };
    two_loops on{seed, declared, [](umbel::options& chosen) { chosen.in_flight_max = 2; }};
    bool known = false;
    on.db->incr("n")(asio::bind_executor(on.io[1], [&](auto) { known = true; }));
    REQUIRE(on.until([&] { return known; }));
    SECTION("too many on one connection") {
        for (int i = 0; i < 5; ++i) on.db->get("k")(asio::bind_executor(on.io[1], note));
        REQUIRE(on.until([&] { return told.size() == 3; }));
        CHECK(told == std::vector<std::string>(3, "overloaded"));
        server.release();
        REQUIRE(on.until([&] { return told.size() == 5; }));
    }
    SECTION("begun after the end") {
        bool closed = false;
        on.db->close()([&](auto) { closed = true; });
        REQUIRE(on.until([&] { return closed; }));
        for (auto& each : on.io) at_home::settle(each);
        CHECK(on.io[1].stopped());
        on.db->get("k")(asio::bind_executor(on.io[1], note));
        on.io[1].restart();
        on.io[1].poll();
        CHECK_FALSE(on.io[1].stopped());
        std::thread second{[&] { on.io[1].run(); }};
        CHECK(at_home::until(on.io[0], [&] { return on.io[1].stopped(); }));
        std::thread::id const its = second.get_id();
        second.join();
        CHECK(told == std::vector<std::string>{"cancelled"});
        CHECK(ran_on == its);
    }
}

TEST_CASE("cancellation reaches a command on the connection of any context", "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server{&holds_gets};
    std::string const seed = server.address();
    two_loops on{seed, declared};
    std::array<asio::cancellation_signal, 2> stop;
    std::vector<std::string> told;
    for (std::size_t i = 0; i < 2; ++i)
        on.db->get("k")(asio::bind_cancellation_slot(
            stop[i].slot(),
            asio::bind_executor(on.io[i], [&](auto value) { told.push_back(code_of(value)); })));
    REQUIRE(on.until([&] { return server.count("GET") == 2; }));
    for (auto& one : stop) one.emit(asio::cancellation_type::terminal);
    REQUIRE(on.until([&] { return told.size() == 2; }));
    CHECK(told == std::vector<std::string>(2, "cancelled"));
}

TEST_CASE("a thread of no context is answered, and keeps to one connection", "[contexts][threads]") {
    bool const declared = GENERATE(false, true);
    scripted::server server;
    std::string const seed = server.address();
    two_loops on{seed, declared};
    on.connect();
    std::atomic<bool> done{false};
    std::string told;
    std::thread user{[&] {
        std::vector<std::future<umbel::result<std::int64_t>>> all;
        for (int i = 0; i < 5; ++i) all.push_back(on.db->incr("n")(asio::use_future));
        for (auto& one : all) told += shown(one.get());
        done = true;
    }};
    CHECK(on.until([&] { return done.load(); }));
    user.join();
    CHECK(told == "12345");
    CHECK(server.accepted() == 2);
}

TEST_CASE("a command that is led to a node without a connection is served while its client closes",
          "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server second{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer{"$5\r\nthere\r\n"};
        return std::nullopt;
    }};
    unsigned short const there = second.port();
    unsigned short here = 0;
    scripted::server first{[&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET")
            return scripted::answer::hold("-MOVED 12182 127.0.0.1:" + std::to_string(there) + "\r\n");
        if (said[0] != "CLUSTER") return std::nullopt;
        return scripted::answer{"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + scripted::bulk("127.0.0.1") +
                                scripted::integer(here)};
    }};
    here = first.port();
    std::string const seed = first.address();
    asio::io_context io{1};
    umbel::options chosen = plain(seed);
    chosen.deployment = umbel::deployment::cluster;
    chosen.one_thread_per_context = declared;
    umbel::client db{io.get_executor(), chosen};
    std::string got;
    std::string closed;
    db.get("foo")(asio::bind_executor(io, [&](auto told) { got = shown(told); }));
    REQUIRE(at_home::until(io, [&] { return first.count("GET") == 1; }));
    db.close()(asio::bind_executor(io, [&](auto told) { closed = shown(told); }));
    at_home::settle(io);
    first.release();
    REQUIRE(at_home::until(io, [&] { return !got.empty() && !closed.empty(); }));
    CHECK(got == "there");
    CHECK(closed == "ok");
}

TEST_CASE(
    "the first context is busy until the others' connections have ended: what these hand on is still looked "
    "after",
    "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "GET") return std::nullopt;
        return scripted::answer{said[1] == "first" ? "$1\r\n1\r\n" : "-TRYAGAIN later\r\n"};
    }};
    std::string const seed = server.address();
    two_loops on{seed, declared};
    on.connect();
    std::string told;
    asio::post(on.io[1], [&] {
        // Both replies come in one piece. In the first one's handler the client goes, and its first context
        // does all it has to do.
        on.db->get("first")(asio::bind_executor(on.io[1], [&](auto) {
            on.db.reset();
            for (int i = 0; i < 20; ++i) on.io[0].run_one_for(1ms);
            CHECK_FALSE(on.io[0].stopped());
        }));
        on.db->get("second")(asio::bind_executor(on.io[1], [&](auto value) { told = code_of(value); }));
    });
    REQUIRE(on.until([&] { return !told.empty(); }));
    CHECK(told == "cancelled");
    for (auto& each : on.io) at_home::settle(each);
    for (auto& each : on.io) CHECK(each.stopped());
}

TEST_CASE("a context that nobody runs any more keeps no other busy when the client ends", "[contexts]") {
    bool const declared = GENERATE(false, true);
    scripted::server server;
    std::string const seed = server.address();
    two_loops on{seed, declared};
    on.connect();
    on.db.reset();
    CHECK(at_home::until(on.io[0], [&] { return on.io[0].stopped(); }));
}
