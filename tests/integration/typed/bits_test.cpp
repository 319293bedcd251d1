// What the typed bitmap and HyperLogLog commands give on a real server, in RESP2 and in RESP3.
#include "../support/typed.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

using texts = std::vector<std::string>;
using integers = std::vector<std::int64_t>;
using maybe_integers = std::vector<std::optional<std::int64_t>>;

}  // namespace

TEST_CASE("bits are set, counted, found and combined", "[typed][bitmaps]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.setbit("{b}", 7, true)) == false);
    CHECK(s(db.setbit("{b}", 7, true)) == true);
    CHECK(s(db.setbit("{b}", 100, true)) == false);
    CHECK(s(db.getbit("{b}", 7)) == true);
    CHECK(s(db.getbit("{b}none", 7)) == false);
    CHECK(s(db.bitcount("{b}")) == 2);
    CHECK(s(db.bitcount("{b}", {.first = 0, .last = 0})) == 1);
    CHECK(s(db.bitcount("{b}", {.first = 8, .last = 100, .unit = bit_unit::bit})) == 1);
    CHECK(s(db.bitpos("{b}", true))->value() == 7);
    CHECK(s(db.bitpos("{b}", true, 1))->value() == 100);
    CHECK_FALSE(s(db.bitpos("{b}", true, {.first = 1, .last = 2}))->has_value());
    CHECK_FALSE(s(db.bitpos("{b}none", true))->has_value());
    REQUIRE(s(db.setbit("{b}2", 7, true)));
    CHECK(s(db.bitop(bitwise::bit_and, "{b}to", "{b}", "{b}2")) == 13);
    CHECK(s(db.bitcount("{b}to")) == 1);
    CHECK(s(db.bitop(bitwise::bit_or, "{b}to", texts{"{b}", "{b}2"})) == 13);
    CHECK(s(db.bitop(bitwise::bit_xor, "{b}to", "{b}", "{b}2")) == 13);
    CHECK(s(db.bitop(bitwise::bit_not, "{b}to", "{b}2")) == 1);
    if (s.has_option("BITOP DIFF", 80200, 0)) {
        CHECK(s(db.bitop(bitwise::diff, "{b}to", "{b}", "{b}2")) == 13);
        CHECK(s(db.bitcount("{b}to")) == 1);
    }
}

TEST_CASE("integers inside a text are read and written", "[typed][bitmaps]") {
    typed_session s;
    auto& db = s.db();
    bit_field const byte{unsigned_bits(8), 0};
    bit_field const second{signed_bits(16), bit_element(1)};
    CHECK(s(db.bitfield("f", bit_set(byte, 200), bit_incrby(byte, 100, bit_overflow::saturate),
                        bit_incrby(byte, 1, bit_overflow::fail), bit_get(byte))) ==
          maybe_integers{0, 255, std::nullopt, 255});
    CHECK(s(db.bitfield("f", bit_set(second, -5))) == maybe_integers{0});
    CHECK(s(db.bitfield_ro("f", byte, second)) == integers{255, -5});
    CHECK(s(db.bitfield_ro("none", byte)) == integers{0});
}

TEST_CASE("different elements are counted about", "[typed][hyperloglogs]") {
    typed_session s;
    auto& db = s.db();
    CHECK(s(db.pfadd("{p}1", "a", "b")) == true);
    CHECK(s(db.pfadd("{p}1", texts{"a"})) == false);
    CHECK(s(db.pfadd("{p}2", 3)) == true);
    CHECK(s(db.pfcount("{p}1")) == 2);
    CHECK(s(db.pfcount("{p}1", "{p}2")) == 3);
    CHECK(s(db.pfcount(texts{"{p}none"})) == 0);
    CHECK(s(db.pfmerge("{p}to", "{p}1", "{p}2")).has_value());
    CHECK(s(db.pfmerge("{p}to", texts{"{p}1"})).has_value());
    CHECK(s(db.pfcount("{p}to")) == 3);
}
