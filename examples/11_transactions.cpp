// 11_transactions.cpp: several commands of one slot that run together or not at all.
#include <umbel/client.hpp>
#include <umbel/client/optimistic.hpp>

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

// [optimistic]
asio::awaitable<umbel::result<umbel::planned<std::int64_t, std::int64_t>>> move_five(umbel::lease const& held) {
    auto reading = held.get<std::int64_t>("{u}from");  // Read on a connection that watches the keys.
    auto have = co_await std::move(reading);
    if (!have) co_return umbel::fail(have.error());
    if (have->value_or(0) < 5) co_return umbel::fail(umbel::errc::bad_argument, umbel::delivery::not_sent, "too little is left");
    co_return umbel::plan(umbel::cmd.decrby("{u}from", 5), umbel::cmd.incrby("{u}to", 5));
}

asio::awaitable<void> move(umbel::client& db) {
    std::vector<std::string> keys{"{u}from", "{u}to"};
    auto done = co_await umbel::optimistic(db, keys, &move_five);  // WATCH, read, decide, EXEC; anew if another has written
    if (done && !*done) std::cout << "others kept writing: nothing was executed\n";
}
// [optimistic]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, buy(db), [&](std::exception_ptr) {
        asio::co_spawn(io, move(db), [&](std::exception_ptr) { io.stop(); });
    });
    io.run();
    std::cout << "done\n";
}
