// 23_server_life.cpp: the life of a client in a server: made once, asked with deadlines, closed at the end.
// Usage: example_23_server_life [HOST:PORT]
#include <umbel/client.hpp>
#include <umbel/client/node_client.hpp>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <iostream>

using namespace std::chrono_literals;

// [life]
asio::awaitable<void> serve(umbel::client& db) {
    // Commands wait for the first topology by themselves. Who wants to know before the doors open asks.
    if (auto up = co_await db.ready(); !up) {
        std::cout << up.error().to_string() << '\n';  // wrong_password, tls_failed, no_reachable_node …
        co_return;
    }
    // A deadline covers all: waiting for a connection, the way there and back, redirects, retries.
    auto page = co_await db.with(50ms).get("page:1");

    // One deadline for several commands: each has what is left. When nothing is left, nothing is sent.
    auto const due = std::chrono::steady_clock::now() + 100ms;
    auto user = co_await db.with(due - std::chrono::steady_clock::now()).get("user:1");
    auto seen = co_await db.with(due - std::chrono::steady_clock::now()).incr("seen:1");
    if (!seen && !seen.error().may_have_executed()) seen = co_await db.incr("seen:1");  // it has not run

    // Commands without a key go where their answer is whole: to all primaries, to every node, or to one.
    auto keys = co_await db.dbsize();  // a sum
    auto pong = co_await db.ping();    // has every primary answered?
    auto time = co_await db.on(umbel::primary_of("user:1")).time();
    if (keys && pong && time) std::cout << *keys << " keys\n";
}

void run(asio::io_context& io, umbel::options const& options) {
    umbel::client db{io.get_executor(), options};  // One for the whole program; it connects by itself.
    asio::co_spawn(io, serve(db), [&](std::exception_ptr) {
        db.close()(asio::detached);  // What is under way finishes, until its deadline; then io.run() returns.
    });
    io.run();
}
// [life]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::options const options{.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}};
    run(io, options);
}
