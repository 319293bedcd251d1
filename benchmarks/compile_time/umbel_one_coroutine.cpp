// umbel and one command, in a coroutine of its own: the base for the price of each further one.
#include <umbel/client.hpp>

#include <asio/awaitable.hpp>

asio::awaitable<int> all(umbel::client& db) {
    int good = 0;
    good += (co_await db.get("key")).has_value();
    co_return good;
}
