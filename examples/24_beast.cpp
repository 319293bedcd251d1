// 24_beast.cpp: an HTTP server on Boost.Beast whose answers stand in a cluster: GET /name answers with the value of the key "name". Server and
// client share one Asio, Boost's, and one io_context. Usage: example_24_beast host:port [HTTP port]
//
// All source files of such a program are compiled with -DUMBEL_USE_BOOST_ASIO.
#include <umbel.hpp>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using request = http::request<http::string_body>;
using response = http::response<http::string_body>;

// [beast]
asio::awaitable<response> answer(umbel::client& db, request const& asked) {
    response said{http::status::ok, asked.version()};
    auto value = co_await db.get(std::string_view{asked.target()}.substr(1));  // On the server's own io_context.
    if (!value) {
        said.result(http::status::service_unavailable);
        said.body() = value.error().to_string() + '\n';
    } else if (!*value) {
        said.result(http::status::not_found);
    } else {
        said.body() = **value;
    }
    said.keep_alive(asked.keep_alive());
    said.prepare_payload();
    co_return said;
}
// [beast]

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

asio::awaitable<void> serve(umbel::client& db, tcp::socket socket) {
    beast::tcp_stream stream{std::move(socket)};
    beast::flat_buffer buffer;
    for (bool open = true; open;) {
        request asked;
        stream.expires_after(std::chrono::seconds{30});
        auto [unread, bytes_read] = co_await http::async_read(stream, buffer, asked, with_error);
        if (unread) break;
        response const said = co_await answer(db, asked);
        auto [unsent, bytes_sent] = co_await http::async_write(stream, said, with_error);
        open = !unsent && said.keep_alive();
    }
    beast::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> listen(umbel::client& db, tcp::acceptor& acceptor) {
    for (;;) {
        auto [refused, socket] = co_await acceptor.async_accept(with_error);
        if (refused) break;
        asio::co_spawn(acceptor.get_executor(), serve(db, std::move(socket)), asio::detached);
    }
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    auto const port = static_cast<unsigned short>(argc > 2 ? std::atoi(argv[2]) : 0);  // 0: any that is free.
    tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), port}};
    std::cout << "http://127.0.0.1:" << acceptor.local_endpoint().port() << "/name" << std::endl;
    asio::co_spawn(io, listen(db, acceptor), asio::detached);
    asio::signal_set ends{io, SIGINT, SIGTERM};
    ends.async_wait([&](boost::system::error_code, int) { io.stop(); });
    io.run();
}
