// to_argument.hpp: the one customization point of sending: to_argument<T>, and how durations and moments say
// their unit. It knows no command. It stands in namespace umbel because users specialise
// umbel::to_argument<T>.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace umbel {

/// Specialise this to send a value of a type of yours as one argument:
///
///     template <>
///     struct umbel::to_argument<user_id> {
///         static std::int64_t from(user_id const& id) { return id.number; }
///     };
///
/// `from` returns a number; a std::string_view or std::span<std::byte const> of bytes that stand in the
/// value; or a std::string that it makes. Lifetime: the value, and what is returned, are needed until the
/// call has encoded the command, which is before it returns. Errors: what `from` throws comes out of the
/// call, and nothing is sent.
///
/// bool is sent as 0 or 1, and an enumeration as its underlying number unless you specialise this for it.
template <class T>
struct to_argument;

template <>
struct to_argument<bool> {
    static constexpr int from(bool value) noexcept { return value ? 1 : 0; }
};

/// std::byte is no number: bytes are sent as a span of them.
template <class T>
    requires(std::is_enum_v<T> && !std::same_as<T, std::byte>)
struct to_argument<T> {
    using underlying = std::underlying_type_t<T>;
    using wide = std::conditional_t<std::is_signed_v<underlying>, std::int64_t, std::uint64_t>;
    static constexpr wide from(T value) noexcept { return static_cast<wide>(value); }
};

/// A duration or a moment as a number of the unit that the command wants. Neither is sent by itself: what
/// "30s" means is for the command to say, EXPIRE wants seconds, PEXPIRE milliseconds. A unit that cannot hold
/// the value without rounding does not compile, as in std::chrono.
constexpr std::int64_t in_seconds(std::chrono::seconds left) noexcept { return left.count(); }
constexpr std::int64_t in_milliseconds(std::chrono::milliseconds left) noexcept { return left.count(); }
/// Units: seconds or milliseconds of Unix time.
constexpr std::int64_t in_seconds(std::chrono::sys_time<std::chrono::seconds> at) noexcept {
    return at.time_since_epoch().count();
}
constexpr std::int64_t in_milliseconds(std::chrono::sys_time<std::chrono::milliseconds> at) noexcept {
    return at.time_since_epoch().count();
}

/// What to_argument<T>::from may return.
template <class Said>
concept argument_value =
    (std::integral<Said> && !std::same_as<Said, bool> && !std::same_as<Said, char>) ||
    std::floating_point<Said> || std::same_as<Said, std::string> || std::same_as<Said, std::string_view> ||
    std::same_as<Said, std::span<std::byte const>>;

/// There is a `to_argument<T>` with a static function `from(value)` that returns an argument_value.
template <class T>
concept has_to_argument = requires(T const& value) {
    { to_argument<T>::from(value) } -> argument_value;
};

}  // namespace umbel
