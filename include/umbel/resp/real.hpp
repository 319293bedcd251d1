// real.hpp: a decimal number to the nearest double, also where the standard library cannot: libc++ has no
// from_chars for doubles before version 20. Neither reads the locale of the program, as strtod does, and
// neither allocates.
#pragma once

#include <umbel/config.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <system_error>

namespace umbel::resp::detail {

/// A standard library whose from_chars reads this type.
template <class Real>
concept from_chars_reads = requires(char const* at, Real& value) { std::from_chars(at, at, value); };

/// A natural number of at most 4096 bits, with what the reader below needs. Precondition of every member: the
/// result fits.
class big_natural {
public:
    /// Becomes itself times `factor`, plus `term`.
    void multiply_add(std::uint32_t factor, std::uint32_t term) noexcept {
        std::uint64_t carry = term;
        for (std::size_t i = 0; i < size_; ++i) {
            carry += std::uint64_t{limbs_[i]} * factor;
            limbs_[i] = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
        if (carry != 0) limbs_[size_++] = static_cast<std::uint32_t>(carry);
    }
    /// Becomes itself divided by `divisor`, rounded down. True when something was left over.
    bool divide(std::uint32_t divisor) noexcept {
        std::uint64_t rest = 0;
        for (std::size_t i = size_; i-- > 0;) {
            rest = rest << 32 | limbs_[i];
            limbs_[i] = static_cast<std::uint32_t>(rest / divisor);
            rest %= divisor;
        }
        while (size_ != 0 && limbs_[size_ - 1] == 0) --size_;
        return rest != 0;
    }
    void shift_left(std::size_t bits) noexcept {
        if (bits % 32 != 0) multiply_add(std::uint32_t{1} << (bits % 32), 0);
        std::size_t const whole = bits / 32;
        if (size_ == 0 || whole == 0) return;
        size_ += whole;
        for (std::size_t i = size_; i-- > 0;) limbs_[i] = i < whole ? 0 : limbs_[i - whole];
    }
    int bits() const noexcept {
        return size_ == 0 ? 0 : static_cast<int>(size_ * 32) - std::countl_zero(limbs_[size_ - 1]);
    }
    /// The 64 bits from `from` on; what would lie below the number is zero.
    std::uint64_t window(int from) const noexcept {
        std::uint64_t bits = 0;
        for (int i = 0; i < 64; ++i) bits |= std::uint64_t{bit(from + i)} << i;
        return bits;
    }
    bool any_below(int end) const noexcept {
        for (int i = 0; i < end; ++i) {
            if (bit(i)) return true;
        }
        return false;
    }

private:
    bool bit(int at) const noexcept {
        std::size_t const limb = static_cast<std::size_t>(at) / 32;
        return at >= 0 && limb < size_ && (limbs_[limb] >> (at % 32) & 1u) != 0;
    }

    std::array<std::uint32_t, 128> limbs_{};
    std::size_t size_ = 0;
};

/// Reads a text that is a number from its first to its last byte. A double's neighbours differ in their first
/// 768 digits: of the digits after the first 800 it counts only whether one is not zero.
class decimal_reader {
public:
    explicit decimal_reader(std::string_view text) noexcept : left_{text} {}

    /// Errors: false for anything but a number in the range of a double; `value` is left alone then.
    bool read(double& value) noexcept {
        bool const negative = take('-');
        double found = 0.0;
        if (is_word("inf") || is_word("infinity")) {
            found = std::numeric_limits<double>::infinity();
        } else if (is_word("nan")) {
            found = std::numeric_limits<double>::quiet_NaN();
        } else if (!read_digits() || !read_exponent() || !left_.empty() || !convert(found)) {
            return false;
        }
        value = negative ? -found : found;
        return true;
    }

private:
    static constexpr int digits_max = 800;

    bool take(char wanted) noexcept {
        if (left_.empty() || left_.front() != wanted) return false;
        left_.remove_prefix(1);
        return true;
    }
    bool next_is_digit() const noexcept {
        return !left_.empty() && left_.front() >= '0' && left_.front() <= '9';
    }
    std::uint32_t take_digit() noexcept {
        std::uint32_t const digit = static_cast<std::uint32_t>(left_.front() - '0');
        left_.remove_prefix(1);
        return digit;
    }
    bool is_word(std::string_view word) const noexcept {
        return std::equal(left_.begin(), left_.end(), word.begin(), word.end(),
                          [](char have, char want) { return (have | 0x20) == want; });
    }

    bool read_digits() noexcept {
        bool some = false;
        for (; next_is_digit(); some = true) add(take_digit(), false);
        if (take('.')) {
            for (; next_is_digit(); some = true) add(take_digit(), true);
        }
        return some;
    }
    void add(std::uint32_t digit, bool is_fraction) noexcept {
        if (is_fraction) --exponent_;
        if (digit == 0 && digits_ == 0) return;
        if (digits_ < digits_max) {
            number_.multiply_add(10, digit);
            ++digits_;
            return;
        }
        ++exponent_;
        more_ = more_ || digit != 0;
    }
    bool read_exponent() noexcept {
        if (!take('e') && !take('E')) return true;
        bool const negative = take('-');
        if (!negative) take('+');
        if (!next_is_digit()) return false;
        std::int64_t exponent = 0;
        // Far larger than the number of digits that fit into memory.
        while (next_is_digit())
            exponent = std::min<std::int64_t>(exponent * 10 + take_digit(), std::int64_t{1} << 50);
        exponent_ += negative ? -exponent : exponent;
        return true;
    }

    /// The value is number_ times ten to the power exponent_; it is a little more if more_.
    bool convert(double& value) noexcept {
        if (digits_ == 0) return true;
        if (digits_ + exponent_ > 310 || digits_ + exponent_ < -330) return false;
        std::size_t shifted = 0;
        for (; exponent_ > 0; --exponent_) number_.multiply_add(10, 0);
        if (exponent_ < 0) {
            // So far to the left that 64 bits are left of the quotient: a factor of ten is less than 3.33
            // bits.
            int const wanted = static_cast<int>(-exponent_ * 333 / 100) + 66;
            shifted = static_cast<std::size_t>(std::max(0, wanted - number_.bits()));
            number_.shift_left(shifted);
            for (; exponent_ <= -9; exponent_ += 9) more_ = number_.divide(1'000'000'000) || more_;
            for (; exponent_ < 0; ++exponent_) more_ = number_.divide(10) || more_;
        }
        return round(static_cast<int>(shifted), value);
    }
    /// The value is number_ divided by two to the power `shifted`; it is a little more if more_.
    bool round(int shifted, double& value) noexcept {
        int const bits = number_.bits();
        int const top = bits - 1 - shifted;  // The highest bit is worth two to this power.
        int const kept = std::min(53, top + 1075);
        if (kept < 0) return false;
        std::uint64_t const window = number_.window(bits - 64);
        more_ = more_ || number_.any_below(bits - 64);
        std::uint64_t mantissa = kept == 0 ? 0 : window >> (64 - kept);
        std::uint64_t const rest = window << kept;
        std::uint64_t const half = std::uint64_t{1} << 63;
        if (rest > half || (rest == half && (more_ || (mantissa & 1u) != 0))) ++mantissa;
        double const found = __builtin_ldexp(static_cast<double>(mantissa), top - kept + 1);
        if (mantissa == 0 || !(found <= std::numeric_limits<double>::max())) return false;
        value = found;
        return true;
    }

    std::string_view left_;
    big_natural number_;
    std::int64_t exponent_ = 0;
    int digits_ = 0;
    bool more_ = false;
};

/// Reads a decimal number that fills the text, as std::from_chars spells numbers. Errors: false, also out of
/// range.
template <class Real>
bool read_decimal(std::string_view text, Real& value) noexcept {
    if constexpr (from_chars_reads<Real>) {
        char const* const end = text.data() + text.size();
        auto const [stop, failure] = std::from_chars(text.data(), end, value);
        return failure == std::errc{} && stop == end;
    } else {
        return decimal_reader{text}.read(value);
    }
}

}  // namespace umbel::resp::detail
