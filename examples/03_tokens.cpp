// 03_tokens.cpp: every command is an Asio asynchronous operation: all the forms in which one may be begun.
#include <umbel/client.hpp>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <iostream>

// [tokens]
asio::awaitable<void> every_form(umbel::client& db) {
    auto plain = co_await db.get("k");                              // in asio::awaitable<>: no token needed
    auto token = co_await db.get("k")(asio::use_awaitable);         // with a token
    auto later = db.get("k");                                       // stored: nothing is sent yet
    auto value = co_await std::move(later);                         // and awaited when wanted
    auto defer = co_await db.incr("n")(asio::deferred)(asio::use_awaitable);
    db.get("k")([](umbel::result<std::optional<std::string>> got) { (void)got; });  // a callback

    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer{co_await asio::this_coro::executor, std::chrono::seconds{1}};
    auto first = co_await (db.get("k")(asio::use_awaitable) || timer.async_wait(asio::use_awaitable));  // the loser is cancelled
}
// [tokens]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, every_form(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
