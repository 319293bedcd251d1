// samples.hpp: durations, of which the extremes, the average and a percentile are wanted. It reads no clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cli {

/// Durations of one node: the extremes and the average of all, the percentile of the latest.
class samples {
public:
    static constexpr std::size_t kept_max = 10'000;

    void add(std::chrono::nanoseconds took) {
        if (latest_.size() < kept_max)
            latest_.push_back(took);
        else
            latest_[count_ % kept_max] = took;
        least_ = count_ == 0 ? took : std::min(least_, took);
        most_ = std::max(most_, took);
        sum_ += took;
        ++count_;
    }

    std::uint64_t count() const noexcept { return count_; }
    std::chrono::nanoseconds least() const noexcept { return least_; }
    std::chrono::nanoseconds most() const noexcept { return most_; }
    std::chrono::nanoseconds average() const noexcept {
        return count_ == 0 ? sum_ : sum_ / static_cast<std::int64_t>(count_);
    }
    /// At least this share of the latest took no longer. Precondition: 0 < share <= 1.
    std::chrono::nanoseconds percentile(double share) const {
        if (latest_.empty()) return {};
        std::vector<std::chrono::nanoseconds> sorted = latest_;
        auto const rank = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.999);
        auto const at = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(rank, sorted.size() - 1));
        std::nth_element(sorted.begin(), at, sorted.end());
        return *at;
    }

private:
    std::vector<std::chrono::nanoseconds> latest_;
    std::chrono::nanoseconds least_{}, most_{}, sum_{};
    std::uint64_t count_ = 0;
};

}  // namespace cli
