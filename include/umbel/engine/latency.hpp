// latency.hpp: how long commands took, in buckets. It reads no clock: durations come in.
#pragma once

#include <umbel/engine/counters.hpp>
#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace umbel::engine {

/// Durations counted in buckets that double: bucket i counts those of less than 2^i microseconds that no
/// bucket before it counts, the last one all the others.
struct latency_histogram {
    static constexpr std::size_t size = 28;

    std::array<std::uint64_t, size> buckets{};
    std::chrono::microseconds total{};

    /// The bound that all durations of bucket `index` are below. Precondition: index < size - 1.
    static constexpr std::chrono::microseconds bound(std::size_t index) noexcept {
        return std::chrono::microseconds{std::int64_t{1} << index};
    }
    static constexpr std::size_t bucket_of(std::chrono::nanoseconds took) noexcept {
        auto const micro = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count() / 1000, 0));
        return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(micro)), size - 1);
    }

    std::uint64_t count() const noexcept {
        std::uint64_t all = 0;
        for (std::uint64_t const count : buckets) all += count;
        return all;
    }
    /// A bound that at least this share of the durations is below, at most twice too large; zero when nothing
    /// was counted, the largest value when the share reaches into the last bucket. Precondition: 0 <= share
    /// <= 1.
    std::chrono::microseconds percentile(double share) const noexcept {
        UMBEL_ASSERT(share >= 0 && share <= 1);
        double const wanted = share * static_cast<double>(count());
        std::uint64_t below = 0;
        for (std::size_t index = 0; index < size; ++index) {
            below += buckets[index];
            if (below != 0 && static_cast<double>(below) >= wanted)
                return index + 1 < size ? bound(index) : std::chrono::microseconds::max();
        }
        return {};
    }
    latency_histogram& operator+=(latency_histogram const& other) noexcept {
        for (std::size_t index = 0; index < size; ++index) buckets[index] += other.buckets[index];
        total += other.total;
        return *this;
    }
};

/// A histogram that one owner at a time fills. Threading: read from any thread; what is read while it is
/// filled may lack the latest.
class latency_recorder {
public:
    void note(duration took) noexcept {
        ++buckets_[latency_histogram::bucket_of(took)];
        total_ += static_cast<std::uint64_t>(std::max<std::int64_t>(took.count() / 1000, 0));
    }
    latency_histogram read() const noexcept {
        latency_histogram copy;
        for (std::size_t index = 0; index < latency_histogram::size; ++index)
            copy.buckets[index] = buckets_[index];
        copy.total = std::chrono::microseconds{static_cast<std::int64_t>(std::uint64_t{total_})};
        return copy;
    }

private:
    std::array<counter, latency_histogram::size> buckets_;
    counter total_;  ///< Microseconds.
};

/// The classes of commands that are told apart.
struct latency_record {
    latency_recorder reads;
    latency_recorder writes;
};

}  // namespace umbel::engine

namespace umbel {
using engine::latency_histogram;
}  // namespace umbel
