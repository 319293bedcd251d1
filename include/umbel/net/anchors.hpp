// anchors.hpp: who is still alive: operations find their client by an anchor, executors find theirs by a service.
#pragma once

#include <umbel/net/driver.hpp>

#include <asio/execution_context.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace umbel::net {

/// All anchors there ever were. Their number is that of the clients that lived at one time; they are used again, never freed.
class anchor_registry {
public:
    static anchor& moor(driver& home) {
        std::lock_guard const guard{mutex()};
        anchor*& head = free_list();
        anchor* one = head;
        if (one) {
            head = one->next_free;
        } else {
            one = new anchor;
        }
        one->home.store(&home, std::memory_order_release);
        return *one;
    }
    /// Lets go of the anchor, if it is still held in `generation`.
    static void leave(anchor& one, std::uint32_t generation) noexcept {
        std::lock_guard const guard{mutex()};
        if (one.generation.load(std::memory_order_acquire) != generation) return;
        one.home.store(nullptr, std::memory_order_release);
        one.generation.fetch_add(1, std::memory_order_acq_rel);
        one.next_free = free_list();
        free_list() = &one;
    }

private:
    static std::mutex& mutex() {
        static std::mutex one;
        return one;
    }
    static anchor*& free_list() {
        static anchor* head = nullptr;
        return head;
    }
};

/// The driver that a call was made for, or null when its client is gone.
inline driver* home_of(pooled_call const& one) noexcept {
    if (!one.owner || one.owner->generation.load(std::memory_order_acquire) != one.generation) return nullptr;
    return one.owner->home.load(std::memory_order_acquire);
}

/// Destroys what is pending when the executor's context goes away, as every Asio service does with its handlers: they may own
/// coroutines that own the client.
class shutdown_service final : public asio::execution_context::service {
public:
    using key_type = shutdown_service;
    static inline asio::execution_context::id id;

    explicit shutdown_service(asio::execution_context& context) : asio::execution_context::service{context} {}

    void watch(std::shared_ptr<driver> const& one) {
        std::lock_guard const guard{mutex_};
        std::erase_if(watched_, [](auto const& other) { return other.expired(); });
        watched_.push_back(one);
    }

private:
    void shutdown() override {
        std::vector<std::weak_ptr<driver>> all;
        {
            std::lock_guard const guard{mutex_};
            all.swap(watched_);
        }
        for (auto const& one : all)
            if (auto const alive = one.lock()) alive->abandon();
    }

    std::mutex mutex_;
    std::vector<std::weak_ptr<driver>> watched_;
};

}  // namespace umbel::net
