// connection_orders.hpp: what the control plane wants of a connection that somebody else owns at the moment.
// It knows no connection.
#pragma once

#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/action.hpp>
#include <umbel/engine/cancel_share.hpp>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::net {

/// Orders in the one sequence that makes sense: a link that is to open may be told to drain afterwards, and
/// shutting ends it all. Threading: any. Locked, for orders are rare: a connect, a node that leaves, a
/// cancellation in the middle of another thread's turn.
class connection_orders {
public:
    struct batch {
        std::optional<engine::open_link> opening;
        std::optional<std::uint32_t> draining;  ///< The generation.
        std::vector<engine::cancel_share> cancels;
        bool shutting = false;
    };

    bool empty() const noexcept { return !waiting_.load(std::memory_order_acquire); }
    void open(engine::open_link&& what) {
        std::lock_guard const guard{mutex_};
        left_.opening.emplace(std::move(what));
        waiting_.store(true, std::memory_order_release);
    }
    void drain(std::uint32_t generation) noexcept {
        std::lock_guard const guard{mutex_};
        left_.draining = generation;
        waiting_.store(true, std::memory_order_release);
    }
    /// Without memory for it the call's own end comes first.
    void cancel(engine::cancel_share&& what) noexcept {
        std::lock_guard const guard{mutex_};
        static_cast<void>(async::try_alloc([&] { left_.cancels.push_back(std::move(what)); }));
        waiting_.store(true, std::memory_order_release);
    }
    void shut() noexcept {
        std::lock_guard const guard{mutex_};
        left_.shutting = true;
        waiting_.store(true, std::memory_order_release);
    }
    batch take() noexcept {
        std::lock_guard const guard{mutex_};
        waiting_.store(false, std::memory_order_relaxed);
        return std::exchange(left_, {});
    }

private:
    std::mutex mutex_;
    std::atomic<bool> waiting_{false};
    batch left_;
};

}  // namespace umbel::net
