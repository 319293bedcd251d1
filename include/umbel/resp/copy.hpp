// copy.hpp: copies of short texts without a call to the library.
// It knows bytes only.
#pragma once

#include <umbel/config.hpp>

#include <cstddef>
#include <cstring>

namespace umbel::resp {

/// Copies what is at least `Width` and at most twice as long: two moves that overlap.
template <std::size_t Width>
UMBEL_ALWAYS_INLINE void copy_both_ends(char* to, char const* from, std::size_t size) noexcept {
    char head[Width];
    char tail[Width];
    std::memcpy(head, from, Width);
    std::memcpy(tail, from + size - Width, Width);
    std::memcpy(to, head, Width);
    std::memcpy(to + size - Width, tail, Width);
}

/// copy_both_ends<32>() in pieces that a register holds: of arrays of 32 bytes g++ 12 keeps a half of each on
/// the stack, where nobody reads it.
UMBEL_ALWAYS_INLINE void copy_both_ends_of_32(char* to, char const* from, std::size_t size) noexcept {
    char pieces[4][16];
    std::memcpy(pieces[0], from, 16);
    std::memcpy(pieces[1], from + 16, 16);
    std::memcpy(pieces[2], from + size - 32, 16);
    std::memcpy(pieces[3], from + size - 16, 16);
    std::memcpy(to, pieces[0], 16);
    std::memcpy(to + 16, pieces[1], 16);
    std::memcpy(to + size - 32, pieces[2], 16);
    std::memcpy(to + size - 16, pieces[3], 16);
}

/// Copies a text; a short one without a call.
UMBEL_ALWAYS_INLINE void copy_text(char* to, char const* from, std::size_t size) noexcept {
    if (size > 64) {
        std::memcpy(to, from, size);
    } else if (size >= 32) {
        copy_both_ends_of_32(to, from, size);
    } else if (size >= 16) {
        copy_both_ends<16>(to, from, size);
    } else if (size >= 8) {
        copy_both_ends<8>(to, from, size);
    } else if (size >= 4) {
        copy_both_ends<4>(to, from, size);
    } else {
        for (std::size_t at = 0; at != size; ++at) to[at] = from[at];
    }
}

}  // namespace umbel::resp
