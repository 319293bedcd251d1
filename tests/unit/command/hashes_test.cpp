// Tests of command/hashes.hpp: the words, flags, refusals and replies of hash commands.
#include <umbel/command/hashes.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::field_condition;
using umbel::field_expiry;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::hash_commands> db;
std::vector<std::string> const fields{"a", "b"};
std::map<std::string, int> const values{{"a", 1}, {"b", 2}};
std::vector<std::string> const none;
constexpr umbel::unix_time moment{86400s};

}  // namespace

TEST_CASE("every hash command sends its words, with the flags and the slot of the command table",
          "[hashes]") {
    CHECK(mismatch(db.hset("k", "f", "v"), "HSET k f v") == "");
    CHECK(mismatch(db.hset("k", "f", 1, "g", 2.5), "HSET k f 1 g 2.5") == "");
    CHECK(mismatch(db.hset("k", values), "HSET k a 1 b 2") == "");
    CHECK(mismatch(db.hsetnx("k", "f", "v"), "HSETNX k f v") == "");
    CHECK(mismatch(db.hget("k", "f"), "HGET k f") == "");
    CHECK(mismatch(db.hmget("k", "f", "g"), "HMGET k f g") == "");
    CHECK(mismatch(db.hmget("k", fields), "HMGET k a b") == "");
    CHECK(mismatch(db.hgetall("k"), "HGETALL k") == "");
    CHECK(mismatch(db.hkeys("k"), "HKEYS k") == "");
    CHECK(mismatch(db.hvals("k"), "HVALS k") == "");
    CHECK(mismatch(db.hdel("k", "f", "g"), "HDEL k f g") == "");
    CHECK(mismatch(db.hdel("k", fields), "HDEL k a b") == "");
    CHECK(mismatch(db.hexists("k", "f"), "HEXISTS k f") == "");
    CHECK(mismatch(db.hlen("k"), "HLEN k") == "");
    CHECK(mismatch(db.hstrlen("k", "f"), "HSTRLEN k f") == "");
    CHECK(mismatch(db.hincrby("k", "f", -5), "HINCRBY k f -5") == "");
    CHECK(mismatch(db.hincrbyfloat("k", "f", 0.5), "HINCRBYFLOAT k f 0.5") == "");
    CHECK(mismatch(db.hrandfield("k"), "HRANDFIELD k") == "");
    CHECK(mismatch(db.hrandfield("k", -3), "HRANDFIELD k -3") == "");
    CHECK(mismatch(db.hrandfield_with_values("k", 3), "HRANDFIELD k 3 WITHVALUES") == "");
    CHECK(mismatch(db.hscan("k"), "HSCAN k 0") == "");
    CHECK(mismatch(db.hscan("k", "17", {.match = "f*", .count = 100}), "HSCAN k 17 MATCH f* COUNT 100") ==
          "");
    CHECK(mismatch(db.hscan_fields("k", "0", {.count = 5}), "HSCAN k 0 COUNT 5 NOVALUES") == "");
}

TEST_CASE("fields that expire: conditions stand before the fields, and the fields are counted", "[hashes]") {
    CHECK(mismatch(db.hexpire("k", 30s, fields), "HPEXPIRE k 30000 FIELDS 2 a b") == "");
    CHECK(mismatch(db.hexpire("k", 5ms, fields, umbel::expire_condition::if_greater),
                   "HPEXPIRE k 5 GT FIELDS 2 a b") == "");
    CHECK(mismatch(db.hexpire_at("k", moment, fields), "HPEXPIREAT k 86400000 FIELDS 2 a b") == "");
    CHECK(mismatch(db.hpersist("k", fields), "HPERSIST k FIELDS 2 a b") == "");
    CHECK(mismatch(db.httl("k", fields), "HPTTL k FIELDS 2 a b") == "");
    CHECK(mismatch(db.hexpire_time("k", fields), "HPEXPIRETIME k FIELDS 2 a b") == "");
    CHECK(mismatch(db.hgetex("k", fields), "HGETEX k FIELDS 2 a b") == "");
    CHECK(mismatch(db.hgetex("k", fields, {.expire = 30s}), "HGETEX k EX 30 FIELDS 2 a b") == "");
    CHECK(mismatch(db.hgetex("k", fields, {.persist = true}), "HGETEX k PERSIST FIELDS 2 a b") == "");
    CHECK(mismatch(db.hsetex("k", values), "HSETEX k FIELDS 2 a 1 b 2") == "");
    CHECK(mismatch(
              db.hsetex("k", values, {.expire_at = moment + 1ms, .condition = field_condition::if_all_exist}),
              "HSETEX k FXX PXAT 86400001 FIELDS 2 a 1 b 2") == "");
    CHECK(mismatch(db.hsetex("k", values, {.keep_ttl = true, .condition = field_condition::if_none_exists}),
                   "HSETEX k FNX KEEPTTL FIELDS 2 a 1 b 2") == "");
    CHECK(mismatch(db.hgetdel("k", fields), "HGETDEL k FIELDS 2 a b") == "");
}

TEST_CASE("what no server would take is refused before it is sent", "[hashes]") {
    CHECK(db.hset("k", std::map<std::string, std::string>{}).refusal.starts_with("an empty range"));
    CHECK(db.hmget("k", none).refusal.starts_with("an empty range"));
    CHECK(db.hdel("k", none).refusal.starts_with("an empty range"));
    CHECK(db.hexpire("k", 1s, none).refusal.starts_with("an empty range"));
    CHECK(db.hsetex("k", values, {.expire = 0s}).refusal == "expire is not positive");
    CHECK(db.hsetex("k", values, {.expire = 1s, .keep_ttl = true}).refusal ==
          "keep_ttl excludes expire and expire_at");
    CHECK(db.hgetex("k", fields, {.expire = 1s, .expire_at = moment}).refusal ==
          "expire and expire_at exclude each other");
    CHECK(db.hgetex("k", fields, {.expire = 1s, .persist = true}).refusal ==
          "persist excludes expire and expire_at");
    CHECK(db.hscan("k", "0", {.count = 0}).refusal == "a scan with a count of zero");
    CHECK(db.hincrbyfloat("k", "f", std::numeric_limits<double>::infinity()).refusal == "by is not finite");
}

TEST_CASE("hash replies are of natural types", "[hashes]") {
    using std::optional;
    using std::string;
    using std::vector;
    STATIC_CHECK(replies<optional<string>, decltype(db.hget("k", "f"))>());
    STATIC_CHECK(replies<optional<int>, decltype(db.hget<int>("k", "f"))>());
    STATIC_CHECK(replies<vector<optional<string>>, decltype(db.hmget("k", fields))>());
    STATIC_CHECK(replies<std::unordered_map<string, string>, decltype(db.hgetall("k"))>());
    STATIC_CHECK(replies<vector<field_expiry>, decltype(db.hexpire("k", 1s, fields))>());
    STATIC_CHECK(replies<bool, decltype(db.hsetnx("k", "f", "v"))>());
}

TEST_CASE("RESP2 and RESP3 give the same hash values", "[hashes]") {
    using map = std::unordered_map<std::string, std::string>;
    map const both{{"a", "1"}, {"b", "2"}};
    CHECK(decoded<map>("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n") == both);
    CHECK(decoded<map>("%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n") == both);
    using pairs = std::vector<std::pair<std::string, std::string>>;
    pairs const one{{"a", "1"}};
    CHECK(decoded<pairs>("*2\r\n$1\r\na\r\n$1\r\n1\r\n") == one);
    CHECK(decoded<pairs>("*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n") == one);
    using page = umbel::scan_page<std::pair<std::string, std::string>>;
    auto const first = decoded<page>("*2\r\n$2\r\n17\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n");
    REQUIRE(first);
    CHECK(first->cursor == "17");
    CHECK_FALSE(first->last());
    CHECK(first->items == one);
    CHECK(decoded<page>("*2\r\n$1\r\n0\r\n*0\r\n") == page{"0", {}});
}

TEST_CASE("expiries of fields are told by name", "[hashes]") {
    using enum field_expiry;
    CHECK(decoded<std::vector<field_expiry>>("*5\r\n:-2\r\n:-1\r\n:0\r\n:1\r\n:2\r\n") ==
          std::vector{no_field, no_expiry, not_met, done, deleted});
    CHECK(decoded<field_expiry>(":3\r\n").error().code() == umbel::errc::unexpected_type);
    CHECK(decoded<field_expiry>(":-3\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies to hash commands give an error or a value", "[hashes]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<field_expiry>() == 1);
    CHECK(survives_odd_replies<std::vector<field_expiry>>() > 0);
    CHECK(survives_odd_replies<umbel::scan_page<std::pair<std::string, std::string>>>() > 0);
    CHECK(survives_odd_replies<std::unordered_map<std::string, std::string>>() > 0);
}
