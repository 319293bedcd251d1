// arrays.hpp: arrays as typed functions: elements at indexes, with holes between them, and a cursor where the
// next ones are inserted. Redis 8.8 has them; Valkey has not.
#pragma once

#include <umbel/command/array_types.hpp>
#include <umbel/command/family.hpp>
#include <umbel/resp/decode.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec arcount{"ARCOUNT", read_only};
inline constexpr command_spec ardel{"ARDEL", none};
inline constexpr command_spec ardelrange{"ARDELRANGE", none};
inline constexpr command_spec arget{"ARGET", read_only};
inline constexpr command_spec argetrange{"ARGETRANGE", read_only};
inline constexpr command_spec argrep{"ARGREP", read_only};
inline constexpr command_spec arinfo{"ARINFO", read_only};
inline constexpr command_spec arinsert{"ARINSERT", none};
inline constexpr command_spec arlastitems{"ARLASTITEMS", read_only};
inline constexpr command_spec arlen{"ARLEN", read_only};
inline constexpr command_spec armget{"ARMGET", read_only};
inline constexpr command_spec armset{"ARMSET", none};
inline constexpr command_spec arnext{"ARNEXT", read_only};
inline constexpr command_spec arop{"AROP", read_only};
inline constexpr command_spec arring{"ARRING", none};
inline constexpr command_spec arscan{"ARSCAN", read_only};
inline constexpr command_spec arseek{"ARSEEK", none};
inline constexpr command_spec arset{"ARSET", none};
}  // namespace specs

/// Array commands for whatever can submit an invocation. An array has elements at indexes from 0 to 2^64 - 2,
/// with holes where nothing was written; one without elements does not exist. Both ends of a range belong to
/// it, and they may come in either order: a first index behind the last one gives descending order.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// array, server_error where indexes beyond the last one would be written, and bad_argument for an index
/// that is negative or beyond it, an empty range, a limit of zero, a ring of no size, and a limit, a count or
/// a size beyond 2^63 - 1. Cancellation: as of every command; what writes may have written then, as the
/// delivery tells. Rule: Redis' table of commands, group "array", and its t_array.c; the shapes of replies
/// are those of its schemas, where a number from 2^63 on comes as a text.
template <class Self>
class array_commands {
public:
    // ---- Elements by index ----------------------------------------------------------------------

    /// ARSET: writes values side by side, the first one at `index`: how many fill a hole.
    /// Since 8.8.0. Complexity: O(values).
    template <number Index, word... Values>
        requires(sizeof...(Values) >= 1)
    auto arset(std::string_view name, Index index, Values const&... values) const {
        word_list list{umbel::key{name}};
        add_index(list, index);
        return side_by_side(list.add(values...), static_cast<std::uint64_t>(index));
    }
    template <number Index, word_range Values>
    auto arset(std::string_view name, Index index, Values const& values) const {
        word_list list{umbel::key{name}};
        add_index(list, index);
        return side_by_side(list.add_each(values), static_cast<std::uint64_t>(index));
    }
    /// ARMSET: writes a map or any range of pairs of index and value: how many fill a hole.
    /// Since 8.8.0. Complexity: O(pairs).
    template <indexed_word_range Elements>
    auto armset(std::string_view name, Elements const& elements) const {
        word_list list{umbel::key{name}};
        for (auto&& pair : elements) {
            add_index(list, pair.first);
            list.add(pair.second);
        }
        return run<std::int64_t>(*this, specs::armset, refuse_if_alone(list));
    }
    /// ARGET: the element, or nullopt for a hole. Since 8.8.0. Complexity: O(1).
    template <decodable Value = std::string, number Index>
    auto arget(std::string_view name, Index index) const {
        word_list list{umbel::key{name}};
        add_index(list, index);
        return run<std::optional<Value>>(*this, specs::arget, list);
    }
    /// ARMGET: the elements in the order of the indexes, nullopt for a hole.
    /// Since 8.8.0. Complexity: O(indexes).
    template <decodable Value = std::string, index_range Indexes>
    auto armget(std::string_view name, Indexes const& indexes) const {
        word_list list{umbel::key{name}};
        for (auto const index : indexes) add_index(list, index);
        return run<std::vector<std::optional<Value>>>(*this, specs::armget, refuse_if_alone(list));
    }
    /// ARDEL: makes holes: how many elements there were. Since 8.8.0. Complexity: O(indexes).
    template <number... Indexes>
        requires(sizeof...(Indexes) >= 1)
    auto ardel(std::string_view name, Indexes... indexes) const {
        word_list list{umbel::key{name}};
        (add_index(list, indexes), ...);
        return run<std::int64_t>(*this, specs::ardel, list);
    }
    template <index_range Indexes>
    auto ardel(std::string_view name, Indexes const& indexes) const {
        word_list list{umbel::key{name}};
        for (auto const index : indexes) add_index(list, index);
        return run<std::int64_t>(*this, specs::ardel, refuse_if_alone(list));
    }

    // ---- Ranges of indexes ----------------------------------------------------------------------

    /// ARGETRANGE: what stands at each index of a range, nullopt for a hole. Errors: bad_argument for a range
    /// of more than a million indexes; arscan() leaves holes out. Since 8.8.0. Complexity: O(indexes).
    template <decodable Value = std::string, number First, number Last>
    auto argetrange(std::string_view name, First first, Last last) const {
        word_list list{umbel::key{name}};
        add_range(list, first, last);
        auto const from = static_cast<std::uint64_t>(first);
        auto const to = static_cast<std::uint64_t>(last);
        std::uint64_t const steps = from < to ? to - from : from - to;
        list.refuse_if(steps >= array_range_max, "a range of more than a million indexes");
        return run<std::vector<std::optional<Value>>>(*this, specs::argetrange, list);
    }
    /// ARSCAN: the elements of a range with their indexes, holes left out; at most `limit` of them. To go on,
    /// begin behind the last one. Since 8.8.0. Complexity: O(elements) as a rule, O(indexes) at worst.
    template <decodable Value = std::string, number First, number Last>
    auto arscan(std::string_view name, First first, Last last,
                std::optional<std::uint64_t> limit = {}) const {
        word_list list{umbel::key{name}};
        add_range(list, first, last);
        add_limit(list, limit);
        return run<std::vector<std::pair<std::uint64_t, Value>>>(*this, specs::arscan, list);
    }
    /// ARDELRANGE: makes holes of a range: how many elements there were. Since 8.8.0. Complexity:
    /// O(elements).
    template <number First, number Last>
    auto ardelrange(std::string_view name, First first, Last last) const {
        word_list list{umbel::key{name}};
        add_range(list, first, last);
        return run<std::int64_t>(*this, specs::ardelrange, list);
    }
    /// ARDELRANGE of several ranges, each a pair of its ends.
    template <index_pair_range Ranges>
    auto ardelrange(std::string_view name, Ranges const& ranges) const {
        word_list list{umbel::key{name}};
        for (auto&& range : ranges) add_range(list, range.first, range.second);
        return run<std::int64_t>(*this, specs::ardelrange, refuse_if_alone(list));
    }

    /// ARGREP: the indexes of the elements in which the pattern is found. Errors: bad_argument for a regular
    /// expression that is empty or longer than 2,048 bytes, server_error for one that is none.
    /// Since 8.8.0. Complexity: O(elements * what a pattern costs).
    auto argrep(std::string_view name, array_pattern pattern, argrep_options options = {}) const {
        return argrep(name, std::span{&pattern, 1}, options);
    }
    /// ARGREP of several patterns, at most 250: of each element one is found, or with `every` all are.
    auto argrep(std::string_view name, std::span<array_pattern const> patterns,
                argrep_options options = {}) const {
        return searched<std::vector<std::uint64_t>>(name, patterns, options, false);
    }
    /// ARGREP … WITHVALUES: the elements as well.
    template <decodable Value = std::string>
    auto argrep_with_values(std::string_view name, array_pattern pattern, argrep_options options = {}) const {
        return argrep_with_values<Value>(name, std::span{&pattern, 1}, options);
    }
    template <decodable Value = std::string>
    auto argrep_with_values(std::string_view name, std::span<array_pattern const> patterns,
                            argrep_options options = {}) const {
        return searched<std::vector<std::pair<std::uint64_t, Value>>>(name, patterns, options, true);
    }

    /// AROP … SUM, MIN, MAX: of those elements of a range that are numbers; nullopt when none is.
    /// Since 8.8.0. Complexity: O(elements).
    template <decodable Number = double, number First, number Last>
    auto arop(std::string_view name, First first, Last last, array_aggregate kind) const {
        return folded<std::optional<Number>>(name, first, last, spelling_of(kind));
    }
    /// AROP … AND, OR, XOR: the bits of those elements that are numbers, their fractions cut off; nullopt
    /// when none is.
    template <number First, number Last>
    auto arop(std::string_view name, First first, Last last, array_bitwise kind) const {
        return folded<std::optional<std::int64_t>>(name, first, last, spelling_of(kind));
    }
    /// AROP … MATCH: how many elements of a range equal this.
    template <number First, number Last>
    auto arop_match(std::string_view name, First first, Last last, argument const& value) const {
        return folded<std::int64_t>(name, first, last, "MATCH", value);
    }
    /// AROP … USED: how many elements a range has.
    template <number First, number Last>
    auto arop_used(std::string_view name, First first, Last last) const {
        return folded<std::int64_t>(name, first, last, "USED");
    }

    // ---- Inserting at a cursor ------------------------------------------------------------------

    /// ARINSERT: writes values where the last insertion ended, at first from index 0 on: the index of the
    /// last one. What stands there is replaced; arset() does not move the cursor. Errors: server_error where
    /// the last index is behind. Since 8.8.0. Complexity: O(values).
    template <word... Values>
        requires(sizeof...(Values) >= 1)
    auto arinsert(std::string_view name, Values const&... values) const {
        return run<std::uint64_t>(*this, specs::arinsert, umbel::key{name}, values...);
    }
    template <word_range Values>
    auto arinsert(std::string_view name, Values const& values) const {
        return run<std::uint64_t>(*this, specs::arinsert, word_list{umbel::key{name}}.add_each(values));
    }
    /// ARRING: as arinsert(), in a ring of `size` indexes: behind the last of them index 0 comes.
    /// It loses data where an element stands outside the ring, also one that arset() wrote, and where the
    /// ring is larger than arlen() while the cursor is at 1 to arlen() - 1: the server keeps the last
    /// insertion (without any, the last element) and the elements before it, back to the first hole and at
    /// most `size`, numbers them from 0 on, and deletes all others; every element where that last one is a
    /// hole by now.
    /// Since 8.8.0. Complexity: O(values); with elements to number anew O(elements + values).
    template <word... Values>
        requires(sizeof...(Values) >= 1)
    auto arring(std::string_view name, std::uint64_t size, Values const&... values) const {
        word_list list{umbel::key{name}, size, values...};
        return in_ring(list, size);
    }
    template <word_range Values>
    auto arring(std::string_view name, std::uint64_t size, Values const& values) const {
        word_list list{umbel::key{name}, size};
        return in_ring(list.add_each(values), size);
    }
    /// ARNEXT: the index where the next insertion begins, 0 of a missing array; nullopt behind the last
    /// index. Since 8.8.0. Complexity: O(1).
    auto arnext(std::string_view name) const {
        return run<std::optional<std::uint64_t>>(*this, specs::arnext, umbel::key{name});
    }
    /// ARSEEK: the next insertion begins at this index, at 2^64 - 1 none does any more; false when there is
    /// no array. Since 8.8.0. Complexity: O(1).
    template <number Index>
    auto arseek(std::string_view name, Index index) const {
        word_list list{umbel::key{name}};
        add_index(list, index, array_index_max + 1);
        return run<bool>(*this, specs::arseek, list);
    }
    /// ARLASTITEMS: what stands at the `count` indexes up to the last insertion, the oldest first; holes are
    /// nullopt. Where the array is shorter, so is the result. Errors: server_error where more than a million
    /// indexes would be answered for, and more than there are elements. Since 8.8.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto arlastitems(std::string_view name, std::uint64_t count, arlastitems_options options = {}) const {
        word_list list{umbel::key{name}, count};
        list.refuse_if(count > array_count_max, "a count beyond 2^63 - 1");
        return run<std::vector<std::optional<Value>>>(*this, specs::arlastitems,
                                                      list.add_if(options.reverse, "REV"));
    }

    // ---- The array as a whole -------------------------------------------------------------------

    /// ARLEN: the last index with an element, plus one; 0 when there is no array.
    /// Since 8.8.0. Complexity: O(1).
    auto arlen(std::string_view name) const {
        return run<std::uint64_t>(*this, specs::arlen, umbel::key{name});
    }
    /// ARCOUNT: how many elements there are; 0 when there is no array. Since 8.8.0. Complexity: O(1).
    auto arcount(std::string_view name) const {
        return run<std::int64_t>(*this, specs::arcount, umbel::key{name});
    }
    /// ARINFO: what the array is like. Errors: server_error when there is none.
    /// Since 8.8.0. Complexity: O(1).
    auto arinfo(std::string_view name) const {
        return run<array_info>(*this, specs::arinfo, umbel::key{name});
    }
    /// ARINFO … FULL: how its slices are kept, too. Complexity: O(slices).
    auto arinfo_full(std::string_view name) const {
        return run<array_info>(*this, specs::arinfo, umbel::key{name}, "FULL");
    }

private:
    /// Precondition: the list holds the key, the index and the values.
    auto side_by_side(word_list& list, std::uint64_t index) const {
        std::uint64_t const more = list.size() > 3 ? list.size() - 3 : 0;
        list.refuse_if(index > array_index_max - more, "an index beyond 2^64 - 2");
        return run<std::int64_t>(*this, specs::arset, list);
    }
    auto in_ring(word_list& list, std::uint64_t size) const {
        list.refuse_if(size == 0 || size > array_count_max, "a ring of no size, or beyond 2^63 - 1");
        return run<std::uint64_t>(*this, specs::arring, list);
    }
    template <class Reply>
    auto searched(std::string_view name, std::span<array_pattern const> patterns,
                  argrep_options const& options, bool with_values) const {
        word_list list{umbel::key{name}};
        add_search(list, patterns, options, with_values);
        return run<Reply>(*this, specs::argrep, list);
    }
    template <class Reply, number First, number Last, word... Words>
    auto folded(std::string_view name, First first, Last last, Words const&... words) const {
        word_list list{umbel::key{name}};
        add_range(list, first, last);
        return run<Reply>(*this, specs::arop, list.add(words...));
    }
};

}  // namespace umbel::command
