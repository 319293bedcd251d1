// 13_blocking.cpp: commands that wait for something to come, and a connection to hold.
#include <umbel/client.hpp>
#include <umbel/client/lease.hpp>

#include <asio.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

// [blocking]
asio::awaitable<void> work(umbel::client& db) {
    for (int done = 0; done < 3;) {
        auto job = co_await db.blpop("jobs", 30s);            // result<optional<popped_value>>
        if (!job) co_return;                                  // cancelled, say; connection_lost with delivery unknown: one may be lost
        if (!*job) continue;                                  // nothing came in 30 s; umbel::wait_forever waits without an end
        std::cout << "job " << (*job)->value << " from " << (*job)->key << '\n';
        ++done;
    }
}
// [blocking]

// [lease]
asio::awaitable<void> hold(umbel::client& db) {
    auto mine = co_await db.lease("{cart}");                  // a connection that nobody else uses, until it is destroyed
    if (!mine) co_return;
    co_await mine->set("{cart}:7", "paid");
    auto copies = co_await mine->wait(1, 500ms);              // WAIT: how many replicas have what was written on this connection
    std::cout << (copies ? *copies : -1) << " replicas have it; the lease is " << (mine->alive() ? "alive" : "lost") << '\n';
}
// [lease]

asio::awaitable<void> run(umbel::client& db) {
    for (std::string const job : {"a", "b", "c"}) co_await db.rpush("jobs", job);
    co_await work(db);
    co_await hold(db);
    co_await db.close();                                      // ends every wait, on the servers, too
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, run(db), asio::detached);
    io.run();
}
