// 14_consumer.cpp: a stream read by the consumers of a group, each entry until it is acknowledged. Usage: example_14_consumer [host:port]
#include <umbel/client.hpp>
#include <umbel/client/consumer.hpp>

#include <asio.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <tuple>

using namespace std::chrono_literals;

// [consumer]
struct order {
    std::string item;
    int count = 0;
};
template <>
inline constexpr auto umbel::fields_of<order> = std::tuple{umbel::field("item", &order::item), umbel::field("count", &order::count)};

asio::awaitable<void> work(umbel::client& db, std::string name) {
    umbel::consumer<order> worker{db, {.stream = "orders", .group = "billing", .name = name, .claim_idle = 1min, .wait = 1s}};
    while (auto page = co_await worker.next()) {              // what pends for this name first, then what others have left, then fresh entries
        if (page->empty()) co_return;                         // nothing came in a second; without .wait it waits until something comes
        for (auto const& [id, sold] : *page) std::cout << name << ": " << sold.count << " x " << sold.item << '\n';
        for (auto const& bad : page->unreadable) {            // not an order: look at it, and acknowledge it lest it comes again
            std::cout << name << ": " << bad.id << " is no order: " << bad.why.to_string() << '\n';
            co_await worker.ack(bad.id);
        }
        co_await worker.ack(*page);                           // one XACK for all; what is not acknowledged comes again, here or elsewhere
    }
}
// [consumer]

asio::awaitable<void> run(umbel::client& db) {
    for (order sold{"tea", 1}; sold.count <= 20; ++sold.count) co_await db.xadd("orders", sold);
    co_await db.xadd("orders", "item", "coffee");             // has no count
    co_await work(db, "host-7");
    co_await db.close();
}

int main(int argc, char** argv) {
    asio::io_context io;
    umbel::client db{io.get_executor(), {.seeds = {argc > 1 ? argv[1] : "127.0.0.1:6379"}}};
    asio::co_spawn(io, run(db), asio::detached);
    io.run();
}
