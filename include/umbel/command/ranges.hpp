// ranges.hpp: which ranges the typed commands take. It knows no command. <ranges> itself costs a compiler
// more than all of this.
#pragma once

#include <umbel/command/argument.hpp>

#include <concepts>
#include <iterator>
#include <string_view>
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

/// A range of keys: anything that gives texts and may be read twice.
template <class Range>
concept key_range_of_texts = rereadable<Range> && !std::convertible_to<Range const&, std::string_view> &&
                             std::convertible_to<range_element<Range>, std::string_view>;

/// A range of keys and values: anything that gives pairs of texts and may be read twice.
template <class Range>
concept key_value_range = rereadable<Range> && requires(range_element<Range> pair) {
    { pair.first } -> std::convertible_to<std::string_view>;
    { pair.second } -> std::convertible_to<std::string_view>;
};

/// A key where several are given one by one: anything that is a text.
template <class Key>
concept key_text = std::convertible_to<Key const&, std::string_view>;

/// One argument of a command: a text, bytes, a number or umbel::borrow(bytes).
template <class Word>
concept word = std::convertible_to<Word const&, argument>;

/// What an iterator gives outlives the iteration: a reference, or a value that owns nothing. A command
/// borrows its texts until it is encoded, so that a range which makes a std::string for each element is not
/// taken.
template <class Element>
concept lasting_element =
    std::is_lvalue_reference_v<Element> || std::is_trivially_destructible_v<std::remove_cvref_t<Element>>;

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

}  // namespace umbel::command
