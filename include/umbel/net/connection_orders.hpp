// connection_orders.hpp: orders of the control plane for a connection that another thread owns at the moment.
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

/// Orders that wait for the owner of a connection. They come out in the one sequence that makes sense: open,
/// connect, credentials, cancel, wait_told, close, shut. Threading: any. A mutex guards them, because orders
/// are rare: a connect, a node that leaves, a cancellation during another thread's turn.
class connection_orders {
public:
    struct batch {
        std::optional<engine::open_link> opening;
        std::optional<engine::connect_now> turn;
        std::optional<engine::credentials_given> given;
        std::optional<engine::close_link> closing;
        std::optional<engine::wait_told> told;
        std::vector<engine::cancel_share> cancels;
        bool shutting = false;
    };

    bool empty() const noexcept { return !waiting_.load(std::memory_order_acquire); }
    void enqueue(engine::session_order&& order) noexcept {
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
    void add(engine::connect_now&& turn) noexcept { left_.turn = turn; }
    void add(engine::credentials_given&& given) noexcept { left_.given.emplace(std::move(given)); }
    void add(engine::close_link&& closing) noexcept { left_.closing = closing; }
    void add(engine::wait_told&& told) noexcept { left_.told = told; }
    void add(engine::shut_link&&) noexcept { left_.shutting = true; }
    /// Without memory the cancellation is lost, and the call ends by itself.
    void add(engine::cancel_share&& share) noexcept {
        static_cast<void>(async::try_alloc([&] { left_.cancels.push_back(std::move(share)); }));
    }

    std::mutex mutex_;
    std::atomic<bool> waiting_{false};
    batch left_;
};

}  // namespace umbel::net
