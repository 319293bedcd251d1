// contexts.hpp: contexts with a thread each, for clients that run on several. They know no client.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace umbel::test {

/// Lifetime: the threads end when their contexts have nothing to do any more, once release() was called. One
/// that does not end within `patience` ends the program: its client has left something behind.
class contexts {
public:
    contexts(unsigned count, std::chrono::seconds patience) : patience_{patience} {
        for (unsigned i = 0; i < count; ++i) all_.push_back(std::make_unique<one>());
    }
    contexts(contexts const&) = delete;
    ~contexts() {
        release();
        auto const until = std::chrono::steady_clock::now() + patience_;
        for (auto const& each : all_) {
            if (each->ended.wait_until(until) != std::future_status::ready) {
                std::fprintf(stderr, "contexts: the client is gone, and one of its contexts is still busy\n");
                std::abort();
            }
            each->thread.join();
        }
    }
    void release() {
        for (auto const& each : all_) each->busy.reset();
    }
    /// `first`, and those of all contexts.
    std::vector<asio::any_io_executor> with(asio::any_io_executor first) const {
        std::vector<asio::any_io_executor> made{std::move(first)};
        for (auto const& each : all_) made.push_back(each->io.get_executor());
        return made;
    }

    std::size_t size() const noexcept { return all_.size(); }
    asio::any_io_executor executor(std::size_t at) const { return all_[at]->io.get_executor(); }

private:
    struct one {
        asio::io_context io{1};
        asio::executor_work_guard<asio::io_context::executor_type> busy = asio::make_work_guard(io);
        std::promise<void> done;
        std::future<void> ended = done.get_future();
        std::thread thread{[this] {
            io.run();
            done.set_value();
        }};
    };
    std::chrono::seconds const patience_;
    std::vector<std::unique_ptr<one>> all_;
};

}  // namespace umbel::test
