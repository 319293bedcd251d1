// 17_large_replies.cpp: collections that are larger than one wants to hold: page by page, and element by element; and a value that is read
// into memory that is there already.
#include <umbel/client.hpp>
#include <umbel/client/element_scan.hpp>
#include <umbel/client/for_each.hpp>

#include <asio.hpp>

#include <array>
#include <iostream>
#include <string_view>

// [elements]
asio::awaitable<void> page_by_page(umbel::client& db) {
    auto fields = db.scan_hash("user:1", {.match = "a*"});       // also scan_hash_fields, scan_set, scan_sorted_set
    while (auto page = co_await fields.next())                   // result<vector<pair<string, string>>>
        for (auto const& [field, value] : *page) std::cout << field << " = " << value << '\n';
    if (!fields.done()) std::cout << fields.failure()->to_string() << '\n';  // next() would go on; fields.cursor() is where
}

asio::awaitable<void> one_by_one(umbel::client& db) {
    auto told = co_await db.with(umbel::no_deadline).for_each(   // one command of any size, in bounded memory
        umbel::cmd.hgetall("user:1"),                            // any command that answers an array, a map or a set
        [](std::string_view field, std::string_view value) { std::cout << field << " = " << value << '\n'; });
    if (told)
        std::cout << told->count << " fields\n";                 // a function that returns false ends it early
    else                                                         // a connection lost in the middle: what was given is known
        std::cout << told.error().to_string() << ", behind " << told.error().elements_given() << " fields\n";
}
// [elements]

asio::awaitable<void> into_memory(umbel::client& db) {
    std::array<char, 4096> room{};
    auto size = co_await db.get_into("avatar:1", room);          // nothing is allocated; a larger value is an error, and nothing is written
    if (size && *size) std::cout << std::string_view{room.data(), **size} << '\n';
}

asio::awaitable<void> all(umbel::client& db) {
    co_await page_by_page(db);
    co_await one_by_one(db);
    co_await into_memory(db);
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, all(db), [&](std::exception_ptr) { io.stop(); });
    io.run();
    std::cout << "done\n";
}
