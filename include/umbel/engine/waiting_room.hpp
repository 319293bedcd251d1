// waiting_room.hpp: calls that stand on no connection: before the first topology, between two tries, during a
// refresh. It is bounded by whoever fills it; it decides nothing and completes nothing.
#pragma once

#include <umbel/engine/wheel.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace umbel::engine {

/// What a waiting call waits for besides its due time.
enum class waits_for : std::uint8_t {
    time,      ///< A delay.
    topology,  ///< A changed topology, at the latest its due time.
    refresh,   ///< The end of a refresh, whatever it brought; at the latest its due time.
};

/// A bounded set of calls with due times.
/// Cost: constant for entering and leaving; linear only when the topology changes.
class waiting_room {
public:
    std::size_t size() const noexcept { return seats_.size(); }

    /// Lets a call in until `due` or its deadline, whichever comes first; false when memory has run out.
    bool enter(call& one, waits_for what, instant due, instant now) noexcept {
        try {
            seats_.push_back({&one, what, next_ticket_});
            leaving_.reserve(seats_.capacity());
        } catch (...) {
            // The seat may be there already when only the second allocation failed.
            if (!seats_.empty() && seats_.back().who == &one) seats_.pop_back();
            return false;
        }
        ++next_ticket_;
        if (what != waits_for::time) ++for_topology_;
        one.position = seats_.size() - 1;
        one.at = call::stage::waiting;
        one.due = std::min(due, one.deadline);
        if (one.due != never) {
            wheel_.start(now);
            wheel_.insert(one);
        }
        return true;
    }

    void leave(call& one) noexcept {
        if (one.wheel_back) wheel_.remove(one);
        seat& freed = seats_[one.position];
        if (freed.what != waits_for::time) --for_topology_;
        one.owned_by(cancel_token::nobody);
        freed = seats_.back();
        freed.who->position = one.position;
        seats_.pop_back();
        one.at = call::stage::fresh;
    }

    instant next_due() const noexcept { return wheel_.next_due(); }

    /// Moves every call that is due to `out`.
    void advance(instant now, call_list& out) noexcept {
        wheel_.advance(now, [&](call& one) {
            leave(one);
            out.push(one);
        });
    }
    /// A refresh has ended: moves every call that waited for it to `out`, in the order in which they came;
    /// those for a changed topology only if it did change.
    void refreshed(bool changed, call_list& out) noexcept {
        release(out, [changed](seat const& one) {
            return one.what == waits_for::refresh || (one.what == waits_for::topology && changed);
        });
    }
    /// Moves everybody to `out`, in the order in which they came.
    void clear(call_list& out) noexcept {
        release(out, [](seat const&) { return true; });
    }
    /// Moves those to `out` that wait for a topology because of what they met at `node`.
    void refused_by(std::uint16_t node, call_list& out) noexcept {
        release(out, [node](seat const& one) {
            return one.what == waits_for::topology && one.who->way && one.who->way->from.node == node;
        });
    }
    bool wants_topology() const noexcept { return for_topology_ != 0; }

private:
    struct seat {
        call* who;
        waits_for what;
        std::uint64_t ticket;
    };

    template <class Wanted>
    void release(call_list& out, Wanted&& wanted) noexcept {
        leaving_.clear();
        for (seat const& one : seats_)
            if (wanted(one)) leaving_.push_back(one);  // As much was reserved as there are seats.
        std::sort(leaving_.begin(), leaving_.end(),
                  [](seat const& left, seat const& right) { return left.ticket < right.ticket; });
        for (seat const& one : leaving_) {
            leave(*one.who);
            out.push(*one.who);
        }
    }

    std::vector<seat> seats_;
    std::vector<seat> leaving_;
    std::uint64_t next_ticket_ = 0;
    std::size_t for_topology_ = 0;
    wheel wheel_;
};

}  // namespace umbel::engine
