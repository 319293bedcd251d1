// Tests of command/bit_fields.hpp: how types, offsets and operations of BITFIELD are spelled.
#include <umbel/command/bit_fields.hpp>

#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using umbel::bit_element;
using umbel::bit_get;
using umbel::bit_incrby;
using umbel::bit_overflow;
using umbel::bit_set;
using umbel::signed_bits;
using umbel::unsigned_bits;
using umbel::command::word_list;
using umbel::test::shown;

namespace {

std::string field(umbel::bit_field const& at) {
    word_list list;
    umbel::command::add_bit_field(list, at);
    return shown(list);
}
std::string all(std::vector<umbel::bit_operation> const& operations) {
    word_list list;
    umbel::command::add_bit_operations(list, operations);
    return shown(list);
}

}  // namespace

TEST_CASE("every type that a server knows is spelled", "[bit_fields]") {
    for (unsigned width = 1; width <= 64; ++width) {
        CHECK(field({signed_bits(width), 0}) == "i" + std::to_string(width) + " 0");
        if (width < 64) CHECK(field({unsigned_bits(width), 0}) == "u" + std::to_string(width) + " 0");
    }
    for (unsigned const width : {0U, 65U, 1000U}) {
        CHECK(field({signed_bits(width), 0}).starts_with("an integer of a width"));
        CHECK(field({unsigned_bits(width), 0}).starts_with("an integer of a width"));
    }
    CHECK(field({unsigned_bits(64), 0}).starts_with("an integer of a width"));
}

TEST_CASE("an offset is a bit, or an element of as many bits as the type has", "[bit_fields]") {
    CHECK(field({unsigned_bits(8), 100}) == "u8 100");
    CHECK(field({unsigned_bits(8), bit_element(0)}) == "u8 0");
    CHECK(field({signed_bits(5), bit_element(3)}) == "i5 15");
    CHECK(field({unsigned_bits(8), -1}).starts_with("a negative offset"));
    CHECK(field({unsigned_bits(8), bit_element(-1)}).starts_with("a negative offset"));
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    CHECK(field({signed_bits(1), bit_element(most)}) == "i1 " + std::to_string(most));
    CHECK(field({signed_bits(2), bit_element(most)}).starts_with("a negative offset, or one beyond"));
}

TEST_CASE("overflow control stands in front of the first operation that needs another", "[bit_fields]") {
    umbel::bit_field const byte{unsigned_bits(8), 0};
    CHECK(all({bit_get(byte)}) == "GET u8 0");
    CHECK(all({bit_set(byte, 200), bit_incrby(byte, -5)}) == "SET u8 0 200 INCRBY u8 0 -5");
    CHECK(all({bit_incrby(byte, 1, bit_overflow::saturate), bit_get(byte),
               bit_incrby(byte, 1, bit_overflow::saturate), bit_set(byte, 1, bit_overflow::fail),
               bit_incrby(byte, 1)}) ==
          "OVERFLOW SAT INCRBY u8 0 1 GET u8 0 INCRBY u8 0 1 OVERFLOW FAIL SET u8 0 1 OVERFLOW WRAP "
          "INCRBY u8 0 1");
    CHECK(all({}).starts_with("an empty range"));
}
