// 16_recipes.cpp: what people build on every client: a view with a prefix, a cache with one loader per key, a lock. Usage: example_16_recipes [host:port]
#include <umbel/client.hpp>
#include <umbel/client/cache_aside.hpp>
#include <umbel/client/lock.hpp>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
#include <iostream>
#include <string>

using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

// [cache]
/// The slow source: called once, however many ask for the same user meanwhile.
asio::awaitable<std::string> load_user(std::string key) {
    asio::steady_timer slow{co_await asio::this_coro::executor, 50ms};
    co_await slow.async_wait(asio::use_awaitable);
    co_return "the user of " + key;
}

asio::awaitable<void> show(umbel::cache_aside<> const& users, std::string key) {
    auto user = co_await users.get(key, load_user);  // result<std::optional<std::string>>
    if (user) std::cout << user->value_or("nobody") << '\n';
}
// [cache]

asio::awaitable<void> work(std::uint64_t fencing) {
    std::cout << "working under number " << fencing << '\n';
    asio::steady_timer busy{co_await asio::this_coro::executor, 100ms};
    co_await busy.async_wait(asio::use_awaitable);
}

asio::awaitable<void> recipes(umbel::client& db) {
    // [prefixed]
    auto app = db.prefixed("{shop}:");      // Every key of `app` begins so, and all of them share a slot.
    co_await app.set("greeting", "hello");  // SET {shop}:greeting hello
    // [prefixed]
    umbel::cache_aside users{app, {.ttl = 30s}};
    co_await (show(users, "user:1") && show(users, "user:1") && show(users, "user:2"));

    // [lock]
    auto taken = co_await umbel::lock::acquire(app, "nightly", {.lease = 10s, .wait = 1min});
    if (taken && *taken) {
        umbel::lock held = std::move(**taken);
        co_await (work(held.fencing()) || held.lost());  // Whichever ends first.
        co_await held.release();
    }
    // [lock]
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, recipes(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
