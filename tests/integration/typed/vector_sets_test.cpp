// What the typed vector set commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

#include <algorithm>
#include <array>
#include <cmath>

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using vector = std::vector<float>;

}  // namespace

TEST_CASE("vectors are added, found by likeness and described", "[typed][vector_sets]") {
    typed_session s;
    auto& db = s.db();
    if (!s.has("vadd")) return;
    CHECK(s(db.vcard("v")) == 0);
    CHECK(s(db.vinfo("v")) == std::nullopt);
    vadd_options const exact{.quantization = vector_quantization::none};
    CHECK(s(db.vadd("v", "east", vector{1, 0}, exact)) == true);
    CHECK(s(db.vadd("v", "north", std::vector<double>{0, 1},
                    {.quantization = vector_quantization::none, .attributes = R"({"up":1})"})) == true);
    CHECK(s(db.vadd("v", "east", std::array{1.0F, 0.0F}, exact)) == false);
    CHECK(s(db.vadd("v", "west", vector{1, 2, 3})).error() == errc::server_error);
    CHECK(s(db.vcard("v")) == 2);
    CHECK(s(db.vdim("v")) == 2);
    CHECK(s(db.vsim("v", vector{0.9F, 0.1F})) == texts{"east", "north"});
    CHECK(s(db.vsim("v", "north", {.count = 1})) == texts{"north"});
    auto const alike = s(db.vsim_with_scores("v", "east"));
    REQUIRE(alike);
    REQUIRE(alike->size() == 2);
    CHECK(alike->at(0).first == "east");
    CHECK(std::abs(alike->at(0).second - 1) < 1e-6);
    CHECK(std::abs(alike->at(1).second - 0.5) < 1e-6);
    CHECK(s(db.vsim("none", vector{1, 0})) == texts{});
    auto const found = s(db.vemb("v", "east"));
    REQUIRE(found);
    REQUIRE(found->has_value());
    CHECK((**found == vector{1, 0}));
    CHECK(s(db.vemb("v", "none")).value() == std::nullopt);
    auto const raw = s(db.vemb_raw("v", "north"));
    REQUIRE(raw);
    REQUIRE(raw->has_value());
    CHECK((*raw)->data.view().size() > 0);
    CHECK(s(db.vgetattr("v", "north")) == R"({"up":1})");
    CHECK(s(db.vgetattr("v", "east")) == std::nullopt);
    CHECK(s(db.vsetattr("v", "east", R"({"up":0})")) == true);
    CHECK(s(db.vsetattr("v", "east", R"({"up":0})")) == true);
    CHECK(s(db.vsetattr("v", "none", "{}")) == false);
    CHECK(s(db.vsim("v", "east", {.filter = ".up == 1"})) == texts{"north"});
    auto const links = s(db.vlinks("v", "east"));
    REQUIRE(links);
    REQUIRE(links->has_value());
    CHECK((*links)->back() == texts{"north"});
    auto const scored = s(db.vlinks_with_scores("v", "east"));
    REQUIRE(scored);
    REQUIRE(scored->has_value());
    CHECK((*scored)->back().at(0).first == "north");
    CHECK(s(db.vrandmember("v"))->has_value());
    CHECK(s(db.vrandmember("none")) == std::nullopt);
    CHECK(s(db.vrandmember("v", 5))->size() == 2);
    auto const info = s(db.vinfo("v"));
    REQUIRE(info);
    REQUIRE(info->has_value());
    CHECK((*info)->size == 2);
    CHECK((*info)->dimension == 2);
    if (s.has("vismember")) {
        CHECK(s(db.vismember("v", "east")) == true);
        CHECK(s(db.vismember("v", "none")) == false);
    }
    if (s.has_option("VSIM WITHATTRIBS", 80200, 0)) {
        auto const told = s(db.vsim_with_attributes("v", "north"));
        REQUIRE(told);
        CHECK(told->items.at(0).attributes == R"({"up":1})");
    }
    if (s.has("vrange")) CHECK(s(db.vrange("v")) == texts{"east", "north"});
    CHECK(s(db.vrem("v", "east")) == true);
    CHECK(s(db.vrem("v", "east")) == false);
}
