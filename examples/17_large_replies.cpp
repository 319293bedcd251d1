// 17_large_replies.cpp: collections that are larger than one wants to hold: page by page.
#include <umbel/client.hpp>
#include <umbel/client/element_scan.hpp>

#include <asio.hpp>

#include <iostream>

// [elements]
asio::awaitable<void> page_by_page(umbel::client& db) {
    auto fields = db.scan_hash("user:1", {.match = "a*"});       // also scan_hash_fields, scan_set, scan_sorted_set
    while (auto page = co_await fields.next())                   // result<vector<pair<string, string>>>
        for (auto const& [field, value] : *page) std::cout << field << " = " << value << '\n';
    if (!fields.done()) std::cout << fields.failure()->to_string() << '\n';  // next() would go on; fields.cursor() is where
}
// [elements]

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, page_by_page(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
