// shutdown.hpp: how a client learns that its executors are going away.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/net/driver.hpp>

#include UMBEL_ASIO_HEADER(execution_context.hpp)

#include <memory>
#include <mutex>
#include <vector>

namespace umbel::net {

/// Drops what is pending when an execution context of the client goes away, as every Asio service does with
/// its handlers. Handlers may own coroutines that own the client.
class shutdown_service final : public asio::execution_context::service {
public:
    using key_type = shutdown_service;
    static inline asio::execution_context::id id;

    explicit shutdown_service(asio::execution_context& context) : asio::execution_context::service{context} {}

    /// Has `client->abandon()` called when the context goes away. Watching a client again has no effect.
    void watch(std::shared_ptr<driver> const& client) {
        std::lock_guard const guard{mutex_};
        std::erase_if(watched_, [&client](auto const& other) {
            return other.expired() || (!other.owner_before(client) && !client.owner_before(other));
        });
        watched_.push_back(client);
    }

private:
    void shutdown() override {
        std::vector<std::weak_ptr<driver>> all;
        {
            std::lock_guard const guard{mutex_};
            all.swap(watched_);
        }
        for (auto const& client : all)
            if (auto const alive = client.lock()) alive->abandon();
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<driver>> watched_;
};

}  // namespace umbel::net
