// Tests of command/sorted_set_ranges.hpp: the words, flags, refusals and replies of commands on ranges.
#include <umbel/command/sorted_set_ranges.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::exclusive;
using umbel::lex_range;
using umbel::score_range;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::sorted_set_range_commands> db;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE(
    "ranges by rank, score and member send their words, with the flags and the slot of the command table",
    "[sorted_set_ranges]") {
    CHECK(mismatch(db.zrange("k", 0, -1), "ZRANGE k 0 -1") == "");
    CHECK(mismatch(db.zrange("k", 0, 9, {.reverse = true}), "ZRANGE k 0 9 REV") == "");
    CHECK(mismatch(db.zrange("k", {.min = 1, .max = 2.5}), "ZRANGE k 1 2.5 BYSCORE") == "");
    CHECK(mismatch(db.zrange("k", {.min = exclusive(1)}), "ZRANGE k (1 +inf BYSCORE") == "");
    CHECK(mismatch(db.zrange("k", score_range{}), "ZRANGE k -inf +inf BYSCORE") == "");
    CHECK(mismatch(db.zrange("k", {.min = "a", .max = exclusive("b")}), "ZRANGE k [a (b BYLEX") == "");
    CHECK(mismatch(db.zrange("k", lex_range{}), "ZRANGE k - + BYLEX") == "");
    CHECK(mismatch(db.zrange_with_scores("k", 0, -1), "ZRANGE k 0 -1 WITHSCORES") == "");
    CHECK(mismatch(db.zrange_with_scores("k", 0, -1, {.reverse = true}), "ZRANGE k 0 -1 REV WITHSCORES") ==
          "");
    CHECK(mismatch(db.zrange_with_scores("k", {.max = exclusive(5)}),
                   "ZRANGE k -inf (5 BYSCORE WITHSCORES") == "");
    CHECK(mismatch(db.zcount("k"), "ZCOUNT k -inf +inf") == "");
    CHECK(mismatch(db.zcount("k", {.min = 1, .max = exclusive(2)}), "ZCOUNT k 1 (2") == "");
    CHECK(mismatch(db.zlexcount("k"), "ZLEXCOUNT k - +") == "");
    CHECK(mismatch(db.zlexcount("k", {.min = exclusive("a")}), "ZLEXCOUNT k (a +") == "");
    CHECK(mismatch(db.zremrangebyrank("k", 0, -11), "ZREMRANGEBYRANK k 0 -11") == "");
    CHECK(mismatch(db.zremrangebyscore("k", {.max = 100}), "ZREMRANGEBYSCORE k -inf 100") == "");
    CHECK(mismatch(db.zremrangebylex("k", {.min = "a", .max = "b"}), "ZREMRANGEBYLEX k [a [b") == "");
}

TEST_CASE("a reversed range has its greater bound first", "[sorted_set_ranges]") {
    CHECK(mismatch(db.zrange("k", {.min = 1, .max = exclusive(5)}, {.reverse = true}),
                   "ZRANGE k (5 1 BYSCORE REV") == "");
    CHECK(mismatch(db.zrange("k", {.min = "a"}, {.reverse = true}), "ZRANGE k + [a BYLEX REV") == "");
    CHECK(mismatch(db.zrange_with_scores("k", score_range{}, {.reverse = true, .count = 10}),
                   "ZRANGE k +inf -inf BYSCORE REV LIMIT 0 10 WITHSCORES") == "");
}

TEST_CASE("a limit is sent where an offset or a count is given", "[sorted_set_ranges]") {
    CHECK(mismatch(db.zrange("k", {.min = 1}, {.offset = 20, .count = 10}),
                   "ZRANGE k 1 +inf BYSCORE LIMIT 20 10") == "");
    CHECK(mismatch(db.zrange("k", {.min = 1}, {.offset = 20}), "ZRANGE k 1 +inf BYSCORE LIMIT 20 -1") == "");
    CHECK(mismatch(db.zrange("k", {.min = "a"}, {.count = 0}), "ZRANGE k [a + BYLEX LIMIT 0 0") == "");
}

TEST_CASE("a stored range may run twice unless the destination is the source", "[sorted_set_ranges]") {
    CHECK(mismatch(db.zrangestore("{k}d", "{k}s", 0, 9), "ZRANGESTORE {k}d {k}s 0 9") == "");
    CHECK(mismatch(db.zrangestore("{k}d", "{k}s", 0, 9, {.reverse = true}),
                   "ZRANGESTORE {k}d {k}s 0 9 REV") == "");
    CHECK(mismatch(db.zrangestore("k", "k", 0, 9), "ZRANGESTORE k k 0 9") == "");
    CHECK(mismatch(db.zrangestore("{k}d", "{k}s", {.min = 1}, {.count = 5}),
                   "ZRANGESTORE {k}d {k}s 1 +inf BYSCORE LIMIT 0 5") == "");
    CHECK(mismatch(db.zrangestore("k", "k", {.min = 1}), "ZRANGESTORE k k 1 +inf BYSCORE") == "");
    CHECK(mismatch(db.zrangestore("{k}d", "{k}s", {.max = "m"}, {.reverse = true}),
                   "ZRANGESTORE {k}d {k}s [m - BYLEX REV") == "");
    CHECK(db.zrangestore("a", "b", 0, 1).slot.is_several());
}

TEST_CASE("a bound that is not a number is refused before it is sent", "[sorted_set_ranges]") {
    std::string const no_number = "a score that is not a number";
    CHECK(db.zrange("k", {.min = not_a_number}).refusal == no_number);
    CHECK(db.zrange_with_scores("k", {.max = exclusive(not_a_number)}).refusal == no_number);
    CHECK(db.zcount("k", {.min = 1, .max = not_a_number}).refusal == no_number);
    CHECK(db.zremrangebyscore("k", {.max = not_a_number}).refusal == no_number);
    CHECK(db.zrangestore("k", "k", {.min = not_a_number}).refusal == no_number);
}

TEST_CASE("replies about ranges are of natural types", "[sorted_set_ranges]") {
    using std::string;
    using std::vector;
    using scored = std::pair<string, double>;
    STATIC_CHECK(replies<vector<string>, decltype(db.zrange("k", 0, -1))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.zrange<int>("k", {.min = 1}))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.zrange("k", {.min = "a"}))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zrange_with_scores("k", 0, -1))>());
    STATIC_CHECK(replies<vector<scored>, decltype(db.zrange_with_scores("k", {.min = 1}))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.zcount("k"))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.zrangestore("k", "k", 0, 1))>());
}

TEST_CASE("RESP2 and RESP3 give the same range", "[sorted_set_ranges]") {
    using scored = std::vector<std::pair<std::string, double>>;
    scored const both{{"a", 1}, {"b", 2.5}};
    CHECK(decoded<scored>("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n") == both);
    CHECK(decoded<scored>("*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n") == both);
    CHECK(decoded<scored>("*0\r\n") == scored{});
}
