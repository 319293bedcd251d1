#include <umbel/command/blocking_streams.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <string>

using namespace umbel;
using namespace umbel::test;
using namespace std::chrono_literals;

namespace {
recorder<command::blocking_stream_commands> const db;
std::map<std::string, std::string> const streams{{"{s}1", "0"}, {"{s}2", "$"}};
}  // namespace

TEST_CASE("each wait for an entry of a stream is sent as the server knows it", "[blocking]") {
    CHECK(blocking_mismatch(db.xread_block("s", "$", 5s), "XREAD BLOCK 5000 STREAMS s $", true) == "");
    CHECK(blocking_mismatch(db.xread_block("$", "7-0", 5s), "XREAD BLOCK 5000 STREAMS $ 7-0") == "");
    CHECK(blocking_mismatch(db.xread_block("s", "+", 5s), "XREAD BLOCK 5000 STREAMS s +", true) == "");
    CHECK(blocking_mismatch(db.xread_block(streams, wait_forever, {.count = 7}),
                            "XREAD COUNT 7 BLOCK 0 STREAMS {s}1 {s}2 0 $", true) == "");
    CHECK(blocking_mismatch(db.xreadgroup_block("g", "me", "s", ">", 1s),
                            "XREADGROUP GROUP g me BLOCK 1000 STREAMS s >") == "");
    CHECK(blocking_mismatch(db.xreadgroup_block("g", "me", streams, 1s, {.count = 2, .no_ack = true}),
                            "XREADGROUP GROUP g me COUNT 2 BLOCK 1000 NOACK STREAMS {s}1 {s}2 0 $") == "");
    CHECK(db.xread_block("s", "$", 0s).refusal != "");
    CHECK(db.xread_block("s", "$", 1s, {.count = 0}).refusal != "");
    CHECK(db.xreadgroup_block("g", "me", "s", ">", 1s, {.count = 0}).refusal != "");
    CHECK(db.xreadgroup_block("g", "me", "s", ">", 1s, {.claim = -1ms}).refusal != "");
}
