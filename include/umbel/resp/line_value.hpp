// line_value.hpp: which value a line spells: texts, integers, doubles, booleans, nulls and big numbers.
// It knows one line and its type, not where lines come from.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/fault.hpp>
#include <umbel/resp/scan.hpp>
#include <umbel/resp/type.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace umbel::resp {

/// Reads the value of type `kind` that is spelled by `line`, which stands `offset` bytes into its reply.
/// Returns what is wrong with the line, or fault_kind::none. Precondition: `kind` is a type whose value is
/// one line. Rule: Redis serialization protocol specification, "Simple types".
UMBEL_ALWAYS_INLINE fault_kind read_line_value(type kind, std::string_view line, std::size_t offset,
                                               node& value) noexcept {
    switch (kind) {
        case type::simple_string:
        case type::error: value = node::text(kind, offset, line.size()); return fault_kind::none;
        case type::big_number:
            if (!is_big_number(line)) return fault_kind::not_a_big_number;
            value = node::text(kind, offset, line.size());
            return fault_kind::none;
        case type::integer: {
            std::int64_t number = 0;
            if (!read_integer(line, number)) return fault_kind::not_an_integer;
            value = node::scalar(kind, static_cast<std::uint64_t>(number));
            return fault_kind::none;
        }
        case type::real: {
            double number = 0;
            if (!read_real(line, number)) return fault_kind::not_a_real;
            value = node::scalar(kind, std::bit_cast<std::uint64_t>(number));
            return fault_kind::none;
        }
        case type::boolean:
            if (line != "t" && line != "f") return fault_kind::not_a_boolean;
            value = node::scalar(kind, line == "t");
            return fault_kind::none;
        case type::null:
            if (!line.empty()) return fault_kind::null_not_empty;
            value = node::scalar(kind, 0);
            return fault_kind::none;
        case type::bulk_string:
        case type::array:
        case type::blob_error:
        case type::verbatim_string:
        case type::map:
        case type::set:
        case type::push:
        case type::attribute: break;
    }
    UMBEL_ASSERT(false && "a type whose value is one line");
    return fault_kind::unknown_type;
}

}  // namespace umbel::resp
