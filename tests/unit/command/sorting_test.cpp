// Tests of command/sorting.hpp: the words, flags, refusals and replies of SORT and its variants.
#include <umbel/command/sorting.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using umbel::sort_order;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::sort_commands> db;
std::vector<std::string> const patterns{"#", "{k}*->name"};
std::vector<std::string> const none;

}  // namespace

TEST_CASE("every variant of SORT sends its words, with the flags and the slot of the command table",
          "[sorting]") {
    CHECK(mismatch(db.sort("k"), "SORT k") == "");
    CHECK(mismatch(db.sort("k", {.count = 10}), "SORT k LIMIT 0 10") == "");
    CHECK(mismatch(db.sort("k", {.offset = 5}), "SORT k LIMIT 5 -1") == "");
    CHECK(mismatch(db.sort("k", {.order = sort_order::descending, .alpha = true}), "SORT k DESC ALPHA") ==
          "");
    CHECK(mismatch(db.sort("{k}", {.by = "{k}w*", .offset = 1, .count = 2}), "SORT {k} BY {k}w* LIMIT 1 2") ==
          "");
    CHECK(mismatch(db.sort_get("{k}", patterns, {.alpha = true}), "SORT {k} ALPHA GET # GET {k}*->name") ==
          "");
    CHECK(mismatch(db.sort_ro("k", {.by = "nosort"}), "SORT_RO k BY nosort") == "");
    CHECK(mismatch(db.sort_ro_get("{k}", patterns), "SORT_RO {k} GET # GET {k}*->name") == "");
    CHECK(mismatch(db.sort_store("{k}", "{k}to", {.alpha = true}), "SORT {k} ALPHA STORE {k}to") == "");
    CHECK(mismatch(db.sort_store("{k}", "{k}to", patterns), "SORT {k} GET # GET {k}*->name STORE {k}to") ==
          "");
    CHECK(db.sort_store("a", "b").slot.is_several());
}

TEST_CASE("what no server would take of a SORT is refused before it is sent", "[sorting]") {
    CHECK(db.sort("k", {.offset = -1}).refusal == "a negative limit");
    CHECK(db.sort_ro("k", {.count = -1}).refusal == "a negative limit");
    CHECK(db.sort_get("k", none).refusal.starts_with("an empty range"));
    CHECK(db.sort_store("k", "l", none).refusal.starts_with("an empty range"));
}

TEST_CASE("sorted elements are of natural types, in RESP2 and RESP3", "[sorting]") {
    using values = std::vector<std::optional<std::string>>;
    STATIC_CHECK(replies<std::vector<std::string>, decltype(db.sort("k"))>());
    STATIC_CHECK(replies<std::vector<int>, decltype(db.sort_ro<int>("k"))>());
    STATIC_CHECK(replies<values, decltype(db.sort_get("k", patterns))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.sort_store("k", "l"))>());
    CHECK(decoded<values>("*2\r\n$1\r\na\r\n$-1\r\n") == values{"a", std::nullopt});
    CHECK(decoded<values>("*2\r\n$1\r\na\r\n_\r\n") == values{"a", std::nullopt});
}
