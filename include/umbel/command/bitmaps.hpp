// bitmaps.hpp: strings as arrays of bits and of small integers, as typed functions.
#pragma once

#include <umbel/command/bit_fields.hpp>
#include <umbel/command/family.hpp>
#include <umbel/command/store.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// What a range of BITCOUNT and BITPOS counts.
enum class bit_unit : std::uint8_t { byte, bit };

/// A part of a string; both ends belong to it, and a negative number counts from the end.
struct bit_range {
    std::int64_t first = 0;
    std::int64_t last = -1;
    bit_unit unit = bit_unit::byte;  ///< BIT needs a server of 7.0.0 or later.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(bit_range));

/// A position that may not exist: nullopt where the server says -1.
struct bit_position : std::optional<std::int64_t> {
    using optional::optional;
};

/// How BITOP combines bits. X is the first source, Y the others.
enum class bitwise : std::uint8_t {
    bit_and,      ///< AND: set in all sources.
    bit_or,       ///< OR: set in any source.
    bit_xor,      ///< XOR: set in an odd number of sources.
    bit_not,      ///< NOT: not set in the only source.
    diff,         ///< DIFF: set in X and in no Y. Since 8.2.0 (Redis only).
    diff1,        ///< DIFF1: set in any Y and not in X. Since 8.2.0 (Redis only).
    and_or,       ///< ANDOR: set in X and in any Y. Since 8.2.0 (Redis only).
    exactly_one,  ///< ONE: set in exactly one source. Since 8.2.0 (Redis only).
};

}  // namespace umbel::command

namespace umbel {
using command::bit_position;
using command::bit_range;
using command::bit_unit;
using command::bitwise;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::bit_position> = false;

template <>
struct umbel::from_reply<umbel::command::bit_position> {
    template <class View = resp::view>
    static result<later<View, command::bit_position>> from(View const& reply) {
        auto const position = from_reply<std::int64_t>::from(reply);
        if (!position) return tl::unexpected<error>{position.error()};
        if (*position == -1) return command::bit_position{};
        if (*position < 0) return umbel::unexpected("a position or -1", reply);
        return command::bit_position{*position};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec bitcount{"BITCOUNT", read_only};
inline constexpr command_spec bitfield{"BITFIELD", none};
inline constexpr command_spec bitfield_ro{"BITFIELD_RO", read_only};
inline constexpr command_spec bitop{"BITOP", none};
inline constexpr command_spec bitpos{"BITPOS", read_only};
inline constexpr command_spec getbit{"GETBIT", read_only};
inline constexpr command_spec setbit{"SETBIT", none};
}  // namespace specs

/// Bitmap commands for whatever can submit an invocation.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// string, and bad_argument for a negative offset, an empty range, and an integer of an impossible width.
/// Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class bitmap_commands {
public:
    /// SETBIT: writes a bit; the bit before. The string grows as far as needed.
    /// Since 2.2.0. Complexity: O(1).
    auto setbit(std::string_view name, std::int64_t offset, bool bit) const {
        word_list list{umbel::key{name}, offset, bit ? 1 : 0};
        list.refuse_if(offset < 0, "a negative offset");
        return run<bool>(*this, specs::setbit, list);
    }
    /// GETBIT: the bit; false beyond the end, and when the key does not exist.
    /// Since 2.2.0. Complexity: O(1).
    auto getbit(std::string_view name, std::int64_t offset) const {
        word_list list{umbel::key{name}, offset};
        list.refuse_if(offset < 0, "a negative offset");
        return run<bool>(*this, specs::getbit, list);
    }
    /// BITCOUNT: how many bits are set. Since 2.6.0. Complexity: O(bytes).
    auto bitcount(std::string_view name) const {
        return run<std::int64_t>(*this, specs::bitcount, umbel::key{name});
    }
    /// BITCOUNT of a range: `{.first = 0, .last = 99, .unit = umbel::bit_unit::bit}`.
    auto bitcount(std::string_view name, bit_range range) const {
        return run<std::int64_t>(*this, specs::bitcount, in_range(word_list{umbel::key{name}}, range));
    }
    /// BITPOS: where the first such bit stands, or nullopt when there is none. Of a string of set bits only,
    /// the first clear bit is the one behind its end. Since 2.8.7. Complexity: O(bytes).
    auto bitpos(std::string_view name, bool bit) const {
        return run<bit_position>(*this, specs::bitpos, umbel::key{name}, bit ? 1 : 0);
    }
    /// BITPOS from byte `first` on; the position counts from the beginning of the string.
    auto bitpos(std::string_view name, bool bit, std::int64_t first) const {
        return run<bit_position>(*this, specs::bitpos, umbel::key{name}, bit ? 1 : 0, first);
    }
    /// BITPOS of a range, behind which it does not look: nullopt when there is no such bit inside.
    auto bitpos(std::string_view name, bool bit, bit_range range) const {
        return run<bit_position>(*this, specs::bitpos,
                                 in_range(word_list{umbel::key{name}, bit ? 1 : 0}, range));
    }
    /// BITOP: writes what an operation makes of the sources, a missing one being zeros, to `destination`; the
    /// length of the result, in bytes. Errors: bad_argument for a number of sources that the operation does
    /// not take. Since 2.6.0. Complexity: O(bytes).
    template <key_text... Keys>
        requires(sizeof...(Keys) >= 1)
    auto bitop(bitwise operation, std::string_view destination, Keys const&... sources) const {
        word_list list{spelling_of(operation), umbel::key{destination}};
        return combining(operation, list.add(umbel::key{std::string_view{sources}}...));
    }
    template <key_range_of_texts Keys>
    auto bitop(bitwise operation, std::string_view destination, Keys const& sources) const {
        word_list list{spelling_of(operation), umbel::key{destination}};
        return combining(operation, list.add_keys(sources));
    }

    /// BITFIELD: does operations on integers inside the string, in order: `bitfield("k",
    /// umbel::bit_set({umbel::unsigned_bits(8), 0}, 200), umbel::bit_incrby({umbel::signed_bits(5), 8}, 1,
    /// umbel::bit_overflow::fail))`. A result for each; nullopt where bit_overflow::fail kept it from being
    /// done. Since 3.2.0. Complexity: O(operations).
    template <std::same_as<bit_operation>... Operations>
        requires(sizeof...(Operations) >= 1)
    auto bitfield(std::string_view name, Operations const&... operations) const {
        bit_operation const all[]{operations...};
        return bitfield(name, all);
    }
    template <range_of<bit_operation> Operations>
    auto bitfield(std::string_view name, Operations const& operations) const {
        word_list list{umbel::key{name}};
        add_bit_operations(list, operations);
        return run<std::vector<std::optional<std::int64_t>>>(*this, specs::bitfield, list);
    }
    /// BITFIELD_RO: integers inside the string, in order; also from a replica.
    /// Since 6.0.0. Complexity: O(fields).
    template <std::same_as<bit_field>... Fields>
        requires(sizeof...(Fields) >= 1)
    auto bitfield_ro(std::string_view name, Fields const&... fields) const {
        bit_field const all[]{fields...};
        return bitfield_ro(name, all);
    }
    template <range_of<bit_field> Fields>
    auto bitfield_ro(std::string_view name, Fields const& fields) const {
        word_list list{umbel::key{name}};
        std::size_t const before = list.size();
        for (bit_field const& field : fields) add_bit_field(list.add("GET"), field);
        list.refuse_if(list.size() == before, "an empty range: the command needs at least one integer");
        return run<std::vector<std::int64_t>>(*this, specs::bitfield_ro, list);
    }

private:
    static std::string_view spelling_of(bitwise operation) noexcept {
        constexpr std::string_view spelled[]{"AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"};
        return spelled[static_cast<std::size_t>(operation)];
    }
    static word_list const& in_range(word_list&& list, bit_range range) noexcept {
        return list.add(range.first, range.last).add_if(range.unit == bit_unit::bit, "BIT");
    }
    auto combining(bitwise operation, word_list& list) const {
        std::size_t const sources = list.size() - 2;
        bool const takes_two =
            operation == bitwise::diff || operation == bitwise::diff1 || operation == bitwise::and_or;
        list.refuse_if(operation == bitwise::bit_not && sources > 1, "BITOP NOT takes one source");
        list.refuse_if(takes_two && sources < 2, "BITOP DIFF, DIFF1 and ANDOR take two sources at least");
        return run<std::int64_t>(*this, specs::bitop, list, store_flags(list, 1));
    }
};

}  // namespace umbel::command
