// statistics.hpp: medians, quartiles, and a latency histogram that never allocates.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

/// Minimum, quartiles and maximum of some samples; quartiles are interpolated.
struct spread {
    double min = 0, lower = 0, median = 0, upper = 0, max = 0;

    static spread of(std::vector<double> samples) {
        if (samples.empty()) return {};
        std::sort(samples.begin(), samples.end());
        auto const at = [&](double part) {
            double const place = part * static_cast<double>(samples.size() - 1);
            auto const below = static_cast<std::size_t>(place);
            std::size_t const above = std::min(below + 1, samples.size() - 1);
            return samples[below] + (samples[above] - samples[below]) * (place - static_cast<double>(below));
        };
        return {samples.front(), at(0.25), at(0.5), at(0.75), samples.back()};
    }
};

/// Latencies in nanoseconds, in buckets 1/32 of a power of two wide: a percentile is right within 3 %.
class histogram {
public:
    void add(std::int64_t ns) noexcept {
        ++buckets_[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1)))];
        ++count_;
    }
    void clear() noexcept {
        buckets_.fill(0);
        count_ = 0;
    }
    std::uint64_t count() const noexcept { return count_; }

    /// The latency that `part` of all samples do not exceed; 0 without samples.
    double percentile(double part) const noexcept {
        auto const wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t index = 0; index < buckets_.size(); ++index) {
            seen += buckets_[index];
            if (seen > wanted || (seen == count_ && seen != 0)) return middle_of(index);
        }
        return 0;
    }

private:
    static constexpr unsigned parts_log2 = 5;
    static std::size_t bucket_of(std::uint64_t ns) noexcept {
        auto const width = static_cast<unsigned>(std::bit_width(ns));
        if (width <= parts_log2 + 1) return static_cast<std::size_t>(ns);
        unsigned const shift = width - parts_log2 - 1;
        return (std::size_t{shift} << parts_log2) + static_cast<std::size_t>(ns >> shift);
    }
    static double middle_of(std::size_t index) noexcept {
        std::size_t const shift = index >> parts_log2;
        if (shift <= 1) return static_cast<double>(index);
        auto const base = static_cast<double>(index - ((shift - 1) << parts_log2));
        return (base + 0.5) * static_cast<double>(std::uint64_t{1} << (shift - 1));
    }
    std::array<std::uint64_t, 64u << parts_log2> buckets_{};
    std::uint64_t count_ = 0;
};

}  // namespace bench
