// sorted_set_ranges.hpp: ranges of sorted sets by rank, score or member, as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/sorted_set_bounds.hpp>
#include <umbel/command/store.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// Options of ZRANGE by rank.
struct rank_options {
    bool reverse = false;  ///< REV: ranks count from the greatest score.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(rank_options));

/// Options of ZRANGE by score or by member. Rule: ZRANGE command, "LIMIT".
struct zrange_options {
    bool reverse = false;      ///< REV: from the greatest down. The range itself stays min to max.
    std::uint64_t offset = 0;  ///< LIMIT: how many of the members are left out first.
    std::optional<std::uint64_t> count{};  ///< LIMIT: how many follow at most.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(zrange_options));

}  // namespace umbel::command

namespace umbel {
using command::rank_options;
using command::zrange_options;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec zcount{"ZCOUNT", read_only};
inline constexpr command_spec zlexcount{"ZLEXCOUNT", read_only};
inline constexpr command_spec zrange{"ZRANGE", read_only};
inline constexpr command_spec zrangestore{"ZRANGESTORE", none};
inline constexpr command_spec zremrangebylex{"ZREMRANGEBYLEX", none};
inline constexpr command_spec zremrangebyrank{"ZREMRANGEBYRANK", none};
inline constexpr command_spec zremrangebyscore{"ZREMRANGEBYSCORE", none};
}  // namespace specs

/// Commands on ranges of sorted sets for whatever can submit an invocation. Ranks count from 0 at the least
/// score, and from -1 at the greatest. A range by member is what its name says only where all scores are the
/// same. A missing key is an empty sorted set.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// sorted set, and bad_argument for a score that is not a number. Cancellation: as of every command; what
/// writes may have written then, as the delivery tells.
template <class Self>
class sorted_set_range_commands {
public:
    // ---- Reading --------------------------------------------------------------------------------

    /// ZRANGE: the members from rank `first` to rank `last`, both included, in the order of their scores.
    /// Since 1.2.0. Complexity: O(log(size) + members).
    template <decodable Value = std::string>
    auto zrange(std::string_view name, std::int64_t first, std::int64_t last,
                rank_options options = {}) const {
        word_list list{umbel::key{name}, first, last};
        return run<std::vector<Value>>(*this, specs::zrange, list.add_if(options.reverse, "REV"));
    }
    /// ZRANGE … BYSCORE. Since 6.2.0. Complexity: O(log(size) + offset + members).
    template <decodable Value = std::string>
    auto zrange(std::string_view name, score_range range, zrange_options options = {}) const {
        return ranged<std::vector<Value>>(name, range, options, false);
    }
    /// ZRANGE … BYLEX. Since 6.2.0. Complexity: O(log(size) + offset + members).
    template <decodable Value = std::string>
    auto zrange(std::string_view name, lex_range range, zrange_options options = {}) const {
        return ranged<std::vector<Value>>(name, range, options, false);
    }
    /// ZRANGE … WITHSCORES: members and scores.
    template <decodable Value = std::string>
    auto zrange_with_scores(std::string_view name, std::int64_t first, std::int64_t last,
                            rank_options options = {}) const {
        word_list list{umbel::key{name}, first, last};
        list.add_if(options.reverse, "REV").add("WITHSCORES");
        return run<std::vector<scored_member<Value>>>(*this, specs::zrange, list);
    }
    /// ZRANGE … BYSCORE … WITHSCORES: members and scores. There is none by member.
    template <decodable Value = std::string>
    auto zrange_with_scores(std::string_view name, score_range range, zrange_options options = {}) const {
        return ranged<std::vector<scored_member<Value>>>(name, range, options, true);
    }
    /// ZCOUNT: the number of members with a score in this range. Since 2.0.0. Complexity: O(log(size)).
    auto zcount(std::string_view name, score_range range = {}) const {
        return bounded(specs::zcount, name, range);
    }
    /// ZLEXCOUNT: the number of members in this range. Since 2.8.9. Complexity: O(log(size)).
    auto zlexcount(std::string_view name, lex_range range = {}) const {
        return bounded(specs::zlexcount, name, range);
    }

    // ---- Writing --------------------------------------------------------------------------------

    /// ZRANGESTORE: writes a range of the source in place of the destination: how many members it has. Both
    /// keys lie in the same slot. Since 6.2.0. Complexity: O(log(size) + members).
    auto zrangestore(std::string_view destination, std::string_view source, std::int64_t first,
                     std::int64_t last, rank_options options = {}) const {
        word_list list{umbel::key{destination}, umbel::key{source}, first, last};
        list.add_if(options.reverse, "REV");
        return run<std::int64_t>(*this, specs::zrangestore, list, store_flags(list));
    }
    auto zrangestore(std::string_view destination, std::string_view source, score_range range,
                     zrange_options options = {}) const {
        return range_stored(destination, source, range, options);
    }
    auto zrangestore(std::string_view destination, std::string_view source, lex_range range,
                     zrange_options options = {}) const {
        return range_stored(destination, source, range, options);
    }
    /// ZREMRANGEBYRANK: removes the members from rank `first` to rank `last`, both included: how many there
    /// were. Since 2.0.0. Complexity: O(log(size) + members).
    auto zremrangebyrank(std::string_view name, std::int64_t first, std::int64_t last) const {
        return run<std::int64_t>(*this, specs::zremrangebyrank, umbel::key{name}, first, last);
    }
    /// ZREMRANGEBYSCORE: removes the members with a score in this range: how many there were.
    /// Since 1.2.0. Complexity: O(log(size) + members).
    auto zremrangebyscore(std::string_view name, score_range range) const {
        return bounded(specs::zremrangebyscore, name, range);
    }
    /// ZREMRANGEBYLEX: removes the members in this range: how many there were.
    /// Since 2.8.9. Complexity: O(log(size) + members).
    auto zremrangebylex(std::string_view name, lex_range range) const {
        return bounded(specs::zremrangebylex, name, range);
    }

private:
    template <sorted_set_range Range>
    auto bounded(command_spec const& spec, std::string_view name, Range const& range) const {
        bound_text const min{range.min};
        bound_text const max{range.max};
        word_list list{umbel::key{name}};
        min.add_to(list);
        max.add_to(list);
        return run<std::int64_t>(*this, spec, list);
    }
    template <class Reply, sorted_set_range Range>
    auto ranged(std::string_view name, Range const& range, zrange_options const& options,
                bool with_scores) const {
        bound_text const min{range.min};
        bound_text const max{range.max};
        word_list list{umbel::key{name}};
        add_range<Range>(list, min, max, options);
        return run<Reply>(*this, specs::zrange, list.add_if(with_scores, "WITHSCORES"));
    }
    template <sorted_set_range Range>
    auto range_stored(std::string_view destination, std::string_view source, Range const& range,
                      zrange_options const& options) const {
        bound_text const min{range.min};
        bound_text const max{range.max};
        word_list list{umbel::key{destination}, umbel::key{source}};
        add_range<Range>(list, min, max, options);
        return run<std::int64_t>(*this, specs::zrangestore, list, store_flags(list));
    }
    /// The server wants the greater bound first where the order is reversed.
    template <sorted_set_range Range>
    static void add_range(word_list& list, bound_text const& min, bound_text const& max,
                          zrange_options const& options) noexcept {
        (options.reverse ? max : min).add_to(list);
        (options.reverse ? min : max).add_to(list);
        list.add(std::same_as<Range, score_range> ? "BYSCORE" : "BYLEX").add_if(options.reverse, "REV");
        if (options.count) list.add("LIMIT", options.offset, *options.count);
        if (options.offset != 0 && !options.count) list.add("LIMIT", options.offset, -1);
    }
};

}  // namespace umbel::command
