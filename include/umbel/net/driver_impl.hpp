// driver_impl.hpp: how threads take ownership of the control plane of a client, and what they find there.
// Included by driver.hpp.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/net/driver.hpp>

namespace umbel::net {

/// The ownership of one visit. If memory runs out during it, a posted turn does the rest.
struct driver::owning {
    driver& self;
    bool done = false;
    engine::ownership::kinds serving = 0;  ///< The notes that are being served.

    explicit owning(driver& client) noexcept : self{client} {}
    owning(owning const&) = delete;
    owning& operator=(owning const&) = delete;
    ~owning() {
        if (!done) release_and_wake(serving | self.word_.take_notes());
    }
    void finish() {
        for (unsigned round = 0; round != rounds_max; ++round) {
            done = self.word_.release();
            if (done) return;
            serving = self.word_.take_notes();
            self.serve_notes(serving);
            serving = 0;
        }
    }
    /// Lets go and posts a turn for the rest.
    void release_and_wake(engine::ownership::kinds unserved) noexcept {
        static_cast<void>(self.word_.release_for_later(unserved, 0));
        self.wake();
    }
};

template <class Work, class Leave>
void driver::control_or_leave(Work work, Leave leave_it, engine::ownership::kinds note) {
    if (controlled_here()) return work();
    if (!word_.try_acquire()) {
        leave_it();
        if (word_.bring(note)) owning{*this}.finish();
        return;
    }
    owning visit{*this};
    // Work that was left earlier goes first.
    if (word_.noted()) [[unlikely]]
        serve_notes(visit.serving = word_.collect());
    visit.serving = 0;
    work();
    visit.finish();
}

inline void driver::serve_notes(engine::ownership::kinds what) {
    if (abandoned()) return;
    if ((what & left) != 0) {
        std::unique_lock guard{mutex_};
        std::swap(left_, taken_);
        guard.unlock();
        for (engine::event& event : taken_.events) happened(std::move(event));
        for (engine::cancel_share& request : taken_.cancels) cancel_here(std::move(request));
        tell_slow(taken_.slow);
        taken_.events.clear();
        taken_.cancels.clear();
        taken_.slow.clear();
    }
    if ((what & timer_due) != 0) time_passed();
    if ((what & idle_due) != 0) check_idle();
    if ((what & turn_due) != 0) turn();
}

/// Leaves an event for the owner. Room for events of links is reserved; calls for which there is no memory
/// fail here.
inline void driver::enqueue(engine::event&& happened) noexcept {
    {
        std::lock_guard const guard{mutex_};
        auto* const returned = std::get_if<engine::calls_returned>(&happened);
        auto* const before = returned && !left_.events.empty()
                                 ? std::get_if<engine::calls_returned>(&left_.events.back())
                                 : nullptr;
        if (before) return before->calls.splice(std::move(returned->calls));
        if (async::retry_alloc([&] { left_.events.push_back(std::move(happened)); })) return;
    }
    engine::call_list* const calls = engine::calls_of(happened);
    while (engine::call* const call = calls ? calls->pop() : nullptr) {
        call->kind->fail(*call, error{errc::no_memory, call->known(delivery::not_sent)});
        complete_soon(*call);
    }
}

// ---- Posted turns -------------------------------------------------------------------------------

inline void driver::wake() noexcept {
    if (abandoned() || woken_.exchange(true, std::memory_order_acq_rel)) return;
    using message = async::drop_aware_handler<driver, &driver::woken_turn, &driver::wake_lost>;
    if (async::retry_alloc([&] { asio::post(executor_, message{*this, wake_memory_, shared_from_this()}); }))
        return;
    // The next thread that has something for the control plane tries again, and so does the timer.
    woken_.store(false, std::memory_order_release);
    wake_failed_.store(true, std::memory_order_release);
}

/// Asio has destroyed the posted turn uncalled, for lack of memory or because the context goes away.
inline void driver::wake_lost() noexcept {
    woken_.store(false, std::memory_order_release);
    if (++wakes_lost_ < wakes_lost_max) wake();
}

inline void driver::woken_turn() {
    if (abandoned()) return;
    // An exchange, not a store: it acquires the work of every thread that found the flag set.
    static_cast<void>(woken_.exchange(false, std::memory_order_acq_rel));
    wakes_lost_ = 0;
    control_or_leave(
        [this] {
            if (starting_.exchange(false, std::memory_order_acq_rel)) runtime::start_up();
            turn();
        },
        [] {}, turn_due);
    // After letting go of the control plane, because handlers may run long.
    complete_settled();
}

inline void driver::timer_rang(async::error_code problem) {
    if (problem == asio::error::operation_aborted || abandoned()) return;
    control_or_leave([this] { time_passed(); }, [] {}, timer_due);
    async::pool::fill_reserve();
    if (wake_failed_.exchange(false, std::memory_order_acq_rel)) wake();
}

inline void driver::timer_lost() noexcept {
    if (!abandoned()) control_or_leave([this] { on_timer_lost(); }, [] {}, timer_due);
}

}  // namespace umbel::net
