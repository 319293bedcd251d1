// vector_set_types.hpp: what commands on vector sets take and give: vectors, options, and elements that are
// alike. It knows no command.
#pragma once

#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/bytes.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/encode.hpp>

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::command {

/// A vector as bytes: 32-bit floats, the lowest byte first. Lifetime: borrows until the command is encoded.
struct fp32_blob {
    std::string_view bytes;
};

template <class T>
inline constexpr bool is_fp32_blob = std::same_as<T, fp32_blob>;

/// A range of numbers.
template <class Range>
concept number_range = rereadable<Range> && std::is_arithmetic_v<std::remove_cvref_t<range_element<Range>>> &&
                       !std::convertible_to<Range const&, std::string_view>;

/// A vector: floats that lie side by side, another range of numbers, or an fp32_blob.
template <class Vector>
concept vector_values = number_range<Vector> || is_fp32_blob<Vector>;

/// Floats that lie side by side, in the order of bytes that the server wants.
template <class Vector>
concept float_span = std::endian::native == std::endian::little && requires(Vector const& vector) {
    { std::data(vector) } -> std::same_as<float const*>;
    { std::size(vector) } -> std::convertible_to<std::size_t>;
};

/// Adds FP32 and bytes, or VALUES, their number and each. Refuses a vector without numbers, and in one of
/// numbers a not-a-number or an infinity.
template <vector_values Vector>
void add_vector(word_list& list, Vector const& vector) {
    if constexpr (is_fp32_blob<Vector>) {
        list.refuse_if(vector.bytes.empty() || vector.bytes.size() % 4 != 0,
                       "a blob of floats whose length is no multiple of four");
        list.add("FP32", vector.bytes);
    } else {
        std::size_t count = 0;
        bool finite = true;
        for (auto const number : vector) {
            finite = finite && resp::is_finite(static_cast<double>(number));
            ++count;
        }
        list.refuse_if(count == 0, "a vector without numbers");
        list.refuse_if(!finite, "a vector with a number that is not finite");
        if constexpr (float_span<Vector>) {
            auto const* const bytes = reinterpret_cast<char const*>(std::data(vector));
            list.add("FP32", std::string_view{bytes, count * sizeof(float)});
        } else {
            list.add("VALUES", count);
            for (auto const number : vector) list.add(number);
        }
    }
}

/// How the numbers of vectors are kept. Rule: VADD command, "Optional arguments".
enum class vector_quantization : std::uint8_t {
    unsaid,       ///< As the server does by itself: signed_8bit.
    none,         ///< NOQUANT: as 32-bit floats.
    signed_8bit,  ///< Q8.
    binary,       ///< BIN: a bit each.
};

/// The word of the protocol; none for unsaid.
constexpr std::string_view spelling_of(vector_quantization kind) noexcept {
    constexpr std::string_view spelled[]{"", "NOQUANT", "Q8", "BIN"};
    return spelled[static_cast<std::size_t>(kind)];
}

/// Options of VADD. Rule: VADD command, "Optional arguments".
struct vadd_options {
    std::optional<std::uint32_t> reduce{};  ///< REDUCE: a random projection to so many dimensions.
    bool cas = false;                       ///< CAS: neighbours are looked for on another thread.
    vector_quantization quantization = vector_quantization::unsaid;
    std::optional<std::uint32_t> effort{};         ///< EF, up to 1,000,000: for good neighbours; 200.
    std::optional<std::string_view> attributes{};  ///< SETATTR: a JSON object.
    std::optional<std::uint32_t> links{};          ///< M: with how many others an element is linked; 16.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(vadd_options));

/// Options of VSIM. Rule: VSIM command, "Optional arguments".
struct vsim_options {
    std::optional<std::uint32_t> count{};          ///< COUNT: how many at most; 10.
    std::optional<double> distance_max{};          ///< EPSILON: from 0 for the same to 1 for the opposite.
    std::optional<std::uint32_t> effort{};         ///< EF, up to 1,000,000: for the best matches.
    std::optional<std::string_view> filter{};      ///< FILTER: an expression over the attributes.
    std::optional<std::uint32_t> filter_effort{};  ///< FILTER-EF: how many candidates are looked at.
    bool truth = false;                            ///< TRUTH: looks at every element.
    bool no_thread = false;                        ///< NOTHREAD: searches on the server's main thread.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(vsim_options));

inline void add_effort(word_list& list, std::string_view word, std::optional<std::uint32_t> effort) {
    if (!effort) return;
    list.refuse_if(*effort == 0 || *effort > 1000000, "an effort that is not from 1 to 1,000,000");
    list.add(word, *effort);
}
inline void add_search(word_list& list, vsim_options const& options) {
    list.refuse_if(options.count == 0u, "a count of zero");
    if (options.count) list.add("COUNT", *options.count);
    if (options.distance_max) {
        list.refuse_if(!(*options.distance_max > 0), "distance_max is not positive");
        list.add("EPSILON", *options.distance_max);
    }
    add_effort(list, "EF", options.effort);
    if (options.filter) list.add("FILTER", *options.filter);
    if (options.filter_effort) list.add("FILTER-EF", *options.filter_effort);
    list.refuse_if(options.filter_effort == 0u, "filter_effort is zero");
    list.add_if(options.truth, "TRUTH").add_if(options.no_thread, "NOTHREAD");
}

/// A bound of a range of elements. Lifetime: borrows until the command is encoded.
class element_bound {
public:
    element_bound(std::string_view element) noexcept : element_{element} {}
    element_bound(char const* element) noexcept : element_{element} {}
    element_bound(std::string const& element) noexcept : element_{element} {}
    static element_bound first() noexcept { return element_bound{'-', {}}; }
    static element_bound last() noexcept { return element_bound{'+', {}}; }
    /// The element does not belong to the range.
    static element_bound exclusive(std::string_view element) noexcept { return element_bound{'(', element}; }

    bool may_begin() const noexcept { return lead_ == '-' || (lead_ != '+' && !element_.empty()); }
    bool may_end() const noexcept { return lead_ == '+' || (lead_ != '-' && !element_.empty()); }
    /// As it stands in the command.
    std::string text() const { return std::string(1, lead_).append(element_); }

private:
    element_bound(char lead, std::string_view element) noexcept : lead_{lead}, element_{element} {}

    char lead_ = '[';
    std::string_view element_;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(element_bound));

/// An element that is alike, with its similarity and its attributes.
template <class Attributes = std::string>
struct alike_element {
    std::string element;
    double score = 0;
    std::optional<Attributes> attributes;
    friend bool operator==(alike_element const&, alike_element const&) = default;
};

/// What VSIM … WITHSCORES WITHATTRIBS gives, the nearest first.
template <class Attributes = std::string>
struct alike_elements {
    std::vector<alike_element<Attributes>> items;

    bool empty() const noexcept { return items.empty(); }
    std::size_t size() const noexcept { return items.size(); }
    auto begin() const noexcept { return items.begin(); }
    auto end() const noexcept { return items.end(); }
    friend bool operator==(alike_elements const&, alike_elements const&) = default;
};

/// A vector as the server holds it. Rule: VEMB command, "RAW".
struct raw_vector {
    std::string quantization;     ///< "f32", "int8" or "bin".
    umbel::bytes data;            ///< 32-bit floats, bytes, or bits.
    double norm = 0;              ///< What normalization divided by.
    std::optional<double> range;  ///< int8: what the greatest number stands for.
};

/// What VINFO tells.
struct vector_set_info {
    std::string quantization;
    std::int64_t dimension = 0;
    std::int64_t size = 0;
    std::int64_t links = 0;
    std::int64_t max_level = 0;
    std::optional<std::int64_t> input_dimension;   ///< 0 without a reduction.
    std::optional<std::int64_t> attributes_count;  ///< How many elements have attributes.
    friend bool operator==(vector_set_info const&, vector_set_info const&) = default;
};

}  // namespace umbel::command

namespace umbel {
using command::alike_element;
using command::alike_elements;
using command::element_bound;
using command::fp32_blob;
using command::raw_vector;
using command::vadd_options;
using command::vector_quantization;
using command::vector_set_info;
using command::vsim_options;
}  // namespace umbel

template <class T>
    requires std::same_as<T, umbel::command::vector_set_info>
inline constexpr auto umbel::fields_of<T> = std::tuple{field("quant-type", &T::quantization),
                                                       field("vector-dim", &T::dimension),
                                                       field("size", &T::size),
                                                       field("hnsw-m", &T::links),
                                                       field("max-level", &T::max_level),
                                                       field("projection-input-dim", &T::input_dimension),
                                                       field("attributes-count", &T::attributes_count)};

template <class Attributes>
inline constexpr bool umbel::empty_is_missing<umbel::command::alike_elements<Attributes>> = false;
template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::raw_vector> = false;

/// RESP3: a map of elements to pairs of score and attributes. RESP2: all of it in one array, three by three.
template <umbel::decodable Attributes>
struct umbel::from_reply<umbel::command::alike_elements<Attributes>> {
    static result<command::alike_elements<Attributes>> from(resp::view const& reply) {
        bool const in_map = reply.kind() == resp::type::map;
        if (!in_map && (reply.kind() != resp::type::array || reply.children_count() % 3 != 0))
            return umbel::unexpected("a map, or an array of elements, scores and attributes", reply);
        command::alike_elements<Attributes> found;
        resp::children_range const all = reply.children();
        for (auto at = all.begin(); at != all.end();) {
            resp::view const element = *at++;
            resp::view score = *at++;
            resp::view attributes = score;
            if (in_map) {
                if (score.kind() != resp::type::array || score.children_count() != 2)
                    return umbel::unexpected("an array of two", score);
                attributes = score.child(1);
                score = score.child(0);
            } else {
                attributes = *at++;
            }
            if (result<void> done = add(found, element, score, attributes); !done)
                return tl::unexpected<error>{std::move(done.error())};
        }
        return found;
    }

private:
    static result<void> add(command::alike_elements<Attributes>& found, resp::view element, resp::view score,
                            resp::view attributes) {
        result<std::string> name = from_reply<std::string>::from(element);
        if (!name) return tl::unexpected<error>{std::move(name.error())};
        result<double> similarity = from_reply<double>::from(score);
        if (!similarity) return tl::unexpected<error>{std::move(similarity.error())};
        auto said = from_reply<std::optional<Attributes>>::from(attributes);
        if (!said) return tl::unexpected<error>{std::move(said.error())};
        found.items.push_back({std::move(*name), *similarity, std::move(*said)});
        return {};
    }
};

template <>
struct umbel::from_reply<umbel::command::raw_vector> {
    template <class View = resp::view>
    static result<later<View, command::raw_vector>> from(View const& reply) {
        using parts = later<View, std::tuple<std::string, umbel::bytes, double>>;
        using more = later<View, std::tuple<std::string, umbel::bytes, double, double>>;
        if (reply.children_count() == 4) {
            result<more> read = from_reply<more>::from(reply);
            if (!read) return tl::unexpected<error>{std::move(read.error())};
            auto& [kind, data, norm, range] = *read;
            return command::raw_vector{std::move(kind), std::move(data), norm, range};
        }
        result<parts> read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{std::move(read.error())};
        auto& [kind, data, norm] = *read;
        return command::raw_vector{std::move(kind), std::move(data), norm, std::nullopt};
    }
};
