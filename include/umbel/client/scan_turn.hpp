// scan_turn.hpp: what the pages of all scans have in common: one is asked for at a time, and what the last
// one failed with is kept. It knows no page.
#pragma once

#include <umbel/async/call_sequence.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace umbel::calling {

/// What a scan and the operations of its pages share, whatever it scans.
struct scan_turns {
    std::optional<error> wrong;  ///< The options were bad.
    std::optional<error> failure;
    std::atomic<bool> busy{false};

    /// A next() is made: unless it is begun and ends otherwise, this is why it has told nothing. Nothing
    /// changes while another one is under way.
    void note(error why) noexcept {
        if (busy.exchange(true, std::memory_order_acq_rel)) return;
        failure.emplace(std::move(why));
        busy.store(false, std::memory_order_release);
    }
    /// What a next() failed with that is never begun.
    static error never_begun() noexcept {
        return error{errc::cancelled, delivery::not_sent, "next() was never begun: the client is gone"};
    }
};

/// One next() of a scan. A second one at the same time is refused.
class scan_turn : public async::call_sequence {
protected:
    scan_turn(async::pooled_call& whole, std::shared_ptr<scan_turns> turns) noexcept
        : call_sequence{whole}, turns_{std::move(turns)} {}
    ~scan_turn() override { release(); }

private:
    std::optional<error> take_hold() noexcept override {
        holds_ = !turns_->busy.exchange(true, std::memory_order_acq_rel);
        if (holds_) return std::nullopt;
        return error{errc::bad_argument, delivery::not_sent,
                     "scan: next() was begun while another was under way"};
    }
    /// The next next() may begin.
    void release() noexcept {
        if (std::exchange(holds_, false)) turns_->busy.store(false, std::memory_order_release);
    }
    void let_go(error const* why) noexcept override {
        if (!holds_) return;
        turns_->failure.reset();
        if (why && why->code() != errc::end_of_range) turns_->failure.emplace(*why);
        release();
    }

    std::shared_ptr<scan_turns> const turns_;
    bool holds_ = false;  ///< turns_->busy is this one's.
};

}  // namespace umbel::calling
