// session_news.hpp: what a session tells besides its calls: replies that were slow, and what its server has
// announced. It completes nothing.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/engine/link.hpp>

#include <cstdint>
#include <utility>

namespace umbel::engine {

/// True when there is something to tell.
UMBEL_ALWAYS_INLINE bool has_news(link& of) noexcept {
    return !of.pipe().slow().empty() || of.pipe().stream().maintenance().has_notices();
}

/// Tells it. `Port` has slowed() and report(), see session_port.
template <class Port>
UMBEL_NEVER_INLINE void tell_news(Port& port, link& of, link_id id, std::uint32_t generation, instant now) {
    if (!of.pipe().slow().empty()) port.slowed(std::exchange(of.pipe().slow(), {}));
    for (maintenance_notice& notice : of.pipe().stream().maintenance().take_notices(now))
        port.report(maintenance_told{id, generation, std::move(notice)});
}

}  // namespace umbel::engine
