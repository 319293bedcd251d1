// Tests of command/sets.hpp: the words, flags, refusals and replies of set commands.
#include <umbel/command/sets.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::set_commands> db;
std::set<std::string> const members{"a", "b"};
std::array<std::string_view, 2> const keys{"{k}1", "{k}2"};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("every set command sends its words, with the flags and the slot of the command table", "[sets]") {
    CHECK(mismatch(db.sadd("k", "a", 2), "SADD k a 2") == "");
    CHECK(mismatch(db.sadd("k", members), "SADD k a b") == "");
    CHECK(mismatch(db.sadd("k", std::list{1, 2}), "SADD k 1 2") == "");
    CHECK(mismatch(db.srem("k", "a", "b"), "SREM k a b") == "");
    CHECK(mismatch(db.srem("k", members), "SREM k a b") == "");
    CHECK(mismatch(db.smove("{k}1", "{k}2", "a"), "SMOVE {k}1 {k}2 a") == "");
    CHECK(mismatch(db.spop("k"), "SPOP k") == "");
    CHECK(mismatch(db.spop("k", 3), "SPOP k 3") == "");
    CHECK(mismatch(db.scard("k"), "SCARD k") == "");
    CHECK(mismatch(db.sismember("k", "a"), "SISMEMBER k a") == "");
    CHECK(mismatch(db.smismember("k", "a", 7), "SMISMEMBER k a 7") == "");
    CHECK(mismatch(db.smismember("k", members), "SMISMEMBER k a b") == "");
    CHECK(mismatch(db.smembers("k"), "SMEMBERS k") == "");
    CHECK(mismatch(db.srandmember("k"), "SRANDMEMBER k") == "");
    CHECK(mismatch(db.srandmember("k", -5), "SRANDMEMBER k -5") == "");
    CHECK(mismatch(db.sscan("k"), "SSCAN k 0") == "");
    CHECK(mismatch(db.sscan("k", "17", {.match = "a*", .count = 100}), "SSCAN k 17 MATCH a* COUNT 100") ==
          "");
}

TEST_CASE("commands on several sets mark all of their keys", "[sets]") {
    CHECK(mismatch(db.sinter(keys), "SINTER {k}1 {k}2") == "");
    CHECK(mismatch(db.sinter("{k}1", std::string{"{k}2"}), "SINTER {k}1 {k}2") == "");
    CHECK(mismatch(db.sinter("k"), "SINTER k") == "");
    CHECK(mismatch(db.sunion(keys), "SUNION {k}1 {k}2") == "");
    CHECK(mismatch(db.sunion("{k}1", "{k}2"), "SUNION {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiff(keys), "SDIFF {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiff("{k}1", "{k}2"), "SDIFF {k}1 {k}2") == "");
    CHECK(mismatch(db.sintercard(keys), "SINTERCARD 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.sintercard(keys, 10), "SINTERCARD 2 {k}1 {k}2 LIMIT 10") == "");
    CHECK(mismatch(db.sintercard("{k}1", "{k}2", "{k}3"), "SINTERCARD 3 {k}1 {k}2 {k}3") == "");
    CHECK(mismatch(db.sunioncard(keys), "SUNIONCARD 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.sunioncard(keys, {.approximate = true, .limit = 10}),
                   "SUNIONCARD 2 {k}1 {k}2 APPROX LIMIT 10") == "");
    CHECK(mismatch(db.sunioncard("{k}1", "{k}2"), "SUNIONCARD 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiffcard(keys), "SDIFFCARD 2 {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiffcard(keys, 10), "SDIFFCARD 2 {k}1 {k}2 LIMIT 10") == "");
    CHECK(mismatch(db.sdiffcard("{k}1", "{k}2"), "SDIFFCARD 2 {k}1 {k}2") == "");
    CHECK(db.sinter("a", "b").slot.is_several());
    CHECK(db.sunion(members).slot.is_several());
}

TEST_CASE("storing may run twice unless the destination is a source", "[sets]") {
    CHECK(mismatch(db.sinterstore("{k}d", keys), "SINTERSTORE {k}d {k}1 {k}2") == "");
    CHECK(mismatch(db.sinterstore("{k}d", "{k}1", "{k}2"), "SINTERSTORE {k}d {k}1 {k}2") == "");
    CHECK(mismatch(db.sinterstore("{k}1", keys), "SINTERSTORE {k}1 {k}1 {k}2") == "");
    CHECK(mismatch(db.sunionstore("{k}d", keys), "SUNIONSTORE {k}d {k}1 {k}2") == "");
    CHECK(mismatch(db.sunionstore("{k}1", "{k}1", "{k}2"), "SUNIONSTORE {k}1 {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiffstore("{k}d", keys), "SDIFFSTORE {k}d {k}1 {k}2") == "");
    CHECK(mismatch(db.sdiffstore("{k}d", "{k}1", "{k}d"), "SDIFFSTORE {k}d {k}1 {k}d") == "");
    using umbel::cluster::command_flags;
    CHECK(db.sunionstore("{k}d", keys).flags == command_flags::idempotent);
    CHECK(db.sunionstore("{k}2", keys).flags == command_flags::none);
}

TEST_CASE("what no server would take of sets is refused before it is sent", "[sets]") {
    CHECK(db.sadd("k", none).refusal.starts_with("an empty range"));
    CHECK(db.srem("k", none).refusal.starts_with("an empty range"));
    CHECK(db.smismember("k", none).refusal.starts_with("an empty range"));
    CHECK(db.sinter(none).refusal.starts_with("an empty range"));
    CHECK(db.sunion(none).refusal.starts_with("an empty range"));
    CHECK(db.sdiff(none).refusal.starts_with("an empty range"));
    CHECK(db.sintercard(none).refusal.starts_with("an empty range"));
    CHECK(db.sunioncard(none).refusal.starts_with("an empty range"));
    CHECK(db.sdiffcard(none).refusal.starts_with("an empty range"));
    CHECK(db.sinterstore("d", none).refusal.starts_with("an empty range"));
    CHECK(db.sunionstore("d", none).refusal.starts_with("an empty range"));
    CHECK(db.sdiffstore("d", none).refusal.starts_with("an empty range"));
    CHECK(db.sscan("k", "0", {.count = 0}).refusal == "a scan with a count of zero");
}

TEST_CASE("set replies are of natural types", "[sets]") {
    using std::optional;
    using std::string;
    using std::vector;
    using hashed = std::unordered_set<string>;
    STATIC_CHECK(replies<std::int64_t, decltype(db.sadd("k", "a"))>());
    STATIC_CHECK(replies<bool, decltype(db.smove("k", "k", "a"))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.spop("k"))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.spop<int>("k", 2))>());
    STATIC_CHECK(replies<bool, decltype(db.sismember("k", "a"))>());
    STATIC_CHECK(replies<vector<bool>, decltype(db.smismember("k", "a"))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.smembers("k"))>());
    STATIC_CHECK(replies<hashed, decltype(db.smembers<hashed>("k"))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.srandmember("k"))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.srandmember("k", 3))>());
    STATIC_CHECK(replies<hashed, decltype(db.sinter<hashed>(keys))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.sunion<vector<int>>("a", "b"))>());
    STATIC_CHECK(replies<umbel::scan_page<string>, decltype(db.sscan("k"))>());
}

TEST_CASE("RESP2 and RESP3 give the same members", "[sets]") {
    for (std::string_view const both : {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "~2\r\n$1\r\na\r\n$1\r\nb\r\n"}) {
        CHECK(decoded<std::vector<std::string>>(both) == std::vector<std::string>{"a", "b"});
        CHECK(decoded<std::unordered_set<std::string>>(both) == std::unordered_set<std::string>{"a", "b"});
    }
    for (std::string_view const empty : {"*0\r\n", "~0\r\n"})
        CHECK(decoded<std::vector<std::string>>(empty) == std::vector<std::string>{});
    CHECK(decoded<std::vector<bool>>("*3\r\n:1\r\n:0\r\n:1\r\n") == std::vector{true, false, true});
    CHECK(decoded<std::vector<bool>>("*1\r\n:2\r\n").error().code() == umbel::errc::unexpected_type);
    using page = umbel::scan_page<std::string>;
    CHECK(decoded<page>("*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n") == page{"17", {"a", "b"}});
}

TEST_CASE("odd replies to set commands give an error or a value", "[sets]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<std::vector<bool>>() > 0);
    CHECK(survives_odd_replies<std::unordered_set<std::string>>() > 0);
    CHECK(survives_odd_replies<umbel::scan_page<std::string>>() > 0);
}
