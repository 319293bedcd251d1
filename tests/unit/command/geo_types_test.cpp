// Tests of command/geo_types.hpp: positions, shapes, and what GEOSEARCH answers.
#include <umbel/command/geo_types.hpp>

#include "decoded.hpp"
#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using umbel::geo_match;
using umbel::geo_position;
using umbel::test::decoded;
using umbel::test::survives_odd_replies;
using namespace umbel::command;
using umbel::test::shown;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

template <class Shape>
std::string shown_shape(Shape const& shape) {
    word_list list;
    add_shape(list, shape);
    return list.refusal() ? std::string{"refused: "} + list.refusal().message : shown(list);
}

}  // namespace

TEST_CASE("a position is indexable within the bounds that servers have", "[geo]") {
    STATIC_CHECK(is_indexable({0, 0}));
    STATIC_CHECK(is_indexable({180, 85.05112878}));
    STATIC_CHECK(is_indexable({-180, -85.05112878}));
    STATIC_CHECK_FALSE(is_indexable({180.0001, 0}));
    STATIC_CHECK_FALSE(is_indexable({-180.0001, 0}));
    STATIC_CHECK_FALSE(is_indexable({0, 85.0512}));
    STATIC_CHECK_FALSE(is_indexable({0, -85.0512}));
    CHECK_FALSE(is_indexable({not_a_number, 0}));
    CHECK_FALSE(is_indexable({0, not_a_number}));
    word_list list;
    CHECK(add_position(list, {.longitude = 0, .latitude = 90}).refusal());
}

TEST_CASE("a search begins at a member or at a position", "[geo]") {
    word_list member;
    add_center(member, "Rome");
    CHECK(shown(member) == "FROMMEMBER Rome");
    word_list text;
    std::string const name = "Palermo";
    add_center(text, name);
    CHECK(shown(text) == "FROMMEMBER Palermo");
    word_list place;
    add_center(place, geo_position{.longitude = 12.5, .latitude = 41.9});
    CHECK(shown(place) == "FROMLONLAT 12.5 41.9");
    CHECK_FALSE(place.refusal());
    word_list wrong;
    add_center(wrong, geo_position{.longitude = 500});
    CHECK(wrong.refusal());
}

TEST_CASE("shapes are circles, boxes and polygons", "[geo]") {
    CHECK(shown_shape(geo_radius{200}) == "BYRADIUS 200 m");
    CHECK(shown_shape(geo_radius{1.5, geo_unit::kilometers}) == "BYRADIUS 1.5 km");
    CHECK(shown_shape(geo_box{400, 300, geo_unit::miles}) == "BYBOX 400 300 mi");
    CHECK(shown_shape(geo_box{.width = 1, .height = 0, .unit = geo_unit::feet}) == "BYBOX 1 0 ft");
    CHECK(shown_shape(std::vector<geo_position>{{0, 1}, {2, 3}, {4, 5}}) == "BYPOLYGON 3 0 1 2 3 4 5");
}

TEST_CASE("what is no shape is refused", "[geo]") {
    for (double const length : {-1.0, not_a_number, infinity}) {
        CHECK(shown_shape(geo_radius{length}) == "refused: a radius that is negative or no number");
        CHECK(shown_shape(geo_box{length, 1}) == "refused: a side that is negative or no number");
        CHECK(shown_shape(geo_box{1, length}) == "refused: a side that is negative or no number");
    }
    CHECK(shown_shape(std::vector<geo_position>{{0, 0}, {1, 1}}) ==
          "refused: a polygon of less than three corners");
    CHECK(shown_shape(std::vector<geo_position>{{0, 0}, {1, 1}, {1, 90}}).starts_with("refused: a position"));
}

TEST_CASE("RESP2 and RESP3 give the same positions", "[geo]") {
    using places = std::vector<std::optional<geo_position>>;
    places const both{geo_position{13.5, 38.25}, std::nullopt};
    CHECK(decoded<places>("*2\r\n*2\r\n$4\r\n13.5\r\n$5\r\n38.25\r\n*-1\r\n") == both);
    CHECK(decoded<places>("*2\r\n*2\r\n,13.5\r\n,38.25\r\n_\r\n") == both);
    CHECK(decoded<std::optional<geo_position>>("*0\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("a match has the details that were asked for", "[geo]") {
    using match = geo_match<>;
    using all = std::vector<match>;
    std::string const distance = "$8\r\n190.4424\r\n";
    std::string const hash = ":3479099956230698\r\n";
    std::string const texts = "*2\r\n$4\r\n13.5\r\n$5\r\n38.25\r\n";
    std::string const doubles = "*2\r\n,13.5\r\n,38.25\r\n";
    CHECK(decoded<all>("*1\r\n*2\r\n$1\r\na\r\n" + distance) == all{{"a", 190.4424, {}, {}}});
    CHECK(decoded<all>("*1\r\n*2\r\n$1\r\na\r\n" + hash) == all{{"a", {}, 3479099956230698, {}}});
    for (std::string const& place : {texts, doubles}) {
        CHECK(decoded<all>("*1\r\n*2\r\n$1\r\na\r\n" + place) ==
              all{{"a", {}, {}, geo_position{13.5, 38.25}}});
        CHECK(decoded<all>("*1\r\n*4\r\n$1\r\na\r\n" + distance + hash + place) ==
              all{{"a", 190.4424, 3479099956230698, geo_position{13.5, 38.25}}});
    }
    CHECK(decoded<all>("*2\r\n$1\r\na\r\n$1\r\nb\r\n") == all{{"a", {}, {}, {}}, {"b", {}, {}, {}}});
    CHECK(decoded<all>("*0\r\n") == all{});
}

TEST_CASE("a match that says a detail twice, or none that is known, is unexpected", "[geo]") {
    CHECK(decoded<geo_match<>>("*3\r\n$1\r\na\r\n:1\r\n:2\r\n").error().code() ==
          umbel::errc::unexpected_type);
    CHECK(decoded<geo_match<>>("*2\r\n$1\r\na\r\n$3\r\nfar\r\n").error().code() ==
          umbel::errc::unexpected_type);
    CHECK(decoded<geo_match<>>("*2\r\n$1\r\na\r\n*1\r\n:1\r\n").error().code() ==
          umbel::errc::unexpected_type);
    CHECK(decoded<geo_match<>>("*0\r\n").error().code() == umbel::errc::unexpected_type);
    CHECK(decoded<std::optional<geo_match<>>>("*0\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies in place of positions and matches give an error or a value", "[geo]") {
    CHECK(survives_odd_replies<geo_position>() == 0);
    CHECK(survives_odd_replies<geo_match<>>() > 0);
    CHECK(survives_odd_replies<std::vector<geo_match<>>>() > 0);
    CHECK(survives_odd_replies<std::vector<std::optional<geo_position>>>() > 0);
}
