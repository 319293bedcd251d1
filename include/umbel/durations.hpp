// durations.hpp: any length of time in nanoseconds, and the words for those that never end. It has no clock.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>
#include <utility>

namespace umbel {

/// Returns `span` in nanoseconds, without overflow: a duration that is too long becomes the longest there is,
/// and one that is not a number becomes zero.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds saturated(std::chrono::duration<Rep, Period> span) noexcept {
    using nanoseconds = std::chrono::nanoseconds;
    using factor = std::ratio_divide<Period, std::nano>;
    if constexpr (std::integral<Rep> && factor::den == 1) {
        constexpr std::int64_t most = nanoseconds::max().count() / factor::num;
        if (std::cmp_greater(span.count(), most)) return nanoseconds::max();
        if (std::cmp_less(span.count(), -most)) return nanoseconds::min();
        return nanoseconds{static_cast<std::int64_t>(span.count()) * factor::num};
    } else {
        std::chrono::duration<long double, std::nano> const exact{span};
        if (exact >= nanoseconds::max()) return nanoseconds::max();
        if (exact <= nanoseconds::min()) return nanoseconds::min();
        if (exact != exact) return nanoseconds::zero();
        return nanoseconds{static_cast<std::int64_t>(exact.count())};
    }
}

/// Says that a command has no deadline, in options::deadline and in client::with: the one way to say so,
/// since a deadline that is zero or less has passed. Converts to any duration, as the longest there is.
struct no_deadline_t {
    template <class Rep, class Period>
    constexpr operator std::chrono::duration<Rep, Period>() const noexcept {
        return std::chrono::duration<Rep, Period>::max();
    }
};
inline constexpr no_deadline_t no_deadline{};

/// Says that a command which blocks waits until something comes: `db.blpop("queue", umbel::wait_forever)`.
struct wait_forever_t {};
inline constexpr wait_forever_t wait_forever{};

}  // namespace umbel
