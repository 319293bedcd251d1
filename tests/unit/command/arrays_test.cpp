// Tests of command/arrays.hpp: the words, flags, refusals and replies of array commands. Wire texts and
// replies are those of Redis' table of commands.
#include <umbel/command/arrays.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::array_aggregate;
using umbel::array_bitwise;
using umbel::array_bound;
using umbel::array_pattern;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::array_commands> db;
constexpr std::uint64_t last = std::numeric_limits<std::uint64_t>::max() - 1;
constexpr std::uint64_t beyond = last + 1;
std::vector<std::string> const texts{"a", "b"};

}  // namespace

TEST_CASE("elements are written, read and deleted by their indexes", "[arrays]") {
    CHECK(mismatch(db.arset("k", 7, "a"), "ARSET k 7 a") == "");
    CHECK(mismatch(db.arset("k", 7, "a", 1, 2.5), "ARSET k 7 a 1 2.5") == "");
    CHECK(mismatch(db.arset("k", last - 1, texts), "ARSET k 18446744073709551613 a b") == "");
    CHECK(mismatch(db.armset("k", std::map<std::uint64_t, std::string>{{0, "a"}, {last, "b"}}),
                   "ARMSET k 0 a 18446744073709551614 b") == "");
    CHECK(mismatch(db.armset("k", std::vector<std::pair<int, std::string_view>>{{5, "a"}}), "ARMSET k 5 a") ==
          "");
    CHECK(mismatch(db.arget("k", 7), "ARGET k 7") == "");
    CHECK(mismatch(db.armget("k", std::array{0, 5}), "ARMGET k 0 5") == "");
    CHECK(mismatch(db.armget<int>("k", std::list<std::uint64_t>{last}), "ARMGET k 18446744073709551614") ==
          "");
    CHECK(mismatch(db.ardel("k", 3), "ARDEL k 3") == "");
    CHECK(mismatch(db.ardel("k", 3, last), "ARDEL k 3 18446744073709551614") == "");
    CHECK(mismatch(db.ardel("k", std::vector{1, 2}), "ARDEL k 1 2") == "");
}

TEST_CASE("ranges of indexes go in either order", "[arrays]") {
    CHECK(mismatch(db.argetrange("k", 1, 3), "ARGETRANGE k 1 3") == "");
    CHECK(mismatch(db.argetrange("k", 999'999, 0), "ARGETRANGE k 999999 0") == "");
    CHECK(mismatch(db.arscan("k", 0, last), "ARSCAN k 0 18446744073709551614") == "");
    CHECK(mismatch(db.arscan("k", 9, 0, 5), "ARSCAN k 9 0 LIMIT 5") == "");
    CHECK(mismatch(db.ardelrange("k", 2, 6), "ARDELRANGE k 2 6") == "");
    CHECK(mismatch(db.ardelrange("k", std::vector<std::pair<int, int>>{{2, 6}, {9, 8}}),
                   "ARDELRANGE k 2 6 9 8") == "");
    CHECK(mismatch(db.arop("k", 0, 9, array_aggregate::sum), "AROP k 0 9 SUM") == "");
    CHECK(mismatch(db.arop<std::int64_t>("k", 0, 9, array_aggregate::min), "AROP k 0 9 MIN") == "");
    CHECK(mismatch(db.arop<std::string>("k", 0, 9, array_aggregate::max), "AROP k 0 9 MAX") == "");
    CHECK(mismatch(db.arop("k", 0, 9, array_bitwise::bit_and), "AROP k 0 9 AND") == "");
    CHECK(mismatch(db.arop("k", 0, 9, array_bitwise::bit_or), "AROP k 0 9 OR") == "");
    CHECK(mismatch(db.arop("k", 0, 9, array_bitwise::bit_xor), "AROP k 0 9 XOR") == "");
    CHECK(mismatch(db.arop_match("k", 0, 9, "x"), "AROP k 0 9 MATCH x") == "");
    CHECK(mismatch(db.arop_match("k", 0, 9, 5), "AROP k 0 9 MATCH 5") == "");
    CHECK(mismatch(db.arop_used("k", 0, 9), "AROP k 0 9 USED") == "");
}

TEST_CASE("ARGREP sends its bounds, its patterns, and then its options", "[arrays]") {
    CHECK(mismatch(db.argrep("k", array_pattern::exact("a")), "ARGREP k - + EXACT a") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::contains("a")), "ARGREP k - + MATCH a") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::glob("a*")), "ARGREP k - + GLOB a*") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::regex("^a|b$")), "ARGREP k - + RE ^a|b$") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::exact("AND"), {.from = 3, .to = 0}),
                   "ARGREP k 3 0 EXACT AND") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::exact("a"),
                             {.from = array_bound::last(), .to = array_bound::first()}),
                   "ARGREP k + - EXACT a") == "");
    std::array const two{array_pattern::contains("a"), array_pattern::glob("*b")};
    CHECK(mismatch(db.argrep("k", two), "ARGREP k - + MATCH a GLOB *b") == "");
    CHECK(mismatch(db.argrep("k", std::vector(two.begin(), two.end()),
                             {.every = true, .limit = 3, .ignore_case = true}),
                   "ARGREP k - + MATCH a GLOB *b AND LIMIT 3 NOCASE") == "");
    CHECK(mismatch(db.argrep_with_values("k", array_pattern::exact("a"), {.ignore_case = true}),
                   "ARGREP k - + EXACT a WITHVALUES NOCASE") == "");
    CHECK(mismatch(db.argrep_with_values<int>("k", two, {.limit = 1}),
                   "ARGREP k - + MATCH a GLOB *b LIMIT 1 WITHVALUES") == "");
}

TEST_CASE("values are inserted at a cursor, in a ring as well", "[arrays]") {
    CHECK(mismatch(db.arinsert("k", "a", 2), "ARINSERT k a 2") == "");
    CHECK(mismatch(db.arinsert("k", texts), "ARINSERT k a b") == "");
    CHECK(mismatch(db.arring("k", 5, "a"), "ARRING k 5 a") == "");
    CHECK(mismatch(db.arring("k", 5, texts), "ARRING k 5 a b") == "");
    CHECK(mismatch(db.arnext("k"), "ARNEXT k") == "");
    CHECK(mismatch(db.arseek("k", 10), "ARSEEK k 10") == "");
    CHECK(mismatch(db.arseek("k", beyond), "ARSEEK k 18446744073709551615") == "");
    CHECK(mismatch(db.arlastitems("k", 3), "ARLASTITEMS k 3") == "");
    CHECK(mismatch(db.arlastitems("k", 3, {.reverse = true}), "ARLASTITEMS k 3 REV") == "");
    CHECK(mismatch(db.arlen("k"), "ARLEN k") == "");
    CHECK(mismatch(db.arcount("k"), "ARCOUNT k") == "");
    CHECK(mismatch(db.arinfo("k"), "ARINFO k") == "");
    CHECK(mismatch(db.arinfo_full("k"), "ARINFO k FULL") == "");
}

TEST_CASE("what no server would take of an array command is refused before it is sent", "[arrays]") {
    using pairs = std::vector<std::pair<int, int>>;
    std::string const past = "an index beyond 2^64 - 2";
    std::string const negative = "a negative index";
    CHECK(db.arset("k", beyond, "a").refusal == past);
    CHECK(db.arset("k", last, "a", "b").refusal == past);
    CHECK(db.arset("k", last, texts).refusal == past);
    CHECK(db.arset("k", last, "a").refusal == "");
    CHECK(db.arset("k", 0, std::vector<std::string>{}).refusal.starts_with("an empty range"));
    CHECK(db.armset("k", pairs{{-1, 0}}).refusal == negative);
    CHECK(db.armset("k", pairs{}).refusal.starts_with("an empty range"));
    CHECK(db.arget("k", beyond).refusal == past);
    CHECK(db.armget("k", std::vector<int>{}).refusal.starts_with("an empty range"));
    CHECK(db.armget("k", std::vector{0, -1}).refusal == negative);
    CHECK(db.ardel("k", -1).refusal == negative);
    CHECK(db.ardel("k", 0, beyond).refusal == past);
    CHECK(db.ardel("k", std::vector<std::uint64_t>{}).refusal.starts_with("an empty range"));
    CHECK(db.argetrange("k", 0, beyond).refusal == past);
    CHECK(db.argetrange("k", 0, 1'000'000).refusal == "a range of more than a million indexes");
    CHECK(db.argetrange("k", 1'000'000, 0).refusal == "a range of more than a million indexes");
    CHECK(db.arscan("k", 0, 9, 0).refusal == "a limit of zero");
    CHECK(db.ardelrange("k", pairs{}).refusal.starts_with("an empty range"));
    CHECK(db.ardelrange("k", pairs{{0, -1}}).refusal == negative);
    CHECK(db.arop_used("k", beyond, 0).refusal == past);
    CHECK(db.argrep("k", array_pattern::exact("a"), {.from = beyond}).refusal == past);
    CHECK(db.argrep("k", array_pattern::exact("a"), {.limit = 0}).refusal == "a limit of zero");
    CHECK(db.argrep("k", array_pattern::regex("")).refusal.starts_with("a regular expression"));
    CHECK(db.argrep("k", array_pattern::regex(std::string(2048, 'a'))).refusal == "");
    CHECK(db.argrep("k", array_pattern::regex(std::string(2049, 'a'))).refusal.starts_with("a regular"));
    std::vector<array_pattern> const many(251, array_pattern::exact("a"));
    CHECK(db.argrep("k", many).refusal == "a search for no pattern, or for more than 250");
    CHECK(db.argrep("k", std::span{many}.first(250)).refusal == "");
    CHECK(db.argrep_with_values("k", std::span{many}.first(0)).refusal.starts_with("a search"));
    CHECK(db.arring("k", 0, "a").refusal.starts_with("a ring"));
    CHECK(db.arring("k", beyond, texts).refusal.starts_with("a ring"));
    CHECK(db.arinsert("k", std::vector<int>{}).refusal.starts_with("an empty range"));
}

TEST_CASE("a negative index is refused, of whatever type it is", "[arrays]") {
    std::string const negative = "a negative index";
    int const narrow = -5;
    std::int64_t const wide = std::numeric_limits<std::int64_t>::min();
    CHECK(db.arset("k", narrow, "a").refusal == negative);
    CHECK(db.arset("k", -1, "a", "b").refusal == negative);
    CHECK(db.arset("k", wide, texts).refusal == negative);
    CHECK(db.arget("k", -2).refusal == negative);
    CHECK(db.arget<int>("k", wide).refusal == negative);
    CHECK(db.argetrange("k", -2, narrow).refusal == negative);
    CHECK(db.argetrange("k", 0, std::int8_t{-1}).refusal == negative);
    CHECK(db.arscan("k", narrow, last).refusal == negative);
    CHECK(db.arscan("k", 0u, narrow, 5).refusal == negative);
    CHECK(db.ardelrange("k", wide, 5).refusal == negative);
    CHECK(db.arop("k", -2, 9, array_aggregate::sum).refusal == negative);
    CHECK(db.arop("k", 0, -2, array_bitwise::bit_or).refusal == negative);
    CHECK(db.arop_match("k", narrow, 9, "x").refusal == negative);
    CHECK(db.arop_used("k", 0, wide).refusal == negative);
    CHECK(db.argrep("k", array_pattern::exact("a"), {.from = narrow}).refusal == negative);
    CHECK(db.argrep("k", array_pattern::exact("a"), {.to = wide}).refusal == negative);
    CHECK(db.arseek("k", -1).refusal == negative);
    CHECK(db.arseek("k", wide).refusal == negative);
}

TEST_CASE("an index is of any type of number", "[arrays]") {
    unsigned const narrow = 7;
    std::int64_t const wide = std::numeric_limits<std::int64_t>::max();
    CHECK(mismatch(db.arset("k", narrow, "a"), "ARSET k 7 a") == "");
    CHECK(mismatch(db.arset("k", wide, texts), "ARSET k 9223372036854775807 a b") == "");
    CHECK(mismatch(db.arget("k", narrow), "ARGET k 7") == "");
    CHECK(mismatch(db.arget<int>("k", wide), "ARGET k 9223372036854775807") == "");
    CHECK(mismatch(db.argetrange("k", wide, last / 2 + 1),
                   "ARGETRANGE k 9223372036854775807 "
                   "9223372036854775808") == "");
    CHECK(mismatch(db.arscan("k", narrow, wide), "ARSCAN k 7 9223372036854775807") == "");
    CHECK(mismatch(db.ardelrange("k", narrow, last), "ARDELRANGE k 7 18446744073709551614") == "");
    CHECK(mismatch(db.arop_used("k", narrow, std::int8_t{9}), "AROP k 7 9 USED") == "");
    CHECK(mismatch(db.argrep("k", array_pattern::exact("a"), {.from = narrow, .to = wide}),
                   "ARGREP k 7 9223372036854775807 EXACT a") == "");
    CHECK(mismatch(db.arseek("k", narrow), "ARSEEK k 7") == "");
    CHECK(mismatch(db.arseek("k", wide), "ARSEEK k 9223372036854775807") == "");
}

TEST_CASE("a limit, a count and the size of a ring are at most 2^63 - 1", "[arrays]") {
    std::uint64_t const most = last / 2;
    std::string const beyond_limit = "a limit beyond 2^63 - 1";
    CHECK(mismatch(db.arscan("k", 0, 9, most), "ARSCAN k 0 9 LIMIT 9223372036854775807") == "");
    CHECK(db.arscan("k", 0, 9, most + 1).refusal == beyond_limit);
    CHECK(mismatch(db.argrep("k", array_pattern::exact("a"), {.limit = most}),
                   "ARGREP k - + EXACT a LIMIT 9223372036854775807") == "");
    CHECK(db.argrep("k", array_pattern::exact("a"), {.limit = beyond}).refusal == beyond_limit);
    CHECK(mismatch(db.arlastitems("k", 0), "ARLASTITEMS k 0") == "");
    CHECK(mismatch(db.arlastitems("k", most), "ARLASTITEMS k 9223372036854775807") == "");
    CHECK(db.arlastitems("k", most + 1).refusal == "a count beyond 2^63 - 1");
    CHECK(db.arlastitems("k", beyond, {.reverse = true}).refusal == "a count beyond 2^63 - 1");
    CHECK(mismatch(db.arring("k", most, "a"), "ARRING k 9223372036854775807 a") == "");
    CHECK(db.arring("k", most + 1, "a").refusal.starts_with("a ring"));
}

TEST_CASE("array replies are of natural types", "[arrays]") {
    using std::int64_t;
    using std::optional;
    using std::pair;
    using std::string;
    using std::uint64_t;
    using std::vector;
    constexpr std::array<int, 1> at{0};
    constexpr array_pattern a = array_pattern::exact("a");
    STATIC_CHECK(replies<int64_t, decltype(db.arset("k", 0, "a"))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.arget("k", 0))>());
    STATIC_CHECK(replies<optional<int>, decltype(db.arget<int>("k", 0))>());
    STATIC_CHECK(replies<vector<optional<double>>, decltype(db.armget<double>("k", at))>());
    STATIC_CHECK(replies<vector<optional<string>>, decltype(db.argetrange("k", 0, 1))>());
    STATIC_CHECK(replies<vector<pair<uint64_t, string>>, decltype(db.arscan("k", 0, 1))>());
    STATIC_CHECK(replies<vector<uint64_t>, decltype(db.argrep("k", a))>());
    STATIC_CHECK(replies<vector<pair<uint64_t, int>>, decltype(db.argrep_with_values<int>("k", a))>());
    STATIC_CHECK(replies<optional<double>, decltype(db.arop("k", 0, 1, array_aggregate::sum))>());
    STATIC_CHECK(replies<optional<int64_t>, decltype(db.arop("k", 0, 1, array_bitwise::bit_or))>());
    STATIC_CHECK(replies<int64_t, decltype(db.arop_used("k", 0, 1))>());
    STATIC_CHECK(replies<uint64_t, decltype(db.arinsert("k", "a"))>());
    STATIC_CHECK(replies<optional<uint64_t>, decltype(db.arnext("k"))>());
    STATIC_CHECK(replies<bool, decltype(db.arseek("k", 0))>());
    STATIC_CHECK(replies<vector<optional<string>>, decltype(db.arlastitems("k", 1))>());
    STATIC_CHECK(replies<uint64_t, decltype(db.arlen("k"))>());
    STATIC_CHECK(replies<umbel::array_info, decltype(db.arinfo_full("k"))>());
}
