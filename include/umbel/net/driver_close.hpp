// driver_close.hpp: how a driver comes to its end: while its client still waits for it, or because an executor goes away.
// Included by driver.hpp.
#pragma once

#include <umbel/net/driver.hpp>

namespace umbel::net {

/// Closes everything when nothing is under way any more, or the deadline of the first who asked has come.
inline void driver::check_idle() {
    engine::call* const first = closers_.front();
    if (!first) return;
    // Seen twice in a row: a call may be on its way between two strands.
    idle_seen_ = idle() ? idle_seen_ + 1 : 0;
    if (!closed_ && idle_seen_ < 2 && first->deadline > read_clock()) {
        closing_pause_ = std::min(closing_pause_ * 2, closing_pause_max);
        bool const waits = managed_twice([&] {
            closing_timer_->expires_after(closing_pause_);
            closing_timer_->async_wait([this, keep = shared_from_this()](asio::error_code) { check_idle(); });
        });
        if (waits) return;
    }
    close_all();
    while (engine::call* const one = closers_.pop()) {
        static constexpr resp::node yes = resp::node::text(resp::type::simple_string, 0, 2);
        one->kind->decode(*one, resp::view{&yes, "OK"});
        complete_later(*one);
    }
}

inline void driver::close_all() {
    if (closed_) return;
    closed_ = true;
    engine_.close(read_clock());
    carry_out();
    timer_->cancel();
    // What a connection on another context hands on until it has ended is still looked after here.
    static_cast<void>(managed([&] { busy_until_shut_ = keep_busy(control_); }));
    to_shut_.store(connections_.size() + 1, std::memory_order_relaxed);
    for (auto& one : connections_) {
        bool const told = managed_twice([&] {
            asio::post(one->strand(), [this, which = one.get(), keep = shared_from_this()] {
                which->shut();
                has_shut();
            });
        });
        if (!told) has_shut();
    }
    has_shut();
}

/// Threading: any; the last one ends what all have waited for.
inline void driver::has_shut() noexcept {
    if (to_shut_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_until_shut_ = {};
}

// ---- An executor goes away -------------------------------------------------------------------------------------------------

inline void driver::abandon() noexcept {
    if (abandoned_.exchange(true)) return;
    closed_ = true;
    // Commands that the destructors of others begin find no connection, and so come to where it is known that all is over.
    for (auto& one : slots_) one.store(nullptr, std::memory_order_release);
    dropping_ = true;
    engine::call_list all = left_.take();
    all.splice(settled_.take());
    all.splice(std::move(closers_));
    all.splice(parcels_.take_back());
    engine_.close(engine::instant{0});
    all.splice(std::move(engine_.finished()));
    all.splice(std::move(engine_.outgoing()));
    auto const drop_all = [&all] {
        while (engine::call* const one = all.pop()) drop(*one);
    };
    drop_all();
    for (auto& one : connections_) one->abandon();
    for (all = left_.take(); !all.empty(); all = left_.take()) drop_all();
    dropping_ = false;
    closing_timer_.reset();
    timer_.reset();
    busy_until_shut_ = {};
    control_ = {};
    leave_executors();
}

inline void driver::give_up(engine::call& one) noexcept {
    // While others are dropped it waits for its turn: a handler is not destroyed inside the call that has begun it, where that can be helped.
    if (dropping_) return static_cast<void>(left_.push(one));
    drop(one);
}

}  // namespace umbel::net
