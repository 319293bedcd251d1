// Tests of command/stream_group_types.hpp: what is pending, what is claimed, and what is known of groups, in
// RESP2 and RESP3.
#include <umbel/command/stream_group_types.hpp>

#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using umbel::claim_page;
using umbel::consumer_info;
using umbel::group_info;
using umbel::pending_entry;
using umbel::pending_summary;
using umbel::stream_entry;
using umbel::test::decoded;

TEST_CASE("a summary of what is pending names ids and consumers, or nothing", "[streams]") {
    CHECK(decoded<pending_summary>(
              "*4\r\n:2\r\n$3\r\n1-0\r\n$3\r\n2-0\r\n*1\r\n*2\r\n$1\r\nc\r\n$1\r\n2\r\n") ==
          pending_summary{2, "1-0", "2-0", {{"c", 2}}});
    pending_summary const nothing{0, std::nullopt, std::nullopt, {}};
    CHECK(decoded<pending_summary>("*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n") == nothing);
    CHECK(decoded<pending_summary>("*4\r\n:0\r\n_\r\n_\r\n_\r\n") == nothing);
}

TEST_CASE("an entry that is pending says for whom, how long, and how often it was delivered", "[streams]") {
    CHECK(decoded<std::vector<pending_entry>>("*1\r\n*4\r\n$3\r\n1-0\r\n$1\r\nc\r\n:1500\r\n:3\r\n") ==
          std::vector{pending_entry{"1-0", "c", 1500ms, 3}});
    CHECK(decoded<pending_entry>("*4\r\n$3\r\n1-0\r\n$0\r\n\r\n:-1\r\n:1\r\n") ==
          pending_entry{"1-0", "", -1ms, 1});
    CHECK(decoded<pending_entry>("*3\r\n$3\r\n1-0\r\n$1\r\nc\r\n:1\r\n").error() ==
          umbel::errc::unexpected_type);
}

TEST_CASE("a page of claimed entries has a cursor, and from Redis 7 on the ids of deleted ones",
          "[streams]") {
    std::string const entry = "*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n";
    claim_page<> expected{"5-0", {stream_entry<>{"1-0", {{"a", "1"}}}}, {"2-0"}};
    CHECK(decoded<claim_page<>>("*3\r\n$3\r\n5-0\r\n" + entry + "*1\r\n$3\r\n2-0\r\n") == expected);
    expected.deleted.clear();
    CHECK(decoded<claim_page<>>("*2\r\n$3\r\n5-0\r\n" + entry) == expected);
    CHECK_FALSE(expected.last());
    auto const ids = decoded<claim_page<std::string>>("*3\r\n$3\r\n0-0\r\n*1\r\n$3\r\n1-0\r\n*0\r\n");
    CHECK(ids == claim_page<std::string>{"0-0", {"1-0"}, {}});
    CHECK(ids->last());
    CHECK(decoded<claim_page<>>("*1\r\n$3\r\n0-0\r\n").error() == umbel::errc::unexpected_type);
}

TEST_CASE("groups are told in RESP2 and RESP3, with and without what Redis 7 added", "[streams]") {
    std::string const fields =
        "$4\r\nname\r\n$1\r\ng\r\n$9\r\nconsumers\r\n:1\r\n$7\r\npending\r\n:2\r\n"
        "$17\r\nlast-delivered-id\r\n$3\r\n1-0\r\n";
    group_info expected{"g", 1, 2, "1-0", std::nullopt, std::nullopt};
    CHECK(decoded<std::vector<group_info>>("*1\r\n*8\r\n" + fields) == std::vector{expected});
    expected.entries_read = 3;
    CHECK(decoded<group_info>("%6\r\n" + fields + "$12\r\nentries-read\r\n:3\r\n$3\r\nlag\r\n_\r\n") ==
          expected);
    expected.lag = 0;
    CHECK(decoded<group_info>("*12\r\n" + fields + "$12\r\nentries-read\r\n:3\r\n$3\r\nlag\r\n:0\r\n") ==
          expected);
}

TEST_CASE("consumers are told in RESP2 and RESP3, with and without what Redis 7.2 added", "[streams]") {
    std::string const fields = "$4\r\nname\r\n$1\r\nc\r\n$7\r\npending\r\n:2\r\n$4\r\nidle\r\n:1500\r\n";
    consumer_info expected{"c", 2, 1500ms, std::nullopt};
    CHECK(decoded<std::vector<consumer_info>>("*1\r\n%3\r\n" + fields) == std::vector{expected});
    expected.inactive = -1ms;
    CHECK(decoded<consumer_info>("*8\r\n" + fields + "$8\r\ninactive\r\n:-1\r\n") == expected);
}

TEST_CASE("odd replies in place of what is pending give an error or a value", "[streams]") {
    using umbel::test::survives_odd_replies;
    CHECK(survives_odd_replies<pending_summary>() == 0);
    CHECK(survives_odd_replies<pending_entry>() == 0);
    CHECK(survives_odd_replies<claim_page<>>() > 0);
    CHECK(survives_odd_replies<claim_page<std::string>>() > 0);
    CHECK(survives_odd_replies<group_info>() == 0);
    CHECK(survives_odd_replies<consumer_info>() == 0);
}
