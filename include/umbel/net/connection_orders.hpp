// connection_orders.hpp: what the control plane wants of a connection that somebody else owns at the moment.
// It knows no connection.
#pragma once

#include <umbel/async/try_alloc.hpp>
#include <umbel/engine/cancel_share.hpp>
#include <umbel/engine/runtime_port.hpp>

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
        std::optional<engine::close_link> closing;
        std::vector<engine::cancel_share> cancels;
        bool shutting = false;
    };

    bool empty() const noexcept { return !waiting_.load(std::memory_order_acquire); }
    void leave(engine::session_order&& order) noexcept {
        std::lock_guard const guard{mutex_};
        std::visit([this](auto& wanted) { add(std::move(wanted)); }, order);
        waiting_.store(true, std::memory_order_release);
    }
    batch take() noexcept {
        std::lock_guard const guard{mutex_};
        waiting_.store(false, std::memory_order_relaxed);
        return std::exchange(left_, {});
    }

private:
    void add(engine::open_link&& opening) noexcept { left_.opening.emplace(std::move(opening)); }
    void add(engine::close_link&& closing) noexcept { left_.closing = closing; }
    void add(engine::shut_link&&) noexcept { left_.shutting = true; }
    /// Without memory for it the call's own end comes first.
    void add(engine::cancel_share&& share) noexcept {
        static_cast<void>(async::try_alloc([&] { left_.cancels.push_back(std::move(share)); }));
    }

    std::mutex mutex_;
    std::atomic<bool> waiting_{false};
    batch left_;
};

}  // namespace umbel::net
