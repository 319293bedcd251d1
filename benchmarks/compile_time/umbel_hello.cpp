// A program in one file.
#include <umbel.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <iostream>

asio::awaitable<void> greet(umbel::client& db) {
    co_await db.set("user:1", "ada");
    auto const name = co_await db.get("user:1");
    std::cout << (name && *name ? **name : "nobody") << '\n';
}

int main() {
    asio::io_context io{1};
    umbel::client db{io.get_executor(), {.seeds = {"127.0.0.1:6379"}}};
    asio::co_spawn(io, greet(db), asio::detached);
    io.run();
}
