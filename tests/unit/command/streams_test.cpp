// Tests of command/streams.hpp: the words, flags, refusals and replies of stream commands.
#include <umbel/command/streams.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using umbel::stream_bound;
using umbel::stream_deletion;
using umbel::stream_entry;
using umbel::stream_references;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::stream_commands> db;
std::vector<std::string> const ids{"1-0", "2-0"};
std::map<std::string, int> const values{{"a", 1}, {"b", 2}};
std::vector<std::pair<std::string, std::string>> const streams{{"{k}1", "0"}, {"{k}2", "$"}};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("XADD sends its options, the id, and then the fields", "[streams]") {
    CHECK(mismatch(db.xadd("k", "f", "v"), "XADD k * f v") == "");
    CHECK(mismatch(db.xadd("k", "f", 1, "g", 2.5), "XADD k * f 1 g 2.5") == "");
    CHECK(mismatch(db.xadd("k", values), "XADD k * a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.id = "5-1"}), "XADD k 5-1 a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.trim = {.max_length = 10}}), "XADD k MAXLEN 10 * a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.trim = {.max_length = 10, .approximate = true, .limit = 7}}),
                   "XADD k MAXLEN ~ 10 LIMIT 7 * a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.trim = {.min_id = "3", .references = stream_references::acked}}),
                   "XADD k ACKED MINID 3 * a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.producer = "p"}), "XADD k IDMPAUTO p * a 1 b 2") == "");
    CHECK(mismatch(db.xadd("k", values, {.producer = "p", .message = "m"}), "XADD k IDMP p m * a 1 b 2") ==
          "");
    CHECK(mismatch(db.xadd_if_exists("k", values), "XADD k NOMKSTREAM * a 1 b 2") == "");
    CHECK(mismatch(db.xadd_if_exists("k", values, {.id = "9-*"}), "XADD k NOMKSTREAM 9-* a 1 b 2") == "");
}

TEST_CASE("every other stream command sends its words, with the flags and the slot of the command table",
          "[streams]") {
    CHECK(mismatch(db.xlen("k"), "XLEN k") == "");
    CHECK(mismatch(db.xrange("k"), "XRANGE k - +") == "");
    CHECK(mismatch(db.xrange("k", "1", stream_bound::exclusive("5-1"), 10), "XRANGE k 1 (5-1 COUNT 10") ==
          "");
    CHECK(mismatch(db.xrevrange("k"), "XREVRANGE k + -") == "");
    CHECK(mismatch(db.xrevrange("k", stream_bound::exclusive("9"), "2", 3), "XREVRANGE k (9 2 COUNT 3") ==
          "");
    CHECK(mismatch(db.xread("k", "0"), "XREAD STREAMS k 0") == "");
    CHECK(mismatch(db.xread("k", umbel::stream_ids::end, {.count = 5}), "XREAD COUNT 5 STREAMS k $") == "");
    CHECK(mismatch(db.xread(streams), "XREAD STREAMS {k}1 {k}2 0 $") == "");
    CHECK(mismatch(db.xread(streams, {.count = 5}), "XREAD COUNT 5 STREAMS {k}1 {k}2 0 $") == "");
    CHECK(mismatch(db.xdel("k", "1-0"), "XDEL k 1-0") == "");
    CHECK(mismatch(db.xdel("k", "1-0", "2-0"), "XDEL k 1-0 2-0") == "");
    CHECK(mismatch(db.xdel("k", ids), "XDEL k 1-0 2-0") == "");
    CHECK(mismatch(db.xtrim("k", {.max_length = 10}), "XTRIM k MAXLEN 10") == "");
    CHECK(mismatch(db.xtrim("k", {.min_id = "5", .approximate = true, .limit = 0}),
                   "XTRIM k MINID ~ 5 LIMIT 0") == "");
    CHECK(mismatch(db.xtrim("k", {.max_length = 10, .references = stream_references::drop}),
                   "XTRIM k MAXLEN 10 DELREF") == "");
    CHECK(mismatch(db.xsetid("k", "5-1"), "XSETID k 5-1") == "");
    CHECK(mismatch(db.xsetid("k", "5-1", {.entries_added = 7, .max_deleted_id = "3-0"}),
                   "XSETID k 5-1 ENTRIESADDED 7 MAXDELETEDID 3-0") == "");
    CHECK(mismatch(db.xinfo_stream("k"), "XINFO STREAM k") == "");
}

TEST_CASE("stream commands of Redis 8 send their words", "[streams]") {
    CHECK(mismatch(db.xdelex("k", ids), "XDELEX k IDS 2 1-0 2-0") == "");
    CHECK(mismatch(db.xdelex("k", ids, stream_references::keep), "XDELEX k KEEPREF IDS 2 1-0 2-0") == "");
    CHECK(mismatch(db.xcfgset("k", {.duration = 300s}), "XCFGSET k IDMP-DURATION 300") == "");
    CHECK(mismatch(db.xcfgset("k", {.duration = 1min, .messages_max = 500}),
                   "XCFGSET k IDMP-DURATION 60 IDMP-MAXSIZE 500") == "");
    CHECK(mismatch(db.xread("k", "0", {.max_count = 5, .max_bytes = 1000}),
                   "XREAD MAXCOUNT 5 MAXSIZE 1000 STREAMS k 0") == "");
}

TEST_CASE("what no server would take of a stream command is refused before it is sent", "[streams]") {
    CHECK(db.xadd("k", std::map<std::string, std::string>{}).refusal.starts_with("an empty range"));
    CHECK(db.xadd("k", values, {.id = ""}).refusal == "an empty id");
    CHECK(db.xadd("k", values, {.id = "1-0", .producer = "p"}).refusal ==
          "a producer needs an id that the server makes");
    CHECK(db.xadd("k", values, {.message = "m"}).refusal == "a message without its producer");
    CHECK(db.xadd("k", values, {.trim = {.max_length = 1, .min_id = "1"}}).refusal ==
          "max_length and min_id exclude each other");
    CHECK(db.xrange("k", "").refusal == "a bound that is no stream id");
    CHECK(db.xrange("k", "1", "2", 0).refusal == "a count of zero");
    CHECK(db.xread("k", "0", {.count = 0}).refusal == "a count of zero");
    CHECK(db.xread(std::map<std::string, std::string>{}).refusal.starts_with("an empty range"));
    CHECK(db.xdel("k", none).refusal.starts_with("an empty range"));
    CHECK(db.xdelex("k", none).refusal.starts_with("an empty range"));
    CHECK(db.xtrim("k", {}).refusal == "trimming needs max_length or min_id");
    CHECK(db.xtrim("k", {.max_length = 5, .limit = 5}).refusal == "a limit needs approximate trimming");
    CHECK(db.xcfgset("k", {}).refusal == "XCFGSET without anything to set");
}

TEST_CASE("streams of several slots lie in no slot of the cluster", "[streams]") {
    std::map<std::string, std::string> const apart{{"a", "0"}, {"b", "0"}};
    CHECK(db.xread(apart).slot.is_several());
}

TEST_CASE("stream replies are of natural types", "[streams]") {
    using std::optional;
    using std::string;
    using std::vector;
    using map = std::map<string, string>;
    STATIC_CHECK(replies<string, decltype(db.xadd("k", values))>());
    STATIC_CHECK(replies<optional<string>, decltype(db.xadd_if_exists("k", values))>());
    STATIC_CHECK(replies<vector<stream_entry<>>, decltype(db.xrange("k"))>());
    STATIC_CHECK(replies<vector<stream_entry<map>>, decltype(db.xrevrange<map>("k"))>());
    STATIC_CHECK(replies<umbel::stream_batch<>, decltype(db.xread("k", "0"))>());
    STATIC_CHECK(replies<umbel::stream_batch<stream_entry<map>>, decltype(db.xread<map>(streams))>());
    STATIC_CHECK(replies<vector<stream_deletion>, decltype(db.xdelex("k", ids))>());
    STATIC_CHECK(replies<umbel::stream_info, decltype(db.xinfo_stream("k"))>());
    STATIC_CHECK(replies<umbel::ok, decltype(db.xsetid("k", "1"))>());
}

TEST_CASE("XINFO STREAM is read with fields less and more, in RESP2 and RESP3", "[streams]") {
    std::string const fields =
        "$6\r\nlength\r\n:1\r\n$15\r\nradix-tree-keys\r\n:1\r\n$16\r\nradix-tree-nodes\r\n:2\r\n"
        "$17\r\nlast-generated-id\r\n$3\r\n1-0\r\n$6\r\ngroups\r\n:0\r\n";
    std::string const entries =
        "$11\r\nfirst-entry\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n$10\r\nlast-entry\r\n*-1\r\n";
    umbel::stream_info expected{.length = 1,
                                .radix_tree_keys = 1,
                                .radix_tree_nodes = 2,
                                .last_generated_id = "1-0",
                                .max_deleted_entry_id = {},
                                .entries_added = {},
                                .recorded_first_entry_id = {},
                                .first_entry = stream_entry<>{"1-0", {{"a", "1"}}},
                                .last_entry = {}};
    CHECK(decoded<umbel::stream_info>("*14\r\n" + fields + entries) == expected);
    CHECK(decoded<umbel::stream_info>("%7\r\n" + fields + entries) == expected);
    expected.entries_added = 5;
    CHECK(decoded<umbel::stream_info>("%9\r\n" + fields + entries +
                                      "$13\r\nentries-added\r\n:5\r\n$3\r\nnew\r\n:1\r\n") == expected);
    auto const partial = decoded<umbel::stream_info>("%1\r\n$6\r\nlength\r\n:1\r\n");
    CHECK(partial.error() == umbel::errc::unexpected_type);
    CHECK(partial.error().message().find("radix-tree-keys") != std::string_view::npos);
}

TEST_CASE("odd replies to stream commands give an error or a value", "[streams]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<umbel::stream_info>() == 0);
    CHECK(survives_odd_replies<std::vector<stream_entry<>>>() > 0);
}
