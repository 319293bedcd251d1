// call_pool_impl.hpp: behind the boundary of call_pool.hpp: how calls are made, recycled and freed.
#pragma once

#include <umbel/async/call_pool.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace umbel::async::pool {

UMBEL_NEVER_INLINE inline void destroy(pooled_call& call) noexcept {
    std::free(call.block);
    delete &call;
}

/// Frees the recycled calls of a thread when the thread ends.
struct caretaker {
    caretaker() noexcept = default;
    caretaker(caretaker const&) = delete;
    caretaker& operator=(caretaker const&) = delete;
    ~caretaker() {
        while (engine::call* const call = local.head) {
            local.head = call->next;
            destroy(static_cast<pooled_call&>(*call));
        }
        local.count = calls_max;
    }
};

/// Makes the caretaker of this thread. False if the thread has one already.
UMBEL_NEVER_INLINE inline bool watch() noexcept {
    if (local.watched) return false;
    local.watched = true;
    local.count = 0;
    static thread_local caretaker watching;
    static_cast<void>(&watching);
    return true;
}

/// Calls for the time when there is no memory, so that a command can still fail with errc::no_memory. Clients
/// fill it up from time to time. Threading: any.
class reserve {
public:
    static constexpr unsigned calls_max = 16;

    reserve() = default;
    reserve(reserve const&) = delete;
    reserve& operator=(reserve const&) = delete;
    ~reserve() {
        while (pooled_call* const call = take()) destroy(*call);
    }

    static reserve& of_all() {
        static reserve shared;
        return shared;
    }
    /// Cost: one load if it is full.
    void fill() noexcept {
        if (full_.load(std::memory_order_relaxed)) return;
        std::lock_guard const guard{mutex_};
        while (count_ < calls_max) {
            auto* const call = new (std::nothrow) pooled_call;
            if (!call) return;
            kept_[count_++] = call;
        }
        full_.store(true, std::memory_order_relaxed);
    }
    /// Null if the reserve is empty.
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

/// A call where this thread's list has none: a new one, or one of the reserve. Errors: throws std::bad_alloc
/// when the reserve is used up, too.
UMBEL_NEVER_INLINE inline pooled_call* make() {
    watch();
    // The caller may stand in another shared object, whose list is empty at all times: calls come back to
    // this one.
    if (pooled_call* const recycled = take_recycled()) return recycled;
    auto* call = new (std::nothrow) pooled_call;
    if (!call) call = reserve::of_all().take();
    if (!call) throw_bad_alloc();
    return call;
}

/// Fills up the reserve: calls for the time when there is no memory for others, so that a command can be told
/// so. Threading: any.
inline void fill_reserve() noexcept { reserve::of_all().fill(); }

/// Clears what only few calls have: retry state, borrowed pieces, a block, an unusual launch.
inline void strip(pooled_call& call) noexcept {
    call.group.reset();
    // A reply to nobody would stand before those of the next holder.
    bool const changes = call.bound && call.ending != errc{};
    call.leased = call.bound = false;
    if (call.lease) call.owner->code->release_lease(*std::exchange(call.lease, nullptr), changes);
    call.launch = launch_kind::direct;
    call.ends_client = false;
    call.question = false;
    call.only_waits = false;
    call.has_remedy = false;
    call.refused_before = false;
    call.retry.reset();
    call.form = {};
    call.issued_by = engine::issuer::user;
    call.redirects = 0;
    call.retries = 0;
    delete[] call.borrowed;
    call.borrowed = nullptr;
    if (call.has_block && call.block_capacity > pooled_call::kept_block_bytes) {
        std::free(std::exchange(call.block, nullptr));
        call.block_capacity = 0;
        call.has_block = false;
    }
}

/// Slow path of recycle(). It is a tail call, so that the fast path spills no registers.
UMBEL_NEVER_INLINE inline void recycle_slow(pooled_call& call) noexcept {
    strip(call);
    if (local.count >= calls_max && !watch()) return destroy(call);
    put_back(call);
}

}  // namespace umbel::async::pool
