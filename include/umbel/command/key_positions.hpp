// key_positions.hpp: where the keys of an argv stand, as a value, and how a number of keys is read from it.
// It knows no command.
#pragma once

#include <umbel/command/command_table.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace umbel::command {

/// Every `step`-th argument from `first` on, `count` of them. Units/shape: indices into argv.
struct key_range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t step = 1;

    constexpr std::size_t operator[](std::size_t nth) const noexcept { return first + nth * step; }
    friend constexpr bool operator==(key_range, key_range) noexcept = default;
};

/// Where the keys of one argv stand, in the order of COMMAND GETKEYS: two ranges suffice for every command,
/// however many keys. Lifetime: holds indices only, so it outlives the argv it was read from.
struct key_positions {
    std::array<key_range, 2> ranges{};
    command_traits const* traits = nullptr;
    bool unknown =
        false;  ///< The table does not have the command (a module's); nothing is known of its keys.
    bool channels =
        false;  ///< They are shard channels, or CLUSTERSCAN's cursor: hashed like keys, and no keys.

    constexpr std::size_t size() const noexcept { return std::size_t{ranges[0].count} + ranges[1].count; }
    constexpr bool empty() const noexcept { return size() == 0; }
    /// Returns the argv index of a key. Precondition: nth < size().
    constexpr std::size_t operator[](std::size_t nth) const noexcept {
        UMBEL_ASSERT(nth < size());
        return nth < ranges[0].count ? ranges[0][nth] : ranges[1][nth - ranges[0].count];
    }
};

namespace detail {

/// Renders an argument for a message: at most 48 bytes of it, what is not printable as \xNN.
inline std::string quoted(std::string_view argument) {
    constexpr std::size_t shown_max = 48;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\"";
    for (char const letter : argument.substr(0, shown_max)) {
        auto const byte = static_cast<unsigned char>(letter);
        if (byte >= 0x20 && byte < 0x7f && letter != '"' && letter != '\\')
            text += letter;
        else
            text.append("\\x").append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
    }
    return text.append(argument.size() > shown_max ? "…\"" : "\"");
}

/// Opens a message with the command as the caller wrote it.
inline std::string blame(argv_view argv, command_traits const* traits) {
    std::string text = quoted(argv[0]);
    if (traits != nullptr && traits->name.find('|') != std::string_view::npos)
        text.append(" ").append(quoted(argv[1]));
    return text;
}

UMBEL_NEVER_INLINE inline tl::unexpected<error> bad_key_count(argv_view argv, command_traits const& traits,
                                                              std::size_t at, std::string_view why) {
    std::string text = blame(argv, &traits).append(": the number of keys ").append(quoted(argv[at]));
    return fail(errc::bad_argument, delivery::not_sent, text.append(" ").append(why));
}

/// Makes a range; the caller has checked that argv is no longer than fits.
constexpr key_range range_of(std::size_t first, std::size_t count, std::size_t step = 1) noexcept {
    return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count),
            static_cast<std::uint32_t>(step)};
}

/// Reads a number of keys as a node's routing does, with atoi: blanks and a sign in front, and anything
/// behind, are let pass. Returns a number above any argv's length for one too large, and nothing where atoi
/// sees no digit or a negative number.
constexpr std::optional<std::size_t> read_key_count(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))) ++i;
    if (i < text.size() && text[i] == '+') ++i;
    if (i == text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    std::size_t count = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9' &&
           count <= std::numeric_limits<std::uint32_t>::max();
         ++i)
        count = count * 10 + static_cast<std::size_t>(text[i] - '0');
    return count;
}

}  // namespace detail
}  // namespace umbel::command
