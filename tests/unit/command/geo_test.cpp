// Tests of command/geo.hpp: the words, flags, refusals and replies of geo commands.
#include <umbel/command/geo.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::geo_box;
using umbel::geo_match;
using umbel::geo_order;
using umbel::geo_position;
using umbel::geo_radius;
using umbel::geo_unit;
using umbel::member_condition;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::geo_commands> db;
std::map<std::string, geo_position> const places{{"Palermo", {13.5, 38.25}}, {"Rome", {12.5, 41.9}}};
std::vector<std::string> const members{"a", "b"};
std::vector<std::string> const none;
constexpr geo_position rome{.longitude = 12.5, .latitude = 41.9};
constexpr std::array<geo_position, 3> triangle{{{0, 1}, {2, 3}, {4, 5}}};

}  // namespace

TEST_CASE("members and their positions send their words, with the flags and the slot of the command table",
          "[geo]") {
    CHECK(mismatch(db.geoadd("k", "Rome", rome), "GEOADD k 12.5 41.9 Rome") == "");
    CHECK(mismatch(db.geoadd("k", "Rome", {.longitude = 1, .latitude = -2}), "GEOADD k 1 -2 Rome") == "");
    CHECK(mismatch(db.geoadd("k", "Rome", rome, {.members = member_condition::if_absent}),
                   "GEOADD k NX 12.5 41.9 Rome") == "");
    CHECK(mismatch(db.geoadd("k", places, {.members = member_condition::if_present, .count_changed = true}),
                   "GEOADD k XX CH 13.5 38.25 Palermo 12.5 41.9 Rome") == "");
    CHECK(mismatch(db.geopos("k", "a", "b"), "GEOPOS k a b") == "");
    CHECK(mismatch(db.geopos("k", members), "GEOPOS k a b") == "");
    CHECK(mismatch(db.geodist("k", "a", "b"), "GEODIST k a b m") == "");
    CHECK(mismatch(db.geodist("k", "a", "b", geo_unit::miles), "GEODIST k a b mi") == "");
    CHECK(mismatch(db.geohash("k", "a", "b"), "GEOHASH k a b") == "");
    CHECK(mismatch(db.geohash("k", members), "GEOHASH k a b") == "");
}

TEST_CASE("searches send centre, shape, order, count and details", "[geo]") {
    CHECK(mismatch(db.geosearch("k", "Rome", geo_radius{200, geo_unit::kilometers}),
                   "GEOSEARCH k FROMMEMBER Rome BYRADIUS 200 km") == "");
    CHECK(mismatch(db.geosearch("k", rome, geo_box{400, 300, geo_unit::feet}),
                   "GEOSEARCH k FROMLONLAT 12.5 41.9 BYBOX 400 300 ft") == "");
    CHECK(mismatch(db.geosearch("k", "Rome", geo_radius{5}, {.order = geo_order::nearest_first, .count = 3}),
                   "GEOSEARCH k FROMMEMBER Rome BYRADIUS 5 m ASC COUNT 3") == "");
    CHECK(mismatch(db.geosearch("k", "Rome", geo_radius{5},
                                {.order = geo_order::farthest_first, .count = 3, .any = true}),
                   "GEOSEARCH k FROMMEMBER Rome BYRADIUS 5 m DESC COUNT 3 ANY") == "");
    CHECK(mismatch(db.geosearch("k", triangle), "GEOSEARCH k BYPOLYGON 3 0 1 2 3 4 5") == "");
    CHECK(mismatch(db.geosearch("k", triangle, {.count = 2}),
                   "GEOSEARCH k BYPOLYGON 3 0 1 2 3 4 5 COUNT 2") == "");
    CHECK(
        mismatch(db.geosearch_with_details("k", "Rome", geo_radius{5}, {.distance = true, .position = true}),
                 "GEOSEARCH k FROMMEMBER Rome BYRADIUS 5 m WITHDIST WITHCOORD") == "");
    CHECK(mismatch(db.geosearch_with_details("k", rome, geo_box{1, 2}, {.hash = true},
                                             {.order = geo_order::nearest_first}),
                   "GEOSEARCH k FROMLONLAT 12.5 41.9 BYBOX 1 2 m ASC WITHHASH") == "");
    CHECK(mismatch(db.geosearch_with_details("k", triangle, {.distance = true}),
                   "GEOSEARCH k BYPOLYGON 3 0 1 2 3 4 5 WITHDIST") == "");
}

TEST_CASE("a stored search may run twice unless the destination is the source", "[geo]") {
    CHECK(mismatch(db.geosearchstore("{k}d", "{k}s", "Rome", geo_radius{5}),
                   "GEOSEARCHSTORE {k}d {k}s FROMMEMBER Rome BYRADIUS 5 m") == "");
    CHECK(mismatch(db.geosearchstore("k", "k", "Rome", geo_radius{5}),
                   "GEOSEARCHSTORE k k FROMMEMBER Rome BYRADIUS 5 m") == "");
    CHECK(
        mismatch(db.geosearchstore("{k}d", "{k}s", rome, geo_box{1, 2},
                                   {.order = geo_order::nearest_first, .count = 4, .store_distances = true}),
                 "GEOSEARCHSTORE {k}d {k}s FROMLONLAT 12.5 41.9 BYBOX 1 2 m ASC COUNT 4 STOREDIST") == "");
    CHECK(mismatch(db.geosearchstore("{k}d", "{k}s", triangle),
                   "GEOSEARCHSTORE {k}d {k}s BYPOLYGON 3 0 1 2 3 4 5") == "");
    CHECK(db.geosearchstore("a", "b", triangle).slot.is_several());
}

TEST_CASE("what no server would take of places is refused before it is sent", "[geo]") {
    CHECK(db.geoadd("k", "a", {.longitude = 0, .latitude = 90}).refusal.starts_with("a position beyond"));
    CHECK(db.geoadd("k", std::map<std::string, geo_position>{{"a", {200, 0}}})
              .refusal.starts_with("a position beyond"));
    CHECK(db.geoadd("k", std::map<std::string, geo_position>{}).refusal.starts_with("an empty range"));
    CHECK(db.geopos("k", none).refusal.starts_with("an empty range"));
    CHECK(db.geohash("k", none).refusal.starts_with("an empty range"));
    CHECK(db.geosearch("k", geo_position{0, 90}, geo_radius{1}).refusal.starts_with("a position beyond"));
    CHECK(db.geosearch("k", "a", geo_radius{-1}).refusal.starts_with("a radius"));
    CHECK(db.geosearch("k", "a", geo_box{1, -1}).refusal.starts_with("a side"));
    CHECK(db.geosearch("k", std::vector<geo_position>{{0, 0}}).refusal.starts_with("a polygon"));
    CHECK(db.geosearch("k", "a", geo_radius{1}, {.count = 0}).refusal == "a search with a count of zero");
    CHECK(db.geosearch("k", "a", geo_radius{1}, {.any = true}).refusal == "any needs a count");
    CHECK(db.geosearch_with_details("k", "a", geo_radius{1}, {}).refusal == "no details are wanted");
    CHECK(db.geosearch_with_details("k", triangle, {}).refusal == "no details are wanted");
    CHECK(db.geosearchstore("k", "k", "a", geo_radius{1}, {.any = true}).refusal == "any needs a count");
}

TEST_CASE("geo replies are of natural types", "[geo]") {
    using std::optional;
    using std::string;
    using std::vector;
    STATIC_CHECK(replies<std::int64_t, decltype(db.geoadd("k", places))>());
    STATIC_CHECK(replies<vector<optional<geo_position>>, decltype(db.geopos("k", "a"))>());
    STATIC_CHECK(replies<optional<double>, decltype(db.geodist("k", "a", "b"))>());
    STATIC_CHECK(replies<vector<optional<string>>, decltype(db.geohash("k", "a"))>());
    STATIC_CHECK(replies<vector<string>, decltype(db.geosearch("k", "a", geo_radius{1}))>());
    STATIC_CHECK(replies<vector<int>, decltype(db.geosearch<int>("k", triangle))>());
    STATIC_CHECK(replies<vector<geo_match<>>,
                         decltype(db.geosearch_with_details("k", "a", geo_radius{1}, {.hash = true}))>());
    STATIC_CHECK(replies<std::int64_t, decltype(db.geosearchstore("k", "k", triangle))>());
}
