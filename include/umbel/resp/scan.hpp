// scan.hpp: the byte work under the parser: where a line ends, what number a text spells, and the short
// replies that make up most traffic, read in one go. It knows no state and no bounds: what it does not
// recognize at once, the parser judges.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/real.hpp>
#include <umbel/resp/type.hpp>

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace umbel::resp {

template <class Word>
UMBEL_ALWAYS_INLINE Word load(char const* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    return word;
}

/// True when CR LF stands at `at`. Precondition: two bytes are readable.
UMBEL_ALWAYS_INLINE bool is_crlf(char const* at) noexcept {
    return load<std::uint16_t>(at) == load<std::uint16_t>("\r\n");
}

/// Returns 0 to 9 for a digit, something larger for everything else.
UMBEL_ALWAYS_INLINE constexpr std::uint32_t digit(char byte) noexcept {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) - std::uint32_t{'0'};
}

/// True for a byte that starts a value.
constexpr bool is_lead(char byte) noexcept {
    switch (byte) {
        case '+':
        case '-':
        case ':':
        case '$':
        case '*':
        case '_':
        case '#':
        case ',':
        case '(':
        case '!':
        case '=':
        case '%':
        case '~':
        case '>':
        case '|': return true;
        default: return false;
    }
}

/// The high bits of the bytes of `word` up to CR, from the lowest byte upwards; behind the first of them
/// others may be marked wrongly, because such a byte borrows.
UMBEL_ALWAYS_INLINE constexpr std::uint64_t low_bytes(std::uint64_t word) noexcept {
    return (word - 0x0101010101010101 * ('\r' + 1)) & ~word & 0x8080808080808080;
}

/// Returns the first CR or LF in [at, end), or end. Cost: sixteen bytes a step.
UMBEL_ALWAYS_INLINE char const* find_line_break(char const* at, char const* end) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
        while (end - at >= 8) {
            std::uint64_t low = low_bytes(load<std::uint64_t>(at));
            if (low == 0) {
                at += 8;
                if (end - at < 8) break;
                low = low_bytes(load<std::uint64_t>(at));
                if (low == 0) {
                    at += 8;
                    continue;
                }
            }
            at += std::countr_zero(low) >> 3;
            if (*at == '\r' || *at == '\n') return at;
            ++at;  // Other bytes up to CR are rare.
        }
    }
    while (at != end && *at != '\r' && *at != '\n') ++at;
    return at;
}

/// Reads digits only. Returns false on anything else, on nothing, and on a number of 2^63 or more.
inline bool read_unsigned(std::string_view text, std::uint64_t& value) noexcept {
    constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (text.empty()) return false;
    value = 0;
    for (char const byte : text) {
        std::uint32_t const next = digit(byte);
        if (next > 9 || value > (max - next) / 10) return false;
        value = value * 10 + next;
    }
    return true;
}

/// Reads a signed 64-bit number: an optional sign and digits.
inline bool read_integer(std::string_view text, std::int64_t& value) noexcept {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return false;
    }
    auto const [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc{} && stop == text.data() + text.size() && !text.empty();
}

/// Reads a decimal number in the range of a double, "inf", "-inf" or "nan", as Redis spells them.
inline bool read_real(std::string_view text, double& value) noexcept {
    if (!text.empty() && text.front() == '+') {
        text.remove_prefix(1);
        if (!text.empty() && text.front() == '-') return false;
    }
    return !text.empty() && detail::read_decimal(text, value);
}

/// True for an optional sign and at least one digit.
inline bool is_big_number(std::string_view text) noexcept {
    if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
    for (char const byte : text) {
        if (digit(byte) > 9) return false;
    }
    return !text.empty();
}

/// Reads a length of one to four digits and its CR LF. Returns where the bytes behind it start, or null when
/// it is none of these. Precondition: six bytes are readable.
UMBEL_ALWAYS_INLINE char const* quick_length(char const* at, std::uint32_t& length) noexcept {
    std::uint32_t const a = digit(at[0]), b = digit(at[1]);
    if (is_crlf(at + 2)) {
        length = a * 10 + b;
        return a > 9 || b > 9 ? nullptr : at + 4;
    }
    if (is_crlf(at + 1)) {
        length = a;
        return a > 9 ? nullptr : at + 3;
    }
    std::uint32_t const c = digit(at[2]);
    if (a > 9 || b > 9 || c > 9) return nullptr;
    length = a * 100 + b * 10 + c;
    if (is_crlf(at + 3)) return at + 5;
    std::uint32_t const d = digit(at[3]);
    length = length * 10 + d;
    return d <= 9 && is_crlf(at + 4) ? at + 6 : nullptr;
}

/// Reads a whole bulk string of up to four length digits whose type byte stands at `at`. Returns its end, or
/// null. Precondition: eight bytes are readable.
UMBEL_ALWAYS_INLINE char const* quick_bulk(char const* base, char const* at, char const* end,
                                           node& out) noexcept {
    std::uint32_t length = 0;
    char const* const body = quick_length(at + 1, length);
    if (!body || static_cast<std::size_t>(end - body) < std::size_t{length} + 2 || !is_crlf(body + length))
        return nullptr;
    out = node::text(type::bulk_string, static_cast<std::uint64_t>(body - base), length);
    return body + length + 2;
}

inline constexpr std::uint32_t power_of_ten[] = {1,      10,      100,      1000,     10000,
                                                 100000, 1000000, 10000000, 100000000};

/// The number that the `count` digits in the low bytes of `word` spell. Returns false when one of them is no
/// digit. Precondition: the first byte in memory is the lowest of `word`, 1 <= count <= 8.
UMBEL_ALWAYS_INLINE bool read_digits(std::uint64_t word, std::uint32_t count, std::uint64_t& value) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101;
    // The first digit is the lowest byte: shifted up, missing digits lead as zeros; then tens, hundreds, ten
    // thousands join.
    std::uint64_t sum = (word ^ (ones * '0')) << (64 - 8 * count);
    // A digit is now 0 to 9: it has no high half, and adding 6 gives it none.
    bool const good = ((sum | (sum + ones * 6)) & (ones * 0xf0)) == 0;
    sum = (sum * 10 + (sum >> 8)) & 0x00ff00ff00ff00ff;
    sum = (sum * 100 + (sum >> 16)) & 0x0000ffff0000ffff;
    value = (sum * 10000 + (sum >> 32)) & 0xffffffff;
    return good;
}

/// Returns how many of the eight bytes at `at` are digits before the first that is none, and their value.
/// Precondition: eight bytes are readable.
UMBEL_ALWAYS_INLINE std::uint32_t quick_digits(char const* at, std::uint64_t& value) noexcept {
    std::uint32_t count = 0;
    value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        constexpr std::uint64_t ones = 0x0101010101010101;
        std::uint64_t const word = load<std::uint64_t>(at) ^ (ones * '0');
        std::uint64_t const other = (word | ((word & (ones * 0x7f)) + ones * 6)) & (ones * 0xf0);
        count = other == 0 ? 8 : static_cast<std::uint32_t>(std::countr_zero(other)) >> 3;
        if (count != 0) read_digits(word ^ (ones * '0'), count, value);
    } else {
        for (; count < 8 && digit(at[count]) <= 9; ++count) value = value * 10 + digit(at[count]);
    }
    return count;
}

/// Reads digits up to a CR among the eight bytes at `at`. Returns how many, or 0 when it is anything else.
/// Precondition: eight bytes are readable. Cost: fewer steps to where the digits end than quick_digits: what
/// comes next waits for nothing else.
UMBEL_ALWAYS_INLINE std::uint32_t quick_digits_to_end(char const* at, std::uint64_t& value) noexcept {
    if constexpr (std::endian::native == std::endian::little) {
        std::uint64_t const word = load<std::uint64_t>(at);
        std::uint64_t const low = low_bytes(word);
        std::uint32_t const count = static_cast<std::uint32_t>(std::countr_zero(low)) >> 3;
        return low != 0 && count != 0 && read_digits(word, count, value) ? count : 0;
    } else {
        std::uint32_t const count = quick_digits(at, value);
        return count == 8 ? 0 : count;
    }
}

/// Reads a whole integer of up to 18 digits whose type byte stands at `at`. Returns its end, or null.
/// Precondition: four bytes are readable.
UMBEL_ALWAYS_INLINE char const* quick_integer(char const* at, char const* end, node& out) noexcept {
    if (is_crlf(at + 2) && digit(at[1]) <= 9) {
        out = node::scalar(type::integer, digit(at[1]));
        return at + 4;
    }
    bool const negative = *++at == '-';
    at += negative;
    std::uint64_t value = 0;
    std::uint32_t count = 0;
    if (end - at >= 10) [[likely]] {
        count = quick_digits_to_end(at, value);
        at += count;
        if (count == 0 || !is_crlf(at)) {
            at -= count;
            count = quick_digits(at, value);
            at += count;
            if (count == 8 && end - at >= 10) {
                std::uint64_t more = 0;
                std::uint32_t const behind = quick_digits(at, more);
                count += behind;
                at += behind;
                value = value * power_of_ten[behind] + more;
            }
        }
    }
    if (count == 0 || !is_crlf(at)) {
        for (std::uint32_t next = 0; at < end && count < 19 && (next = digit(*at)) <= 9; ++at, ++count)
            value = value * 10 + next;
        if (count == 0 || count > 18 || end - at < 2 || !is_crlf(at)) return nullptr;
    }
    out = node::scalar(type::integer, negative ? std::uint64_t{0} - value : value);
    return at + 2;
}

/// Reads a whole double of the form "3.25", "-0.5" or "10" with up to eight digits on each side, whose type
/// byte stands at `at`. Returns its end, or null. Both numbers and the division are exact or rounded once:
/// the same value as from_chars gives.
UMBEL_ALWAYS_INLINE char const* quick_real(char const* at, char const* end, node& out) noexcept {
    if (end - at < 24) return nullptr;
    bool const negative = *++at == '-';
    at += negative;
    std::uint64_t whole = 0, part = 0;
    std::uint32_t const before = quick_digits(at, whole);
    at += before;
    if (before == 0) return nullptr;
    if (*at == '.') {
        std::uint32_t const behind = quick_digits(at + 1, part);
        if (behind == 0 || before + behind > 15) return nullptr;
        at += behind + 1;
        whole = whole * power_of_ten[behind] + part;
        part = power_of_ten[behind];
    } else {
        part = 1;
    }
    if (!is_crlf(at)) return nullptr;
    double const value = static_cast<double>(whole) / static_cast<double>(part);
    out = node::scalar(type::real, std::bit_cast<std::uint64_t>(negative ? -value : value));
    return at + 2;
}

/// The most bytes of a reply that quick_reply() reads.
inline constexpr std::size_t quick_reply_bytes_max = 7 + 9999 + 2;

/// Reads the reply at `at` when it is whole before `end` and of the common short forms: a bulk string of up
/// to four length digits, an integer,
/// "+OK", a null. Returns its end, or null when the parser has to look.
UMBEL_ALWAYS_INLINE char const* quick_reply(char const* at, char const* end, node& out) noexcept {
    std::ptrdiff_t const size = end - at;
    if (size >= 8 && *at == '$') [[likely]] {
        if (char const* const stop = quick_bulk(at, at, end, out)) [[likely]]
            return stop;
    }
    if (size < 5) return nullptr;
    if (*at == '+' && load<std::uint32_t>(at) == load<std::uint32_t>("+OK\r") && at[4] == '\n') {
        out = node::text(type::simple_string, 1, 2);
        return at + 5;
    }
    if (*at == ':') return quick_integer(at, end, out);
    if (load<std::uint32_t>(at) == load<std::uint32_t>("$-1\r") && at[4] == '\n') {
        out = node::scalar(type::null, 0);
        return at + 5;
    }
    if (*at == '_' && is_crlf(at + 1)) {
        out = node::scalar(type::null, 0);
        return at + 3;
    }
    return nullptr;
}

/// True for the beginning of a value of the common kinds with nothing wrong so far, where it costs less to
/// look at it anew when it is whole than to remember how far it was read: a line of less than 32 bytes, a
/// string of announced length that takes at most `whole_max` bytes.
inline bool is_short_of_end(char const* at, std::size_t size, std::size_t whole_max) noexcept {
    constexpr std::size_t line_max = 32;
    if (*at != '$' && *at != '+' && *at != '-' && *at != ':') return false;
    char const* const end = at + size;
    char const* const last = size < line_max ? end : at + line_max;
    char const* const stop = find_line_break(at + 1, last);
    if (stop == last || stop + 1 == last) return size < line_max && (stop == last || *stop == '\r');
    std::uint32_t length = 0;
    char const* const body = stop + 2;
    if (*at != '$' || !is_crlf(stop) || stop == at + 1 || stop - at > 5) return false;
    for (char const* character = at + 1; character != stop; ++character) {
        if (digit(*character) > 9) return false;
        length = length * 10 + digit(*character);
    }
    std::size_t const whole = static_cast<std::size_t>(body - at) + length + 2;
    return whole <= whole_max && size < whole && (size + 2 <= whole || at[whole - 2] == '\r');
}

/// Reads the simple string or error at the front of `size` bytes when it is whole and its line has less than
/// `line_bytes_max` bytes. Returns the bytes it takes, or 0 when the parser has to look.
inline std::size_t quick_line(char const* at, std::size_t size, std::size_t line_bytes_max,
                              node& out) noexcept {
    if (size < 3 || (*at != '-' && *at != '+')) return 0;
    char const* const last = at + 1 + (size - 2 < line_bytes_max ? size - 2 : line_bytes_max);
    char const* const stop = find_line_break(at + 1, last);
    if (stop == last || !is_crlf(stop)) return 0;
    out = node::text(*at == '-' ? type::error : type::simple_string, 1,
                     static_cast<std::uint64_t>(stop - at - 1));
    return static_cast<std::size_t>(stop + 2 - at);
}

}  // namespace umbel::resp
