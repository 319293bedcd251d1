// Tests of command/stream_groups.hpp: the words, flags, refusals and replies of commands on consumer groups.
#include <umbel/command/stream_groups.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::delivered_entry;
using umbel::stream_bound;
using umbel::stream_entry;
using umbel::stream_references;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::stream_group_commands> db;
std::vector<std::string> const ids{"1-0", "2-0"};
std::vector<std::pair<std::string, std::string>> const streams{{"{k}1", ">"}, {"{k}2", "0"}};
std::vector<std::string> const none;
constexpr umbel::unix_time moment{86400s};

}  // namespace

TEST_CASE("commands on groups and consumers send their words, with the flags and the slot of the table",
          "[streams]") {
    CHECK(mismatch(db.xgroup_create("k", "g", "$"), "XGROUP CREATE k g $") == "");
    CHECK(mismatch(db.xgroup_create("k", "g", "0", {.make_stream = true, .entries_read = 5}),
                   "XGROUP CREATE k g 0 MKSTREAM ENTRIESREAD 5") == "");
    CHECK(mismatch(db.xgroup_setid("k", "g", "5-1"), "XGROUP SETID k g 5-1") == "");
    CHECK(mismatch(db.xgroup_setid("k", "g", "5-1", 7), "XGROUP SETID k g 5-1 ENTRIESREAD 7") == "");
    CHECK(mismatch(db.xgroup_destroy("k", "g"), "XGROUP DESTROY k g") == "");
    CHECK(mismatch(db.xgroup_createconsumer("k", "g", "c"), "XGROUP CREATECONSUMER k g c") == "");
    CHECK(mismatch(db.xgroup_delconsumer("k", "g", "c"), "XGROUP DELCONSUMER k g c") == "");
    CHECK(mismatch(db.xinfo_groups("k"), "XINFO GROUPS k") == "");
    CHECK(mismatch(db.xinfo_consumers("k", "g"), "XINFO CONSUMERS k g") == "");
}

TEST_CASE("commands on deliveries send their words, with the flags and the slot of the table", "[streams]") {
    CHECK(mismatch(db.xreadgroup("g", "c", "k", ">"), "XREADGROUP GROUP g c STREAMS k >") == "");
    CHECK(mismatch(db.xreadgroup("g", "c", streams), "XREADGROUP GROUP g c STREAMS {k}1 {k}2 > 0") == "");
    CHECK(mismatch(db.xreadgroup("g", "c", streams, {.count = 5, .no_ack = true}),
                   "XREADGROUP GROUP g c COUNT 5 NOACK STREAMS {k}1 {k}2 > 0") == "");
    CHECK(mismatch(db.xreadgroup("g", "c", "k", ">", {.claim = 2s, .max_count = 3, .max_bytes = 4}),
                   "XREADGROUP GROUP g c MAXCOUNT 3 MAXSIZE 4 CLAIM 2000 STREAMS k >") == "");
    CHECK(mismatch(db.xack("k", "g", "1-0"), "XACK k g 1-0") == "");
    CHECK(mismatch(db.xack("k", "g", "1-0", "2-0"), "XACK k g 1-0 2-0") == "");
    CHECK(mismatch(db.xack("k", "g", ids), "XACK k g 1-0 2-0") == "");
}

TEST_CASE("commands on what is pending send their words, with the flags and the slot of the table",
          "[streams]") {
    CHECK(mismatch(db.xpending("k", "g"), "XPENDING k g") == "");
    CHECK(mismatch(db.xpending_entries("k", "g", 10), "XPENDING k g - + 10") == "");
    CHECK(mismatch(db.xpending_entries(
                       "k", "g", 10,
                       {.from = "1", .to = stream_bound::exclusive("9"), .consumer = "c", .idle = 2s}),
                   "XPENDING k g IDLE 2000 1 (9 10 c") == "");
    CHECK(mismatch(db.xclaim("k", "g", "c", 1s, ids), "XCLAIM k g c 1000 1-0 2-0") == "");
    CHECK(mismatch(db.xclaim("k", "g", "c", 0s, ids,
                             {.idle = 5ms, .deliveries = 3, .force = true, .last_id = "7-0"}),
                   "XCLAIM k g c 0 1-0 2-0 IDLE 5 RETRYCOUNT 3 FORCE LASTID 7-0") == "");
    CHECK(mismatch(db.xclaim("k", "g", "c", 1s, ids, {.delivered_at = moment}),
                   "XCLAIM k g c 1000 1-0 2-0 TIME 86400000") == "");
    CHECK(mismatch(db.xclaim_ids("k", "g", "c", 1s, ids, {.force = true}),
                   "XCLAIM k g c 1000 1-0 2-0 FORCE JUSTID") == "");
    CHECK(mismatch(db.xautoclaim("k", "g", "c", 1s), "XAUTOCLAIM k g c 1000 0-0") == "");
    CHECK(mismatch(db.xautoclaim("k", "g", "c", 1s, "5-1", 10), "XAUTOCLAIM k g c 1000 5-1 COUNT 10") == "");
    CHECK(mismatch(db.xautoclaim_ids("k", "g", "c", 1s, "5-1", 10),
                   "XAUTOCLAIM k g c 1000 5-1 COUNT 10 JUSTID") == "");
}

TEST_CASE("commands on groups of Redis 8 send their words", "[streams]") {
    CHECK(mismatch(db.xackdel("k", "g", ids), "XACKDEL k g IDS 2 1-0 2-0") == "");
    CHECK(mismatch(db.xackdel("k", "g", ids, stream_references::acked), "XACKDEL k g ACKED IDS 2 1-0 2-0") ==
          "");
    CHECK(mismatch(db.xnack("k", "g", umbel::nack_mode::silent, ids), "XNACK k g SILENT IDS 2 1-0 2-0") ==
          "");
    CHECK(mismatch(db.xnack("k", "g", umbel::nack_mode::fatal, ids), "XNACK k g FATAL IDS 2 1-0 2-0") == "");
}

TEST_CASE("what no server would take of a command on groups is refused before it is sent", "[streams]") {
    std::map<std::string, std::string> const no_streams;
    CHECK(db.xreadgroup("g", "c", no_streams).refusal.starts_with("an empty range"));
    CHECK(db.xreadgroup("g", "c", "k", ">", {.count = 0}).refusal == "a count of zero");
    CHECK(db.xreadgroup("g", "c", "k", ">", {.claim = -1ms}).refusal == "an idle time that is negative");
    CHECK(db.xack("k", "g", none).refusal.starts_with("an empty range"));
    CHECK(db.xackdel("k", "g", none).refusal.starts_with("an empty range"));
    CHECK(db.xnack("k", "g", umbel::nack_mode::fail, none).refusal.starts_with("an empty range"));
    CHECK(db.xpending_entries("k", "g", 0).refusal == "a count of zero");
    CHECK(db.xpending_entries("k", "g", 1, {.from = ""}).refusal == "a bound that is no stream id");
    CHECK(db.xpending_entries("k", "g", 1, {.idle = -1ms}).refusal == "idle is negative");
    CHECK(db.xclaim("k", "g", "c", 1s, none).refusal.starts_with("an empty range"));
    CHECK(db.xclaim("k", "g", "c", -1s, ids).refusal == "an idle time that is negative");
    CHECK(db.xclaim("k", "g", "c", 1s, ids, {.idle = 1ms, .delivered_at = moment}).refusal ==
          "idle and delivered_at exclude each other");
    CHECK(db.xautoclaim("k", "g", "c", 1s, "0-0", 0).refusal == "a count of zero");
    CHECK(db.xautoclaim_ids("k", "g", "c", -1s).refusal == "an idle time that is negative");
}

TEST_CASE("replies of commands on groups are of natural types", "[streams]") {
    using std::string;
    using std::vector;
    using map = std::map<string, string>;
    STATIC_CHECK(replies<umbel::ok, decltype(db.xgroup_create("k", "g", "$"))>());
    STATIC_CHECK(replies<bool, decltype(db.xgroup_destroy("k", "g"))>());
    STATIC_CHECK(replies<vector<umbel::group_info>, decltype(db.xinfo_groups("k"))>());
    STATIC_CHECK(
        replies<umbel::stream_batch<delivered_entry<>>, decltype(db.xreadgroup("g", "c", streams))>());
    STATIC_CHECK(replies<umbel::stream_batch<delivered_entry<map>>,
                         decltype(db.xreadgroup<map>("g", "c", "k", ">"))>());
    STATIC_CHECK(replies<umbel::pending_summary, decltype(db.xpending("k", "g"))>());
    STATIC_CHECK(replies<vector<umbel::pending_entry>, decltype(db.xpending_entries("k", "g", 1))>());
    STATIC_CHECK(replies<vector<stream_entry<map>>, decltype(db.xclaim<map>("k", "g", "c", 1s, ids))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.xclaim_ids("k", "g", "c", 1s, ids))>());
    STATIC_CHECK(replies<umbel::claim_page<>, decltype(db.xautoclaim("k", "g", "c", 1s))>());
    STATIC_CHECK(replies<umbel::claim_page<string>, decltype(db.xautoclaim_ids("k", "g", "c", 1s))>());
}
