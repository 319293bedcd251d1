// 11_transactions.cpp: several commands of one slot that run together or not at all.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <iostream>
#include <vector>

// [transactions]
static_assert(umbel::same_slot("{cart:7}items", "{cart:7}total"));  // Checked when it is compiled; at run time before it is sent.

asio::awaitable<void> buy(umbel::client& db) {
    auto done = co_await db.transaction(umbel::cmd.rpush("{cart:7}items", "book"),  // MULTI … EXEC in one write,
                                        umbel::cmd.incrby("{cart:7}total", 30));    // on the connection that all share
    if (done) {                                                // result<tuple<result<int64_t>, result<int64_t>>>
        auto& [items, total] = *done;                          // Each command has its own result.
        if (items && total) std::cout << *items << " items, " << *total << " in all\n";
    } else if (done.error().may_have_executed()) {
        // All of it has run, or nothing: this one delivery counts for the whole. Half of it never has.
    }

    std::vector<umbel::bare_command<std::int64_t>> many;       // As many as are known at run time only.
    for (int i = 0; i < 10; ++i) many.push_back(umbel::cmd.incr("{cart:7}visits"));
    auto counts = co_await db.transaction(std::move(many));    // result<vector<result<int64_t>>>
}
// [transactions]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, buy(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
