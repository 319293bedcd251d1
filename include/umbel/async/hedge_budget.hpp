// hedge_budget.hpp: how much load hedged reads may add.
// It knows counts only.
#pragma once

#include <atomic>
#include <cstdint>

namespace umbel::async {

/// Every hedged read earns a fraction of a second attempt, so that hedging cannot double the load when all
/// nodes are slow. Threading: any.
class hedge_budget {
public:
    explicit hedge_budget(std::uint32_t percent) noexcept
        : percent_{percent}, credit_{percent == 0 ? 0 : credit_max} {}

    /// Counts a hedged read that begins.
    void earn() noexcept {
        if (credit_.load(std::memory_order_relaxed) < credit_max)
            credit_.fetch_add(percent_, std::memory_order_relaxed);
    }
    /// Spends one second attempt; false if there is none left.
    bool draw() noexcept {
        std::int64_t seen = credit_.load(std::memory_order_relaxed);
        do {
            if (seen < price) return false;
        } while (!credit_.compare_exchange_weak(seen, seen - price, std::memory_order_relaxed));
        return true;
    }

private:
    static constexpr std::int64_t price = 100;
    /// After a quiet time ten second attempts may begin at once.
    static constexpr std::int64_t credit_max = 10 * price;
    std::int64_t const percent_;
    std::atomic<std::int64_t> credit_;
};

}  // namespace umbel::async
