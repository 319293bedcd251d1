// letter_case.hpp: words compared without regard to case, as servers compare the names of commands and
// options. It knows no command.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace umbel::resp {

namespace letters {

/// Reads `bytes` bytes as a little-endian number.
template <std::size_t bytes>
constexpr std::uint64_t load(char const* from) noexcept {
    if (!std::is_constant_evaluated() && std::endian::native == std::endian::little) {
        std::uint64_t value = 0;
        std::memcpy(&value, from, bytes);
        return value;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
        value |= std::uint64_t{static_cast<unsigned char>(from[i])} << (8 * i);
    return value;
}

/// Reads fewer than eight bytes, each at least once, so that two texts of one length give one number only if
/// they are equal.
constexpr std::uint64_t load_short(char const* from, std::size_t size) noexcept {
    if (size >= 4) return load<4>(from) | load<4>(from + size - 4) << 32;
    if (size == 0) return 0;
    return load<1>(from) | load<1>(from + size / 2) << 8 | load<1>(from + size - 1) << 16;
}

/// Turns the upper-case ASCII letters among eight bytes into lower case, all at once. The sums set a byte's
/// top bit where its lower seven bits are from 'A' on, and where they are beyond 'Z'; bytes above 127 are
/// left alone.
constexpr std::uint64_t lower(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101U;
    std::uint64_t const low = bytes & ones * 0x7f;
    std::uint64_t const from_a = low + ones * (0x80 - 'A');
    std::uint64_t const beyond_z = low + ones * (0x7f - 'Z');
    return bytes | ((from_a ^ beyond_z) & ~bytes & ones * 0x80) >> 2;
}

}  // namespace letters

/// True when both are equal but for the case of ASCII letters.
constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    std::size_t const size = left.size();
    if (size != right.size()) return false;
    if (size < 8)
        return letters::lower(letters::load_short(left.data(), size)) ==
               letters::lower(letters::load_short(right.data(), size));
    for (std::size_t i = 0; i + 8 < size; i += 8)
        if (letters::lower(letters::load<8>(left.data() + i)) !=
            letters::lower(letters::load<8>(right.data() + i)))
            return false;
    std::size_t const end = size - 8;
    return letters::lower(letters::load<8>(left.data() + end)) ==
           letters::lower(letters::load<8>(right.data() + end));
}

}  // namespace umbel::resp
