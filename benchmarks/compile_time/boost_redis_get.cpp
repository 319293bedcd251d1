// A peer: a file that sends one command by Boost.Redis, whose code is in another file.
#include <boost/redis/connection.hpp>
#include <boost/redis/request.hpp>
#include <boost/redis/response.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

boost::asio::awaitable<std::size_t> read(boost::redis::connection& db) {
    boost::redis::request ask;
    ask.push("GET", "key");
    boost::redis::response<std::string> answer;
    co_await db.async_exec(ask, answer, boost::asio::use_awaitable);
    co_return std::get<0>(answer).value().size();
}
