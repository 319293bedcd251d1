// idle_closing.hpp: when a client closes that was told to close once nothing is under way any more: who waits
// for it, and how often it is looked. It closes nothing.
#pragma once

#include <umbel/engine/call.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace umbel::engine {

/// The calls that wait for a client to be idle. Precondition of all: called by the control plane's owner.
class idle_closing {
public:
    /// Between two looks, growing: most commands are done at once, few take long.
    static constexpr duration pause_max = std::chrono::milliseconds{20};

    /// True once a call has been added: no further command is taken.
    bool begun() const noexcept { return begun_; }
    /// Adds a call that completes when everything is closed. True for the first one: begin to look.
    bool add(call& call) noexcept {
        waiting_.push(call);
        return !std::exchange(begun_, true);
    }
    /// One look. True when the client should close now: it was seen idle twice in a row, for a call may be on
    /// its way between two owners; or the deadline of the first call has come.
    bool is_due(bool idle, instant now) noexcept {
        UMBEL_ASSERT(!waiting_.empty());
        idle_seen_ = idle ? idle_seen_ + 1 : 0;
        return idle_seen_ >= 2 || waiting_.front()->deadline <= now;
    }
    /// How long to wait until the next look.
    duration next_pause() noexcept { return pause_ = std::min(pause_ * 2, pause_max); }

    bool empty() const noexcept { return waiting_.empty(); }
    /// Takes the calls that wait.
    call_list take() noexcept { return std::move(waiting_); }

private:
    call_list waiting_;
    bool begun_ = false;
    unsigned idle_seen_ = 0;
    duration pause_{std::chrono::microseconds{250}};
};

}  // namespace umbel::engine
