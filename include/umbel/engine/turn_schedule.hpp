// turn_schedule.hpp: when a session has its turns: whether one is running, posted or wanted. It posts nothing
// itself, and knows no executor.
#pragma once

#include <utility>

namespace umbel::engine {

/// The turns of one session. Precondition of all: called by the session's owner.
class turn_schedule {
public:
    /// Posted turns that are lost in a row for want of memory before no other is tried.
    static constexpr unsigned lost_max = 4;

    bool in_turn() const noexcept { return in_turn_; }
    /// True while calls are collected for the next write: in a turn, or held.
    bool collecting() const noexcept { return collecting_; }
    bool posted() const noexcept { return posted_; }
    bool wanted() const noexcept { return wanted_; }

    /// Something has changed that a turn must look at.
    void want() noexcept { wanted_ = true; }
    /// A turn looks at everything now.
    void serves() noexcept { wanted_ = false; }

    /// Collects calls outside of a turn, until release().
    void collect() noexcept { collecting_ = true; }
    void release() noexcept { collecting_ = in_turn_; }

    /// Has a turn posted by `post()`, which returns false when memory has run out, where none is running or
    /// posted.
    template <class Post>
    void post_by(Post&& post) noexcept {
        if (!posted_ && !in_turn_) posted_ = std::forward<Post>(post)();
    }
    /// The posted turn has come.
    void came() noexcept {
        posted_ = false;
        lost_ = 0;
    }
    /// The posted turn has come when it could not be served.
    void forget() noexcept { posted_ = false; }
    /// The posted turn will not come, for want of memory. False when it is no use to post another one.
    bool lost() noexcept {
        posted_ = false;
        return ++lost_ < lost_max;
    }

    /// What was true before a turn began: a turn may run inside another one, for a handler may run the
    /// executor itself.
    struct before_turn {
        bool in_turn;
        bool collecting;
    };
    before_turn enter() noexcept { return {std::exchange(in_turn_, true), std::exchange(collecting_, true)}; }
    void leave(before_turn before) noexcept {
        in_turn_ = before.in_turn;
        collecting_ = before.collecting;
    }

private:
    bool in_turn_ = false;
    bool collecting_ = false;
    bool posted_ = false;
    bool wanted_ = false;
    unsigned lost_ = 0;  ///< In a row.
};

}  // namespace umbel::engine
