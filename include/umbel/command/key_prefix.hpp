// key_prefix.hpp: a text in front of every key, and how keys are written with it. It knows no command.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/encode.hpp>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace umbel::command {

/// A prefix of keys. It may hold a hash tag, which then is that of every key.
/// Lifetime: owns its bytes; trivially copied.
class key_prefix {
public:
    static constexpr std::size_t bytes_max = 63;

    constexpr key_prefix() noexcept = default;

    constexpr std::string_view text() const noexcept { return {text_, size_}; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }

    /// Lengthens the prefix; false, with nothing changed, where it would be longer than bytes_max.
    constexpr bool append(std::string_view more) noexcept {
        if (more.size() > bytes_max - size_) return false;
        for (char const letter : more) text_[size_++] = letter;
        return true;
    }

    /// Writes a key behind its prefix. Returns where to go on. Precondition: there is room for both as a bulk
    /// string.
    char* put_key(char* at, std::string_view key) const noexcept { return resp::put_bulk(at, text(), key); }
    /// The key that put_key() has just written, with its prefix. `end` is what it has returned.
    std::string_view last_key(char const* end, std::string_view key) const noexcept {
        std::size_t const bytes = size() + key.size();
        return {end - 2 - bytes, bytes};
    }

private:
    char text_[bytes_max]{};
    std::uint8_t size_ = 0;
};

}  // namespace umbel::command
