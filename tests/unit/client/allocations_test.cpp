// How often a command in steady state asks for heap memory: never. Counted on the client's thread only: the
// server has its own.
#include "at_home.hpp"
#include "heap.hpp"

#include <umbel/client/multi_client.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of
// them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNT_BY_SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_BY_SANITIZER
#endif

namespace {
inline constinit thread_local std::uint64_t allocations_here = 0;
}

// Whoever allocates (operator new, malloc, a C library) comes to malloc in the end. A sanitizer has its own,
// and tells of each call.
#if defined(COUNT_BY_SANITIZER)
extern "C" {
void __sanitizer_malloc_hook(void const volatile*, std::size_t) { ++allocations_here; }
void __sanitizer_free_hook(void const volatile*) {}
}
#elif defined(__GLIBC__)
extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;

void* malloc(std::size_t bytes) noexcept {
    ++allocations_here;
    return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
    ++allocations_here;
    return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) noexcept {
    ++allocations_here;
    return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    if (heap_refuses && heap_refuses()) return nullptr;
    ++allocations_here;
    return __libc_memalign(alignment, bytes);
}
}
#endif

using namespace std::chrono_literals;
using scripted::words;

namespace {

constexpr int warm_up = 2000;
constexpr int measured = 20'000;
/// Asio keeps two recycled blocks a thread; when one of its timers fires, the next read may find its block
/// taken.
constexpr std::uint64_t stray = 5;

/// A client on one thread, the server on another, and the number of allocations between two moments of the
/// former.
struct counting_house {
    scripted::server server{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "EVALSHA") return ":1\r\n";
        if (said[0] == "MULTI") return scripted::ok;
        if (said[0] == "EXEC") return "*2\r\n:1\r\n:2\r\n";
        return std::nullopt;
    }};
    std::string seed = server.address();
    asio::io_context io{1};
    umbel::client db;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    int done = 0;
    int failed = 0;

    counting_house() : db{io.get_executor(), at_home::plain(seed)} {
        REQUIRE(at_home::wait(io, db.set("short", "sixteen bytes at")));
        REQUIRE(at_home::wait(io, db.set("long", std::string(1000, 'x'))));
    }
    /// Notes one finished command. True: go on.
    bool step(bool good) {
        failed += good ? 0 : 1;
        ++done;
        if (done == warm_up) before = allocations_here;
        if (done < warm_up + measured) return true;
        if (done == warm_up + measured) after = allocations_here;
        io.stop();
        return false;
    }
    /// One call of run(): Asio recycles memory only within one.
    std::uint64_t run() {
        io.restart();
        io.run();
        CHECK(done >= warm_up + measured);
        CHECK(failed == 0);
        return after - before;
    }
};

template <class Begin>
struct chain {
    counting_house& here;
    Begin begin;
    void next() {
        begin(here.db)([this](auto told) {
            if (here.step(told.has_value())) next();
        });
    }
};

/// Allocations of commands begun by `begin(client)`, one after the other, with a callback.
template <class Begin>
std::uint64_t by_callback(counting_house& here, Begin begin) {
    chain<Begin> one{here, begin};
    one.next();
    return here.run();
}

/// The same, awaited.
template <class Begin>
asio::awaitable<void> awaits(counting_house& here, Begin begin) {
    for (;;) {
        auto const told = co_await begin(here.db);
        if (!here.step(told.has_value())) co_return;
    }
}
template <class Begin>
std::uint64_t by_await(counting_house& here, Begin begin) {
    asio::co_spawn(here.io, awaits(here, begin), asio::detached);
    return here.run();
}

constexpr umbel::script add{"return redis.call('INCRBY', KEYS[1], ARGV[1])"};

auto const run_script = [](umbel::client& db) { return db.run<std::int64_t>(add, umbel::key("n"), 5); };
auto const transact = [](umbel::client& db) {
    return db.transaction(umbel::cmd.incr("n"), umbel::cmd.incr("n"));
};
auto const get_bytes = [](umbel::client& db) { return db.get<umbel::bytes>("short"); };
auto const get_long_bytes = [](umbel::client& db) { return db.get<umbel::bytes>("long"); };
auto const get_text = [](umbel::client& db) { return db.get("short"); };
auto const increment = [](umbel::client& db) { return db.incr("n"); };
auto const with_deadline = [](umbel::client& db) { return db.with(3s).get<umbel::bytes>("short"); };
auto const without_deadline = [](umbel::client& db) { return db.with(umbel::no_deadline).incr("n"); };

}  // namespace

TEST_CASE("the counter counts", "[allocations]") {
    std::uint64_t const before = allocations_here;
    auto const text = std::make_unique<std::string>(1000, 'x');
    CHECK(text->size() == 1000);
    CHECK(allocations_here - before >= 2);
}

TEST_CASE("GET and INCR by callback allocate nothing", "[allocations]") {
    counting_house here;
    SECTION("GET into bytes") { CHECK(by_callback(here, get_bytes) <= stray); }
    SECTION("INCR") { CHECK(by_callback(here, increment) <= stray); }
    SECTION("with a deadline of its own") { CHECK(by_callback(here, with_deadline) <= stray); }
    SECTION("without a deadline") { CHECK(by_callback(here, without_deadline) <= stray); }
}

TEST_CASE("GET and INCR by co_await allocate nothing", "[allocations]") {
    counting_house here;
    SECTION("GET into bytes") { CHECK(by_await(here, get_bytes) <= stray); }
    SECTION("INCR") { CHECK(by_await(here, increment) <= stray); }
    SECTION("with a deadline of its own") { CHECK(by_await(here, with_deadline) <= stray); }
}

TEST_CASE("a multi_client allocates nothing either, nor does one with options of its own", "[allocations]") {
    counting_house here;
    umbel::multi_options chosen;
    chosen.members = {{"east", at_home::plain(here.seed), 2}, {"west", at_home::plain(here.seed), 1}};
    chosen.check_interval = 1h;
    umbel::multi_client const db{here.io.get_executor(), chosen};
    REQUIRE(at_home::wait(here.io, db.ready()));
    SECTION("GET") {
        CHECK(by_callback(here, [&](umbel::client&) { return db.get<umbel::bytes>("short"); }) <= stray);
    }
    SECTION("INCR") {
        CHECK(by_await(here, [&](umbel::client&) { return db.incr("n"); }) <= stray);
    }
    SECTION("with a deadline of its own") {
        CHECK(by_callback(here, [&](umbel::client&) { return db.with(3s).incr("n"); }) <= stray);
    }
}

TEST_CASE("a script that the node knows allocates nothing, and a transaction once", "[allocations]") {
    counting_house here;
    SECTION("script") { CHECK(by_callback(here, run_script) <= stray); }
    SECTION("transaction") { CHECK(by_callback(here, transact) <= measured + stray); }
}

TEST_CASE("a value decoded into a string allocates what the string needs, and nothing else",
          "[allocations]") {
    counting_house here;
    std::uint64_t const counted = by_await(here, get_text);
    CHECK(counted >= measured);
    CHECK(counted <= measured + stray);
}

TEST_CASE("a larger value alone in its read chunk is copied out: one allocation", "[allocations]") {
    counting_house here;
    CHECK(by_await(here, get_long_bytes) <= measured + stray);
}

namespace {

/// A client over two contexts, of which the second is counted, and two servers; the first sends whoever comes
/// to the second.
struct moved_house {
    std::atomic<bool> moved{false};
    std::atomic<scripted::server*> owner{nullptr};
    std::atomic<scripted::server*> heir{nullptr};
    scripted::server first{[this](words const& said) { return says(said, true); }};
    scripted::server second{[this](words const& said) { return says(said, false); }};
    std::string seed = first.address();
    asio::io_context control{1};
    asio::io_context io{1};
    std::optional<umbel::client> db;

    explicit moved_house(bool declared) {
        owner = &first;
        heir = &second;
        umbel::options chosen = at_home::plain(seed);
        chosen.deployment = umbel::deployment::cluster;
        chosen.one_thread_per_context = declared;
        db.emplace(std::vector<asio::any_io_executor>{control.get_executor(), io.get_executor()}, chosen);
        bool done = false;
        db->incr("k")(asio::bind_executor(io, [&done](auto told) {
            CHECK(told);
            done = true;
        }));
        REQUIRE(at_home::until(io, [&] {
            control.poll();
            control.restart();
            return done;
        }));
        CHECK(first.count("INCR") == 1);
        CHECK(second.count("INCR") == 1);
        at_home::settle(control);
    }
    std::optional<scripted::answer> says(words const& said, bool sends_on) {
        if (said[0] == "CLUSTER") {
            unsigned short const port = (moved ? heir : owner).load()->port();
            return scripted::answer{"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + scripted::bulk("127.0.0.1") +
                                    scripted::integer(port)};
        }
        if (said[0] == "PING") return "+short\r\n";
        if (sends_on) {
            moved = true;
            std::string const slot = std::to_string(umbel::cluster::slot_of("k").value());
            return scripted::answer{"-MOVED " + slot + " 127.0.0.1:" + std::to_string(heir.load()->port()) +
                                    "\r\n"};
        }
        if (said[0] == "SET") return "+OK\r\n";
        if (said[0] == "INCRBYFLOAT") return "$3\r\n1.5\r\n";
        if (said[0] == "TYPE") return "+short\r\n";
        return ":1\r\n";
    }
    template <class Begin>
    asio::awaitable<void> repeats(Begin begin, std::uint64_t& allocated, bool& good) {
        static constexpr int unmeasured = 300;
        std::uint64_t before = 0;
        for (int i = 0; i < unmeasured + 2000; ++i) {
            if (i == unmeasured) before = allocations_here;
            auto const told = co_await begin(*db);
            good = good && told.has_value();
        }
        allocated = allocations_here - before;
        io.stop();
    }
    /// Allocations of 2000 commands begun by `begin`, one after the other.
    template <class Begin>
    std::uint64_t allocates(Begin begin) {
        std::uint64_t allocated = 0;
        bool good = true;
        asio::co_spawn(io, repeats(begin, allocated, good), asio::detached);
        io.restart();
        io.run();
        CHECK(good);
        return allocated;
    }
    /// The most that any of them allocates.
    template <class... Begin>
    std::uint64_t most(Begin... begin) {
        return std::max({allocates(begin)...});
    }
};

}  // namespace

TEST_CASE(
    "typed commands with scalar replies allocate nothing where a MOVED has led, on any context of the client",
    "[allocations]") {
    moved_house here{GENERATE(false, true)};
    CHECK(here.most([](umbel::client& db) { return db.set("k", "v"); },
                    [](umbel::client& db) { return db.set("k", "v", {.expire = 30s}); },
                    [](umbel::client& db) { return db.incr("k"); },
                    [](umbel::client& db) { return db.incrby("k", 7); },
                    [](umbel::client& db) { return db.decr("k"); },
                    [](umbel::client& db) { return db.decrby("k", 7); },
                    [](umbel::client& db) { return db.incrbyfloat("k", 0.5); },
                    [](umbel::client& db) { return db.strlen("k"); },
                    [](umbel::client& db) { return db.append("k", "v"); }) <= stray);
    CHECK(
        here.most(
            [](umbel::client& db) { return db.del("k"); }, [](umbel::client& db) { return db.unlink("k"); },
            [](umbel::client& db) { return db.exists("k"); }, [](umbel::client& db) { return db.touch("k"); },
            [](umbel::client& db) { return db.expire("k", 30s); },
            [](umbel::client& db) { return db.persist("k"); }, [](umbel::client& db) { return db.ttl("k"); },
            [](umbel::client& db) { return db.type("k"); }, [](umbel::client& db) { return db.ping(); },
            [](umbel::client& db) { return db.with(3s).incr("k"); },
            [](umbel::client& db) { return db.command<std::int64_t>("INCRBY", umbel::key("k"), 5); }) <=
        stray);
    CHECK(here.first.count("INCR") == 1);
}

TEST_CASE("the client's thread allocates nothing for callers on another io_context",
          "[allocations][threads]") {
    counting_house here;
    asio::io_context callers{1};
    std::jthread caller;
    auto const asks = [&]() -> asio::awaitable<void> {
        for (int i = 0; i < warm_up + measured; ++i) {
            if (i == warm_up) asio::post(here.io, [&] { here.before = allocations_here; });
            if (!co_await here.db.get<umbel::bytes>("short")) ++here.failed;
        }
        asio::post(here.io, [&] {
            here.after = allocations_here;
            here.done = warm_up + measured;
            here.io.stop();
        });
    };
    asio::co_spawn(callers, asks(), asio::detached);
    caller = std::jthread{[&] { callers.run(); }};
    CHECK(here.run() <= stray);
}

TEST_CASE("fifty coroutines at once allocate nothing either", "[allocations]") {
    counting_house here;
    for (int i = 0; i < 50; ++i) asio::co_spawn(here.io, awaits(here, get_bytes), asio::detached);
    CHECK(here.run() <= stray);
}

namespace {

asio::awaitable<void> sends_batches(counting_house& here) {
    using umbel::cmd;
    for (bool good = true;;) {
        auto [get, incr, set] = co_await here.db.batch(cmd.get<umbel::bytes>("short"), cmd.incr("n"),
                                                       cmd.set("k", "v", {.expire = 30s}));
        good = get && incr && set;
        umbel::batch b;
        for (int i = 0; i < 10; ++i) b.add(cmd.get<umbel::bytes>("short"));
        auto const told = co_await here.db.batch(std::move(b));
        if (!here.step(good && told.failed() == 0)) co_return;
    }
}

}  // namespace

TEST_CASE("a batch allocates nothing, filled or of some commands", "[allocations][batch]") {
    counting_house here;
    asio::co_spawn(here.io, sends_batches(here), asio::detached);
    CHECK(here.run() <= stray);
}
