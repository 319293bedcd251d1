// command_spec.hpp: the name of a command as it goes onto the wire, with what routing must know of it.
// It knows no arguments.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/resp/encode.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace umbel::command {

/// A command's name, encoded when it is compiled: one or two words ("GET", "CLUSTER INFO").
///
/// In front of it stands the array header of the command whose only argument is a key, so that of such a
/// command everything up to the key is copied at once.
class command_spec {
public:
    static constexpr std::size_t wire_bytes_max = 48;
    /// The bytes of `*n` and CR LF.
    static constexpr std::size_t array_header_bytes = 4;
    static_assert(wire_bytes_max / 7 + 1 < 10, "a word takes seven bytes at least, so that n has one digit");

    consteval command_spec(std::string_view name, cluster::command_flags flags) : flags_{flags} {
        for (char const letter : std::string_view{"*?\r\n"}) add(letter);
        while (!name.empty()) {
            std::size_t const end = name.find(' ');
            std::string_view const word = name.substr(0, end);
            add('$');
            if (word.size() >= 10) add(static_cast<char>('0' + word.size() / 10));
            add(static_cast<char>('0' + word.size() % 10));
            add('\r');
            add('\n');
            for (char const letter : word) add(letter);
            add('\r');
            add('\n');
            ++words_;
            name = end == std::string_view::npos ? std::string_view{} : name.substr(end + 1);
        }
        wire_[1] = static_cast<char>('0' + words_ + 1);
    }

    constexpr std::string_view wire() const noexcept {
        return {wire_.data() + array_header_bytes, size_ - array_header_bytes};
    }
    /// Writes the name. Returns where to go on. Precondition: wire_bytes_max bytes are writable.
    UMBEL_ALWAYS_INLINE char* put(char* at) const noexcept {
        std::memcpy(at, wire_.data() + array_header_bytes, wire_bytes_max);
        return at + size_ - array_header_bytes;
    }
    /// Writes the array header of a command of this name and one argument, and the name. Returns where to go
    /// on. Precondition: array_header_bytes + wire_bytes_max bytes are writable.
    UMBEL_ALWAYS_INLINE char* put_with_header(char* at) const noexcept {
        constexpr std::size_t most_bytes = 32;  // What is longer is rare: two words.
        std::memcpy(at, wire_.data(), most_bytes);
        if (size_ > most_bytes) [[unlikely]]
            std::memcpy(at + most_bytes, wire_.data() + most_bytes, sizeof wire_ - most_bytes);
        return at + size_;
    }
    constexpr unsigned words() const noexcept { return words_; }
    constexpr cluster::command_flags flags() const noexcept { return flags_; }

private:
    consteval void add(char letter) { wire_.at(size_++) = letter; }

    std::array<char, array_header_bytes + wire_bytes_max> wire_{};
    std::uint8_t size_ = 0;
    std::uint8_t words_ = 0;
    cluster::command_flags flags_;
};

}  // namespace umbel::command
