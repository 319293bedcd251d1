// decode_scalars.hpp: from_reply for numbers, booleans, texts, whole replies, and what may be missing or
// fail. It knows no command: whatever T says decides.
#pragma once

#include <umbel/config.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/bytes.hpp>
#include <umbel/resp/from_reply.hpp>
#include <umbel/resp/reply.hpp>
#include <umbel/resp/scan.hpp>
#include <umbel/resp/view.hpp>

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace umbel {

/// The reply "+OK" and nothing else.
struct ok {
    friend constexpr bool operator==(ok, ok) noexcept = default;
};

/// An integer type that stands for a number: bool and the character types do not.
template <class T>
concept number =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// An integer, or a text that spells one, within the range of T.
template <number T>
struct from_reply<T> {
    static result<T> from(resp::view const& view) noexcept {
        if (view.kind() == resp::type::integer) [[likely]] {
            std::int64_t const value = view.tape()->integer();
            if (std::in_range<T>(value)) [[likely]]
                return static_cast<T>(value);
            return unexpected("an integer in range", view);
        }
        if (view.is_text() && !view.is_error()) {
            std::string_view const text = view.text();
            T value{};
            auto const [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
            if (failure == std::errc{} && stop == text.data() + text.size()) return value;
            return unexpected("an integer in range", view);
        }
        return unexpected("an integer", view);
    }
};

/// A boolean, the integers 0 and 1, or the texts "0" and "1", as which truth values are sent.
template <>
struct from_reply<bool> {
    template <class View = resp::view>
    static result<later<View, bool>> from(View const& view) noexcept {
        bool const fits = view.kind() == resp::type::boolean || view.kind() == resp::type::integer;
        if (fits && view.tape()->value <= 1) return view.tape()->value == 1;
        if (view.is_text() && !view.is_error() && (view.text() == "0" || view.text() == "1"))
            return view.text() == "1";
        return unexpected("a boolean, 0 or 1", view);
    }
};

/// An enumeration by its underlying number. Any number in the range of that is a value, one that has no name
/// as well: specialise from_reply for an enumeration whose values you want to check.
template <class T>
    requires std::is_enum_v<T>
struct from_reply<T> {
    static result<T> from(resp::view const& view) noexcept {
        using underlying = std::underlying_type_t<T>;
        using wide = std::conditional_t<std::is_signed_v<underlying>, std::int64_t, std::uint64_t>;
        result<wide> const value = from_reply<wide>::from(view);
        if (!value) return tl::unexpected<error>{value.error()};
        bool const fits = *value >= static_cast<wide>(std::numeric_limits<underlying>::min()) &&
                          *value <= static_cast<wide>(std::numeric_limits<underlying>::max());
        if (!fits) return unexpected("a number of the enumeration", view);
        return static_cast<T>(*value);
    }
};

/// Null and nothing else, for variants.
template <>
struct from_reply<std::monostate> {
    template <class View = resp::view>
    static result<later<View, std::monostate>> from(View const& view) noexcept {
        if (view.is_null()) return std::monostate{};
        return unexpected("null", view);
    }
};

/// A double, an integer, or a text that spells a number.
template <std::floating_point T>
    requires(!std::same_as<T, long double>)
struct from_reply<T> {
    static result<T> from(resp::view const& view) noexcept {
        double value = 0;
        if (view.kind() == resp::type::real) {
            value = view.tape()->real();
        } else if (view.kind() == resp::type::integer) {
            value = static_cast<double>(view.tape()->integer());
        } else if (!view.is_text() || view.is_error() || !resp::read_real(view.text(), value)) {
            return unexpected("a number", view);
        }
        double const size = value < 0 ? -value : value;
        bool const narrow = size > static_cast<double>(std::numeric_limits<T>::max()) &&
                            size <= std::numeric_limits<double>::max();
        if (narrow) return unexpected("a number in range", view);
        return static_cast<T>(value);
    }
};

/// Any text; also a number, in decimal.
template <>
struct from_reply<std::string> {
    template <class View = resp::view>
    static result<later<View, std::string>> from(View const& view) {
        if (view.kind() == resp::type::bulk_string) [[likely]]
            return std::string{view.text()};
        bool const fits =
            view.is_text() || view.kind() == resp::type::integer || view.kind() == resp::type::real;
        if (!fits || view.is_error()) return unexpected("a string", view);
        std::string text;
        view.append_to(text);
        return text;
    }
};

/// As std::string, but left where it was received when it is long enough for that to pay.
template <>
struct from_reply<bytes> {
    template <class View = resp::view>
    static result<later<View, bytes>> from(View const& view) {
        if (view.kind() == resp::type::bulk_string) [[likely]]
            return resp::keep(view.text(), view.source());
        bool const fits =
            view.is_text() || view.kind() == resp::type::integer || view.kind() == resp::type::real;
        if (!fits || view.is_error()) return unexpected("a string", view);
        if (view.is_text()) return resp::keep(view.text(), view.source());
        std::string text;
        view.append_to(text);
        return bytes{text};
    }
};

/// Anything, as it came, nested errors included.
template <>
struct from_reply<reply> {
    template <class View = resp::view>
    static result<later<View, reply>> from(View const& view) {
        return reply{view};
    }
};

template <>
struct from_reply<ok> {
    template <class View = resp::view>
    static result<later<View, ok>> from(View const& view) noexcept {
        if (view.kind() == resp::type::simple_string && view.text() == "OK") return ok{};
        return unexpected("OK", view);
    }
};

template <std::integral T>
inline constexpr bool empty_is_missing<T> = false;
template <std::floating_point T>
inline constexpr bool empty_is_missing<T> = false;
template <class T>
    requires std::is_enum_v<T>
inline constexpr bool empty_is_missing<T> = false;
template <>
inline constexpr bool empty_is_missing<std::monostate> = false;
template <class... T>
inline constexpr bool empty_is_missing<std::variant<T...>> = false;
template <>
inline constexpr bool empty_is_missing<std::string> = false;
template <>
inline constexpr bool empty_is_missing<bytes> = false;
template <>
inline constexpr bool empty_is_missing<reply> = false;
template <>
inline constexpr bool empty_is_missing<ok> = false;
template <class T>
inline constexpr bool empty_is_missing<std::optional<T>> = false;
template <class T>
inline constexpr bool empty_is_missing<tl::expected<T, error>> = false;

/// Null is std::nullopt, and so is an empty map or array where empty_is_missing<T>; everything else is a T.
template <decodable T>
struct from_reply<std::optional<T>> {
    static result<std::optional<T>> from(resp::view const& view) {
        if constexpr (std::same_as<T, std::string>) {
            // The answer to GET: built where it will stay, without a move.
            if (view.kind() == resp::type::bulk_string) [[likely]]
                return result<std::optional<T>>{tl::in_place, std::in_place, view.text()};
            return from_other(view);
        } else if constexpr (std::same_as<T, bytes>) {
            struct kept {
                resp::view const& text;
                operator bytes() const { return resp::keep(text.text(), text.source()); }
            };
            if (view.kind() == resp::type::bulk_string) [[likely]]
                return result<std::optional<T>>{tl::in_place, std::in_place, kept{view}};
            return from_other(view);
        } else {
            return from_any(view);
        }
    }

private:
    static result<std::optional<T>> from_any(resp::view const& view) {
        if (view.is_null()) return std::optional<T>{};
        if constexpr (empty_is_missing<T>) {
            if (view.is_aggregate() && view.children_count() == 0) return std::optional<T>{};
        }
        result<T> value = from_reply<T>::from(view);
        if (!value) return tl::unexpected<error>{std::move(value.error())};
        return result<std::optional<T>>{tl::in_place, std::in_place, std::move(*value)};
    }
    /// Out of line: otherwise every text would pay for saving the registers that it uses.
    UMBEL_NEVER_INLINE static result<std::optional<T>> from_other(resp::view const& view) {
        return from_any(view);
    }
};

/// An element that may fail by itself: its error stays with it and the others are delivered.
template <decodable T>
struct from_reply<tl::expected<T, error>> {
    static result<tl::expected<T, error>> from(resp::view const& view) {
        // A result of a result: the outer one always holds, so the inner error cannot be taken for it.
        return result<tl::expected<T, error>>{tl::in_place, from_reply<T>::from(view)};
    }
};

/// The first of the types that the reply can be decoded as: so put the narrow ones in front, as in
/// std::variant<std::int64_t, std::string>, where a text that spells an integer is one. An error of the
/// server is one, unless a type takes it. Errors: unexpected_type when no type fits.
template <decodable... T>
struct from_reply<std::variant<T...>> {
    static result<std::variant<T...>> from(resp::view const& view) {
        std::optional<std::variant<T...>> value;
        (take<T>(view, value) || ...);
        if (value) return std::move(*value);
        return unexpected("a reply of one of the variant's types", view);
    }

private:
    template <class Alternative>
    static bool take(resp::view const& view, std::optional<std::variant<T...>>& value) {
        result<Alternative> decoded = from_reply<Alternative>::from(view);
        if (decoded) value.emplace(std::in_place_type<Alternative>, std::move(*decoded));
        return decoded.has_value();
    }
};

}  // namespace umbel
