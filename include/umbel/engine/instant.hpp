// instant.hpp: points in time as the engine sees them. It knows no clock: whoever drives the engine tells it
// the time.
#pragma once

#include <chrono>

namespace umbel::engine {

/// Time since an epoch that the driver chooses and keeps; it never runs backwards.
using instant = std::chrono::nanoseconds;
using duration = std::chrono::nanoseconds;

/// A point that is never reached.
inline constexpr instant never = instant::max();

/// `from` + `by`, without overflow.
constexpr instant after(instant from, duration by) noexcept {
    instant::rep sum = 0;
    return __builtin_add_overflow(from.count(), by.count(), &sum) ? never : instant{sum};
}

}  // namespace umbel::engine
