// ranges.hpp: which arguments and ranges of them the typed commands take. It knows no command. <ranges>
// itself costs a compiler more than all of this.
#pragma once

#include <umbel/command/argument.hpp>
#include <umbel/resp/decode_fields.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace umbel::command {

template <class Range>
using range_iterator = decltype(std::begin(std::declval<Range const&>()));
template <class Range>
using range_element = std::iter_reference_t<range_iterator<Range>>;

/// A range that may be read twice.
template <class Range>
concept rereadable =
    std::forward_iterator<range_iterator<Range>> && requires(Range const& all) { std::end(all); };

template <class T>
inline constexpr bool is_lasting =
    std::is_lvalue_reference_v<T> || std::is_arithmetic_v<T> || std::is_enum_v<T> ||
    std::same_as<T, std::string_view> || std::same_as<T, char const*> || std::same_as<T, key> ||
    std::same_as<T, borrowed> || std::same_as<T, std::span<std::byte const>>;
template <class First, class Second>
inline constexpr bool is_lasting<std::pair<First, Second>> = is_lasting<First> && is_lasting<Second>;

/// What an iterator gives outlives the iteration: a reference, a number, or a view of a text. A command
/// borrows its texts until it is encoded, so that a range which makes a std::string for each element, or a
/// value with its text inside, is not taken.
template <class Element>
concept lasting_element = is_lasting<Element> || is_lasting<std::remove_cv_t<Element>>;

/// A range of keys: anything that gives texts and may be read twice.
template <class Range>
concept key_range_of_texts =
    rereadable<Range> && !std::convertible_to<Range const&, std::string_view> &&
    std::convertible_to<range_element<Range>, std::string_view> && lasting_element<range_element<Range>>;

/// A range of keys and values: anything that gives pairs of texts and may be read twice.
template <class Range>
concept key_value_range =
    rereadable<Range> && lasting_element<range_element<Range>> && requires(range_element<Range> pair) {
        { pair.first } -> std::convertible_to<std::string_view>;
        { pair.second } -> std::convertible_to<std::string_view>;
    };

/// A key where several are given one by one: anything that is a text.
template <class Key>
concept key_text = std::convertible_to<Key const&, std::string_view>;

/// Words that nearly every command has: that they are some is said here, for finding it out takes a compiler
/// dozens of templates a type, and each length of a literal is one.
template <class T>
inline constexpr bool is_common_word = false;
template <std::size_t Length>
inline constexpr bool is_common_word<char[Length]> = true;
template <>
inline constexpr bool is_common_word<argument> = true;
template <>
inline constexpr bool is_common_word<key> = true;
template <>
inline constexpr bool is_common_word<std::string> = true;
template <>
inline constexpr bool is_common_word<std::string_view> = true;
template <>
inline constexpr bool is_common_word<std::int64_t> = true;
template <>
inline constexpr bool is_common_word<std::uint64_t> = true;
template <>
inline constexpr bool is_common_word<double> = true;

/// One argument of a command: a text, bytes, a number, umbel::borrow(bytes), or what to_argument sends.
template <class Word>
concept word = is_common_word<Word> || std::convertible_to<Word const&, argument>;

template <class T>
inline constexpr bool is_word_or_optional = word<T>;
template <class T>
inline constexpr bool is_word_or_optional<std::optional<T>> = word<T>;

/// One argument, or none where a std::optional is empty.
template <class T>
concept word_or_optional = is_word_or_optional<T>;

/// A range of arguments: anything that gives texts or numbers.
template <class Range>
concept word_range = rereadable<Range> && !word<Range> && word<std::remove_cvref_t<range_element<Range>>> &&
                     lasting_element<range_element<Range>>;

/// A range of pairs of arguments: a map, or a vector of pairs.
template <class Range>
concept word_pair_range =
    rereadable<Range> && lasting_element<range_element<Range>> && requires(range_element<Range> pair) {
        { pair.first } -> std::convertible_to<argument>;
        { pair.second } -> std::convertible_to<argument>;
    };

/// A range of keys, each with an argument: a map, or a vector of pairs.
template <class Range>
concept keyed_word_range = word_pair_range<Range> && requires(range_element<Range> pair) {
    { pair.first } -> std::convertible_to<std::string_view>;
};

/// A range of one type.
template <class Range, class Element>
concept range_of = rereadable<Range> && std::same_as<std::remove_cvref_t<range_element<Range>>, Element>;

template <class List>
inline constexpr bool sendable_members = false;
template <class... Struct, class... Member>
inline constexpr bool sendable_members<std::tuple<field<Struct, Member>...>> =
    (word_or_optional<Member> && ...);

/// A struct that says its fields, each of which can be sent: fields and values in turn.
template <class T>
concept sent_by_fields = described<T> && sendable_members<std::remove_cvref_t<decltype(umbel::fields_of<T>)>>;

/// Fields and values: a range of pairs, or a struct that says its fields.
template <class Fields>
concept named_values = word_pair_range<Fields> || sent_by_fields<Fields>;

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;
template <class Clock, class Duration>
inline constexpr bool is_duration<std::chrono::time_point<Clock, Duration>> = true;

/// No duration and no moment: these are sent by umbel::in_seconds() or umbel::in_milliseconds(), because the
/// command says what a bare number means.
template <class T>
concept not_a_bare_duration = !is_duration<T>;

/// What may stand among the arguments of client::command: a word, a std::optional of one (empty: nothing), a
/// range of words or of pairs, or a struct that says its fields. A type of yours needs a
/// umbel::to_argument<T>.
template <class T>
concept sendable = not_a_bare_duration<T> &&
                   (word_or_optional<T> || word_range<T> || word_pair_range<T> || sent_by_fields<T>);

}  // namespace umbel::command
