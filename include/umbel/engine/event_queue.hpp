// event_queue.hpp: events of a client, one at a time: those that come while one is being handled wait their
// turn. It handles none.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <utility>
#include <vector>

namespace umbel::engine {

/// Precondition of all: called by the control plane's owner.
class event_queue {
public:
    event_queue() {
        // Room for what happens at one time; more is asked for when it is needed.
        events_.reserve(32);
        batch_.reserve(32);
    }

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
        while (!events_.empty()) {
            batch_.swap(events_);
            for (event& next : batch_) handle(next);
            batch_.clear();
        }
        handling_ = false;
    }
    /// Takes the calls of all events that wait.
    void take_calls(call_list& all) noexcept {
        for (auto* const waiting : {&events_, &batch_})
            for (event& next : *waiting)
                if (call_list* const calls = calls_of(next)) all.splice(std::move(*calls));
    }

private:
    std::vector<event> events_;
    std::vector<event> batch_;
    bool handling_ = false;
};

}  // namespace umbel::engine
