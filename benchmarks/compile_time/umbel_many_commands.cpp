// The same coroutine with ten further typed commands, of five result types.
#include <umbel/client.hpp>

#include <asio/awaitable.hpp>

asio::awaitable<int> all(umbel::client& db) {
    int good = 0;
    good += (co_await db.get("key")).has_value();
    good += (co_await db.set("key", "value")).has_value();
    good += (co_await db.incr("n")).has_value();
    good += (co_await db.decr("n")).has_value();
    good += (co_await db.incrby("n", 2)).has_value();
    good += (co_await db.strlen("key")).has_value();
    good += (co_await db.append("key", "more")).has_value();
    good += (co_await db.getdel("key")).has_value();
    good += (co_await db.incrbyfloat("x", 0.5)).has_value();
    good += (co_await db.set_and_get("key", "value")).has_value();
    good += (co_await db.decrby("n", 2)).has_value();
    co_return good;
}
