// umbel and one GET.
#include <umbel/client.hpp>

#include <asio/awaitable.hpp>

asio::awaitable<std::size_t> read(umbel::client& db) {
    auto const got = co_await db.get("key");
    if (!got || !*got) co_return 0;
    co_return (*got)->size();
}
