// lone_client.hpp: a client on the test's own thread: it runs only while the test asks it something.
#pragma once

#include "session.hpp"

#include <chrono>
#include <optional>
#include <utility>

namespace umbel::test {

/// One context, one client, no thread.
struct lone_client {
    asio::io_context io{1};
    client db;

    explicit lone_client(options const& chosen) : db{io.get_executor(), chosen} {}

    /// Begins an operation and runs until it has ended.
    template <class Value>
    result<Value> operator()(operation<Value> what) {
        std::optional<result<Value>> told;
        std::move(what)([&told](result<Value> answer) { told.emplace(std::move(answer)); });
        auto const end = std::chrono::steady_clock::now() + patience;
        while (!told && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(100ms);
        }
        REQUIRE(told.has_value());
        return std::move(*told);
    }
    void run_for(std::chrono::milliseconds span) {
        io.restart();
        io.run_for(span);
    }
    /// Connections lost, and attempts that failed.
    std::uint64_t disconnects() { return (*this)(db.statistics()).value().disconnects; }
};

}  // namespace umbel::test
