// bit_fields.hpp: integers of any width inside a string, and what BITFIELD does with them. It knows no
// connection.
#pragma once

#include <umbel/command/ranges.hpp>
#include <umbel/command/word_list.hpp>
#include <umbel/config.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace umbel::command {

/// The type of an integer inside a string: made by signed_bits() or unsigned_bits().
struct bit_type {
    bool is_signed = false;
    unsigned width = 0;  ///< In bits.

    constexpr bool valid() const noexcept { return width >= 1 && width <= (is_signed ? 64U : 63U); }
    friend constexpr bool operator==(bit_type, bit_type) noexcept = default;
};
/// i1 to i64.
constexpr bit_type signed_bits(unsigned width) noexcept { return {true, width}; }
/// u1 to u63.
constexpr bit_type unsigned_bits(unsigned width) noexcept { return {false, width}; }

/// Where an integer begins: at a bit, counted from 0 on, or at bit_element(n).
struct bit_offset {
    std::int64_t number = 0;
    bool in_elements = false;

    constexpr bit_offset(std::int64_t bit) noexcept : number{bit} {}
    constexpr bit_offset(std::int64_t count, bool elements) noexcept : number{count}, in_elements{elements} {}
    friend constexpr bool operator==(bit_offset, bit_offset) noexcept = default;
};
/// The `n`th integer, from 0 on, of an array of integers of one type: what BITFIELD spells "#n".
constexpr bit_offset bit_element(std::int64_t n) noexcept { return {n, true}; }

/// An integer inside a string: `{unsigned_bits(8), 0}`, `{signed_bits(5), bit_element(3)}`.
struct bit_field {
    bit_type type;
    bit_offset at;
    friend constexpr bool operator==(bit_field const&, bit_field const&) noexcept = default;
};

/// What becomes of a value that its type cannot hold. Rule: BITFIELD command, "Overflow control".
enum class bit_overflow : std::uint8_t {
    wrap,      ///< It wraps around.
    saturate,  ///< SAT: it stops at the least or the greatest value.
    fail,      ///< Nothing is written, and the result is nullopt.
};

/// One of the operations of a BITFIELD: made by bit_get(), bit_set() and bit_incrby().
struct bit_operation {
    enum class sort : std::uint8_t { get, set, incrby };
    sort does = sort::get;
    bit_field field;
    std::int64_t number = 0;
    bit_overflow overflow = bit_overflow::wrap;
    friend constexpr bool operator==(bit_operation const&, bit_operation const&) noexcept = default;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(bit_operation));
/// GET: the integer.
constexpr bit_operation bit_get(bit_field field) noexcept {
    return {bit_operation::sort::get, field, 0, bit_overflow::wrap};
}
/// SET: writes the integer; its result is the one before.
constexpr bit_operation bit_set(bit_field field, std::int64_t value,
                                bit_overflow overflow = bit_overflow::wrap) noexcept {
    return {bit_operation::sort::set, field, value, overflow};
}
/// INCRBY: adds to the integer; its result is the one afterwards.
constexpr bit_operation bit_incrby(bit_field field, std::int64_t by,
                                   bit_overflow overflow = bit_overflow::wrap) noexcept {
    return {bit_operation::sort::incrby, field, by, overflow};
}

/// The spellings "u1" to "u64" and "i1" to "i64".
class bit_type_names {
public:
    constexpr bit_type_names() noexcept {
        for (unsigned width = 1; width <= 64; ++width) {
            for (unsigned sign = 0; sign != 2; ++sign) {
                char* const text = texts_[sign][width - 1];
                *text = sign != 0 ? 'i' : 'u';
                if (width < 10) {
                    text[1] = static_cast<char>('0' + width);
                } else {
                    text[1] = static_cast<char>('0' + width / 10);
                    text[2] = static_cast<char>('0' + width % 10);
                }
            }
        }
    }
    /// Precondition: the type is valid.
    constexpr std::string_view operator[](bit_type type) const noexcept {
        return {texts_[type.is_signed ? 1 : 0][type.width - 1], type.width < 10 ? 2U : 3U};
    }

private:
    char texts_[2][64][3]{};
};
inline constexpr bit_type_names spelled_bit_types;

/// Adds type and offset. An element's offset goes out in bits, which every server counts alike.
inline void add_bit_field(word_list& list, bit_field const& field) noexcept {
    if (!field.type.valid()) {
        list.refuse("an integer of a width that no server takes: i1 to i64, u1 to u63");
        return;
    }
    std::int64_t const width = field.at.in_elements ? static_cast<std::int64_t>(field.type.width) : 1;
    bool const inside =
        field.at.number >= 0 && field.at.number <= std::numeric_limits<std::int64_t>::max() / width;
    list.refuse_if(!inside, "a negative offset, or one beyond every string");
    list.add(spelled_bit_types[field.type], inside ? field.at.number * width : 0);
}

/// Adds each operation of a range, with OVERFLOW in front of those that need another one than stands before.
/// Refuses an empty range.
template <range_of<bit_operation> Operations>
void add_bit_operations(word_list& list, Operations const& operations) {
    constexpr std::string_view names[]{"GET", "SET", "INCRBY"};
    constexpr std::string_view overflows[]{"WRAP", "SAT", "FAIL"};
    bit_overflow in_force = bit_overflow::wrap;
    bool empty = true;
    for (bit_operation const& operation : operations) {
        bool const writes = operation.does != bit_operation::sort::get;
        if (writes && operation.overflow != in_force) {
            in_force = operation.overflow;
            list.add("OVERFLOW", overflows[static_cast<std::size_t>(in_force)]);
        }
        list.add(names[static_cast<std::size_t>(operation.does)]);
        add_bit_field(list, operation.field);
        list.add_if(writes, operation.number);
        empty = false;
    }
    list.refuse_if(empty, "an empty range: the command needs at least one operation");
}

}  // namespace umbel::command

namespace umbel {
using command::bit_element;
using command::bit_field;
using command::bit_get;
using command::bit_incrby;
using command::bit_offset;
using command::bit_operation;
using command::bit_overflow;
using command::bit_set;
using command::bit_type;
using command::signed_bits;
using command::unsigned_bits;
}  // namespace umbel
