// call_deadlines.hpp: when the deadlines of the calls on one connection pass. Deadlines mostly come in the
// order of the calls: then the in-flight queue is sorted by them already, and only the others need a timing
// wheel. It knows no clock and fails nothing: it hands out what is due.
#pragma once

#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/wheel.hpp>

#include <algorithm>

namespace umbel::engine {

/// The deadlines of the calls in one in-flight queue.
class call_deadlines {
public:
    /// True when this deadline needs no wheel; it is watched in the order of the queue from now on.
    /// Cost: one comparison where the neighbour has the same deadline, as commands of one moment have.
    UMBEL_ALWAYS_INLINE bool in_order(call const& call) noexcept {
        return call.deadline == latest_ || comes_later(call);
    }
    /// Watches the deadline of a call that has entered the queue.
    void watch(call& call, instant now) noexcept {
        if (comes_later(call)) return;
        wheel_.start(now);
        call.due = call.deadline;
        wheel_.insert(call);
    }
    /// A deadline that has passed is another one from now on, which lies ahead.
    void put_off(call& call, instant until, instant now) noexcept {
        call.deadline = call.due = until;
        wheel_.start(now);
        wheel_.insert(call);
    }
    /// The call leaves the queue.
    void forget(call& call) noexcept {
        if (call.wheel_back) wheel_.remove(call);
    }

    /// When expire() has something to do; `never` when no call has a deadline. Coarse, never early.
    instant next_due(in_flight_queue const& queue) noexcept {
        call const* const oldest = oldest_in_order(queue);
        return std::min(wheel_.next_due(), oldest ? oldest->deadline : never);
    }
    /// Calls `fail(call&)`, which takes the call out of the queue, for each call whose deadline has passed.
    template <class Fail>
    void expire(in_flight_queue const& queue, instant now, Fail&& fail) noexcept {
        wheel_.advance(now, fail);
        while (call* const call = oldest_in_order(queue)) {
            if (call->deadline > now) break;
            fail(*call);
        }
    }
    /// The queue is empty, and goes on at `head`.
    void reset(in_flight_queue::position head) noexcept {
        latest_ = instant{0};
        cursor_ = head;
    }

private:
    bool comes_later(call const& call) noexcept {
        if (call.deadline < latest_) return false;
        if (call.deadline != never) latest_ = call.deadline;
        return true;
    }
    call* oldest_in_order(in_flight_queue const& queue) noexcept {
        call* oldest = nullptr;
        in_flight_queue::position at = std::max(cursor_, queue.head());
        for (; at != queue.tail(); ++at) {
            in_flight_queue::entry const next = queue[at];
            if (next.is_tombstone()) continue;
            call* const call = next.awaited_call();
            if (call->deadline == never || call->wheel_back) continue;
            oldest = call;
            break;
        }
        cursor_ = at;
        return oldest;
    }

    wheel wheel_;
    instant latest_{0};                     ///< The latest deadline that is watched in order.
    in_flight_queue::position cursor_ = 0;  ///< No call before this place is watched in order.
};

}  // namespace umbel::engine
