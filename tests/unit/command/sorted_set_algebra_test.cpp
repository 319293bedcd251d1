// Tests of command/sorted_set_algebra.hpp: the words, flags, refusals and replies of unions and their like.
#include <umbel/command/sorted_set_algebra.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::score_aggregate;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::sorted_set_algebra_commands> db;
std::array<std::string_view, 2> const keys{"{k}1", "{k}2"};
std::map<std::string, double> const weighted{{"{k}1", 2}, {"{k}2", -0.5}};
std::map<std::string, double> const unknown_weight{{"k", std::numeric_limits<double>::quiet_NaN()}};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("unions, intersections and differences count and mark their keys", "[sorted_set_algebra]") {
    CHECK(mismatch(db.zunion(keys), "ZUNION 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zunion("{k}1", "{k}2"), "ZUNION 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zunion(keys, score_aggregate::max), "ZUNION 2 {k}1 {k}2 AGGREGATE MAX") == "");
    CHECK(mismatch(db.zunion_with_scores(keys), "ZUNION 2 {k}1 {k}2 WITHSCORES") == "");
    CHECK(mismatch(db.zinter(keys), "ZINTER 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zinter("{k}1", "{k}2"), "ZINTER 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zinter(keys, score_aggregate::min), "ZINTER 2 {k}1 {k}2 AGGREGATE MIN") == "");
    CHECK(mismatch(db.zinter_with_scores(keys, score_aggregate::count),
                   "ZINTER 2 {k}1 {k}2 AGGREGATE COUNT WITHSCORES") == "");
    CHECK(mismatch(db.zdiff(keys), "ZDIFF 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zdiff("{k}1", "{k}2", "{k}3"), "ZDIFF 3 {k}1 {k}2 {k}3") == "");
    CHECK(mismatch(db.zdiff_with_scores(keys), "ZDIFF 2 {k}1 {k}2 WITHSCORES") == "");
    CHECK(mismatch(db.zunion_with_scores("{k}1", "{k}2"), "ZUNION 2 {k}1 {k}2 WITHSCORES") == "");
    CHECK(mismatch(db.zinter_with_scores("{k}1", "{k}2"), "ZINTER 2 {k}1 {k}2 WITHSCORES") == "");
    CHECK(mismatch(db.zdiff_with_scores("{k}1", "{k}2"), "ZDIFF 2 {k}1 {k}2 WITHSCORES") == "");
    CHECK(mismatch(db.zintercard(keys), "ZINTERCARD 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zintercard(keys, 100), "ZINTERCARD 2 {k}1 {k}2 LIMIT 100") == "");
    CHECK(mismatch(db.zintercard("{k}1", "{k}2"), "ZINTERCARD 2 {k}1 {k}2") == "");
    CHECK(db.zunion("a", "b").slot.is_several());
    CHECK(db.zdiff(std::vector<std::string>{"a", "b"}).slot.is_several());
}

TEST_CASE("weights stand behind all of the keys", "[sorted_set_algebra]") {
    CHECK(mismatch(db.zunion(weighted), "ZUNION 2 {k}1 {k}2 WEIGHTS 2 -0.5") == "");
    CHECK(mismatch(db.zunion_with_scores(weighted, score_aggregate::max),
                   "ZUNION 2 {k}1 {k}2 WEIGHTS 2 -0.5 AGGREGATE MAX WITHSCORES") == "");
    CHECK(mismatch(db.zinter(std::vector<std::pair<std::string_view, int>>{{"k", 3}}),
                   "ZINTER 1 k WEIGHTS 3") == "");
    CHECK(mismatch(db.zinter_with_scores(weighted), "ZINTER 2 {k}1 {k}2 WEIGHTS 2 -0.5 WITHSCORES") == "");
    CHECK(mismatch(db.zunionstore("{k}d", weighted), "ZUNIONSTORE {k}d 2 {k}1 {k}2 WEIGHTS 2 -0.5") == "");
}

TEST_CASE("storing sorted sets may run twice unless the destination is a source", "[sorted_set_algebra]") {
    CHECK(mismatch(db.zunionstore("{k}d", keys), "ZUNIONSTORE {k}d 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zunionstore("{k}1", keys, score_aggregate::min),
                   "ZUNIONSTORE {k}1 2 {k}1 {k}2 AGGREGATE MIN") == "");
    CHECK(mismatch(db.zunionstore("{k}d", "{k}1", "{k}2"), "ZUNIONSTORE {k}d 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zunionstore("{k}1", "{k}1", "{k}2"), "ZUNIONSTORE {k}1 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zinterstore("{k}d", keys, score_aggregate::max),
                   "ZINTERSTORE {k}d 2 {k}1 {k}2 AGGREGATE MAX") == "");
    CHECK(mismatch(db.zinterstore("{k}d", "{k}1"), "ZINTERSTORE {k}d 1 {k}1") == "");
    CHECK(mismatch(db.zdiffstore("{k}d", keys), "ZDIFFSTORE {k}d 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.zdiffstore("{k}d", "{k}1", "{k}d"), "ZDIFFSTORE {k}d 2 {k}1 {k}d") == "");
    CHECK(db.zunionstore("a", "b").slot.is_several());
}

TEST_CASE("what no server would take of several sorted sets is refused before it is sent",
          "[sorted_set_algebra]") {
    std::map<std::string, double> const no_weights;
    CHECK(db.zunion(none).refusal.starts_with("an empty range"));
    CHECK(db.zunion(no_weights).refusal.starts_with("an empty range"));
    CHECK(db.zunion_with_scores(none).refusal.starts_with("an empty range"));
    CHECK(db.zinter(none).refusal.starts_with("an empty range"));
    CHECK(db.zinter_with_scores(no_weights).refusal.starts_with("an empty range"));
    CHECK(db.zdiff(none).refusal.starts_with("an empty range"));
    CHECK(db.zdiff_with_scores(none).refusal.starts_with("an empty range"));
    CHECK(db.zintercard(none).refusal.starts_with("an empty range"));
    CHECK(db.zunionstore("d", none).refusal.starts_with("an empty range"));
    CHECK(db.zinterstore("d", no_weights).refusal.starts_with("an empty range"));
    CHECK(db.zdiffstore("d", none).refusal.starts_with("an empty range"));
    CHECK(db.zunion(unknown_weight).refusal == "a weight that is not a number");
    CHECK(db.zinterstore("k", unknown_weight).refusal == "a weight that is not a number");
}

TEST_CASE("replies about several sorted sets are of natural types", "[sorted_set_algebra]") {
    using std::string;
    using std::vector;
    using scored = std::pair<string, double>;
    STATIC_CHECK(replies<vector<string>, decltype(db.zunion(keys))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.zinter<int>("a", "b"))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zunion_with_scores(weighted))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zdiff_with_scores(keys))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.zintercard(keys))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.zdiffstore("d", keys))>());
}

TEST_CASE("RESP2 and RESP3 give the same union", "[sorted_set_algebra]") {
    using scored = std::vector<std::pair<std::string, double>>;
    scored const both{{"a", 3}, {"b", 0.25}};
    CHECK(decoded<scored>("*4\r\n$1\r\na\r\n$1\r\n3\r\n$1\r\nb\r\n$4\r\n0.25\r\n") == both);
    CHECK(decoded<scored>("*2\r\n*2\r\n$1\r\na\r\n,3\r\n*2\r\n$1\r\nb\r\n,0.25\r\n") == both);
}
