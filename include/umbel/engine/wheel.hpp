// wheel.hpp: the due times of many calls under one timer. Coarse, never early.
// It knows no clock and completes nothing: it hands out what is due.
#pragma once

#include <umbel/engine/call.hpp>

#include <array>
#include <bit>
#include <cstdint>

namespace umbel::engine {

/// A hashed timing wheel of intrusive lists: insertion and removal touch two pointers.
/// Units/shape: 256 buckets of 2^23 ns (8.4 ms); a due time further away than 2.1 s stays in its bucket for
/// more rounds. Lifetime: a call must be removed before it is given away.
class wheel {
public:
    static constexpr unsigned tick_bits = 23;
    static constexpr std::size_t buckets = 256;

    bool empty() const noexcept { return count_ == 0; }

    /// Precondition: one.due is not `never`, and the call is in no wheel.
    void insert(call& pending) noexcept {
        UMBEL_ASSERT(pending.due != never);
        UMBEL_ASSERT(pending.wheel_back == nullptr);
        std::uint64_t tick = tick_of(pending.due);
        // A due time in the past joins the bucket that is looked at next.
        if (tick <= last_tick_) tick = last_tick_ + 1;
        std::size_t const bucket = tick % buckets;
        call*& head = heads_[bucket];
        pending.wheel_next = head;
        pending.wheel_back = &head;
        if (head) head->wheel_back = &pending.wheel_next;
        head = &pending;
        occupied_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
        ++count_;
    }

    void remove(call& call) noexcept {
        if (!call.wheel_back) return;
        *call.wheel_back = call.wheel_next;
        if (call.wheel_next) {
            call.wheel_next->wheel_back = call.wheel_back;
        } else {
            // The list's last element went: where its first did too, the bucket is empty.
            clear_if_empty(call.wheel_back);
        }
        call.wheel_back = nullptr;
        call.wheel_next = nullptr;
        --count_;
    }

    /// When to look again: the start of the next occupied tick; `never` when empty.
    instant next_due() const noexcept {
        if (count_ == 0) return never;
        for (std::uint64_t step = 1; step <= buckets;) {
            std::size_t const bucket = (last_tick_ + step) % buckets;
            std::uint64_t const word = occupied_[bucket / 64] >> (bucket % 64);
            if (word != 0) {
                step += static_cast<std::uint64_t>(std::countr_zero(word));
                return instant{static_cast<std::int64_t>((last_tick_ + step) << tick_bits)};
            }
            step += 64 - bucket % 64;
        }
        return never;
    }

    /// Calls `due(call&)` for every call that is due at `now`; each is out of the wheel by then.
    template <class Due>
    void advance(instant now, Due&& due) {
        std::uint64_t const until = static_cast<std::uint64_t>(now.count()) >> tick_bits;
        if (until <= last_tick_) return;
        std::uint64_t const span = until - last_tick_;
        std::uint64_t const from = last_tick_;
        last_tick_ = until;
        for (std::uint64_t step = 1; step <= span && step <= buckets && count_ != 0; ++step) {
            for (call* pending = heads_[(from + step) % buckets]; pending != nullptr;) {
                call* const following = pending->wheel_next;
                if (pending->due <= now) {
                    remove(*pending);
                    due(*pending);
                }
                pending = following;
            }
        }
    }

    /// Sets the time before anything is inserted, so that the first look does not sweep from the epoch.
    void start(instant now) noexcept {
        if (count_ == 0) last_tick_ = static_cast<std::uint64_t>(now.count()) >> tick_bits;
    }

private:
    static std::uint64_t tick_of(instant due) noexcept {
        // Rounded up: at the start of this tick the call is due.
        return (static_cast<std::uint64_t>(due.count()) + (std::uint64_t{1} << tick_bits) - 1) >> tick_bits;
    }
    void clear_if_empty(call** back) noexcept {
        auto const first = reinterpret_cast<std::uintptr_t>(heads_.data());
        auto const at = reinterpret_cast<std::uintptr_t>(back);
        if (at < first || at >= first + sizeof heads_) return;
        std::size_t const bucket = (at - first) / sizeof(call*);
        occupied_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
    }

    std::array<call*, buckets> heads_{};
    std::array<std::uint64_t, buckets / 64> occupied_{};
    std::uint64_t last_tick_ = 0;
    std::size_t count_ = 0;
};

}  // namespace umbel::engine
