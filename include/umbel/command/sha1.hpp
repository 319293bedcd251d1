// sha1.hpp: SHA-1, by which servers name scripts; also in constant expressions. It guards nothing.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace umbel::command {

/// SHA-1 of a text, as 40 hexadecimal digits in lower case. Rule: FIPS 180-4, "SHA-1".
class sha1 {
public:
    static constexpr std::size_t digits_count = 40;

    constexpr explicit sha1(std::string_view text) noexcept {
        for (std::size_t at = 0; at + block_bytes <= text.size(); at += block_bytes)
            add(text.substr(at, block_bytes));
        std::array<char, 2 * block_bytes> last{};
        std::string_view const rest = text.substr(text.size() / block_bytes * block_bytes);
        for (std::size_t i = 0; i < rest.size(); ++i) last[i] = rest[i];
        last[rest.size()] = '\x80';
        std::size_t const end = rest.size() < block_bytes - 8 ? block_bytes : 2 * block_bytes;
        std::uint64_t bits = std::uint64_t{text.size()} * 8;
        for (std::size_t i = 1; i <= 8; ++i, bits >>= 8) last[end - i] = static_cast<char>(bits & 0xff);
        for (std::size_t at = 0; at < end; at += block_bytes)
            add(std::string_view{last.data() + at, block_bytes});
        for (std::size_t i = 0; i < digits_count; ++i)
            digits_[i] = "0123456789abcdef"[state_[i / 8] >> (28 - 4 * (i % 8)) & 0xf];
    }

    constexpr std::string_view digits() const noexcept { return {digits_.data(), digits_.size()}; }

private:
    static constexpr std::size_t block_bytes = 64;

    constexpr void add(std::string_view block) noexcept {
        std::array<std::uint32_t, 80> words{};
        for (std::size_t i = 0; i < block_bytes; ++i)
            words[i / 4] = words[i / 4] << 8 | static_cast<unsigned char>(block[i]);
        for (std::size_t i = 16; i < words.size(); ++i)
            words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
        auto [a, b, c, d, e] = state_;
        for (std::size_t i = 0; i < words.size(); ++i) {
            std::uint32_t const mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999u
                                        : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1u
                                        : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu
                                                 : (b ^ c ^ d) + 0xca62c1d6u;
            std::uint32_t const next = std::rotl(a, 5) + mixed + e + words[i];
            e = d, d = c, c = std::rotl(b, 30), b = a, a = next;
        }
        state_[0] += a, state_[1] += b, state_[2] += c, state_[3] += d, state_[4] += e;
    }

    std::array<std::uint32_t, 5> state_{0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
    std::array<char, digits_count> digits_{};
};

}  // namespace umbel::command
