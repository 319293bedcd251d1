// cluster/slot.hpp: the hash slot of a key: hash tag, CRC16 and the strong type that carries the result.
// It knows keys as bytes only: no command, no node, no topology.
#pragma once

#include <umbel/config.hpp>

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <type_traits>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace umbel::cluster {

/// The number of hash slots of every cluster.
/// Rule: Redis Cluster specification, "Key distribution model".
inline constexpr std::uint16_t slot_count = 16384;

class slot_target;

/// One of the 16384 hash slots.
class slot {
public:
    constexpr slot() noexcept = default;

    /// Precondition: value < slot_count.
    constexpr explicit slot(std::uint16_t value) noexcept : value_{value} {
        UMBEL_ASSERT(value < slot_count);
    }

    constexpr std::uint16_t value() const noexcept { return value_; }

    friend constexpr bool operator==(slot, slot) noexcept = default;
    friend constexpr auto operator<=>(slot, slot) noexcept = default;

private:
    friend class slot_target;  // It keeps a slot's value, and gives it back without another check.
    struct known {
        std::uint16_t value;
    };
    constexpr explicit slot(known number) noexcept : value_{number.value} {}

    std::uint16_t value_ = 0;
};

namespace detail {

/// Sixteen tables of 256 entries, and one entry more, so that four bytes may be loaded at each of them. Each
/// file that includes this has its compiler compute them: a plain array takes it a fraction of what
/// std::array does.
struct crc_tables {
    std::uint16_t entries[16 * 256 + 1];
};

/// Table k maps a byte to the CRC of that byte followed by k zero bytes, so 16 bytes are folded by 16
/// independent look-ups.
constexpr crc_tables make_crc_tables() noexcept {
    crc_tables tables{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        unsigned crc = byte << 8;
        for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000u) != 0 ? (crc << 1) ^ 0x1021u : crc << 1;
        tables.entries[byte] = static_cast<std::uint16_t>(crc);
    }
    for (std::size_t at = 256; at < 16 * 256; ++at) {
        unsigned const before = tables.entries[at - 256];
        tables.entries[at] = static_cast<std::uint16_t>((before << 8) ^ tables.entries[before >> 8]);
    }
    return tables;
}

inline constexpr crc_tables crc_table = make_crc_tables();

/// The entry of table `k` for `byte` in the lower 16 bits; what stands above them means nothing. A load of 32
/// bits is one with the exclusive or behind it, one of 16 bits is an instruction of its own.
UMBEL_ALWAYS_INLINE constexpr std::uint32_t look_up(std::size_t k, std::uint64_t byte) noexcept {
    std::size_t const at = k * 256 + static_cast<std::size_t>(byte);
    if (std::is_constant_evaluated() || std::endian::native != std::endian::little)
        return crc_table.entries[at];
    std::uint32_t entry = 0;
    std::memcpy(&entry, crc_table.entries + at, sizeof entry);
    return entry;
}

// The loads below are spelled byte by byte: compilers turn them into one load and a byte swap, and they stay
// constexpr.
constexpr std::uint64_t byte_at(char const* bytes, std::size_t index) noexcept {
    return static_cast<unsigned char>(bytes[index]);
}

UMBEL_ALWAYS_INLINE constexpr std::uint64_t load_4(char const* bytes) noexcept {
    return byte_at(bytes, 0) << 24 | byte_at(bytes, 1) << 16 | byte_at(bytes, 2) << 8 | byte_at(bytes, 3);
}

UMBEL_ALWAYS_INLINE constexpr std::uint64_t load_8(char const* bytes) noexcept {
    return byte_at(bytes, 0) << 56 | byte_at(bytes, 1) << 48 | byte_at(bytes, 2) << 40 |
           byte_at(bytes, 3) << 32 | byte_at(bytes, 4) << 24 | byte_at(bytes, 5) << 16 |
           byte_at(bytes, 6) << 8 | byte_at(bytes, 7);
}

/// Loads `size` < 8 bytes as a number with zeros in front, never touching a byte beyond them.
UMBEL_ALWAYS_INLINE constexpr std::uint64_t load_short(char const* bytes, std::size_t size) noexcept {
    if (size >= 4) return load_4(bytes) << (8 * (size - 4)) | load_4(bytes + size - 4);
    if (size == 0) return 0;
    std::size_t const middle = size / 2;
    return byte_at(bytes, 0) << (8 * (size - 1)) | byte_at(bytes, middle) << (8 * (size - 1 - middle)) |
           byte_at(bytes, size - 1);
}

/// Folds 8 bytes, the most significant first, through the tables that begin at `first`; only the lower 16
/// bits mean anything.
template <std::size_t First>
UMBEL_ALWAYS_INLINE constexpr std::uint32_t fold_word(std::uint64_t word) noexcept {
    auto const fold = [word](std::size_t k) { return look_up(First + k, (word >> (8 * k)) & 0xff); };
    return ((fold(7) ^ fold(6)) ^ (fold(5) ^ fold(4))) ^ ((fold(3) ^ fold(2)) ^ (fold(1) ^ fold(0)));
}

/// Folds the last two bytes of `word`, which it loses, into `crc`. On x86-64 these two are had from a
/// register without a shift: g++ is kept from joining the shifts of several steps, so that two bytes take
/// five instructions instead of seven. What clang makes of the joined ones is as quick.
template <std::size_t First>
UMBEL_ALWAYS_INLINE constexpr void fold_two(std::uint32_t& crc, std::uint64_t& word) noexcept {
    crc ^= look_up(First, word & 0xff);
    crc ^= look_up(First + 1, (word >> 8) & 0xff);
    word >>= 16;
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
    if (!std::is_constant_evaluated()) asm("" : "+r"(word), "+r"(crc));
#endif
}

/// fold_word() into `crc`, in fewer instructions, of which each waits for the one before it.
template <std::size_t First>
UMBEL_ALWAYS_INLINE constexpr std::uint32_t fold_word_into(std::uint32_t crc, std::uint64_t word) noexcept {
    fold_two<First>(crc, word);
    fold_two<First + 2>(crc, word);
    fold_two<First + 4>(crc, word);
    fold_two<First + 6>(crc, word);
    return crc;
}

/// CRC16 of 8 to 16 bytes. The last eight are taken from memory one by one, those in front of them out of one
/// word: the first keeps the units that load busy, the second those that shift, and neither waits for the
/// other.
UMBEL_ALWAYS_INLINE constexpr std::uint16_t crc_of_ends(char const* bytes, std::size_t size) noexcept {
    char const* const last = bytes + size - 1;
    auto const fold = [last](std::size_t k) { return look_up(k, byte_at(last - k, 0)); };
    std::uint32_t const crc =
        ((fold(7) ^ fold(6)) ^ (fold(5) ^ fold(4))) ^ ((fold(3) ^ fold(2)) ^ (fold(1) ^ fold(0)));
    return static_cast<std::uint16_t>(size == 8 ? crc
                                                : fold_word_into<8>(crc, load_8(bytes) >> (8 * (16 - size))));
}

/// CRC16 of the first `size` <= 16 bytes. Zeros in front change no CRC that starts at 0, so no byte loop is
/// needed.
UMBEL_ALWAYS_INLINE constexpr std::uint16_t crc_head(char const* bytes, std::size_t size) noexcept {
    if (size < 8) return static_cast<std::uint16_t>(fold_word_into<0>(0, load_short(bytes, size)));
    return crc_of_ends(bytes, size);
}

/// Folds 8 bytes behind those whose CRC is `before`. That stands in the two look-ups which are joined last,
/// so that the next step waits for as little as possible.
UMBEL_ALWAYS_INLINE constexpr std::uint32_t fold_word_after(std::uint16_t before,
                                                            std::uint64_t word) noexcept {
    auto const fold = [word](std::size_t k) { return look_up(8 + k, (word >> (8 * k)) & 0xff); };
    std::uint32_t const rest = ((fold(5) ^ fold(4)) ^ (fold(3) ^ fold(2))) ^ (fold(1) ^ fold(0));
    return rest ^ (look_up(15, (word >> 56) ^ (before >> 8)) ^ look_up(14, ((word >> 48) ^ before) & 0xff));
}

/// CRC16/XMODEM (polynomial 0x1021, start 0), 16 bytes a step.
/// Rule: Redis Cluster specification, appendix A.
UMBEL_NEVER_INLINE constexpr std::uint16_t crc16_long(char const* bytes, std::size_t size) noexcept {
    std::size_t const head = (size - 1) % 16 + 1;
    std::uint16_t crc = crc_head(bytes, head);
    for (std::size_t at = head; at < size; at += 16) {
        std::uint32_t const low = fold_word<0>(load_8(bytes + at + 8));
        crc = static_cast<std::uint16_t>(fold_word_after(crc, load_8(bytes + at)) ^ low);
    }
    return crc;
}
constexpr std::uint16_t crc16(char const* bytes, std::size_t size) noexcept {
    return size <= 16 ? crc_head(bytes, size) : crc16_long(bytes, size);
}

/// The bit 0x80 of every byte of `word` that is `wanted`, and no other bit.
UMBEL_ALWAYS_INLINE constexpr std::uint64_t match_bits(std::uint64_t word, char wanted) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    constexpr std::uint64_t low = 0x7f * ones;
    std::uint64_t const zero_where_wanted = word ^ ones * static_cast<unsigned char>(wanted);
    return ~(((zero_where_wanted & low) + low) | zero_where_wanted | low);
}

/// From here on the library's memchr is quicker than looking at eight bytes a step.
inline constexpr std::size_t long_key_bytes = 32;

/// Returns where `wanted` stands first, or `size`. Most keys hold no '{', and this is all they pay for hash
/// tags. Precondition: wanted != 0.
UMBEL_ALWAYS_INLINE constexpr std::size_t find_byte(char const* bytes, std::size_t size,
                                                    char wanted) noexcept {
    UMBEL_ASSERT(wanted != 0);
    if (size >= long_key_bytes) {
        std::size_t const found = std::string_view{bytes, size}.find(wanted);
        return found == std::string_view::npos ? size : found;
    }
    if (size < 8) {
        std::uint64_t const bits = match_bits(load_short(bytes, size), wanted);
        return bits == 0 ? size : static_cast<std::size_t>(std::countl_zero(bits)) / 8 + size - 8;
    }
    for (std::size_t at = 0; at + 8 < size; at += 8) {
        std::uint64_t const bits = match_bits(load_8(bytes + at), wanted);
        if (bits != 0) return at + static_cast<std::size_t>(std::countl_zero(bits)) / 8;
    }
    std::uint64_t const bits = match_bits(load_8(bytes + size - 8), wanted);
    return bits == 0 ? size : size - 8 + static_cast<std::size_t>(std::countl_zero(bits)) / 8;
}

/// True when a byte of `word` is `wanted`.
UMBEL_ALWAYS_INLINE constexpr bool has_byte(std::uint64_t word, char wanted) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101u;
    std::uint64_t const zero_where_wanted = word ^ ones * static_cast<unsigned char>(wanted);
    return ((zero_where_wanted - ones) & ~zero_where_wanted & (0x80 * ones)) != 0;
}

/// True when an opening brace stands in the first or the last eight bytes. Precondition: size >= 8.
UMBEL_ALWAYS_INLINE constexpr bool ends_have_brace(char const* bytes, std::size_t size) noexcept {
    UMBEL_ASSERT(size >= 8);
#if defined(__SSE2__)
    if (!std::is_constant_evaluated()) {
        __m128i const head = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(bytes));
        __m128i const tail = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(bytes + size - 8));
        return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_unpacklo_epi64(head, tail), _mm_set1_epi8('{'))) != 0;
    }
#endif
    return has_byte(load_8(bytes), '{') || has_byte(load_8(bytes + size - 8), '{');
}

/// True when an opening brace stands in the key: cheaper than to say where.
UMBEL_ALWAYS_INLINE constexpr bool has_brace(char const* bytes, std::size_t size) noexcept {
    if (size < 8) return has_byte(load_short(bytes, size), '{');
    if (size >= long_key_bytes) return find_byte(bytes, size, '{') != size;
    bool found = ends_have_brace(bytes, size);
    if (size > 16)
        found = found || has_byte(load_8(bytes + 8), '{') || has_byte(load_8(bytes + size - 16), '{');
    return found;
}

}  // namespace detail

/// Returns the part of `key` that is hashed: what stands between the first '{' and the first '}' after it,
/// when that is not empty, otherwise the whole key. Lifetime: borrows from `key`. Rule: Redis Cluster
/// specification, "Hash tags".
constexpr std::string_view hash_tag(std::string_view key) noexcept {
    std::size_t const open = detail::find_byte(key.data(), key.size(), '{');
    if (open == key.size()) return key;
    std::size_t const rest = key.size() - open - 1;
    std::size_t const inside = detail::find_byte(key.data() + open + 1, rest, '}');
    return inside == rest || inside == 0 ? key : key.substr(open + 1, inside);
}

/// slot_of() for keys of every kind.
UMBEL_NEVER_INLINE constexpr slot slot_of_any(std::string_view key) noexcept {
    std::string_view const tag = detail::has_brace(key.data(), key.size()) ? hash_tag(key) : key;
    return slot{static_cast<std::uint16_t>(detail::crc16(tag.data(), tag.size()) % slot_count)};
}

/// True for most keys: of 8 to 16 bytes, without an opening brace. Their first and their last eight bytes are
/// all of them.
UMBEL_ALWAYS_INLINE constexpr bool is_plain_key(std::string_view key) noexcept {
    return key.size() >= 8 && key.size() <= 16 && !detail::ends_have_brace(key.data(), key.size());
}
/// slot_of() for those keys, without a call. Precondition: is_plain_key(key).
UMBEL_ALWAYS_INLINE constexpr slot slot_of_plain(std::string_view key) noexcept {
    UMBEL_ASSERT(key.size() >= 8 && key.size() <= 16);
    return slot{static_cast<std::uint16_t>(detail::crc_of_ends(key.data(), key.size()) % slot_count)};
}

/// Returns the hash slot of `key`, also in constant expressions.
/// Rule: Redis Cluster specification, "Key distribution model": CRC16 of the hash tag, modulo 16384.
constexpr slot slot_of(std::string_view key) noexcept {
    if (!is_plain_key(key)) [[unlikely]]
        return slot_of_any(key);
    return slot_of_plain(key);
}

/// True when all keys lie in one slot, so that one command or one transaction may have them:
/// `static_assert(umbel::same_slot("{u}a", "{u}b"))`.
template <class... Keys>
    requires(sizeof...(Keys) >= 1)
constexpr bool same_slot(std::string_view first, Keys const&... others) noexcept {
    return ((slot_of(std::string_view{others}) == slot_of(first)) && ...);
}

}  // namespace umbel::cluster

namespace umbel {
using cluster::same_slot;
}  // namespace umbel

template <>
struct std::hash<umbel::cluster::slot> {
    std::size_t operator()(umbel::cluster::slot value) const noexcept { return value.value(); }
};
