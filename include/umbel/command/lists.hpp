// lists.hpp: lists as typed functions. The blocking forms stand in blocking_lists.hpp.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/popped.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// An end of a list. Its head is left.
enum class list_end : std::uint8_t { left, right };

constexpr std::string_view spelling_of(list_end end) noexcept {
    return end == list_end::left ? "LEFT" : "RIGHT";
}

/// On which side of the pivot LINSERT inserts.
enum class insert_side : std::uint8_t { before, after };

/// What LINSERT did.
struct insertion {
    enum class state : std::uint8_t { no_list, no_pivot, inserted };
    state is = state::no_list;
    std::int64_t length = 0;  ///< Of the list afterwards, where `is` says inserted.
    friend bool operator==(insertion const&, insertion const&) = default;
};

/// In which order LMOVEM moves several elements.
enum class move_order : std::uint8_t {
    bulk,        ///< BULK: all at once, so that they keep their order.
    one_by_one,  ///< OBO: each before the next; at equal ends they come in reverse.
};

/// Options of LMOVEM: how many elements are moved; without any, one. Rule: LMOVEM command, "Optional
/// arguments".
struct lmovem_options {
    std::optional<std::uint64_t> count{};    ///< COUNT: at most so many.
    std::optional<std::uint64_t> exactly{};  ///< EXACTLY: so many, or none.
    move_order order = move_order::bulk;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(lmovem_options));

/// Adds how many elements LMOVEM moves, and in which order.
inline void add_move(word_list& list, lmovem_options const& options) {
    list.refuse_if(options.count && options.exactly, "both a count and an exact number of elements");
    list.refuse_if(options.count == 0u || options.exactly == 0u, "a move of no elements");
    if (options.count) list.add("COUNT", *options.count);
    if (options.exactly) list.add("EXACTLY", *options.exactly);
    if (options.count || options.exactly) list.add(options.order == move_order::bulk ? "BULK" : "OBO");
}

/// Options of LPOS. Rule: LPOS command, "Options".
struct lpos_options {
    /// RANK: which of the matches is the first to count; from -1 on downwards the search begins at the tail.
    std::optional<std::int64_t> rank{};
    std::optional<std::uint64_t>
        compared_max{};  ///< MAXLEN: after how many elements the search ends; 0: never.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(lpos_options));

}  // namespace umbel::command

namespace umbel {
using command::insert_side;
using command::insertion;
using command::list_end;
using command::lmovem_options;
using command::lpos_options;
using command::move_order;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::insertion> = false;

template <>
struct umbel::from_reply<umbel::command::insertion> {
    template <class View = resp::view>
    static result<later<View, command::insertion>> from(View const& reply) {
        using command::insertion;
        auto const length = from_reply<std::int64_t>::from(reply);
        if (!length) return tl::unexpected<error>{length.error()};
        if (*length < -1) return umbel::unexpected("a length, 0 or -1", reply);
        if (*length == -1) return insertion{insertion::state::no_pivot, 0};
        if (*length == 0) return insertion{};
        return insertion{insertion::state::inserted, *length};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec lindex{"LINDEX", read_only};
inline constexpr command_spec linsert{"LINSERT", none};
inline constexpr command_spec llen{"LLEN", read_only};
inline constexpr command_spec lmove{"LMOVE", none};
inline constexpr command_spec lmovem{"LMOVEM", none};
inline constexpr command_spec lmpop{"LMPOP", none};
inline constexpr command_spec lpop{"LPOP", none};
inline constexpr command_spec lpos{"LPOS", read_only};
inline constexpr command_spec lpush{"LPUSH", none};
inline constexpr command_spec lpushx{"LPUSHX", none};
inline constexpr command_spec lrange{"LRANGE", read_only};
inline constexpr command_spec lrem{"LREM", none};
inline constexpr command_spec lset{"LSET", idempotent};
inline constexpr command_spec ltrim{"LTRIM", none};
inline constexpr command_spec rpop{"RPOP", none};
inline constexpr command_spec rpush{"RPUSH", none};
inline constexpr command_spec rpushx{"RPUSHX", none};
}  // namespace specs

/// List commands for whatever can submit an invocation. Indexes count from 0 at the head, and from -1 at the
/// tail. A list without elements does not exist.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// list, and bad_argument for an empty range, LMPOP with a count of zero, and LPOS with a rank of zero.
/// Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class list_commands {
public:
    // ---- Adding and taking ----------------------------------------------------------------------

    /// LPUSH: the length afterwards. The last of the elements becomes the head.
    /// Since 1.0.0. Complexity: O(elements).
    template <word... Elements>
        requires(sizeof...(Elements) >= 1)
    auto lpush(std::string_view name, Elements const&... elements) const {
        return run<std::int64_t>(*this, specs::lpush, umbel::key{name}, elements...);
    }
    template <word_range Elements>
    auto lpush(std::string_view name, Elements const& elements) const {
        return of_elements(specs::lpush, name, elements);
    }
    /// RPUSH: the length afterwards. Since 1.0.0. Complexity: O(elements).
    template <word... Elements>
        requires(sizeof...(Elements) >= 1)
    auto rpush(std::string_view name, Elements const&... elements) const {
        return run<std::int64_t>(*this, specs::rpush, umbel::key{name}, elements...);
    }
    template <word_range Elements>
    auto rpush(std::string_view name, Elements const& elements) const {
        return of_elements(specs::rpush, name, elements);
    }
    /// LPUSHX: as lpush(), but only where there is a list; 0 when there is none.
    /// Since 2.2.0. Complexity: O(elements).
    template <word... Elements>
        requires(sizeof...(Elements) >= 1)
    auto lpushx(std::string_view name, Elements const&... elements) const {
        return run<std::int64_t>(*this, specs::lpushx, umbel::key{name}, elements...);
    }
    template <word_range Elements>
    auto lpushx(std::string_view name, Elements const& elements) const {
        return of_elements(specs::lpushx, name, elements);
    }
    /// RPUSHX: as rpush(), but only where there is a list; 0 when there is none.
    /// Since 2.2.0. Complexity: O(elements).
    template <word... Elements>
        requires(sizeof...(Elements) >= 1)
    auto rpushx(std::string_view name, Elements const&... elements) const {
        return run<std::int64_t>(*this, specs::rpushx, umbel::key{name}, elements...);
    }
    template <word_range Elements>
    auto rpushx(std::string_view name, Elements const& elements) const {
        return of_elements(specs::rpushx, name, elements);
    }

    /// LPOP: the head, taken away; nullopt when there is no list. Since 1.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto lpop(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::lpop, umbel::key{name});
    }
    /// LPOP of several: at most `count` elements from the head on; nullopt when there is no list.
    /// Since 6.2.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto lpop(std::string_view name, std::uint64_t count) const {
        return run<std::optional<std::vector<Value>>>(*this, specs::lpop, umbel::key{name}, count);
    }
    /// RPOP: the tail, taken away; nullopt when there is no list. Since 1.0.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto rpop(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::rpop, umbel::key{name});
    }
    /// RPOP of several: at most `count` elements, the tail first; nullopt when there is no list.
    /// Since 6.2.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto rpop(std::string_view name, std::uint64_t count) const {
        return run<std::optional<std::vector<Value>>>(*this, specs::rpop, umbel::key{name}, count);
    }
    /// LMPOP: takes at most `count` elements from that end of the first of the lists that exists; nullopt
    /// when none does. The keys lie in the same slot. Since 7.0.0. Complexity: O(keys + count).
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto lmpop(Keys const& keys, list_end end, std::uint64_t count = 1) const {
        word_list list;
        list.add_counted_keys(keys).add(spelling_of(end));
        list.refuse_if(count == 0, "LMPOP with a count of zero").add_if(count > 1, "COUNT", count);
        return run<std::optional<popped<Value>>>(*this, specs::lmpop, list);
    }
    /// LMOVE: moves an element from an end of one list to an end of another, or of the same: the element, or
    /// nullopt when there is no source. The keys lie in the same slot. Since 6.2.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto lmove(std::string_view source, std::string_view destination, list_end from, list_end to) const {
        return run<std::optional<Value>>(*this, specs::lmove, umbel::key{source}, umbel::key{destination},
                                         spelling_of(from), spelling_of(to));
    }

    /// LMOVEM: as lmove(), several at once: the elements as they lie in the destination, none when there is
    /// no source; nullopt when it has fewer than `exactly`. Errors: bad_argument for both a count and an
    /// exact number, and for zero. Since 8.10.0 (no Valkey). Complexity: O(elements).
    template <decodable Value = std::string>
    auto lmovem(std::string_view source, std::string_view destination, list_end from, list_end to,
                lmovem_options options = {}) const {
        word_list list{umbel::key{source}, umbel::key{destination}, spelling_of(from), spelling_of(to)};
        add_move(list, options);
        return run<std::optional<std::vector<Value>>>(*this, specs::lmovem, list);
    }

    // ---- Looking --------------------------------------------------------------------------------

    /// LLEN: the number of elements; 0 when there is no list. Since 1.0.0. Complexity: O(1).
    auto llen(std::string_view name) const { return run<std::int64_t>(*this, specs::llen, umbel::key{name}); }
    /// LRANGE: the elements from index `first` to index `last`, both included; none when there is no list.
    /// Since 1.0.0. Complexity: O(first + elements).
    template <decodable Value = std::string>
    auto lrange(std::string_view name, std::int64_t first, std::int64_t last) const {
        return run<std::vector<Value>>(*this, specs::lrange, umbel::key{name}, first, last);
    }
    /// LINDEX: the element at an index, or nullopt when the list is not that long.
    /// Since 1.0.0. Complexity: O(index).
    template <decodable Value = std::string>
    auto lindex(std::string_view name, std::int64_t index) const {
        return run<std::optional<Value>>(*this, specs::lindex, umbel::key{name}, index);
    }
    /// LPOS: the index of the first element that equals this, or nullopt when there is none.
    /// Since 6.0.6. Complexity: O(length).
    auto lpos(std::string_view name, argument const& element, lpos_options options = {}) const {
        word_list list{umbel::key{name}, element};
        add_lpos(list, options);
        return run<std::optional<std::int64_t>>(*this, specs::lpos, list);
    }
    /// LPOS … COUNT: the indexes of at most `count` elements that equal this; 0: of all of them.
    auto lpos(std::string_view name, argument const& element, std::uint64_t count,
              lpos_options options = {}) const {
        word_list list{umbel::key{name}, element, "COUNT", count};
        add_lpos(list, options);
        return run<std::vector<std::int64_t>>(*this, specs::lpos, list);
    }

    // ---- Changing in place ----------------------------------------------------------------------

    /// LSET: writes the element at an index. Errors: server_error when there is no list, or it is not that
    /// long. Since 1.0.0. Complexity: O(index).
    auto lset(std::string_view name, std::int64_t index, argument const& element) const {
        return run<ok>(*this, specs::lset, umbel::key{name}, index, element);
    }
    /// LINSERT: inserts an element beside the first one that equals `pivot`.
    /// Since 2.2.0. Complexity: O(distance to the pivot).
    auto linsert(std::string_view name, insert_side side, argument const& pivot,
                 argument const& element) const {
        return run<insertion>(*this, specs::linsert, umbel::key{name},
                              side == insert_side::before ? "BEFORE" : "AFTER", pivot, element);
    }
    /// LREM: removes elements that equal this, at most `count` from the head on, with a negative `count` from
    /// the tail on, with 0 all of them: how many were removed. Since 1.0.0. Complexity: O(length).
    auto lrem(std::string_view name, std::int64_t count, argument const& element) const {
        return run<std::int64_t>(*this, specs::lrem, umbel::key{name}, count, element);
    }
    /// LTRIM: keeps the elements from index `first` to index `last`, both included.
    /// Since 1.0.0. Complexity: O(removed elements).
    auto ltrim(std::string_view name, std::int64_t first, std::int64_t last) const {
        return run<ok>(*this, specs::ltrim, umbel::key{name}, first, last);
    }

private:
    template <class Elements>
    auto of_elements(command_spec const& spec, std::string_view name, Elements const& elements) const {
        return run<std::int64_t>(*this, spec, word_list{umbel::key{name}}.add_each(elements));
    }
    static void add_lpos(word_list& list, lpos_options const& options) noexcept {
        if (options.rank) {
            list.refuse_if(*options.rank == 0, "LPOS with a rank of zero: ranks begin at 1, or at -1");
            list.add("RANK", *options.rank);
        }
        if (options.compared_max) list.add("MAXLEN", *options.compared_max);
    }
};

}  // namespace umbel::command
