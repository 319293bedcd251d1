// sorted_set_algebra.hpp: unions, intersections and differences of sorted sets as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/sorted_set_bounds.hpp>
#include <umbel/command/store.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// Which score a member has that several sorted sets have. Rule: ZUNIONSTORE command, "AGGREGATE".
enum class score_aggregate : std::uint8_t {
    sum,
    min,
    max,
    count,  ///< In how many of the sets it is. Since 8.8.0.
};

constexpr std::string_view spelling_of(score_aggregate aggregate) noexcept {
    constexpr std::string_view spelled[]{"SUM", "MIN", "MAX", "COUNT"};
    return spelled[static_cast<std::size_t>(aggregate)];
}

/// A range of keys, each with a weight by which its scores are multiplied: a map, or a vector of pairs.
template <class Range>
concept weighted_key_range =
    rereadable<Range> && lasting_element<range_element<Range>> && requires(range_element<Range> pair) {
        { pair.first } -> std::convertible_to<std::string_view>;
        requires std::is_arithmetic_v<std::remove_cvref_t<decltype(pair.second)>>;
    };

/// What unions and intersections take: a range of keys, or of keys and weights.
template <class Range>
concept sorted_set_sources = key_range_of_texts<Range> || weighted_key_range<Range>;

/// Adds the number of keys, the keys, and behind all of them their weights.
template <weighted_key_range Keys>
void add_weighted_keys(word_list& list, Keys const& keys) {
    std::uint64_t count = 0;
    for (auto at = std::begin(keys); at != std::end(keys); ++at) ++count;
    list.refuse_if(count == 0, "an empty range: the command needs at least one key").add(count);
    for (auto&& pair : keys) list.add(umbel::key{std::string_view{pair.first}});
    list.add("WEIGHTS");
    for (auto&& pair : keys) {
        double const weight = static_cast<double>(pair.second);
        list.refuse_if(weight != weight, "a weight that is not a number").add(score_argument(weight));
    }
}

template <sorted_set_sources Keys>
void add_sources(word_list& list, Keys const& keys, score_aggregate aggregate) {
    if constexpr (key_range_of_texts<Keys>)
        list.add_counted_keys(keys);
    else
        add_weighted_keys(list, keys);
    list.add_if(aggregate != score_aggregate::sum, "AGGREGATE", spelling_of(aggregate));
}

}  // namespace umbel::command

namespace umbel {
using command::score_aggregate;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec zdiff{"ZDIFF", read_only};
inline constexpr command_spec zdiffstore{"ZDIFFSTORE", none};
inline constexpr command_spec zinter{"ZINTER", read_only};
inline constexpr command_spec zintercard{"ZINTERCARD", read_only};
inline constexpr command_spec zinterstore{"ZINTERSTORE", none};
inline constexpr command_spec zunion{"ZUNION", read_only};
inline constexpr command_spec zunionstore{"ZUNIONSTORE", none};
}  // namespace specs

/// Commands on several sorted sets for whatever can submit an invocation. Sets take part too, with a score of
/// 1 for each member; a missing key is an empty one. The keys of a command lie in the same slot. `Keys` is a
/// range of keys; for unions and intersections also a range of pairs of a key and its weight.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when a key holds
/// neither sorted set nor set, bad_argument for an empty range or a weight that is not a number, and
/// cross_slot. Cancellation: as of every command; what writes may have written then, as the delivery tells.
template <class Self>
class sorted_set_algebra_commands {
public:
    // ---- Reading --------------------------------------------------------------------------------

    /// ZUNION: the members that any of the sets has, in the order of their scores.
    /// Since 6.2.0. Complexity: O(n + m * log(m)): n members of all sets, m of the union.
    template <decodable Value = std::string, sorted_set_sources Keys>
    auto zunion(Keys const& keys, score_aggregate aggregate = score_aggregate::sum) const {
        return joined<std::vector<Value>>(specs::zunion, keys, aggregate, false);
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zunion(Keys const&... keys) const {
        return run<std::vector<Value>>(*this, specs::zunion, sizeof...(Keys), umbel::key{keys}...);
    }
    /// ZUNION … WITHSCORES: members and scores.
    template <decodable Value = std::string, sorted_set_sources Keys>
    auto zunion_with_scores(Keys const& keys, score_aggregate aggregate = score_aggregate::sum) const {
        return joined<std::vector<scored_member<Value>>>(specs::zunion, keys, aggregate, true);
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zunion_with_scores(Keys const&... keys) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zunion, sizeof...(Keys),
                                                      umbel::key{keys}..., "WITHSCORES");
    }
    /// ZINTER: the members that all of the sets have, in the order of their scores.
    /// Since 6.2.0. Complexity: O(n * k + m * log(m)): k sets, n members of the smallest, m of the
    /// intersection.
    template <decodable Value = std::string, sorted_set_sources Keys>
    auto zinter(Keys const& keys, score_aggregate aggregate = score_aggregate::sum) const {
        return joined<std::vector<Value>>(specs::zinter, keys, aggregate, false);
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zinter(Keys const&... keys) const {
        return run<std::vector<Value>>(*this, specs::zinter, sizeof...(Keys), umbel::key{keys}...);
    }
    /// ZINTER … WITHSCORES: members and scores.
    template <decodable Value = std::string, sorted_set_sources Keys>
    auto zinter_with_scores(Keys const& keys, score_aggregate aggregate = score_aggregate::sum) const {
        return joined<std::vector<scored_member<Value>>>(specs::zinter, keys, aggregate, true);
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zinter_with_scores(Keys const&... keys) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zinter, sizeof...(Keys),
                                                      umbel::key{keys}..., "WITHSCORES");
    }
    /// ZDIFF: the members that the first set has and none of the others, in the order of their scores.
    /// Since 6.2.0. Complexity: O(n + m * log(m)): n members of all sets, m of the difference.
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto zdiff(Keys const& keys) const {
        return run<std::vector<Value>>(*this, specs::zdiff, word_list{}.add_counted_keys(keys));
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zdiff(Keys const&... keys) const {
        return run<std::vector<Value>>(*this, specs::zdiff, sizeof...(Keys), umbel::key{keys}...);
    }
    /// ZDIFF … WITHSCORES: members and scores.
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto zdiff_with_scores(Keys const& keys) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zdiff,
                                                      word_list{}.add_counted_keys(keys).add("WITHSCORES"));
    }
    template <decodable Value = std::string, std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zdiff_with_scores(Keys const&... keys) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zdiff, sizeof...(Keys),
                                                      umbel::key{keys}..., "WITHSCORES");
    }
    /// ZINTERCARD: how many members all of the sets have; it counts no further than `limit`, unless that is
    /// 0. Since 7.0.0. Complexity: O(sets * size of the smallest set).
    template <key_range_of_texts Keys>
    auto zintercard(Keys const& keys, std::uint64_t limit = 0) const {
        word_list list;
        list.add_counted_keys(keys).add_if(limit != 0, "LIMIT", limit);
        return run<std::int64_t>(*this, specs::zintercard, list);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zintercard(Keys const&... keys) const {
        return run<std::int64_t>(*this, specs::zintercard, sizeof...(Keys), umbel::key{keys}...);
    }

    // ---- Storing --------------------------------------------------------------------------------

    /// ZUNIONSTORE: writes the union in place of the destination: how many members it has.
    /// Since 2.0.0. Complexity: as of zunion().
    template <sorted_set_sources Keys>
    auto zunionstore(std::string_view destination, Keys const& keys,
                     score_aggregate aggregate = score_aggregate::sum) const {
        return stored(specs::zunionstore, destination, keys, aggregate);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zunionstore(std::string_view destination, Keys const&... keys) const {
        return stored_keys(specs::zunionstore, destination, keys...);
    }
    /// ZINTERSTORE: writes the intersection in place of the destination: how many members it has.
    /// Since 2.0.0. Complexity: as of zinter().
    template <sorted_set_sources Keys>
    auto zinterstore(std::string_view destination, Keys const& keys,
                     score_aggregate aggregate = score_aggregate::sum) const {
        return stored(specs::zinterstore, destination, keys, aggregate);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zinterstore(std::string_view destination, Keys const&... keys) const {
        return stored_keys(specs::zinterstore, destination, keys...);
    }
    /// ZDIFFSTORE: writes the difference in place of the destination: how many members it has.
    /// Since 6.2.0. Complexity: as of zdiff().
    template <key_range_of_texts Keys>
    auto zdiffstore(std::string_view destination, Keys const& keys) const {
        return stored(specs::zdiffstore, destination, keys, score_aggregate::sum);
    }
    template <std::convertible_to<std::string_view>... Keys>
        requires(sizeof...(Keys) >= 1)
    auto zdiffstore(std::string_view destination, Keys const&... keys) const {
        return stored_keys(specs::zdiffstore, destination, keys...);
    }

private:
    template <class Reply, class Keys>
    auto joined(command_spec const& spec, Keys const& keys, score_aggregate aggregate,
                bool with_scores) const {
        word_list list;
        add_sources(list, keys, aggregate);
        return run<Reply>(*this, spec, list.add_if(with_scores, "WITHSCORES"));
    }
    template <class Keys>
    auto stored(command_spec const& spec, std::string_view destination, Keys const& keys,
                score_aggregate aggregate) const {
        word_list list{umbel::key{destination}};
        add_sources(list, keys, aggregate);
        return run<std::int64_t>(*this, spec, list, store_flags(list));
    }
    template <class... Keys>
    auto stored_keys(command_spec const& spec, std::string_view destination, Keys const&... keys) const {
        word_list const list{umbel::key{destination}, sizeof...(Keys), umbel::key{keys}...};
        return run<std::int64_t>(*this, spec, list, store_flags(list));
    }
};

}  // namespace umbel::command
