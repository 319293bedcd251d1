// Tests of command/hyperloglogs.hpp: the words, flags, refusals and replies of HyperLogLog commands.
#include <umbel/command/hyperloglogs.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <string>
#include <vector>

using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::hyperloglog_commands> db;
std::vector<std::string> const texts{"{k}a", "{k}b"};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("every HyperLogLog command sends its words, with the flags and the slot of the command table",
          "[hyperloglogs]") {
    CHECK(mismatch(db.pfadd("k"), "PFADD k") == "");
    CHECK(mismatch(db.pfadd("k", "a", 2, 0.5), "PFADD k a 2 0.5") == "");
    CHECK(mismatch(db.pfadd("k", texts), "PFADD k {k}a {k}b") == "");
    CHECK(mismatch(db.pfadd("k", std::vector{1, 2}), "PFADD k 1 2") == "");
    CHECK(mismatch(db.pfadd("k", none), "PFADD k") == "");
    CHECK(mismatch(db.pfcount("k"), "PFCOUNT k") == "");
    CHECK(mismatch(db.pfcount("{k}a", "{k}b"), "PFCOUNT {k}a {k}b") == "");
    CHECK(mismatch(db.pfcount(texts), "PFCOUNT {k}a {k}b") == "");
    CHECK(mismatch(db.pfmerge("{k}", "{k}a", "{k}b"), "PFMERGE {k} {k}a {k}b") == "");
    CHECK(mismatch(db.pfmerge("{k}", texts), "PFMERGE {k} {k}a {k}b") == "");
    STATIC_CHECK(replies<bool, decltype(db.pfadd("k", "a"))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.pfcount("k"))>());
    STATIC_CHECK(replies<umbel::ok, decltype(db.pfmerge("k", "l"))>());
}

TEST_CASE("HyperLogLogs of different slots and empty ranges of keys are noticed", "[hyperloglogs]") {
    CHECK(db.pfcount("a", "b").slot.is_several());
    CHECK(db.pfmerge("a", "b").slot.is_several());
    CHECK(db.pfcount(none).refusal.starts_with("an empty range"));
    CHECK(db.pfmerge("k", none).refusal.starts_with("an empty range"));
}
