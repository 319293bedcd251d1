// 06_threads.cpp: one client for a server of several threads: each runs an io_context of its own, and asks by connections of its own.
#include <umbel/client.hpp>

#include <asio.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

asio::awaitable<void> serve(umbel::client& db, std::atomic<std::int64_t>& sum) {
    for (int i = 0; i < 1000; ++i)
        if (auto hits = co_await db.incr("hits:" + std::to_string(i % 10))) ++sum;
}

int main(int argc, char** argv) {
    std::string const seed = argc > 1 ? argv[1] : "127.0.0.1:6379";
    std::atomic<std::int64_t> sum{0};
    // [threads]
    std::vector<std::unique_ptr<asio::io_context>> contexts;
    std::vector<asio::any_io_executor> executors;
    for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
        executors.push_back(contexts.emplace_back(std::make_unique<asio::io_context>(1))->get_executor());

    umbel::client db{executors, {.seeds = {seed}}};
    std::atomic<std::size_t> running{contexts.size()};
    std::vector<std::thread> threads;
    for (auto const& io : contexts) {
        asio::co_spawn(*io, serve(db, sum), [&](std::exception_ptr) {  // whatever it asks comes back on its own thread
            if (--running == 0) db.close()(asio::detached);
        });
        threads.emplace_back([&io] { io->run(); });
    }
    for (auto& thread : threads) thread.join();
    // [threads]
    std::cout << sum << " commands on " << threads.size() << " threads\n";
}
