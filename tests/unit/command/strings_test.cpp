// Tests of command/strings.hpp: the words, flags, refusals and replies of GET, SET and their family.
#include <umbel/command/strings.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Options stand in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(umbel::increx_options<std::int64_t>));

using namespace std::chrono_literals;
using umbel::keys_condition;
using umbel::set_condition;
using umbel::cluster::command_flags;
using umbel::cluster::slot_of;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::string_commands> db;
constexpr umbel::unix_time moment{86400s};
std::map<std::string, int> const pairs{{"{k}a", 1}, {"{k}b", 2}};
std::map<std::string, int> const no_pairs;
constexpr std::string_view digest = "b6acb9d84a38ff74";

}  // namespace

TEST_CASE("every string command sends its words, with the flags and the slot of the command table",
          "[strings]") {
    CHECK(mismatch(db.get("k"), "GET k") == "");
    CHECK(mismatch(db.set("k", "v"), "SET k v") == "");
    CHECK(mismatch(db.set("k", 42), "SET k 42") == "");
    CHECK(mismatch(db.getex("k"), "GETEX k") == "");
    CHECK(mismatch(db.getex("k", {.expire = 30s}), "GETEX k EX 30") == "");
    CHECK(mismatch(db.getex("k", {.expire_at = moment}), "GETEX k EXAT 86400") == "");
    CHECK(mismatch(db.getex("k", {.persist = true}), "GETEX k PERSIST") == "");
    CHECK(mismatch(db.getdel("k"), "GETDEL k") == "");
    CHECK(mismatch(db.msetnx(pairs), "MSETNX {k}a 1 {k}b 2") == "");
    CHECK(mismatch(db.strlen("k"), "STRLEN k") == "");
    CHECK(mismatch(db.append("k", "tail"), "APPEND k tail") == "");
    CHECK(mismatch(db.getrange("k", 0, -1), "GETRANGE k 0 -1") == "");
    CHECK(mismatch(db.setrange("k", 5, "v"), "SETRANGE k 5 v") == "");
    CHECK(mismatch(db.lcs("{k}a", "{k}b"), "LCS {k}a {k}b") == "");
    CHECK(mismatch(db.lcs_length("{k}a", "{k}b"), "LCS {k}a {k}b LEN") == "");
    CHECK(mismatch(db.lcs_matches("{k}a", "{k}b"), "LCS {k}a {k}b IDX") == "");
    CHECK(mismatch(db.lcs_matches("{k}a", "{k}b", 4), "LCS {k}a {k}b IDX MINMATCHLEN 4") == "");
    CHECK(mismatch(db.incr("k"), "INCR k") == "");
    CHECK(mismatch(db.decr("k"), "DECR k") == "");
    CHECK(mismatch(db.incrby("k", -5), "INCRBY k -5") == "");
    CHECK(mismatch(db.decrby("k", 5), "DECRBY k 5") == "");
    CHECK(mismatch(db.incrbyfloat("k", 0.1), "INCRBYFLOAT k 0.1") == "");
}

TEST_CASE("a SET with options has the flags that the command table gives for its words", "[strings]") {
    CHECK(mismatch(db.set("k", "v", {}), "SET k v") == "");
    CHECK(mismatch(db.set("k", "v", {.expire = 30s}), "SET k v EX 30") == "");
    CHECK(mismatch(db.set("k", "v", {.expire = 1500ms}), "SET k v PX 1500") == "");
    CHECK(mismatch(db.set("k", "v", {.expire_at = moment}), "SET k v EXAT 86400") == "");
    CHECK(mismatch(db.set("k", "v", {.expire_at = moment + 1ms}), "SET k v PXAT 86400001") == "");
    CHECK(mismatch(db.set("k", "v", {.keep_ttl = true}), "SET k v KEEPTTL") == "");
    CHECK(mismatch(db.set("k", "v", {.condition = set_condition::if_absent}), "SET k v NX") == "");
    CHECK(mismatch(db.set("k", "v", {.expire = 5s, .condition = set_condition::if_present}),
                   "SET k v EX 5 XX") == "");
    CHECK(mismatch(db.set("k", "v", {.condition = umbel::if_equal("old")}), "SET k v IFEQ old") == "");
    CHECK(mismatch(db.set("k", "v", {.keep_ttl = true, .condition = umbel::if_not_equal("old")}),
                   "SET k v KEEPTTL IFNE old") == "");
    CHECK(mismatch(db.set("k", "v", {.condition = umbel::if_digest_equal(digest)}),
                   "SET k v IFDEQ b6acb9d84a38ff74") == "");
    CHECK(mismatch(db.set("k", "v", {.condition = umbel::if_digest_not_equal(digest)}),
                   "SET k v IFDNE b6acb9d84a38ff74") == "");
    CHECK(mismatch(db.set_and_get("k", "v"), "SET k v GET") == "");
    CHECK(mismatch(db.set_and_get("k", "v", {.expire_at = moment, .condition = umbel::if_equal("old")}),
                   "SET k v EXAT 86400 IFEQ old GET") == "");
    CHECK(mismatch(db.set_and_get("k", "v", {.keep_ttl = true, .condition = set_condition::if_absent}),
                   "SET k v KEEPTTL NX GET") == "");
}

TEST_CASE("only a SET that does not look at what is there is idempotent", "[strings]") {
    CHECK(db.set("k", "v").flags == command_flags::idempotent);
    CHECK(mismatch(db.set("k", umbel::borrow("lent")), "SET k lent") == "");
    CHECK(db.set("k", "v", {.expire = 1s}).flags == command_flags::idempotent);
    CHECK(db.set("k", "v", {.keep_ttl = true}).flags == command_flags::none);
    CHECK(db.set("k", "v", {.condition = set_condition::if_absent}).flags == command_flags::none);
    CHECK(db.set("k", "v", {.condition = umbel::if_equal("")}).flags == command_flags::none);
    CHECK(db.set_and_get("k", "v").flags == command_flags::none);
}

TEST_CASE("commands of newer servers send their words", "[strings]") {
    CHECK(mismatch(db.delex("k", umbel::if_equal("v")), "DELEX k IFEQ v") == "");
    CHECK(mismatch(db.delex("k", umbel::if_digest_not_equal(digest)), "DELEX k IFDNE b6acb9d84a38ff74") ==
          "");
    CHECK(mismatch(db.delifeq("k", "v"), "DELIFEQ k v") == "");
    CHECK(mismatch(db.digest("k"), "DIGEST k") == "");
    CHECK(db.digest("k").flags == command_flags::read_only);
    CHECK(mismatch(db.msetex(pairs), "MSETEX 2 {k}a 1 {k}b 2") == "");
    CHECK(mismatch(db.msetex(pairs, {.expire = 30s, .condition = keys_condition::if_none_exists}),
                   "MSETEX 2 {k}a 1 {k}b 2 NX EX 30") == "");
    CHECK(mismatch(db.msetex(pairs, {.keep_ttl = true, .condition = keys_condition::if_all_exist}),
                   "MSETEX 2 {k}a 1 {k}b 2 XX KEEPTTL") == "");
    CHECK(db.msetex(pairs).slot == slot_of("k"));
    CHECK(mismatch(db.increx("k", 1), "INCREX k BYINT 1") == "");
    CHECK(mismatch(db.increx("k", 1, {.upper = 100, .expire = 60s, .expire_if_none = true}),
                   "INCREX k BYINT 1 UBOUND 100 EX 60 ENX") == "");
    CHECK(mismatch(db.increx("k", -3, {.lower = 0, .saturate = true, .persist = true}),
                   "INCREX k BYINT -3 LBOUND 0 SATURATE PERSIST") == "");
    CHECK(mismatch(db.increx_by_float("k", 0.5, {.lower = -1.5, .upper = 2}),
                   "INCREX k BYFLOAT 0.5 LBOUND -1.5 UBOUND 2") == "");
}

TEST_CASE("what no server would take of a string command is refused before it is sent", "[strings]") {
    CHECK(db.set("k", "v", {.expire = 0s}).refusal == "expire is not positive");
    CHECK(db.set("k", "v", {.expire = -1ms}).refusal == "expire is not positive");
    CHECK(db.set("k", "v", {.expire_at = umbel::unix_time{}}).refusal == "expire_at is not after 1970");
    CHECK(db.set("k", "v", {.expire = 1s, .expire_at = moment}).refusal ==
          "expire and expire_at exclude each other");
    CHECK(db.set("k", "v", {.expire = 1s, .keep_ttl = true}).refusal ==
          "keep_ttl excludes expire and expire_at");
    CHECK(db.set_and_get("k", "v", {.expire_at = moment, .keep_ttl = true}).refusal ==
          "keep_ttl excludes expire and expire_at");
    CHECK(db.set("k", "v", {.condition = umbel::if_digest_equal("b6")}).refusal ==
          "a digest has 16 hexadecimal digits");
    CHECK(db.delex("k", umbel::if_digest_equal("")).refusal == "a digest has 16 hexadecimal digits");
    CHECK(db.getex("k", {.expire = 0s}).refusal == "expire is not positive");
    CHECK(db.getex("k", {.expire = 1s, .persist = true}).refusal == "persist excludes expire and expire_at");
    CHECK(db.msetnx(no_pairs).refusal.starts_with("an empty range"));
    CHECK(db.msetex(no_pairs).refusal.starts_with("an empty range"));
    CHECK(db.msetex(pairs, {.expire = 1s, .keep_ttl = true}).refusal ==
          "keep_ttl excludes expire and expire_at");
    CHECK(db.setrange("k", -1, "v").refusal == "a negative offset");
    CHECK(db.increx("k", 1, {.lower = 2, .upper = 1}).refusal == "the lower bound is above the upper one");
    CHECK(db.increx("k", 1, {.expire_if_none = true}).refusal == "expire_if_none needs expire or expire_at");
    CHECK(db.increx("k", 1, {.expire = 1s, .persist = true}).refusal ==
          "persist excludes expire and expire_at");
    CHECK(db.incrbyfloat("k", std::numeric_limits<double>::quiet_NaN()).refusal == "by is not finite");
    CHECK(db.increx_by_float("k", std::numeric_limits<double>::quiet_NaN()).refusal == "not a number");
}

TEST_CASE("string replies are of natural types", "[strings]") {
    using std::optional;
    using std::string;
    STATIC_CHECK(replies<optional<string>, decltype(db.get("k"))>());
    STATIC_CHECK(replies<optional<umbel::bytes>, decltype(db.get<umbel::bytes>("k"))>());
    STATIC_CHECK(replies<umbel::set_outcome, decltype(db.set("k", "v"))>());
    STATIC_CHECK(replies<umbel::set_outcome, decltype(db.set("k", "v", {.expire = 1s}))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.set_and_get("k", "v"))>());
    STATIC_CHECK(replies<optional<int>, decltype(db.getex<int>("k"))>());
    STATIC_CHECK(replies<bool, decltype(db.delex("k", umbel::if_equal("v")))>());
    STATIC_CHECK(replies<bool, decltype(db.delifeq("k", "v"))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.digest("k"))>());
    STATIC_CHECK(replies<bool, decltype(db.msetnx(pairs))>());
    STATIC_CHECK(replies<bool, decltype(db.msetex(pairs))>());
    STATIC_CHECK(replies<string, decltype(db.getrange("k", 0, 1))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.lcs_length("a", "b"))>());
    STATIC_CHECK(replies<umbel::lcs_matches, decltype(db.lcs_matches("a", "b"))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.incr("k"))>());
    STATIC_CHECK(replies<double, decltype(db.incrbyfloat("k", 1))>());
    STATIC_CHECK(replies<umbel::increx_outcome<double>, decltype(db.increx_by_float("k", 1))>());
}

TEST_CASE("INCREX tells the value and what was added, in RESP2 and RESP3", "[strings]") {
    using whole = umbel::increx_outcome<std::int64_t>;
    using real = umbel::increx_outcome<double>;
    CHECK(decoded<whole>("*2\r\n:105\r\n:5\r\n") == whole{105, 5});
    CHECK(decoded<real>("*2\r\n$4\r\n1.75\r\n$4\r\n0.25\r\n") == real{1.75, 0.25});
    CHECK(decoded<real>("*2\r\n,1.75\r\n,0.25\r\n") == real{1.75, 0.25});
    CHECK(decoded<whole>("*1\r\n:105\r\n").error().code() == umbel::errc::unexpected_type);
    CHECK(umbel::test::survives_odd_replies<whole>() == 0);
    CHECK(umbel::test::survives_odd_replies<real>() == 0);
}
