// array_types.hpp: what commands on arrays take and give: indexes, bounds, patterns, and what an array is
// like. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace umbel::command {

/// The last index that an element may have. Rule: Redis documentation, "Redis arrays".
inline constexpr std::uint64_t array_index_max = std::numeric_limits<std::uint64_t>::max() - 1;

/// The greatest limit, count and size of a ring: the server reads them as signed numbers.
inline constexpr auto array_count_max = std::uint64_t{std::numeric_limits<std::int64_t>::max()};

/// How many positions ARGETRANGE answers for at most.
inline constexpr std::uint64_t array_range_max = 1'000'000;

/// How many patterns ARGREP looks for at most.
inline constexpr std::size_t array_patterns_max = 250;

/// A range of indexes.
template <class Range>
concept index_range = rereadable<Range> && number<std::remove_cvref_t<range_element<Range>>>;

/// A range of pairs of two indexes: the ends of ranges.
template <class Range>
concept index_pair_range = rereadable<Range> && requires(range_element<Range> pair) {
    requires number<std::remove_cvref_t<decltype(pair.first)>>;
    requires number<std::remove_cvref_t<decltype(pair.second)>>;
};

/// A range of pairs of an index and an argument: a map, or a vector of pairs.
template <class Range>
concept indexed_word_range = word_pair_range<Range> && requires(range_element<Range> pair) {
    requires number<std::remove_cvref_t<decltype(pair.first)>>;
};

/// Adds an index. Refuses a negative one, and one beyond `last`.
template <number Index>
void add_index(word_list& list, Index index, std::uint64_t last = array_index_max) {
    if constexpr (std::is_signed_v<Index>) list.refuse_if(index < 0, "a negative index");
    list.refuse_if(static_cast<std::uint64_t>(index) > last, "an index beyond 2^64 - 2");
    list.add(index);
}

/// Adds both ends of a range.
template <number First, number Last>
void add_range(word_list& list, First first, Last last) {
    add_index(list, first);
    add_index(list, last);
}
/// Refuses a list that has a key, and no index behind it.
inline word_list& refuse_if_alone(word_list& list) noexcept {
    return list.refuse_if(list.size() == 1, "an empty range: the command needs at least one index");
}
inline void add_limit(word_list& list, std::optional<std::uint64_t> limit) {
    if (!limit) return;
    list.refuse_if(*limit == 0, "a limit of zero");
    list.refuse_if(*limit > array_count_max, "a limit beyond 2^63 - 1");
    list.add("LIMIT", *limit);
}

/// An end of the range that ARGREP searches: an index, or an end of the array.
class array_bound {
public:
    /// Of a negative index, the command is refused.
    template <number Index>
    constexpr array_bound(Index index) noexcept : index_{static_cast<std::uint64_t>(index)} {
        if constexpr (std::is_signed_v<Index>) negative_ = index < 0;
    }
    /// `-`: index 0.
    static constexpr array_bound first() noexcept { return array_bound{"-"}; }
    /// `+`: the last index with an element.
    static constexpr array_bound last() noexcept { return array_bound{"+"}; }

    void add_to(word_list& list) const {
        list.refuse_if(negative_, "a negative index");
        if (end_.empty()) return add_index(list, index_);
        list.add(end_);
    }

private:
    constexpr explicit array_bound(std::string_view end) noexcept : end_{end} {}

    std::uint64_t index_ = 0;
    bool negative_ = false;
    std::string_view end_;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(array_bound));

/// What ARGREP looks for in an element. Lifetime: borrows until the command is encoded.
class array_pattern {
public:
    static constexpr std::size_t regex_bytes_max = 2048;

    /// EXACT: the element equals the text.
    static constexpr array_pattern exact(std::string_view text) noexcept { return {"EXACT", text}; }
    /// MATCH: the element contains the text.
    static constexpr array_pattern contains(std::string_view text) noexcept { return {"MATCH", text}; }
    /// GLOB: the whole element matches, as in KEYS.
    static constexpr array_pattern glob(std::string_view pattern) noexcept { return {"GLOB", pattern}; }
    /// RE: a part of the element matches the extended regular expression, which has no back-references.
    static constexpr array_pattern regex(std::string_view expression) noexcept { return {"RE", expression}; }

    void add_to(word_list& list) const {
        bool const is_regex = word_ == "RE";
        list.refuse_if(is_regex && (text_.empty() || text_.size() > regex_bytes_max),
                       "a regular expression that is empty, or longer than 2,048 bytes");
        list.add(word_, text_);
    }

private:
    constexpr array_pattern(std::string_view word, std::string_view text) noexcept
        : word_{word}, text_{text} {}

    std::string_view word_;
    std::string_view text_;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(array_pattern));

/// Options of ARGREP. Where `from` is behind `to`, the elements come in descending order.
struct argrep_options {
    array_bound from = array_bound::first();
    array_bound to = array_bound::last();
    bool every = false;                    ///< AND: each of the patterns is found, not only one of them.
    std::optional<std::uint64_t> limit{};  ///< LIMIT: how many elements at most.
    bool ignore_case = false;              ///< NOCASE, of ASCII letters.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(argrep_options));

/// Adds what ARGREP has behind its key.
inline void add_search(word_list& list, std::span<array_pattern const> patterns,
                       argrep_options const& options, bool with_values) {
    list.refuse_if(patterns.empty() || patterns.size() > array_patterns_max,
                   "a search for no pattern, or for more than 250");
    options.from.add_to(list);
    options.to.add_to(list);
    for (array_pattern const& pattern : patterns) pattern.add_to(list);
    list.add_if(options.every, "AND");
    add_limit(list, options.limit);
    list.add_if(with_values, "WITHVALUES").add_if(options.ignore_case, "NOCASE");
}

/// Options of ARLASTITEMS.
struct arlastitems_options {
    bool reverse = false;  ///< REV: the newest first.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(arlastitems_options));

/// What AROP makes of the elements that are numbers.
enum class array_aggregate : std::uint8_t { sum, min, max };

constexpr std::string_view spelling_of(array_aggregate kind) noexcept {
    constexpr std::string_view spelled[]{"SUM", "MIN", "MAX"};
    return spelled[static_cast<std::size_t>(kind)];
}

/// How AROP combines the bits of the elements that are numbers, without their fractions.
enum class array_bitwise : std::uint8_t { bit_and, bit_or, bit_xor };

constexpr std::string_view spelling_of(array_bitwise kind) noexcept {
    constexpr std::string_view spelled[]{"AND", "OR", "XOR"};
    return spelled[static_cast<std::size_t>(kind)];
}

/// What ARINFO tells. The members that are optional come from arinfo_full() only.
struct array_info {
    std::int64_t count = 0;        ///< Of elements.
    std::uint64_t length = 0;      ///< The last index with an element, plus one.
    std::uint64_t next_index = 0;  ///< Where ARINSERT writes next; 0 also where it cannot any more.
    std::int64_t slices = 0;
    std::int64_t directory_size = 0;
    std::int64_t super_directory_entries = 0;
    std::int64_t slice_size = 0;
    std::optional<std::int64_t> dense_slices;
    std::optional<std::int64_t> sparse_slices;
    std::optional<double> average_dense_size;
    std::optional<double> average_dense_fill;
    std::optional<double> average_sparse_size;
    friend bool operator==(array_info const&, array_info const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::argrep_options;
using command::arlastitems_options;
using command::array_aggregate;
using command::array_bitwise;
using command::array_bound;
using command::array_info;
using command::array_pattern;
}  // namespace umbel

template <class T>
    requires std::same_as<T, umbel::command::array_info>
inline constexpr auto umbel::fields_of<T> =
    std::tuple{field("count", &T::count),
               field("len", &T::length),
               field("next-insert-index", &T::next_index),
               field("slices", &T::slices),
               field("directory-size", &T::directory_size),
               field("super-dir-entries", &T::super_directory_entries),
               field("slice-size", &T::slice_size),
               field("dense-slices", &T::dense_slices),
               field("sparse-slices", &T::sparse_slices),
               field("avg-dense-size", &T::average_dense_size),
               field("avg-dense-fill", &T::average_dense_fill),
               field("avg-sparse-size", &T::average_sparse_size)};
