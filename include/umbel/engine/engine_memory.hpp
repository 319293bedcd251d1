// engine_memory.hpp: what the engine does when memory runs out in the middle of something. Included by
// engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>

#include <utility>
#include <variant>

namespace umbel::engine {

/// Moves a call on. Precondition: `step` puts it onto a list, or into the waiting room, as the last thing it
/// does.
template <class Step>
void engine::guarded(call& call, Step&& step) noexcept {
    try {
        std::forward<Step>(step)();
    } catch (...) {
        spare(call);
    }
}

/// Ends a call that has lost its place, without asking for memory again.
inline void engine::spare(call& call) noexcept {
    call.at = call::stage::done;
    call.kind->fail(call, error{errc::no_memory, call.retry ? call.retry->delivery : delivery::not_sent});
    finished_.push(call);
}

/// Ends the calls of an event that could not be heard to its end.
inline void engine::spare(event& unheard) noexcept {
    call_list* const calls = calls_of(unheard);
    while (call* const call = calls ? calls->pop() : nullptr) spare(*call);
}

template <class Make>
void engine::observe(Make&& make) noexcept {
    if (!options_.observed) return;
    try {
        actions_.emplace_back(std::forward<Make>(make)());
    } catch (...) {
        // A notice less.
    }
}

}  // namespace umbel::engine
