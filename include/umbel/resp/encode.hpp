// encode.hpp: writes commands into memory that the caller provides, sizes known beforehand.
// It knows the request form of the protocol (arrays of bulk strings) and no command.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/copy.hpp>

#include <array>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

namespace umbel::resp {

/// Returns the number of decimal digits of `value`, at least 1.
constexpr std::size_t digits_of(std::uint64_t value) noexcept {
    if (value < 10) return 1;
    if (value < 100) return 2;
    if (value < 1000) return 3;
    if (value < 10000) return 4;
    std::size_t digits = 4;
    for (value /= 10000; value != 0; value /= 10) ++digits;
    return digits;
}

/// Returns the bytes of `*n` or `$n` with CR LF.
constexpr std::size_t header_size(std::uint64_t count) noexcept { return digits_of(count) + 3; }
/// Returns the bytes of a bulk string of `length` bytes.
constexpr std::size_t bulk_size(std::size_t length) noexcept { return header_size(length) + length + 2; }

namespace detail {

struct short_header {
    char text[8];
};

/// The headers `*0` to `*127` or `$0` to `$127`, each padded to eight bytes so that it is written by one
/// store.
constexpr std::array<short_header, 128> make_headers(char lead) noexcept {
    std::array<short_header, 128> table{};
    for (std::size_t n = 0; n != table.size(); ++n) {
        char* at = table[n].text;
        *at++ = lead;
        if (n >= 100) *at++ = static_cast<char>('0' + n / 100);
        if (n >= 10) *at++ = static_cast<char>('0' + n / 10 % 10);
        *at++ = static_cast<char>('0' + n % 10);
        *at++ = '\r';
        *at = '\n';
    }
    return table;
}
inline constexpr auto array_headers = make_headers('*');
inline constexpr auto bulk_headers = make_headers('$');

inline char* put_crlf(char* at) noexcept {
    std::memcpy(at, "\r\n", 2);
    return at + 2;
}

UMBEL_NEVER_INLINE inline char* put_long_header(char* at, char lead, std::uint64_t count) noexcept {
    *at++ = lead;
    return put_crlf(std::to_chars(at, at + 20, count).ptr);
}

}  // namespace detail

/// Writes `*count` and CR LF: the head of a command of `count` words. Returns where to go on.
/// Precondition: header_size(count) bytes are writable and those of at least one word behind them, which the
/// padding is written over.
UMBEL_ALWAYS_INLINE char* put_array_header(char* at, std::size_t count) noexcept {
    if (count >= detail::array_headers.size()) return detail::put_long_header(at, '*', count);
    std::memcpy(at, detail::array_headers[count].text, 8);
    return at + header_size(count);
}

/// Writes `bytes` as a bulk string. Returns where to go on. Precondition: bulk_size(bytes.size()) bytes are
/// writable.
UMBEL_ALWAYS_INLINE char* put_bulk(char* at, std::string_view bytes) noexcept {
    std::size_t const length = bytes.size();
    if (length < 10) {
        std::memcpy(at, detail::bulk_headers[length].text, 4);
        at += 4;
    } else if (length < detail::bulk_headers.size()) [[likely]] {
        // What follows is longer than the padding that is written over it.
        std::memcpy(at, detail::bulk_headers[length].text, 8);
        at += length < 100 ? 5 : 6;
    } else {
        at = detail::put_long_header(at, '$', length);
    }
    copy_text(at, bytes.data(), length);
    return detail::put_crlf(at + length);
}

/// put_bulk() of two texts as one. Precondition: as put_bulk() of both together.
inline char* put_bulk(char* at, std::string_view first, std::string_view second) noexcept {
    at = detail::put_long_header(at, '$', first.size() + second.size());
    copy_text(at, first.data(), first.size());
    copy_text(at + first.size(), second.data(), second.size());
    return detail::put_crlf(at + first.size() + second.size());
}

/// put_bulk() for 8 to 16 bytes, which two moves copy. Precondition: `bytes` has that length, and
/// bulk_size(bytes.size()) bytes are writable.
UMBEL_ALWAYS_INLINE char* put_bulk_by_ends(char* at, std::string_view bytes) noexcept {
    std::size_t const length = bytes.size();
    UMBEL_ASSERT(length >= 8 && length <= 16);
    // What follows is longer than the padding that is written over it.
    std::memcpy(at, detail::bulk_headers[length].text, 8);
    at += 5;
    if (length < 10) --at;
    copy_both_ends<8>(at, bytes.data(), length);
    return detail::put_crlf(at + length);
}

/// Writes the header of a bulk string whose bytes are sent from elsewhere (a borrowed argument);
/// put_bulk_end() belongs behind them. Precondition: header_size(length) bytes are writable.
inline char* put_bulk_header(char* at, std::size_t length) noexcept {
    return detail::put_long_header(at, '$', length);
}
inline char* put_bulk_end(char* at) noexcept { return detail::put_crlf(at); }

/// As std::isfinite, without the header with all of mathematics, which every file that includes this would
/// pay for.
template <std::floating_point Number>
constexpr bool is_finite(Number value) noexcept {
    return value >= std::numeric_limits<Number>::lowest() && value <= std::numeric_limits<Number>::max();
}

/// A number spelled for the wire: 32 bytes, no allocation.
/// Doubles take the shortest form that reads back the same, infinities are "inf" and "-inf", and not-a-number
/// is "nan".
class number_text {
public:
    template <std::integral Number>
    explicit number_text(Number value) noexcept {
        set(std::to_chars(text_, text_ + sizeof text_, value).ptr);
    }
    explicit number_text(bool value) noexcept : size_{1} { text_[0] = value ? '1' : '0'; }
    explicit number_text(double value) noexcept {
        if (is_finite(value)) {
            set(std::to_chars(text_, text_ + sizeof text_, value).ptr);
        } else {
            std::string_view const word = value != value ? "nan" : value < 0 ? "-inf" : "inf";
            std::memcpy(text_, word.data(), word.size());
            size_ = static_cast<std::uint8_t>(word.size());
        }
    }
    explicit number_text(float value) noexcept {
        if (is_finite(value)) {
            set(std::to_chars(text_, text_ + sizeof text_, value).ptr);
        } else {
            *this = number_text{static_cast<double>(value)};
        }
    }

    std::string_view view() const noexcept {
        if (size_ > sizeof text_) __builtin_unreachable();  // Said for compilers that warn of longer copies.
        return {text_, size_};
    }
    operator std::string_view() const noexcept { return view(); }

private:
    void set(char const* end) noexcept { size_ = static_cast<std::uint8_t>(end - text_); }

    char text_[31];
    std::uint8_t size_ = 0;
};

}  // namespace umbel::resp
