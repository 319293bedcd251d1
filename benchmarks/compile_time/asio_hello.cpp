// What a program in one file costs on Asio alone: it resolves, connects, writes and reads.
#include <asio.hpp>

#include <iostream>

asio::awaitable<void> greet() {
    auto const executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver{executor};
    auto const found = co_await resolver.async_resolve("127.0.0.1", "6379", asio::use_awaitable);
    asio::ip::tcp::socket socket{executor};
    co_await asio::async_connect(socket, found, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer("GET user:1\r\n", 12), asio::use_awaitable);
    std::string line;
    co_await asio::async_read_until(socket, asio::dynamic_buffer(line), "\r\n", asio::use_awaitable);
    std::cout << line;
}

int main() {
    asio::io_context io{1};
    asio::co_spawn(io, greet(), asio::detached);
    io.run();
}
