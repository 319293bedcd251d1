// How often a command in steady state asks for heap memory: never. Counted on the client's thread only: the server has its own.
#include "at_home.hpp"
#include "heap.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include <cstdint>
#include <memory>
#include <string_view>

// g++ 12 takes Asio's own operator new and delete of coroutine frames for mismatched when it inlines one of them.
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

// Whoever allocates (operator new, malloc, a C library) comes to malloc in the end. A sanitizer has its own, and tells of each call.
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

namespace {

constexpr int warm_up = 2000;
constexpr int measured = 20'000;
/// Asio keeps two recycled blocks a thread; when one of its timers fires, the next read may find its block taken.
constexpr std::uint64_t stray = 5;

/// A client on one thread, the server on another, and the number of allocations between two moments of the former.
struct counting_house {
    scripted::server server;
    std::string seed = server.address();
    asio::io_context io{1};
    umbel::client db;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    int done = 0;
    int failed = 0;

    explicit counting_house(bool single_threaded) : db{io.get_executor(), chosen(seed, single_threaded)} {
        REQUIRE(at_home::wait(io, db.set("short", "sixteen bytes at")));
        REQUIRE(at_home::wait(io, db.set("long", std::string(1000, 'x'))));
    }
    static umbel::options chosen(std::string const& seed, bool single_threaded) {
        umbel::options made = at_home::plain(seed);
        made.single_threaded = single_threaded;
        return made;
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

auto const get_bytes = [](umbel::client& db) { return db.get<umbel::bytes>("short"); };
auto const get_long_bytes = [](umbel::client& db) { return db.get<umbel::bytes>("long"); };
auto const get_text = [](umbel::client& db) { return db.get("short"); };
auto const increment = [](umbel::client& db) { return db.incr("n"); };
auto const with_deadline = [](umbel::client& db) { return db.with(3s).get<umbel::bytes>("short"); };
auto const without_deadline = [](umbel::client& db) { return db.with(0s).incr("n"); };

}  // namespace

TEST_CASE("the counter counts", "[allocations]") {
    std::uint64_t const before = allocations_here;
    auto const text = std::make_unique<std::string>(1000, 'x');
    CHECK(text->size() == 1000);
    CHECK(allocations_here - before >= 2);
}

TEST_CASE("GET and INCR by callback allocate nothing, with strands and without", "[allocations]") {
    bool const single_threaded = GENERATE(true, false);
    INFO("single threaded: " << single_threaded);
    counting_house here{single_threaded};
    SECTION("GET into bytes") { CHECK(by_callback(here, get_bytes) <= stray); }
    SECTION("INCR") { CHECK(by_callback(here, increment) <= stray); }
    SECTION("with a deadline of its own") { CHECK(by_callback(here, with_deadline) <= stray); }
    SECTION("without a deadline") { CHECK(by_callback(here, without_deadline) <= stray); }
}

TEST_CASE("GET and INCR by co_await allocate nothing, with strands and without", "[allocations]") {
    bool const single_threaded = GENERATE(true, false);
    INFO("single threaded: " << single_threaded);
    counting_house here{single_threaded};
    SECTION("GET into bytes") { CHECK(by_await(here, get_bytes) <= stray); }
    SECTION("INCR") { CHECK(by_await(here, increment) <= stray); }
    SECTION("with a deadline of its own") { CHECK(by_await(here, with_deadline) <= stray); }
}

TEST_CASE("a value decoded into a string allocates what the string needs, and nothing else", "[allocations]") {
    counting_house here{true};
    std::uint64_t const counted = by_await(here, get_text);
    CHECK(counted >= measured);
    CHECK(counted <= measured + stray);
}

TEST_CASE("a larger value alone in its read chunk is copied out: one allocation", "[allocations]") {
    counting_house here{true};
    CHECK(by_await(here, get_long_bytes) <= measured + stray);
}

TEST_CASE("fifty coroutines at once allocate nothing either", "[allocations]") {
    counting_house here{true};
    for (int i = 0; i < 50; ++i) asio::co_spawn(here.io, awaits(here, get_bytes), asio::detached);
    CHECK(here.run() <= stray);
}
