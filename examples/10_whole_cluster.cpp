// 10_whole_cluster.cpp: one node, each node, all nodes, and all keys of a cluster.
#include <umbel/client.hpp>
#include <umbel/client/each_client.hpp>
#include <umbel/client/key_scan.hpp>
#include <umbel/client/node_client.hpp>

#include <asio.hpp>

#include <iostream>
#include <string>

// [whole_cluster]
asio::awaitable<void> look_around(umbel::client& db) {
    auto keys = co_await db.dbsize();                                   // result<int64_t>: of all primaries together
    co_await db.config_set("slowlog-log-slower-than", 10'000);          // on every node, replicas too
    auto sha = co_await db.script_load("return 1");                     // wherever it may be run

    auto sizes = co_await db.on_each_primary().dbsize();                // result<vector<per_node<int64_t>>>
    if (sizes)
        for (auto& [node, size] : *sizes) std::cout << node << ": " << (size ? std::to_string(*size) : size.error().to_string()) << '\n';

    auto here = co_await db.on("127.0.0.1:6379").info("memory");        // that node and no other; its name as db.nodes() gives it
    auto owner = co_await db.on(umbel::primary_of("user:1")).time();    // the primary that serves this key

    auto scan = db.scan({.match = "user:*", .type = "string"});         // every key that lasts is seen, though slots move meanwhile
    while (auto page = co_await scan.next())                            // result<vector<string>>
        for (std::string const& key : *page) std::cout << key << '\n';
    if (!scan.done()) std::cout << scan.failure()->to_string() << '\n'; // next() would go on; scan.cursor() is where, as text
}
// [whole_cluster]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, look_around(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
