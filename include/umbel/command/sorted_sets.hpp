// sorted_sets.hpp: members of sorted sets, their scores and ranks, as typed functions. Ranges stand in
// sorted_set_ranges.hpp, unions and their like in sorted_set_algebra.hpp; the blocking forms stand in
// blocking_sorted_sets.hpp.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/popped.hpp>
#include <umbel/command/scan.hpp>
#include <umbel/command/sorted_set_bounds.hpp>
#include <umbel/config.hpp>
#include <umbel/resp/decode.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel::command {

/// Which members ZADD and GEOADD write.
enum class member_condition : std::uint8_t {
    always,
    if_absent,   ///< NX: only new members.
    if_present,  ///< XX: only members that are there.
};

constexpr std::string_view spelling_of(member_condition which) noexcept {
    return which == member_condition::if_absent ? "NX" : "XX";
}

/// Which scores ZADD changes; new members are written all the same.
enum class score_condition : std::uint8_t {
    always,
    if_greater,  ///< GT: only when the new score is greater.
    if_less,     ///< LT: only when the new score is less.
};

/// Options of ZADD. `if_absent` changes no score, so it excludes a condition on scores.
/// Rule: ZADD command, "ZADD options".
struct zadd_options {
    member_condition members = member_condition::always;
    score_condition scores = score_condition::always;
    bool count_changed = false;  ///< CH: count the members with a changed score too.
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(zadd_options));

/// Options of ZADD … INCR.
struct zadd_incr_options {
    member_condition members = member_condition::always;
    score_condition scores = score_condition::always;
};
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(zadd_incr_options));

/// An end of a sorted set.
enum class score_end : std::uint8_t { min, max };

/// A place in the order of a sorted set, and the score there.
struct ranked_score {
    std::int64_t rank = 0;  ///< Counted from 0.
    double score = 0;
    friend bool operator==(ranked_score const&, ranked_score const&) = default;
};

/// A range of members and their scores: a map, or a vector of pairs.
template <class Range>
concept member_score_range =
    rereadable<Range> && lasting_element<range_element<Range>> && requires(range_element<Range> pair) {
        { pair.first } -> std::convertible_to<argument>;
        requires std::is_arithmetic_v<std::remove_cvref_t<decltype(pair.second)>>;
    };

}  // namespace umbel::command

namespace umbel {
using command::member_condition;
using command::ranked_score;
using command::score_condition;
using command::score_end;
using command::zadd_incr_options;
using command::zadd_options;
}  // namespace umbel

template <>
inline constexpr bool umbel::empty_is_missing<umbel::command::ranked_score> = false;

template <>
struct umbel::from_reply<umbel::command::ranked_score> {
    template <class View = resp::view>
    static result<later<View, command::ranked_score>> from(View const& reply) {
        using parts = later<View, std::pair<std::int64_t, double>>;
        result<parts> const read = from_reply<parts>::from(reply);
        if (!read) return tl::unexpected<error>{read.error()};
        return command::ranked_score{read->first, read->second};
    }
};

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec zadd{"ZADD", none};
inline constexpr command_spec zcard{"ZCARD", read_only};
inline constexpr command_spec zincrby{"ZINCRBY", none};
inline constexpr command_spec zmpop{"ZMPOP", none};
inline constexpr command_spec zmscore{"ZMSCORE", read_only};
inline constexpr command_spec zpopmax{"ZPOPMAX", none};
inline constexpr command_spec zpopmin{"ZPOPMIN", none};
inline constexpr command_spec zrandmember{"ZRANDMEMBER", read_only};
inline constexpr command_spec zrank{"ZRANK", read_only};
inline constexpr command_spec zrem{"ZREM", none};
inline constexpr command_spec zrevrank{"ZREVRANK", read_only};
inline constexpr command_spec zscan{"ZSCAN", read_only};
inline constexpr command_spec zscore{"ZSCORE", read_only};
}  // namespace specs

/// Commands on members of sorted sets for whatever can submit an invocation. A member stands before its score
/// everywhere, as in a map. A sorted set without members does not exist.
/// Errors of each: those of every command, listed at umbel::client; of these wrong_type when the key holds no
/// sorted set, and bad_argument for an empty range or a score that is not a number. Cancellation: as of every
/// command; what writes may have written then, as the delivery tells.
template <class Self>
class sorted_set_commands {
public:
    // ---- Writing --------------------------------------------------------------------------------

    /// ZADD: how many members are new. Since 1.2.0 (GT and LT: 6.2.0). Complexity: O(log(size)).
    auto zadd(std::string_view name, argument const& member, double score, zadd_options options = {}) const {
        word_list list{umbel::key{name}};
        add_conditions(list, options.members, options.scores);
        add_score(list.add_if(options.count_changed, "CH"), score).add(member);
        return run<std::int64_t>(*this, specs::zadd, list);
    }
    /// ZADD of a map, or of any range of pairs of a member and its score. Complexity: O(members * log(size)).
    template <member_score_range Members>
    auto zadd(std::string_view name, Members const& members, zadd_options options = {}) const {
        word_list list{umbel::key{name}};
        add_conditions(list, options.members, options.scores);
        list.add_if(options.count_changed, "CH");
        std::size_t const before = list.size();
        for (auto&& [member, score] : members) add_score(list, static_cast<double>(score)).add(member);
        list.refuse_if(list.size() == before, "an empty range: the command needs at least one member");
        return run<std::int64_t>(*this, specs::zadd, list);
    }
    /// ZADD … INCR: adds to a score, which begins at 0: the score afterwards, or nullopt when a condition was
    /// not met. Since 3.0.2. Complexity: O(log(size)).
    auto zadd_incr(std::string_view name, argument const& member, double by,
                   zadd_incr_options options = {}) const {
        word_list list{umbel::key{name}};
        add_conditions(list, options.members, options.scores);
        add_score(list.add("INCR"), by).add(member);
        return run<std::optional<double>>(*this, specs::zadd, list);
    }
    /// ZINCRBY: adds to a score, which begins at 0: the score afterwards. Errors: server_error when
    /// infinities cancel each other out. Since 1.2.0. Complexity: O(log(size)).
    auto zincrby(std::string_view name, argument const& member, double by) const {
        word_list list{umbel::key{name}};
        add_score(list, by).add(member);
        return run<double>(*this, specs::zincrby, list);
    }
    /// ZREM: how many of the members there were. Since 1.2.0. Complexity: O(members * log(size)).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto zrem(std::string_view name, Members const&... members) const {
        return run<std::int64_t>(*this, specs::zrem, umbel::key{name}, members...);
    }
    template <word_range Members>
    auto zrem(std::string_view name, Members const& members) const {
        return run<std::int64_t>(*this, specs::zrem, word_list{umbel::key{name}}.add_each(members));
    }

    /// ZPOPMIN: the member with the least score, taken away; nullopt when there is no sorted set.
    /// Since 5.0.0. Complexity: O(log(size)).
    template <decodable Value = std::string>
    auto zpopmin(std::string_view name) const {
        return run<std::optional<scored_member<Value>>>(*this, specs::zpopmin, umbel::key{name});
    }
    /// ZPOPMIN of several: at most `count` members, the least score first; none when there is no sorted set.
    /// Complexity: O(count * log(size)).
    template <decodable Value = std::string>
    auto zpopmin(std::string_view name, std::uint64_t count) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zpopmin, umbel::key{name}, count);
    }
    /// ZPOPMAX: as zpopmin(), with the greatest score.
    template <decodable Value = std::string>
    auto zpopmax(std::string_view name) const {
        return run<std::optional<scored_member<Value>>>(*this, specs::zpopmax, umbel::key{name});
    }
    template <decodable Value = std::string>
    auto zpopmax(std::string_view name, std::uint64_t count) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zpopmax, umbel::key{name}, count);
    }
    /// ZMPOP: takes at most `count` members from that end of the first of the sorted sets that exists;
    /// nullopt when none does. The keys lie in the same slot. Since 7.0.0. Complexity: O(keys + count *
    /// log(size)).
    template <decodable Value = std::string, key_range_of_texts Keys>
    auto zmpop(Keys const& keys, score_end end, std::uint64_t count = 1) const {
        word_list list;
        list.add_counted_keys(keys).add(end == score_end::min ? "MIN" : "MAX");
        list.refuse_if(count == 0, "ZMPOP with a count of zero").add_if(count > 1, "COUNT", count);
        return run<std::optional<popped<scored_member<Value>>>>(*this, specs::zmpop, list);
    }

    // ---- Looking --------------------------------------------------------------------------------

    /// ZCARD: the number of members; 0 when there is no sorted set. Since 1.2.0. Complexity: O(1).
    auto zcard(std::string_view name) const {
        return run<std::int64_t>(*this, specs::zcard, umbel::key{name});
    }
    /// ZSCORE: the score, or nullopt when the member or the key does not exist.
    /// Since 1.2.0. Complexity: O(1).
    auto zscore(std::string_view name, argument const& member) const {
        return run<std::optional<double>>(*this, specs::zscore, umbel::key{name}, member);
    }
    /// ZMSCORE: scores in the order of the members, nullopt for missing ones.
    /// Since 6.2.0. Complexity: O(members).
    template <word... Members>
        requires(sizeof...(Members) >= 1)
    auto zmscore(std::string_view name, Members const&... members) const {
        return run<std::vector<std::optional<double>>>(*this, specs::zmscore, umbel::key{name}, members...);
    }
    template <word_range Members>
    auto zmscore(std::string_view name, Members const& members) const {
        return run<std::vector<std::optional<double>>>(*this, specs::zmscore,
                                                       word_list{umbel::key{name}}.add_each(members));
    }
    /// ZRANK: how many members stand before this one, the least score first; nullopt when the member or the
    /// key does not exist. Since 2.0.0. Complexity: O(log(size)).
    auto zrank(std::string_view name, argument const& member) const {
        return run<std::optional<std::int64_t>>(*this, specs::zrank, umbel::key{name}, member);
    }
    /// ZRANK … WITHSCORE: with the score. Since 7.2.0 (Valkey 7.2).
    auto zrank_with_score(std::string_view name, argument const& member) const {
        return run<std::optional<ranked_score>>(*this, specs::zrank, umbel::key{name}, member, "WITHSCORE");
    }
    /// ZREVRANK: as zrank(), the greatest score first. Since 2.0.0. Complexity: O(log(size)).
    auto zrevrank(std::string_view name, argument const& member) const {
        return run<std::optional<std::int64_t>>(*this, specs::zrevrank, umbel::key{name}, member);
    }
    /// ZREVRANK … WITHSCORE: with the score. Since 7.2.0 (Valkey 7.2).
    auto zrevrank_with_score(std::string_view name, argument const& member) const {
        return run<std::optional<ranked_score>>(*this, specs::zrevrank, umbel::key{name}, member,
                                                "WITHSCORE");
    }
    /// ZRANDMEMBER: some member, or nullopt when there is no sorted set. Since 6.2.0. Complexity: O(1).
    template <decodable Value = std::string>
    auto zrandmember(std::string_view name) const {
        return run<std::optional<Value>>(*this, specs::zrandmember, umbel::key{name});
    }
    /// ZRANDMEMBER of several: at most `count` different members, or with a negative `count` exactly so
    /// many, the same ones again and again. Since 6.2.0. Complexity: O(count).
    template <decodable Value = std::string>
    auto zrandmember(std::string_view name, std::int64_t count) const {
        return run<std::vector<Value>>(*this, specs::zrandmember, umbel::key{name}, count);
    }
    /// ZRANDMEMBER … WITHSCORES: members and scores.
    template <decodable Value = std::string>
    auto zrandmember_with_scores(std::string_view name, std::int64_t count) const {
        return run<std::vector<scored_member<Value>>>(*this, specs::zrandmember, umbel::key{name}, count,
                                                      "WITHSCORES");
    }
    /// ZSCAN: one page of members and scores. A member that is there all the time is seen at least once, and
    /// perhaps several times. Rule: SCAN command, "Scan guarantees". Since 2.8.0. Complexity: O(1) a page.
    template <decodable Value = std::string>
    auto zscan(std::string_view name, std::string_view cursor = scan_start, scan_options options = {}) const {
        word_list list{umbel::key{name}, cursor};
        add_scan(list, options);
        return run<scan_page<scored_member<Value>>>(*this, specs::zscan, list);
    }
    /// ZSCAN … NOSCORES: one page of members. Since Valkey 8.0; Redis does not have it.
    template <decodable Value = std::string>
    auto zscan_members(std::string_view name, std::string_view cursor = scan_start,
                       scan_options options = {}) const {
        word_list list{umbel::key{name}, cursor};
        add_scan(list, options);
        return run<scan_page<Value>>(*this, specs::zscan, list.add("NOSCORES"));
    }

private:
    static void add_conditions(word_list& list, member_condition members, score_condition scores) noexcept {
        bool const any_score = scores == score_condition::always;
        list.refuse_if(members == member_condition::if_absent && !any_score,
                       "members that are absent exclude a condition on scores");
        list.add_if(members != member_condition::always, spelling_of(members));
        list.add_if(!any_score, scores == score_condition::if_greater ? "GT" : "LT");
    }
};

}  // namespace umbel::command
