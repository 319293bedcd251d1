#include <umbel.hpp>

#include <asio.hpp>
#include <iostream>

asio::awaitable<void> greet(umbel::client& db) {
    if (auto set = co_await db.set("user:1", "ada"); !set) {
        std::cout << set.error().to_string() << '\n';
        co_return;
    }
    auto name = co_await db.get("user:1");  // result<std::optional<std::string>>
    auto hits = co_await db.incr("hits");   // result<std::int64_t>
    if (name && hits) std::cout << name->value_or("nobody") << ", hit " << *hits << '\n';
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, greet(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
