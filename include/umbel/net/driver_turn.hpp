// driver_turn.hpp: what a driver does on its control strand: events, what others have left for it, and time. Included by driver.hpp.
#pragma once

#include <umbel/net/complete_all.hpp>
#include <umbel/net/driver.hpp>

namespace umbel::net {

// ---- What others have left -------------------------------------------------------------------------------------------------

inline void driver::wake() noexcept {
    if (abandoned_ || woken_.exchange(true, std::memory_order_acq_rel)) return;
    using message = handler_of<driver, &driver::turn, &driver::turn_lost>;
    if (managed_twice([&] { asio::post(control_, message{*this, shared_from_this()}); })) return;
    // The next who has something for the strand tries again, and so does its timer.
    woken_.store(false, std::memory_order_release);
    unheard_.store(true, std::memory_order_release);
}

/// Asio has destroyed the message; it does so, too, with whatever is posted to a context that goes away.
inline void driver::turn_lost() noexcept {
    woken_.store(false, std::memory_order_release);
    if (++lost_in_a_row_ < lost_max) wake();
}

inline void driver::turn() {
    if (abandoned_) return;
    // Read as well as written: who found it set has left his work before.
    static_cast<void>(woken_.exchange(false, std::memory_order_acq_rel));
    lost_in_a_row_ = 0;
    if (refresh_wanted_.exchange(false, std::memory_order_acq_rel)) happened(engine::refresh_wanted{});
    take_what_is_left();
    if (ending_.load(std::memory_order_acquire)) close_all();
    complete_settled();
}

/// Brings stranded calls before the engine, and answers questions, in the order in which they came: what came before close() is served still.
/// The gate opens when all calls have been handed over.
inline void driver::take_what_is_left() {
    engine::call_list all = left_.take();
    engine::call_list stranded;
    std::uint32_t taken = 0;
    auto const hand_over = [&] {
        if (!stranded.empty()) happened(engine::calls_stranded{std::move(stranded)});
    };
    while (engine::call* const one = all.pop()) {
        bool const question = !one->internal && static_cast<pooled_call*>(one)->detour == detour::control;
        if (!question) ++taken;
        if (question ? closed_ : closing_) {
            one->kind->reject(*one, error{errc::cancelled, delivery::not_sent, "the client is closed"});
            complete_later(*one);
        } else if (question) {
            hand_over();
            auto& asked = static_cast<pooled_call&>(*one);
            asked.on_control(*this, asked);
        } else {
            stranded.push(*one);
        }
    }
    hand_over();
    gate_.fetch_sub(taken * gate_one, std::memory_order_acq_rel);
}

/// Completes calls whose results are stored; a handler that throws does not keep the others from theirs.
inline void driver::complete_settled() {
    complete_all(settled_.take(), [this](engine::call_list&& others) {
        while (engine::call* const one = others.pop()) complete_later(*one);
    });
}

// ---- Events ------------------------------------------------------------------------------------------------------------------

UMBEL_NEVER_INLINE inline void driver::happened(engine::event&& what) {
    if (abandoned_) return static_cast<void>(parcel{std::move(what)});
    if (handling_) {
        if (!managed([&] { events_.push_back(std::move(what)); })) engine_.unheard(what);
        return;
    }
    handling_ = true;
    handle(what);
    while (!events_.empty()) {
        batch_.swap(events_);
        for (engine::event& one : batch_) handle(one);
        batch_.clear();
    }
    handling_ = false;
}

inline void driver::handle(engine::event& what) noexcept {
    // Whoever waited for the first topology is handed over before anybody routes by it.
    bool const first = engine_.routes().known() == engine::known_as::nothing && engine_.waiting() != 0;
    if (first) gate_.fetch_or(gate_hold, std::memory_order_acq_rel);
    engine_.handle(std::move(what), read_clock());
    carry_out();
    if (first) gate_.fetch_and(~gate_hold, std::memory_order_acq_rel);
}

inline void driver::carry_out() noexcept {
    std::vector<engine::action> actions = std::exchange(engine_.actions(), {});
    for (engine::action& what : actions) std::visit([this](auto& one) { act(one); }, what);
    while (engine::call* const one = engine_.outgoing().pop()) hand_over(*one);
    // Handlers run in a turn of their own: the engine is not to be looked at from inside itself.
    while (engine::call* const one = engine_.finished().pop()) complete_later(*one);
    arm_timer();
}

inline void driver::act(engine::open_link& what) {
    engine::link_id const link = what.link;
    std::uint32_t const generation = what.generation;
    connection* there = nullptr;
    bool begun = managed([&] { there = &obtain(link); });
    // On one thread the calls that follow find the link connecting already.
    if (begun && (settings_.single_threaded || there->serves_here())) return there->open(std::move(what));
    begun = begun && managed([&] {
        asio::post(there->strand(), [there, what = std::move(what), keep = shared_from_this()]() mutable { there->open(std::move(what)); });
    });
    if (!begun) happened(engine::link_lost{link, generation, errc::connect_failed, {}, false});
}

inline void driver::act(engine::close_link& what) {
    static_cast<void>(managed_twice([&] {
        connection& there = obtain(what.link);
        asio::post(there.strand(), [&there, generation = what.generation, keep = shared_from_this()] { there.drain(generation); });
    }));
}

// ---- Time --------------------------------------------------------------------------------------------------------------------

inline void driver::arm_timer() noexcept {
    engine::instant const due = closed_ ? engine::never : engine_.next_due();
    if (due >= armed_for_) return;
    bool const armed = managed_twice([&] {
        timer_->expires_at(std::chrono::steady_clock::time_point{due});
        timer_->async_wait(handler_of<driver, &driver::timer_rang, &driver::timer_lost>{*this, shared_from_this()});
    });
    armed_for_ = armed ? due : engine::never;
}

inline void driver::timer_rang(asio::error_code problem) {
    if (problem == asio::error::operation_aborted || abandoned_) return;
    armed_for_ = engine::never;
    engine_.tick(read_clock());
    carry_out();
    pool::fill_reserve();
    if (unheard_.exchange(false, std::memory_order_acq_rel)) wake();
}

inline void driver::timer_lost() noexcept {
    armed_for_ = engine::never;
    if (!abandoned_) arm_timer();
}

}  // namespace umbel::net
