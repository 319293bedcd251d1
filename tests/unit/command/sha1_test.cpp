#include <umbel/command/sha1.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using umbel::command::sha1;

TEST_CASE("SHA-1 gives what its standard says, also in constant expressions", "[sha1]") {
    // FIPS 180-4 and RFC 3174, test vectors.
    STATIC_CHECK(sha1{"abc"}.digits() == "a9993e364706816aba3e25717850c26c9cd0d89d");
    STATIC_CHECK(sha1{""}.digits() == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    CHECK(sha1{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"}.digits() ==
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    CHECK(sha1{std::string(1'000'000, 'a')}.digits() == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    std::string digits;
    for (int i = 0; i < 10; ++i) digits += "0123456701234567012345670123456701234567012345670123456701234567";
    CHECK(sha1{digits}.digits() == "dea356a2cddd90c7a7ecedc5ebb563934f460452");
    // What redis-server's SCRIPT LOAD answers for this script.
    STATIC_CHECK(sha1{"return 1"}.digits() == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

TEST_CASE("the padding is right wherever the text ends in its block", "[sha1]") {
    // coreutils, sha1sum.
    CHECK(sha1{std::string(55, 'x')}.digits() == "cef734ba81a024479e09eb5a75b6ddae62e6abf1");
    CHECK(sha1{std::string(56, 'x')}.digits() == "901305367c259952f4e7af8323f480d59f81335b");
    CHECK(sha1{std::string(63, 'x')}.digits() == "0ddc4e0cccd9a12850deb5abb0853a4425559fec");
    CHECK(sha1{std::string(64, 'x')}.digits() == "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163");
    CHECK(sha1{std::string(65, '\xff')}.digits() == "bf0822f91c1aeaee3a06c8a6c598b0229e7fb2f3");
}
