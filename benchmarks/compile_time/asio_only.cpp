// The reference: Asio and one coroutine that reads a socket.
#include <asio.hpp>

asio::awaitable<std::size_t> read(asio::ip::tcp::socket& socket) {
    char bytes[512];
    co_return co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
}
