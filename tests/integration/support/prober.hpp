// prober.hpp: someone who writes to one node directly, over a plain socket, again and again until the node
// takes it: the measure of when a cluster has recovered, to compare a client's own recovery with.
#pragma once

#include "wire.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace umbel::test {

class prober {
public:
    /// Begins at once. The node must be alive, though it need not take writes yet.
    prober(std::uint16_t port, std::string key, std::string host = "127.0.0.1")
        : thread_{[this, port, key = std::move(key), host = std::move(host)] { probe(port, key, host); }} {}
    prober(prober const&) = delete;
    ~prober() {
        stopping_ = true;
        thread_.join();
    }

    /// Nanoseconds of the steady clock; 0 as long as no write was taken.
    std::int64_t taken() const noexcept { return taken_; }

private:
    void probe(std::uint16_t port, std::string const& key, std::string const& host) {
        while (!stopping_ && taken_ == 0) {
            try {
                wire node{port, host};
                while (!stopping_ && taken_ == 0) {
                    if (!node.ask({"SET", key, "probed"}).is_error())
                        taken_ = std::chrono::steady_clock::now().time_since_epoch().count();
                    else
                        std::this_thread::sleep_for(std::chrono::milliseconds{2});
                }
            } catch (std::exception const&) {
                std::this_thread::sleep_for(std::chrono::milliseconds{5});
            }
        }
    }

    std::atomic<bool> stopping_{false};
    std::atomic<std::int64_t> taken_{0};
    std::thread thread_;
};

}  // namespace umbel::test
