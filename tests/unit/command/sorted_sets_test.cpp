// Tests of command/sorted_sets.hpp: the words, flags, refusals and replies of commands on members.
#include <umbel/command/sorted_sets.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::member_condition;
using umbel::ranked_score;
using umbel::score_condition;
using umbel::score_end;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::sorted_set_commands> db;
std::map<std::string, double> const scores{{"a", 1.5}, {"b", -2}};
std::vector<std::string> const members{"a", "b"};
std::array<std::string_view, 2> const keys{"{k}1", "{k}2"};
std::vector<std::string> const none;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("members are given before their scores, and sent behind them", "[sorted_sets]") {
    CHECK(mismatch(db.zadd("k", "a", 1.5), "ZADD k 1.5 a") == "");
    CHECK(mismatch(db.zadd("k", 7, 8), "ZADD k 8 7") == "");
    CHECK(mismatch(db.zadd("k", scores), "ZADD k 1.5 a -2 b") == "");
    CHECK(mismatch(db.zadd("k", std::vector<std::pair<std::string_view, int>>{{"x", 1}, {"y", 2}}),
                   "ZADD k 1 x 2 y") == "");
    CHECK(mismatch(db.zadd("k", "a", infinity), "ZADD k +inf a") == "");
    CHECK(mismatch(db.zadd("k", "a", -infinity), "ZADD k -inf a") == "");
    CHECK(mismatch(db.zadd_incr("k", "a", 2), "ZADD k INCR 2 a") == "");
    CHECK(mismatch(db.zincrby("k", "a", -0.5), "ZINCRBY k -0.5 a") == "");
}

TEST_CASE("conditions of ZADD stand before the scores", "[sorted_sets]") {
    CHECK(mismatch(db.zadd("k", "a", 1, {.members = member_condition::if_absent}), "ZADD k NX 1 a") == "");
    CHECK(mismatch(db.zadd("k", scores, {.members = member_condition::if_present, .count_changed = true}),
                   "ZADD k XX CH 1.5 a -2 b") == "");
    CHECK(mismatch(db.zadd("k", "a", 1, {.scores = score_condition::if_greater}), "ZADD k GT 1 a") == "");
    CHECK(mismatch(db.zadd("k", "a", 1, {.scores = score_condition::if_less, .count_changed = true}),
                   "ZADD k LT CH 1 a") == "");
    CHECK(mismatch(db.zadd("k", "a", 1,
                           {.members = member_condition::if_present, .scores = score_condition::if_greater}),
                   "ZADD k XX GT 1 a") == "");
    CHECK(mismatch(db.zadd_incr("k", "a", 1, {.members = member_condition::if_present}),
                   "ZADD k XX INCR 1 a") == "");
    CHECK(mismatch(db.zadd_incr("k", "a", 1, {.scores = score_condition::if_less}), "ZADD k LT INCR 1 a") ==
          "");
}

TEST_CASE("every command on members sends its words, with the flags and the slot of the command table",
          "[sorted_sets]") {
    CHECK(mismatch(db.zrem("k", "a", 2), "ZREM k a 2") == "");
    CHECK(mismatch(db.zrem("k", members), "ZREM k a b") == "");
    CHECK(mismatch(db.zpopmin("k"), "ZPOPMIN k") == "");
    CHECK(mismatch(db.zpopmin("k", 2), "ZPOPMIN k 2") == "");
    CHECK(mismatch(db.zpopmax("k"), "ZPOPMAX k") == "");
    CHECK(mismatch(db.zpopmax("k", 2), "ZPOPMAX k 2") == "");
    CHECK(mismatch(db.zmpop(keys, score_end::min), "ZMPOP 2 {k}1 {k}2 MIN") == "");
    CHECK(mismatch(db.zmpop(keys, score_end::max, 5), "ZMPOP 2 {k}1 {k}2 MAX COUNT 5") == "");
    CHECK(mismatch(db.zcard("k"), "ZCARD k") == "");
    CHECK(mismatch(db.zscore("k", "a"), "ZSCORE k a") == "");
    CHECK(mismatch(db.zmscore("k", "a", "b"), "ZMSCORE k a b") == "");
    CHECK(mismatch(db.zmscore("k", members), "ZMSCORE k a b") == "");
    CHECK(mismatch(db.zrank("k", "a"), "ZRANK k a") == "");
    CHECK(mismatch(db.zrank_with_score("k", "a"), "ZRANK k a WITHSCORE") == "");
    CHECK(mismatch(db.zrevrank("k", "a"), "ZREVRANK k a") == "");
    CHECK(mismatch(db.zrevrank_with_score("k", "a"), "ZREVRANK k a WITHSCORE") == "");
    CHECK(mismatch(db.zrandmember("k"), "ZRANDMEMBER k") == "");
    CHECK(mismatch(db.zrandmember("k", -3), "ZRANDMEMBER k -3") == "");
    CHECK(mismatch(db.zrandmember_with_scores("k", 3), "ZRANDMEMBER k 3 WITHSCORES") == "");
    CHECK(mismatch(db.zscan("k"), "ZSCAN k 0") == "");
    CHECK(mismatch(db.zscan("k", "9", {.match = "a*", .count = 5}), "ZSCAN k 9 MATCH a* COUNT 5") == "");
    CHECK(mismatch(db.zscan_members("k", "0", {.count = 5}), "ZSCAN k 0 COUNT 5 NOSCORES") == "");
    CHECK(db.zmpop(members, score_end::min).slot.is_several());
}

TEST_CASE("what no server would take of members and scores is refused before it is sent", "[sorted_sets]") {
    std::string const no_number = "a score that is not a number";
    CHECK(db.zadd("k", "a", not_a_number).refusal == no_number);
    CHECK(db.zadd("k", std::map<std::string, double>{{"a", 1}, {"b", not_a_number}}).refusal == no_number);
    CHECK(db.zadd_incr("k", "a", not_a_number).refusal == no_number);
    CHECK(db.zincrby("k", "a", not_a_number).refusal == no_number);
    CHECK(db.zadd("k", std::map<std::string, double>{}).refusal.starts_with("an empty range"));
    CHECK(db.zrem("k", none).refusal.starts_with("an empty range"));
    CHECK(db.zmscore("k", none).refusal.starts_with("an empty range"));
    CHECK(db.zmpop(none, score_end::min).refusal.starts_with("an empty range"));
    CHECK(db.zmpop(keys, score_end::min, 0).refusal == "ZMPOP with a count of zero");
    std::string const excluded = "members that are absent exclude a condition on scores";
    CHECK(db.zadd("k", "a", 1, {.members = member_condition::if_absent, .scores = score_condition::if_less})
              .refusal == excluded);
    CHECK(
        db.zadd("k", scores, {.members = member_condition::if_absent, .scores = score_condition::if_greater})
            .refusal == excluded);
    CHECK(db.zadd_incr("k", "a", 1,
                       {.members = member_condition::if_absent, .scores = score_condition::if_less})
              .refusal == excluded);
    CHECK(db.zscan("k", "0", {.count = 0}).refusal == "a scan with a count of zero");
}

TEST_CASE("replies about members are of natural types", "[sorted_sets]") {
    using std::optional;
    using std::string;
    using std::vector;
    using scored = std::pair<string, double>;
    STATIC_CHECK(replies<std::int64_t, decltype(db.zadd("k", scores))>());
    STATIC_CHECK(replies<optional<double>, decltype(db.zadd_incr("k", "a", 1))>());
    STATIC_CHECK(replies<double, decltype(db.zincrby("k", "a", 1))>());
    STATIC_CHECK(replies<optional<scored>, decltype(db.zpopmin("k"))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zpopmax("k", 2))>());
    STATIC_CHECK(replies<vector<std::pair<int, double>>, decltype(db.zpopmin<int>("k", 2))>());
    STATIC_CHECK(replies<optional<umbel::popped<scored>>, decltype(db.zmpop(keys, score_end::min))>());
    STATIC_CHECK(replies<optional<double>, decltype(db.zscore("k", "a"))>());
    STATIC_CHECK(replies<vector<optional<double>>, decltype(db.zmscore("k", members))>());
    STATIC_CHECK(replies<optional<std::int64_t>, decltype(db.zrank("k", "a"))>());
    STATIC_CHECK(replies<optional<ranked_score>, decltype(db.zrevrank_with_score("k", "a"))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zrandmember_with_scores("k", 1))>());
    STATIC_CHECK(replies<umbel::scan_page<scored>, decltype(db.zscan("k"))>());
    STATIC_CHECK(replies<umbel::scan_page<string>, decltype(db.zscan_members("k"))>());
}

TEST_CASE("RESP2 and RESP3 give the same members and scores", "[sorted_sets]") {
    using scored = std::pair<std::string, double>;
    using several = std::vector<scored>;
    several const both{{"a", 1.5}, {"b", infinity}};
    CHECK(decoded<several>("*4\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\nb\r\n$3\r\ninf\r\n").value() == both);
    CHECK(decoded<several>("*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,inf\r\n").value() == both);
    CHECK(decoded<several>("*0\r\n").value() == several{});
    // ZPOPMIN without a count answers flat in both; with an empty array where there is nothing.
    using maybe = std::optional<scored>;
    CHECK(decoded<maybe>("*2\r\n$1\r\na\r\n$3\r\n1.5\r\n").value() == maybe{{"a", 1.5}});
    CHECK(decoded<maybe>("*2\r\n$1\r\na\r\n,1.5\r\n").value() == maybe{{"a", 1.5}});
    CHECK(decoded<maybe>("*0\r\n").value() == maybe{});
    using page = umbel::scan_page<scored>;
    CHECK(decoded<page>("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$3\r\n1.5\r\n") == page{"0", {{"a", 1.5}}});
}

TEST_CASE("RESP2 and RESP3 give the same scores and ranks", "[sorted_sets]") {
    using missing = std::vector<std::optional<double>>;
    CHECK(decoded<missing>("*2\r\n$3\r\n1.5\r\n$-1\r\n") == missing{1.5, std::nullopt});
    CHECK(decoded<missing>("*2\r\n,1.5\r\n_\r\n") == missing{1.5, std::nullopt});
    CHECK(decoded<std::optional<double>>("$4\r\n-inf\r\n").value() == std::optional{-infinity});
    CHECK(decoded<std::optional<double>>(",-inf\r\n").value() == std::optional{-infinity});
    using maybe = std::optional<ranked_score>;
    CHECK(decoded<maybe>("*2\r\n:1\r\n$3\r\n2.5\r\n").value() == maybe{{1, 2.5}});
    CHECK(decoded<maybe>("*2\r\n:1\r\n,2.5\r\n").value() == maybe{{1, 2.5}});
    CHECK(decoded<maybe>("*-1\r\n").value() == maybe{});
    CHECK(decoded<maybe>("_\r\n").value() == maybe{});
    CHECK(decoded<maybe>("*0\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies about members give an error or a value", "[sorted_sets]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<ranked_score>() == 0);
    CHECK(survives_odd_replies<std::optional<ranked_score>>() == 3);
    CHECK(survives_odd_replies<std::optional<std::pair<std::string, double>>>() > 0);
    CHECK(survives_odd_replies<std::vector<std::pair<std::string, double>>>() > 0);
    CHECK(survives_odd_replies<umbel::scan_page<std::pair<std::string, double>>>() > 0);
}
