// Tests of command/lcs_matches.hpp: what LCS … IDX answers in both protocols, and odd answers.
#include <umbel/command/lcs_matches.hpp>

#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <vector>

using umbel::lcs_match;
using umbel::lcs_matches;
using umbel::test::decoded;

TEST_CASE("RESP2 and RESP3 give the same matches of LCS", "[lcs_matches]") {
    lcs_matches const expected{{{{4, 7}, {5, 8}}, {{2, 3}, {0, 1}}}, 6};
    CHECK(decoded<lcs_matches>("*4\r\n$7\r\nmatches\r\n*2\r\n"
                               "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                               "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
                               "$3\r\nlen\r\n:6\r\n") == expected);
    CHECK(decoded<lcs_matches>("%2\r\n$7\r\nmatches\r\n*2\r\n"
                               "*2\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n"
                               "*2\r\n*2\r\n:2\r\n:3\r\n*2\r\n:0\r\n:1\r\n"
                               "$3\r\nlen\r\n:6\r\n") == expected);
    CHECK(expected.matches.front().length() == 4);
    CHECK(decoded<lcs_matches>("*4\r\n$7\r\nmatches\r\n*0\r\n$3\r\nlen\r\n:0\r\n") == lcs_matches{});
}

TEST_CASE("the length of a match that WITHMATCHLEN adds is no matter", "[lcs_matches]") {
    CHECK(decoded<lcs_match>("*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n") ==
          lcs_match{{4, 7}, {5, 8}});
}

TEST_CASE("a range that ends before it begins, or begins before the text, is no range", "[lcs_matches]") {
    CHECK(decoded<umbel::text_range>("*2\r\n:4\r\n:4\r\n") == umbel::text_range{4, 4});
    CHECK_FALSE(decoded<umbel::text_range>("*2\r\n:4\r\n:3\r\n"));
    CHECK_FALSE(decoded<umbel::text_range>("*2\r\n:-9223372036854775808\r\n:9223372036854775807\r\n"));
}

TEST_CASE("odd replies to LCS give an error", "[lcs_matches]") {
    CHECK_FALSE(decoded<lcs_matches>("*4\r\n$7\r\nmatches\r\n*0\r\n$7\r\nmatches\r\n*0\r\n"));
    CHECK_FALSE(decoded<lcs_matches>("*4\r\n$3\r\nlen\r\n:1\r\n$3\r\nlen\r\n:1\r\n"));
    CHECK_FALSE(decoded<lcs_match>("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n"));
    CHECK(umbel::test::survives_odd_replies<lcs_matches>() == 0);
    CHECK(umbel::test::survives_odd_replies<lcs_match>() == 0);
    CHECK(umbel::test::survives_odd_replies<umbel::text_range>() == 0);
}
