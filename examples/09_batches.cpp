// 09_batches.cpp: many commands in one operation: any slots, one write a node, a result for each.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <vector>

// [batches]
asio::awaitable<void> send(umbel::client& db) {
    // A few commands of any types: a tuple of results. Each may fail alone.
    auto [name, hits] = co_await db.batch(umbel::cmd.get("user:1"), umbel::cmd.incr("hits"));
    if (hits) std::cout << "hits: " << *hits << "\n";

    // Filled as you go: add() names a result, or the result goes where you want it.
    std::vector<umbel::result<std::optional<std::string>>> pages(100);
    umbel::batch b;
    auto seen = b.add(umbel::cmd.sadd("seen", "user:1"));
    for (std::size_t i = 0; i < pages.size(); ++i) b.add(umbel::cmd.get("page:" + std::to_string(i)), pages[i]);
    umbel::answers told = co_await db.batch(std::move(b));
    if (!told[seen]) std::cout << "not added: " << told[seen].error().to_string() << "\n";
    std::cout << told.failed() << " of " << told.size() << " have failed\n";

    // A large one: at most 1000 under way at a time, in strict order within a slot, with its progress.
    umbel::batch load;
    for (int i = 0; i < 20'000; ++i) load.add(umbel::cmd.rpush("list:" + std::to_string(i % 500), i));
    load.window(1000).in_strict_order().on_progress(
        [](std::size_t settled, std::size_t all) { std::cout << settled << " of " << all << "\r"; });
    std::cout << (co_await db.batch(std::move(load))).failed() << " have failed\n";
}
// [batches]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, send(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
}
