// backoff.hpp: growing, jittered delays from a seeded generator, so that a run can be replayed.
// It knows no random device and no clock.
#pragma once

#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <cstdint>

namespace umbel::engine {

/// A small deterministic generator (the splitmix64 step). Not for secrets.
class random_source {
public:
    explicit constexpr random_source(std::uint64_t seed) noexcept : state_{seed} {}

    constexpr std::uint64_t next() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    /// A number below `bound`, which must not be zero.
    constexpr std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

private:
    std::uint64_t state_;
};

/// The delay before try number `tries` + 1: `first` doubled per try up to `largest`, then spread evenly over
/// its upper half, so that clients which failed together do not come back together.
constexpr duration backoff(duration first, duration largest, unsigned tries, random_source& random) noexcept {
    duration whole = first;
    for (unsigned i = 0; i < tries && whole < largest; ++i) whole *= 2;
    whole = std::clamp(whole, duration{0}, largest);
    auto const half = static_cast<std::uint64_t>(whole.count()) / 2;
    return duration{static_cast<std::int64_t>(half + (half == 0 ? 0 : random.below(half + 1)))};
}

}  // namespace umbel::engine
