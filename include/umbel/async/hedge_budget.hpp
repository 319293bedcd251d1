// hedge_budget.hpp: how much load hedged reads may add.
// It knows counts only.
#pragma once

#include <atomic>
#include <cstdint>

namespace umbel::async {

/// Every hedged read earns a part of a second question. When all nodes are slow, hedging cannot double their
/// load. Threading: any.
class hedge_budget {
public:
    explicit hedge_budget(std::uint32_t percent) noexcept
        : percent_{percent}, credit_{percent == 0 ? 0 : credit_max} {}

    /// A hedged read has begun.
    void earn() noexcept {
        if (credit_.load(std::memory_order_relaxed) < credit_max)
            credit_.fetch_add(percent_, std::memory_order_relaxed);
    }
    /// Takes the price of one second question; false when it is not there.
    bool draw() noexcept {
        std::int64_t seen = credit_.load(std::memory_order_relaxed);
        do {
            if (seen < price) return false;
        } while (!credit_.compare_exchange_weak(seen, seen - price, std::memory_order_relaxed));
        return true;
    }

private:
    static constexpr std::int64_t price = 100;
    /// Ten second questions at once after a quiet time.
    static constexpr std::int64_t credit_max = 10 * price;
    std::int64_t const percent_;
    std::atomic<std::int64_t> credit_;
};

}  // namespace umbel::async
