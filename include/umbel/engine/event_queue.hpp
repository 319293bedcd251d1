// event_queue.hpp: events of a client, one at a time: those that come while one is being handled wait their
// turn. It handles none.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace umbel::engine {

/// Precondition of all: called by the control plane's owner.
class event_queue {
public:
    event_queue() { make_room(0); }
    /// Room for what may happen at one time to so many sessions, also where all end at once, and for other
    /// events; more is asked for when it is needed. Throws std::bad_alloc.
    void make_room(std::size_t sessions) { events_.reserve(32 + 4 * sessions); }

    /// Hands an event to `handle(event&)`, and then those that come meanwhile. Where there is no memory to
    /// keep one of those, `lost(event&)` is told.
    template <class Handle, class Lost>
    void happened(event&& report, Handle&& handle, Lost&& lost) {
        if (handling_) {
            if (!try_alloc([&] { events_.push_back(std::move(report)); })) lost(report);
            return;
        }
        handling_ = true;
        handle(report);
        for (std::size_t at = 0; at < events_.size(); ++at) {
            event next = std::move(events_[at]);
            handle(next);
        }
        events_.clear();
        handling_ = false;
    }
    /// Takes the calls of all events that wait.
    void take_calls(call_list& all) noexcept {
        for (event& next : events_)
            if (call_list* const calls = calls_of(next)) all.splice(std::move(*calls));
    }

private:
    std::vector<event> events_;
    bool handling_ = false;
};

}  // namespace umbel::engine
