// fault.hpp: how a reply can break the protocol, and the sentence that says so. It knows no parser state.
#pragma once

#include <umbel/error.hpp>

#include <cstdint>
#include <cstdio>

namespace umbel::resp {

/// What is wrong with the bytes of a reply.
enum class fault_kind : std::uint8_t {
    none,
    unknown_type,
    carriage_return_missing,
    line_feed_missing,
    line_too_long,
    not_an_integer,
    not_a_real,
    not_a_boolean,
    not_a_big_number,
    not_a_length,
    null_not_empty,
    end_not_empty,
    verbatim_without_format,
    value_without_crlf,
    reply_too_long,
    too_many_elements,
    too_deep,
    part_expected,
    part_misplaced,
    end_misplaced,
    odd_map,
    attribute_without_value,
};

/// Returns the sentence for `kind`, without the place.
constexpr char const* text_of(fault_kind kind) noexcept {
    switch (kind) {
        case fault_kind::none: return "nothing is wrong";
        case fault_kind::unknown_type: return "no type of value starts with this byte";
        case fault_kind::carriage_return_missing: return "a line ends with LF alone, CR is missing before it";
        case fault_kind::line_feed_missing: return "CR inside a line is not followed by LF";
        case fault_kind::line_too_long: return "a line exceeds line_bytes_max";
        case fault_kind::not_an_integer: return "an integer is not a 64-bit decimal number";
        case fault_kind::not_a_real: return "a double is not a number";
        case fault_kind::not_a_boolean: return "a boolean is neither t nor f";
        case fault_kind::not_a_big_number: return "a big number is not made of digits";
        case fault_kind::not_a_length: return "a length is not a decimal number";
        case fault_kind::null_not_empty: return "a null carries bytes";
        case fault_kind::end_not_empty: return "the end of a streamed aggregate carries bytes";
        case fault_kind::verbatim_without_format:
            return "a verbatim string does not start with a format of three bytes and a colon";
        case fault_kind::value_without_crlf: return "CR LF is missing behind a string of announced length";
        case fault_kind::reply_too_long: return "the reply exceeds reply_bytes_max";
        case fault_kind::too_many_elements: return "the reply has more values than elements_max";
        case fault_kind::too_deep: return "aggregates are nested deeper than depth_max";
        case fault_kind::part_expected: return "a streamed string is not continued by a part";
        case fault_kind::part_misplaced: return "a part of a streamed string stands outside of one";
        case fault_kind::end_misplaced: return "the end of a streamed aggregate stands outside of one";
        case fault_kind::odd_map: return "a streamed map ends between a key and its value";
        case fault_kind::attribute_without_value: return "an attribute is not followed by a value";
    }
    return "unnamed";
}

/// What is wrong and where. Units/shape: `offset` counts bytes from the start of the reply; `found` is the
/// byte there.
struct fault {
    fault_kind kind = fault_kind::none;
    char found = 0;
    std::uint64_t offset = 0;

    friend bool operator==(fault const&, fault const&) noexcept = default;
};

/// Returns the error that a connection reports for `fault`: protocol_error, delivery unknown.
inline error to_error(fault const& fault) noexcept {
    char text[192];
    auto const byte = static_cast<unsigned>(static_cast<unsigned char>(fault.found));
    auto const offset = static_cast<unsigned long long>(fault.offset);
    char const* const sentence = text_of(fault.kind);
    if (byte > 0x20 && byte < 0x7f) {
        std::snprintf(text, sizeof text, "malformed reply: %s (byte %llu, 0x%02x '%c')", sentence, offset,
                      byte, fault.found);
    } else {
        std::snprintf(text, sizeof text, "malformed reply: %s (byte %llu, 0x%02x)", sentence, offset, byte);
    }
    return error{errc::protocol_error, delivery::unknown, std::string_view{text}};
}

}  // namespace umbel::resp
