// What the typed geo commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <cmath>
#include <map>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using maybe_texts = std::vector<std::optional<std::string>>;
constexpr geo_position palermo{13.361389, 38.115556};
constexpr geo_position catania{15.087269, 37.502669};

bool is_near(geo_position left, geo_position right) {
    return std::abs(left.longitude - right.longitude) < 1e-4 &&
           std::abs(left.latitude - right.latitude) < 1e-4;
}

}  // namespace

TEST_CASE("places are added, measured and searched", "[typed][geo]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.geoadd("{g}", "Palermo", palermo)) == 1);
    CHECK(s(db.geoadd("{g}",
                      std::map<std::string, geo_position>{{"Catania", catania}, {"Palermo", palermo}})) == 1);
    CHECK(s(db.geoadd("{g}", "Palermo", catania, {.members = member_condition::if_absent})) == 0);
    auto const places = s(db.geopos("{g}", "Palermo", "none"));
    REQUIRE(places);
    REQUIRE(places->size() == 2);
    REQUIRE(places->at(0));
    CHECK(is_near(*places->at(0), palermo));
    CHECK_FALSE(places->at(1));
    auto const apart = s(db.geodist("{g}", "Palermo", "Catania", geo_unit::kilometers));
    REQUIRE(apart);
    REQUIRE(apart->has_value());
    CHECK(std::abs(**apart - 166.2742) < 0.01);
    CHECK(s(db.geodist("{g}", "Palermo", "none")) == std::nullopt);
    CHECK(s(db.geohash("{g}", "Palermo", "none")) == maybe_texts{"sqc8b49rny0", std::nullopt});
    geo_radius const wide{200, geo_unit::kilometers};
    CHECK(s(db.geosearch("{g}", "Palermo", wide, {.order = geo_order::nearest_first})) ==
          texts{"Palermo", "Catania"});
    CHECK(s(db.geosearch("{g}", geo_position{15, 37}, geo_box{100, 200, geo_unit::kilometers})) ==
          texts{"Catania"});
    CHECK(s(db.geosearch("{g}", "Palermo", wide, {.order = geo_order::farthest_first, .count = 1})) ==
          texts{"Catania"});
    CHECK(s(db.geosearch("{g}none", geo_position{15, 37}, wide)) == texts{});
    auto const found = s(db.geosearch_with_details("{g}", "Palermo", wide,
                                                   {.distance = true, .hash = true, .position = true},
                                                   {.order = geo_order::nearest_first}));
    REQUIRE(found);
    REQUIRE(found->size() == 2);
    CHECK(found->at(0).member == "Palermo");
    CHECK(found->at(0).distance == 0.0);
    CHECK(found->at(0).hash == 3479099956230698);
    REQUIRE(found->at(1).position);
    CHECK(is_near(*found->at(1).position, catania));
    auto const distances = s(db.geosearch_with_details("{g}", "Palermo", wide, {.distance = true}));
    REQUIRE(distances);
    CHECK_FALSE(distances->at(0).position);
    CHECK(s(db.geosearchstore("{g}to", "{g}", "Palermo", wide, {.store_distances = true})) == 2);
    CHECK(s(db.zscore("{g}to", "Palermo")) == 0);
    if (s.has_option("GEOSEARCH BYPOLYGON", 0, 90000)) {
        std::vector<geo_position> const around{{12, 37}, {16, 37}, {16, 39}, {12, 39}};
        CHECK(s(db.geosearch("{g}", around))->size() == 2);
        CHECK(s(db.geosearchstore("{g}to", "{g}", around)) == 2);
    }
}
