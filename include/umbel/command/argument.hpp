// argument.hpp: one argument of a command as it goes onto the wire: text, number, key, or bytes lent by the
// caller. It knows no command and no connection.
#pragma once

#include <umbel/command/to_argument.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/bytes.hpp>
#include <umbel/resp/encode.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// The bytes of a value that was received without a copy.
template <>
struct umbel::to_argument<umbel::resp::bytes> {
    static std::string_view from(resp::bytes const& value) noexcept { return value.view(); }
};

namespace umbel::command {

/// Marks an argument of client::command as a key: `db.command<std::int64_t>("INCRBY", umbel::key("n"), 5)`.
/// Lifetime: borrows until the command is encoded, which is at once.
struct key {
    std::string_view text;
    constexpr explicit key(std::string_view name) noexcept : text{name} {}
};

/// Marks the name of a shard channel, which has a slot as a key has, but is none: it gets no prefix.
struct shard_channel {
    std::string_view text;
    constexpr explicit shard_channel(std::string_view name) noexcept : text{name} {}
};

/// Bytes lent to the library instead of copied: see borrow().
struct borrowed {
    std::string_view bytes;
};

/// Lends a large argument to the write: it goes to the kernel from where it stands.
/// Lifetime: the bytes must stay unchanged until the operation has completed, also when it completes by
/// cancellation or deadline: what the kernel has not got by then is copied before the completion. Cost: worth
/// it from some 16 KiB on; smaller ones are copied faster than they are gathered.
constexpr borrowed borrow(std::string_view bytes) noexcept { return {bytes}; }
inline borrowed borrow(std::span<std::byte const> bytes) noexcept {
    return {{reinterpret_cast<char const*>(bytes.data()), bytes.size()}};
}

template <class Number>
concept integer_argument =
    std::integral<Number> && !std::same_as<Number, bool> && !std::same_as<Number, char> &&
    !std::same_as<Number, wchar_t> && !std::same_as<Number, char8_t> && !std::same_as<Number, char16_t> &&
    !std::same_as<Number, char32_t>;

/// to_argument<T> makes a text: whoever makes an argument of a T keeps that text until the command is
/// encoded.
template <class T>
concept makes_text = has_to_argument<T> && requires(T const& value) {
    { umbel::to_argument<T>::from(value) } -> std::same_as<std::string>;
};

/// One argument. Numbers are spelled out when it is constructed.
/// Lifetime: borrows texts until the command is encoded.
class argument {
public:
    enum class role : std::uint8_t { value, lent, key, channel };

    constexpr argument(std::string_view text) noexcept : text_{text.data()}, size_{text.size()} {}
    constexpr argument(char const* text) noexcept : argument{std::string_view{text}} {}
    template <std::convertible_to<std::string_view> Text>
        requires(!has_to_argument<Text>)
    constexpr argument(Text const& text) noexcept : argument{static_cast<std::string_view>(text)} {}
    argument(std::span<std::byte const> data) noexcept
        : text_{reinterpret_cast<char const*>(data.data())}, size_{data.size()} {}
    constexpr argument(command::key name) noexcept
        : text_{name.text.data()}, size_{name.text.size()}, role_{role::key} {}
    constexpr argument(shard_channel name) noexcept
        : text_{name.text.data()}, size_{name.text.size()}, role_{role::channel} {}
    constexpr argument(borrowed lent) noexcept
        : text_{lent.bytes.data()}, size_{lent.bytes.size()}, role_{role::lent} {}
    template <integer_argument Number>
    argument(Number number) noexcept {
        spell(static_cast<std::conditional_t<std::is_signed_v<Number>, std::int64_t, std::uint64_t>>(number));
    }
    template <std::floating_point Number>
    argument(Number number) noexcept {
        spell(resp::number_text{static_cast<narrower<Number, double>>(number)});
    }
    /// A type of the caller's, by its to_argument. A text that it makes is kept in `made`, which lives as
    /// long as the expression that makes the argument: a call of a command, which encodes before it returns.
    template <has_to_argument Value>
    argument(Value const& value, std::string&& made = std::string{}) {
        if constexpr (makes_text<Value>) {
            made = umbel::to_argument<Value>::from(value);
            *this = argument{std::string_view{made}};
        } else {
            *this = argument{umbel::to_argument<Value>::from(value)};
        }
    }

    std::size_t size() const noexcept { return size_; }
    std::string_view text() const noexcept { return {text_ ? text_ : digits_, size_}; }
    bool is_key() const noexcept { return role_ == role::key; }
    /// True for a key, and for a shard channel: it says in which slot the command is served.
    bool has_slot() const noexcept { return role_ >= role::key; }
    bool is_lent() const noexcept { return role_ == role::lent; }
    bool is_plain() const noexcept { return role_ == role::value; }

private:
    template <class Number, class Most>
    using narrower = std::conditional_t<(sizeof(Number) < sizeof(Most)), Number, Most>;

    void spell(std::int64_t number) noexcept {
        size_ =
            static_cast<std::size_t>(std::to_chars(digits_, digits_ + sizeof digits_, number).ptr - digits_);
    }
    void spell(std::uint64_t number) noexcept {
        size_ =
            static_cast<std::size_t>(std::to_chars(digits_, digits_ + sizeof digits_, number).ptr - digits_);
    }
    void spell(resp::number_text const& made) noexcept {
        std::string_view const spelled = made;
        size_ = spelled.size();
        std::memcpy(digits_, spelled.data(), size_);
    }

    char const* text_ = nullptr;  ///< Null: the digits.
    std::size_t size_ = 0;
    role role_ = role::value;
    char digits_[32];
};

}  // namespace umbel::command

namespace umbel {
using command::borrow;
using command::borrowed;
using command::key;
}  // namespace umbel
