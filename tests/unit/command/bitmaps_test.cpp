// Tests of command/bitmaps.hpp: the words, flags, refusals and replies of bitmap commands.
#include <umbel/command/bitmaps.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

using umbel::bit_position;
using umbel::bit_unit;
using umbel::bitwise;
using umbel::test::decoded;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::bitmap_commands> db;
std::vector<std::string> const keys{"{k}a", "{k}b"};
std::vector<std::string> const no_keys;
constexpr umbel::bit_field byte{umbel::unsigned_bits(8), 0};
constexpr umbel::bit_field nibble{umbel::signed_bits(4), umbel::bit_element(3)};

}  // namespace

TEST_CASE("every bitmap command sends its words, with the flags and the slot of the command table",
          "[bitmaps]") {
    CHECK(mismatch(db.setbit("k", 7, true), "SETBIT k 7 1") == "");
    CHECK(mismatch(db.setbit("k", 7, false), "SETBIT k 7 0") == "");
    CHECK(mismatch(db.getbit("k", 7), "GETBIT k 7") == "");
    CHECK(mismatch(db.bitcount("k"), "BITCOUNT k") == "");
    CHECK(mismatch(db.bitcount("k", {}), "BITCOUNT k 0 -1") == "");
    CHECK(mismatch(db.bitcount("k", {.first = 1, .last = -2}), "BITCOUNT k 1 -2") == "");
    CHECK(mismatch(db.bitcount("k", {.first = 5, .last = 30, .unit = bit_unit::bit}),
                   "BITCOUNT k 5 30 BIT") == "");
    CHECK(mismatch(db.bitpos("k", true), "BITPOS k 1") == "");
    CHECK(mismatch(db.bitpos("k", false, 2), "BITPOS k 0 2") == "");
    CHECK(mismatch(db.bitpos("k", true, {.first = 2}), "BITPOS k 1 2 -1") == "");
    CHECK(mismatch(db.bitpos("k", true, {.first = 2, .last = 9, .unit = bit_unit::bit}),
                   "BITPOS k 1 2 9 BIT") == "");
    CHECK(mismatch(db.bitfield("k", umbel::bit_get(byte)), "BITFIELD k GET u8 0") == "");
    CHECK(mismatch(db.bitfield("k", umbel::bit_set(byte, 200),
                               umbel::bit_incrby(nibble, 1, umbel::bit_overflow::fail)),
                   "BITFIELD k SET u8 0 200 OVERFLOW FAIL INCRBY i4 12 1") == "");
    CHECK(mismatch(db.bitfield("k", std::vector{umbel::bit_get(byte), umbel::bit_get(nibble)}),
                   "BITFIELD k GET u8 0 GET i4 12") == "");
    CHECK(mismatch(db.bitfield_ro("k", byte, nibble), "BITFIELD_RO k GET u8 0 GET i4 12") == "");
    CHECK(mismatch(db.bitfield_ro("k", std::vector{nibble}), "BITFIELD_RO k GET i4 12") == "");
}

TEST_CASE("BITOP spells its operations, and is idempotent unless it overwrites a source", "[bitmaps]") {
    CHECK(mismatch(db.bitop(bitwise::bit_and, "{k}", keys), "BITOP AND {k} {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::bit_or, "{k}", "{k}a", "{k}b"), "BITOP OR {k} {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::bit_xor, "{k}a", keys), "BITOP XOR {k}a {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::bit_not, "{k}", "{k}a"), "BITOP NOT {k} {k}a") == "");
    CHECK(mismatch(db.bitop(bitwise::diff, "{k}", keys), "BITOP DIFF {k} {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::diff1, "{k}", keys), "BITOP DIFF1 {k} {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::and_or, "{k}", keys), "BITOP ANDOR {k} {k}a {k}b") == "");
    CHECK(mismatch(db.bitop(bitwise::exactly_one, "{k}", keys), "BITOP ONE {k} {k}a {k}b") == "");
    CHECK(db.bitop(bitwise::bit_and, "a", "b").slot.is_several());
}

TEST_CASE("what no server would take of a bitmap command is refused before it is sent", "[bitmaps]") {
    CHECK(db.setbit("k", -1, true).refusal == "a negative offset");
    CHECK(db.getbit("k", -1).refusal == "a negative offset");
    CHECK(db.bitop(bitwise::bit_and, "k", no_keys).refusal.starts_with("an empty range"));
    CHECK(db.bitop(bitwise::bit_not, "{k}", keys).refusal == "BITOP NOT takes one source");
    CHECK(db.bitop(bitwise::diff, "{k}", "{k}a").refusal.starts_with("BITOP DIFF"));
    CHECK(db.bitop(bitwise::diff1, "{k}", "{k}a").refusal.starts_with("BITOP DIFF"));
    CHECK(db.bitop(bitwise::and_or, "{k}", "{k}a").refusal.starts_with("BITOP DIFF"));
    CHECK(db.bitop(bitwise::exactly_one, "{k}", "{k}a").refusal.empty());
    CHECK(db.bitfield("k", std::vector<umbel::bit_operation>{}).refusal.starts_with("an empty range"));
    CHECK(db.bitfield_ro("k", std::vector<umbel::bit_field>{}).refusal.starts_with("an empty range"));
    CHECK(db.bitfield_ro("k", umbel::bit_field{umbel::unsigned_bits(64), 0})
              .refusal.starts_with("an integer of a width"));
}

TEST_CASE("bitmap replies are of natural types, in RESP2 and RESP3", "[bitmaps]") {
    using results = std::vector<std::optional<std::int64_t>>;
    STATIC_CHECK(replies<bool, decltype(db.setbit("k", 0, true))>());
    STATIC_CHECK(replies<bit_position, decltype(db.bitpos("k", true))>());
    STATIC_CHECK(replies<results, decltype(db.bitfield("k", umbel::bit_get(byte)))>());
    STATIC_CHECK(replies<std::vector<std::int64_t>, decltype(db.bitfield_ro("k", byte))>());
    CHECK(decoded<bool>(":1\r\n") == true);
    CHECK(decoded<results>("*3\r\n:1\r\n$-1\r\n:-3\r\n") == results{1, std::nullopt, -3});
    CHECK(decoded<results>("*3\r\n:1\r\n_\r\n:-3\r\n") == results{1, std::nullopt, -3});
    CHECK(decoded<bit_position>(":12\r\n")->value() == 12);
    CHECK_FALSE(decoded<bit_position>(":-1\r\n")->has_value());
    CHECK(decoded<bit_position>(":-2\r\n").error() == umbel::errc::unexpected_type);
    CHECK(umbel::test::survives_odd_replies<bit_position>() == 2);
}
