// decode_chrono.hpp: from_reply for durations.
#pragma once

#include <umbel/error.hpp>
#include <umbel/resp/decode_scalars.hpp>
#include <umbel/resp/from_reply.hpp>

#include <chrono>

template <class Rep, class Period>
inline constexpr bool umbel::empty_is_missing<std::chrono::duration<Rep, Period>> = false;

/// A duration: a number, counted in the unit of the type that is asked for. So the type must be the unit that
/// the command speaks: std::chrono::milliseconds of PTTL, seconds of TTL. Sending a duration is another
/// matter: see to_argument.
template <umbel::decodable Rep, class Period>
struct umbel::from_reply<std::chrono::duration<Rep, Period>> {
    static result<std::chrono::duration<Rep, Period>> from(resp::view const& view) {
        result<Rep> const count = from_reply<Rep>::from(view);
        if (!count) return tl::unexpected<error>{count.error()};
        return std::chrono::duration<Rep, Period>{*count};
    }
};
