// Tests of command/vector_sets.hpp: the words, flags, refusals and replies of vector set commands. Wire texts
// are those of modules/vector-sets/vset.c of Redis 8.
#include <umbel/command/vector_sets.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using umbel::element_bound;
using umbel::vector_quantization;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::vector_set_commands> db;
std::vector<double> const numbers{0.5, -1, 2};
std::vector<float> const floats{0.5F, -1, 2};

/// The floats as they stand in memory.
std::string bytes_of(std::span<float const> values) {
    return {reinterpret_cast<char const*>(values.data()), values.size_bytes()};
}

}  // namespace

TEST_CASE("VADD sends reduction, vector, element and options in the order that servers want",
          "[vector_sets]") {
    CHECK(mismatch(db.vadd("k", "e", numbers), "VADD k VALUES 3 0.5 -1 2 e") == "");
    CHECK(mismatch(db.vadd("k", "e", std::list<int>{1, 2}), "VADD k VALUES 2 1 2 e") == "");
    CHECK(mismatch(db.vadd("k", "e", numbers, {.reduce = 2}), "VADD k REDUCE 2 VALUES 3 0.5 -1 2 e") == "");
    CHECK(mismatch(db.vadd("k", "e", numbers,
                           {.cas = true,
                            .quantization = vector_quantization::none,
                            .effort = 100,
                            .attributes = "{}",
                            .links = 32}),
                   "VADD k VALUES 3 0.5 -1 2 e CAS NOQUANT EF 100 SETATTR {} M 32") == "");
    CHECK(mismatch(db.vadd("k", "e", numbers, {.quantization = vector_quantization::signed_8bit}),
                   "VADD k VALUES 3 0.5 -1 2 e Q8") == "");
    CHECK(mismatch(db.vadd("k", "e", numbers, {.quantization = vector_quantization::binary}),
                   "VADD k VALUES 3 0.5 -1 2 e BIN") == "");
}

TEST_CASE("floats that lie side by side go out as the bytes that they are", "[vector_sets]") {
    std::string const bytes = bytes_of(floats);
    CHECK(mismatch(db.vadd("k", "e", floats), "VADD k FP32 " + bytes + " e") == "");
    CHECK(mismatch(db.vadd("k", "e", std::array<float, 3>{0.5F, -1, 2}), "VADD k FP32 " + bytes + " e") ==
          "");
    CHECK(mismatch(db.vadd("k", "e", std::span{floats}), "VADD k FP32 " + bytes + " e") == "");
    CHECK(mismatch(db.vadd("k", "e", umbel::fp32_blob{bytes}), "VADD k FP32 " + bytes + " e") == "");
    CHECK(mismatch(db.vsim("k", floats), "VSIM k FP32 " + bytes) == "");
    CHECK(mismatch(db.vadd("k", "e", std::list<float>{0.1F, 2}), "VADD k VALUES 2 0.1 2 e") == "");
}

TEST_CASE("VSIM searches by element or by vector, with its options behind", "[vector_sets]") {
    CHECK(mismatch(db.vsim("k", "e"), "VSIM k ELE e") == "");
    CHECK(mismatch(db.vsim("k", numbers), "VSIM k VALUES 3 0.5 -1 2") == "");
    CHECK(mismatch(
              db.vsim("k", "e",
                      {.count = 5,
                       .distance_max = 0.25,
                       .effort = 200,
                       .filter = ".year > 1980",
                       .filter_effort = 50,
                       .truth = true,
                       .no_thread = true}),
              "VSIM k ELE e COUNT 5 EPSILON 0.25 EF 200 FILTER .year > 1980 FILTER-EF 50 TRUTH NOTHREAD") ==
          "");
    CHECK(mismatch(db.vsim_with_scores("k", "e", {.count = 5}), "VSIM k ELE e WITHSCORES COUNT 5") == "");
    CHECK(mismatch(db.vsim_with_scores("k", numbers), "VSIM k VALUES 3 0.5 -1 2 WITHSCORES") == "");
    CHECK(mismatch(db.vsim_with_attributes("k", "e"), "VSIM k ELE e WITHSCORES WITHATTRIBS") == "");
}

TEST_CASE("every other vector set command sends its words, with the flags and the slot of the command table",
          "[vector_sets]") {
    CHECK(mismatch(db.vrem("k", "e"), "VREM k e") == "");
    CHECK(mismatch(db.vcard("k"), "VCARD k") == "");
    CHECK(mismatch(db.vdim("k"), "VDIM k") == "");
    CHECK(mismatch(db.vemb("k", "e"), "VEMB k e") == "");
    CHECK(mismatch(db.vemb_raw("k", "e"), "VEMB k e RAW") == "");
    CHECK(mismatch(db.vismember("k", "e"), "VISMEMBER k e") == "");
    CHECK(mismatch(db.vinfo("k"), "VINFO k") == "");
    CHECK(mismatch(db.vgetattr("k", "e"), "VGETATTR k e") == "");
    CHECK(mismatch(db.vsetattr("k", "e", "{}"), "VSETATTR k e {}") == "");
    CHECK(mismatch(db.vlinks("k", "e"), "VLINKS k e") == "");
    CHECK(mismatch(db.vlinks_with_scores("k", "e"), "VLINKS k e WITHSCORES") == "");
    CHECK(mismatch(db.vrandmember("k"), "VRANDMEMBER k") == "");
    CHECK(mismatch(db.vrandmember("k", -3), "VRANDMEMBER k -3") == "");
    CHECK(mismatch(db.vrange("k"), "VRANGE k - +") == "");
    CHECK(mismatch(db.vrange("k", "a", element_bound::exclusive("b"), 10), "VRANGE k [a (b 10") == "");
    CHECK(mismatch(db.vrange("k", element_bound::exclusive("a"), "c"), "VRANGE k (a [c") == "");
}

TEST_CASE("what no server would take of a vector set command is refused before it is sent", "[vector_sets]") {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr float infinity = std::numeric_limits<float>::infinity();
    CHECK(db.vadd("k", "e", std::vector<double>{}).refusal == "a vector without numbers");
    CHECK(db.vadd("k", "e", std::vector<float>{}).refusal == "a vector without numbers");
    CHECK(db.vadd("k", "e", std::vector{1.0, nan}).refusal == "a vector with a number that is not finite");
    CHECK(db.vsim("k", std::vector{infinity}).refusal == "a vector with a number that is not finite");
    CHECK(db.vadd("k", "e", umbel::fp32_blob{"abc"}).refusal.starts_with("a blob of floats"));
    CHECK(db.vadd("k", "e", umbel::fp32_blob{""}).refusal.starts_with("a blob of floats"));
    CHECK(db.vadd("k", "e", numbers, {.reduce = 0}).refusal == "reduce is zero");
    CHECK(db.vadd("k", "e", numbers, {.effort = 0}).refusal.starts_with("an effort"));
    CHECK(db.vsim("k", "e", {.effort = 1000001}).refusal.starts_with("an effort"));
    CHECK(db.vsim("k", "e", {.count = 0}).refusal == "a count of zero");
    CHECK(db.vsim("k", "e", {.distance_max = 0}).refusal == "distance_max is not positive");
    CHECK(db.vsim("k", "e", {.distance_max = nan}).refusal == "distance_max is not positive");
    CHECK(db.vsim("k", "e", {.filter_effort = 0}).refusal == "filter_effort is zero");
    CHECK(db.vrange("k", element_bound::last()).refusal.starts_with("a bound"));
    CHECK(db.vrange("k", "a", element_bound::first()).refusal.starts_with("a bound"));
    CHECK(db.vrange("k", "").refusal.starts_with("a bound"));
    CHECK(db.vrange("k", "a", "b", 0).refusal == "a count of zero");
}

TEST_CASE("vector set replies are of natural types", "[vector_sets]") {
    using std::optional;
    using std::pair;
    using std::string;
    using std::vector;
    STATIC_CHECK(replies<bool, decltype(db.vadd("k", "e", numbers))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.vsim("k", "e"))>());
    STATIC_CHECK(replies<vector<pair<string, double>>, decltype(db.vsim_with_scores("k", "e"))>());
    STATIC_CHECK(replies<umbel::alike_elements<>, decltype(db.vsim_with_attributes("k", "e"))>());
    STATIC_CHECK(replies<umbel::alike_elements<int>, decltype(db.vsim_with_attributes<int>("k", numbers))>());
    STATIC_CHECK(replies<optional<vector<float>>, decltype(db.vemb("k", "e"))>());
    STATIC_CHECK(replies<optional<umbel::raw_vector>, decltype(db.vemb_raw("k", "e"))>());
    STATIC_CHECK(replies<optional<umbel::vector_set_info>, decltype(db.vinfo("k"))>());
    STATIC_CHECK(replies<optional<int>, decltype(db.vgetattr<int>("k", "e"))>());
    STATIC_CHECK(replies<optional<vector<vector<string>>>, decltype(db.vlinks("k", "e"))>());
    STATIC_CHECK(
        replies<optional<vector<vector<pair<string, double>>>>, decltype(db.vlinks_with_scores("k", "e"))>());
}
