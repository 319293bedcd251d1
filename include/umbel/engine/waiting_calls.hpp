// waiting_calls.hpp: calls that stand on no connection: before the first topology, between two tries, during
// a refresh. It is bounded by whoever fills it; it decides nothing and completes nothing.
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
class waiting_calls {
public:
    std::size_t size() const noexcept { return entries_.size(); }

    /// Lets a call in until `due` or its deadline, whichever comes first; false when memory has run out.
    bool enter(call& call, waits_for reason, instant due, instant now) noexcept {
        UMBEL_TRY {
            entries_.push_back({&call, reason, next_sequence_});
            leaving_.reserve(entries_.capacity());
        }
        UMBEL_CATCH(...) {
            // The entry may be there already if only the second allocation failed.
            if (!entries_.empty() && entries_.back().waiter == &call) entries_.pop_back();
            return false;
        }
        ++next_sequence_;
        if (reason != waits_for::time) ++for_topology_;
        call.waiting_index = entries_.size() - 1;
        call.at = call::stage::waiting;
        call.due = std::min(due, call.deadline);
        if (call.due != never) {
            wheel_.start(now);
            wheel_.insert(call);
        }
        return true;
    }

    void remove(call& call) noexcept {
        UMBEL_ASSERT(call.at == call::stage::waiting);
        if (call.wheel_back) wheel_.remove(call);
        entry& freed = entries_[call.waiting_index];
        if (freed.reason != waits_for::time) --for_topology_;
        call.owned_by(cancel_token::nobody);
        freed = entries_.back();
        freed.waiter->waiting_index = call.waiting_index;
        entries_.pop_back();
        call.at = call::stage::fresh;
    }

    instant next_due() const noexcept { return wheel_.next_due(); }

    /// Moves every call that is due to `out`.
    void advance(instant now, call_list& out) noexcept {
        wheel_.advance(now, [&](call& call) {
            remove(call);
            out.push(call);
        });
    }
    /// A refresh has ended: moves every call that waited for it to `out`, in the order in which they came;
    /// those for a changed topology only if it did change.
    void refreshed(bool changed, call_list& out) noexcept {
        release(out, [changed](entry const& parked) {
            return parked.reason == waits_for::refresh || (parked.reason == waits_for::topology && changed);
        });
    }
    /// Moves every call to `out`, in the order in which they came.
    void clear(call_list& out) noexcept {
        release(out, [](entry const&) { return true; });
    }
    /// Moves those to `out` that wait for a topology because of what they met at `node`.
    void refused_by(std::uint16_t node, call_list& out) noexcept {
        release(out, [node](entry const& parked) {
            return parked.reason == waits_for::topology && parked.waiter->retry &&
                   parked.waiter->retry->from.node == node;
        });
    }
    bool wants_topology() const noexcept { return for_topology_ != 0; }

private:
    struct entry {
        call* waiter;
        waits_for reason;
        std::uint64_t sequence;
    };

    template <class Wanted>
    void release(call_list& out, Wanted&& wanted) noexcept {
        leaving_.clear();
        for (entry const& parked : entries_)
            if (wanted(parked)) leaving_.push_back(parked);  // As much was reserved as there are entries.
        std::sort(leaving_.begin(), leaving_.end(),
                  [](entry const& left, entry const& right) { return left.sequence < right.sequence; });
        for (entry const& parked : leaving_) {
            remove(*parked.waiter);
            out.push(*parked.waiter);
        }
    }

    std::vector<entry> entries_;
    std::vector<entry> leaving_;
    std::uint64_t next_sequence_ = 0;
    std::size_t for_topology_ = 0;
    wheel wheel_;
};

}  // namespace umbel::engine
