// wait_list.hpp: handlers of operations that wait for one thing, which is told to all of them once. It knows
// no command.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>

#include UMBEL_ASIO_HEADER(associated_cancellation_slot.hpp)
#include UMBEL_ASIO_HEADER(associated_executor.hpp)
#include UMBEL_ASIO_HEADER(async_result.hpp)
#include UMBEL_ASIO_HEADER(awaitable.hpp)
#include UMBEL_ASIO_HEADER(executor_work_guard.hpp)
#include UMBEL_ASIO_HEADER(post.hpp)
#include UMBEL_ASIO_HEADER(use_awaitable.hpp)

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace umbel::calling {

/// Those who wait for a `Told`, which is copied to each. A default one says that the waiter was cancelled.
/// Threading: any. Lifetime: owned by whoever will tell. A coroutine that waits must not own it meanwhile: it
/// owns the coroutine, and the two would keep each other.
template <class Told>
class wait_list : public std::enable_shared_from_this<wait_list<Told>> {
public:
    /// Waits. Errors: throws std::bad_alloc where it is awaited. Cancellation: gives a default Told; the
    /// others wait on.
    static asio::awaitable<Told> wait(std::shared_ptr<wait_list> where) {
        return asio::async_initiate<asio::use_awaitable_t<> const, void(Told)>(
            [](auto&& handler, std::shared_ptr<wait_list> list) {
                list->add(std::forward<decltype(handler)>(handler));
            },
            asio::use_awaitable, std::move(where));
    }

    /// Adds a handler; it runs on its associated executor, never in here. Errors: throws std::bad_alloc; the
    /// handler is not added then.
    template <class Handler>
    void add(Handler&& handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        auto made = std::make_unique<typed_waiter<std::decay_t<Handler>>>(std::forward<Handler>(handler));
        std::unique_lock lock{mutex_};
        if (settled_) {
            Told const told = told_;
            lock.unlock();
            return tell(*made, told);
        }
        std::uint64_t const number = ++last_;
        if (slot.is_connected())
            slot.assign([self = this->weak_from_this(), number](asio::cancellation_type) {
                if (auto const there = self.lock()) there->leave(number);
            });
        waiters_.emplace(number, std::move(made));
    }
    bool settled() {
        std::lock_guard const lock{mutex_};
        return settled_;
    }
    /// Tells all, now and later. Only the first time counts.
    void settle(Told told) {
        std::unique_lock lock{mutex_};
        if (std::exchange(settled_, true)) return;
        told_ = told;
        auto const all = std::move(waiters_);
        waiters_.clear();
        lock.unlock();
        for (auto const& [number, waiting] : all) tell(*waiting, told);
    }

private:
    struct waiter {
        virtual ~waiter() = default;
        virtual void complete(Told told) = 0;
    };
    template <class Handler>
    struct typed_waiter final : waiter {
        using executor = asio::associated_executor_t<Handler>;
        Handler handler;
        asio::executor_work_guard<executor> work;
        explicit typed_waiter(Handler&& taken)
            : handler{std::move(taken)}, work{asio::get_associated_executor(handler)} {}
        void complete(Told told) override {
            executor const where = work.get_executor();
            asio::post(where, [handler = std::move(handler), told = std::move(told)]() mutable {
                if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
                    slot.clear();
                std::move(handler)(std::move(told));
            });
            work.reset();
        }
    };

    void leave(std::uint64_t number) {
        std::unique_lock lock{mutex_};
        auto const at = waiters_.find(number);
        if (at == waiters_.end()) return;
        auto const gone = std::move(at->second);
        waiters_.erase(at);
        lock.unlock();
        tell(*gone, Told{});
    }
    /// Without memory for that, the coroutine that waits is destroyed, as Asio does with all such.
    static void tell(waiter& waiting, Told const& told) noexcept {
        static_cast<void>(async::try_alloc([&] { waiting.complete(told); }));
    }

    std::mutex mutex_;
    std::map<std::uint64_t, std::unique_ptr<waiter>> waiters_;
    std::uint64_t last_ = 0;
    Told told_{};
    bool settled_ = false;
};

}  // namespace umbel::calling
