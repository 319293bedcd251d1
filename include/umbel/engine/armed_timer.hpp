// armed_timer.hpp: when a timer was last told to ring, so that it is moved only when something is due
// earlier. It is no timer itself.
#pragma once

#include <umbel/engine/instant.hpp>

#include <utility>

namespace umbel::engine {

/// The state of one timer.
class armed_timer {
public:
    /// Arms the timer by `arm(due)`, which returns false when memory has run out, if it would ring too late.
    template <class Arm>
    void ring_by(instant due, Arm&& arm) noexcept {
        if (due >= armed_for_) return;
        armed_for_ = arm(due) ? due : never;
    }
    /// The timer has rung, or will not ring for want of memory. Returns when it was to ring.
    instant rang() noexcept { return std::exchange(armed_for_, never); }

private:
    instant armed_for_ = never;
};

}  // namespace umbel::engine
