// type.hpp: the kinds of RESP values, what a parsed value looks like on the tape, and the bounds a reply must
// keep. It knows neither how replies are read nor what they mean.
#pragma once

#include <umbel/config.hpp>

#include <bit>
#include <cstdint>
#include <string_view>

namespace umbel::resp {

/// The kinds of values in RESP2 and RESP3. A streamed string or aggregate has the kind of its counted form.
/// Rule: Redis serialization protocol specification, "RESP protocol description".
enum class type : std::uint8_t {
    simple_string,    ///< `+`
    error,            ///< `-`
    integer,          ///< `:`
    bulk_string,      ///< `$`, also streamed
    array,            ///< `*`, also streamed
    null,             ///< `_`, and RESP2's `$-1` and `*-1`
    boolean,          ///< `#`
    real,             ///< `,`
    big_number,       ///< `(`
    blob_error,       ///< `!`
    verbatim_string,  ///< `=`
    map,              ///< `%`, also streamed
    set,              ///< `~`, also streamed
    push,             ///< `>`
    attribute,        ///< `|`: belongs to the value behind it and counts as no value itself
};

/// Returns the name of `kind` for messages.
constexpr std::string_view name_of(type kind) noexcept {
    switch (kind) {
        case type::simple_string: return "simple string";
        case type::error: return "error";
        case type::integer: return "integer";
        case type::bulk_string: return "bulk string";
        case type::array: return "array";
        case type::null: return "null";
        case type::boolean: return "boolean";
        case type::real: return "double";
        case type::big_number: return "big number";
        case type::blob_error: return "blob error";
        case type::verbatim_string: return "verbatim string";
        case type::map: return "map";
        case type::set: return "set";
        case type::push: return "push";
        case type::attribute: return "attribute";
    }
    return "unnamed";
}

/// True for array, map, set, push and attribute.
constexpr bool is_aggregate(type kind) noexcept { return kind == type::array || kind >= type::map; }

/// True for the kinds whose value is a run of bytes.
constexpr bool is_text(type kind) noexcept {
    switch (kind) {
        case type::simple_string:
        case type::error:
        case type::bulk_string:
        case type::big_number:
        case type::blob_error:
        case type::verbatim_string: return true;
        case type::integer:
        case type::array:
        case type::null:
        case type::boolean:
        case type::real:
        case type::map:
        case type::set:
        case type::push:
        case type::attribute: return false;
    }
    return false;
}

/// What one reply may cost. A reply beyond a bound is a protocol error and ends the connection.
struct limits {
    /// Aggregates inside one another. At least 1, at most 1024: whoever prints or compares replies recurses
    /// that deep.
    std::uint32_t depth_max = 128;
    /// Values in one reply, aggregates and attributes counted too; each costs 16 bytes. At least 1, at most
    /// 2^31.
    std::uint32_t elements_max = std::uint32_t{1} << 24;
    /// Bytes between a type byte and its CR LF: simple strings, errors, numbers. At least 64.
    std::uint32_t line_bytes_max = 64 * 1024;
    /// Bytes of one reply as sent. The server's own bound on a string is 512 MiB. At most 4 GiB - 1.
    std::uint64_t reply_bytes_max = 513 * std::uint64_t{1024} * 1024;
};

/// One value on the tape; an aggregate is followed by its elements, so `node + node->span` is the next
/// sibling. Units/shape: `value` holds an integer, the bits of a double, 0 or 1 of a boolean, or a pair of
/// 32-bit numbers: for text the offset in bytes from where the reply starts and its length, for aggregates
/// nothing and the number of elements (a map: keys and values).
struct node {
    type kind;
    std::uint8_t flags;
    std::uint16_t unused;
    std::uint32_t span;
    std::uint64_t value;

    /// The value was sent in the streamed form, without an announced length.
    static constexpr std::uint8_t streamed = 1;

    static constexpr node scalar(type kind, std::uint64_t value) noexcept { return {kind, 0, 0, 1, value}; }
    static constexpr node text(type kind, std::uint64_t offset, std::uint64_t length) noexcept {
        return {kind, 0, 0, 1, offset | length << 32};
    }

    constexpr bool is_streamed() const noexcept { return (flags & streamed) != 0; }
    constexpr std::uint32_t offset() const noexcept { return static_cast<std::uint32_t>(value); }
    constexpr std::uint32_t length() const noexcept { return static_cast<std::uint32_t>(value >> 32); }
    constexpr std::int64_t integer() const noexcept { return static_cast<std::int64_t>(value); }
    constexpr double real() const noexcept { return std::bit_cast<double>(value); }

    friend constexpr bool operator==(node const&, node const&) noexcept = default;
};
static_assert(sizeof(node) == 16);

}  // namespace umbel::resp
