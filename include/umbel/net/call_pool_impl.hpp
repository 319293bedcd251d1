// call_pool_impl.hpp: behind the boundary of call_pool.hpp: where new calls come from, and where they end.
#pragma once

#include <umbel/net/call_pool.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace umbel::net::pool {

UMBEL_NEVER_INLINE inline void destroy(pooled_call& one) noexcept {
    std::free(one.block);
    delete &one;
}

/// Empties the list when its thread ends.
struct caretaker {
    caretaker() noexcept = default;
    caretaker(caretaker const&) = delete;
    caretaker& operator=(caretaker const&) = delete;
    ~caretaker() {
        while (engine::call* const one = local.head) {
            local.head = one->next;
            destroy(static_cast<pooled_call&>(*one));
        }
        local.count = calls_max;
    }
};

/// Begins the list of a thread, which may well be one that only gives back. False: it has begun before.
UMBEL_NEVER_INLINE inline bool watch() noexcept {
    if (local.watched) return false;
    local.watched = true;
    local.count = 0;
    static thread_local caretaker watching;
    static_cast<void>(&watching);
    return true;
}

/// Calls for the time when there is no memory for others, so that a command can be told so. Clients fill it
/// up from time to time. Threading: any.
class reserve {
public:
    static constexpr unsigned calls_max = 16;

    reserve() = default;
    reserve(reserve const&) = delete;
    reserve& operator=(reserve const&) = delete;
    ~reserve() {
        while (pooled_call* const one = take()) destroy(*one);
    }

    static reserve& of_all() {
        static reserve one;
        return one;
    }
    /// Cost: one load when it is full.
    void fill() noexcept {
        if (full_.load(std::memory_order_relaxed)) return;
        std::lock_guard const guard{mutex_};
        while (count_ < calls_max) {
            auto* const one = new (std::nothrow) pooled_call;
            if (!one) return;
            kept_[count_++] = one;
        }
        full_.store(true, std::memory_order_relaxed);
    }
    /// Null when the reserve is used up.
    pooled_call* take() noexcept {
        std::lock_guard const guard{mutex_};
        full_.store(false, std::memory_order_relaxed);
        return count_ == 0 ? nullptr : kept_[--count_];
    }

private:
    std::mutex mutex_;
    std::array<pooled_call*, calls_max> kept_{};
    unsigned count_ = 0;
    std::atomic<bool> full_{false};
};

UMBEL_NEVER_INLINE inline pooled_call* make_new() {
    watch();
    auto* one = new (std::nothrow) pooled_call;
    if (!one) one = reserve::of_all().take();
    if (!one) throw std::bad_alloc{};
    return one;
}

UMBEL_BOUNDARY pooled_call* make() { return make_new(); }
UMBEL_BOUNDARY void fill_reserve() noexcept { reserve::of_all().fill(); }

/// Takes from a call what only few have: a way behind it, and with that redirects and retries; borrowed
/// pieces, a block, a detour.
inline void strip(pooled_call& one) noexcept {
    one.group.reset();
    one.detour = detour::none;
    one.ends_client = false;
    one.question = false;
    one.only_waits = false;
    one.way.reset();
    one.asking = false;
    one.internal = false;
    one.redirects = 0;
    one.retries = 0;
    delete[] one.borrowed;
    one.borrowed = nullptr;
    if (one.has_block && one.block_capacity > pooled_call::kept_block_bytes) {
        std::free(std::exchange(one.block, nullptr));
        one.block_capacity = 0;
        one.has_block = false;
    }
}

/// Puts a call that has nothing of its own any more into this thread's list. Precondition: there is room.
UMBEL_ALWAYS_INLINE void recycle(pooled_call& one) noexcept {
    one.at = engine::call::stage::fresh;
    one.runs = engine::runs::elsewhere;
    one.connections_closed = 0;
    one.link = {};
    one.accepted = engine::never;
    one.next = local.head;
    local.head = &one;
    ++local.count;
}

/// give_back() of any call, whatever the list. It does all of it, so that nothing has to be kept across a
/// call of it.
UMBEL_NEVER_INLINE inline void give_back_any(pooled_call& one) noexcept {
    strip(one);
    if (local.count >= calls_max && !watch()) return destroy(one);
    recycle(one);
}

UMBEL_BOUNDARY void give_back(pooled_call* one) noexcept {
    bool const full = local.count >= calls_max;
    if (one->way || one->borrowed || one->has_block || one->detour != detour::none || full) [[unlikely]]
        return give_back_any(*one);
    recycle(*one);
}

}  // namespace umbel::net::pool
