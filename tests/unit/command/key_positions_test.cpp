// Tests of command/key_positions.hpp: keys in up to two ranges, and numbers of keys as nodes read them.
#include <umbel/command/key_positions.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>
#include <vector>

using namespace umbel::command;

TEST_CASE("keys of two ranges are counted through", "[key_positions]") {
    key_positions const found{.ranges = {detail::range_of(1, 1), detail::range_of(3, 2, 2)}};
    REQUIRE(found.size() == 3);
    CHECK(found[0] == 1);
    CHECK(found[1] == 3);
    CHECK(found[2] == 5);
    CHECK_FALSE(found.empty());
    CHECK(key_positions{}.empty());
}

TEST_CASE("a number of keys is read as atoi reads it", "[key_positions]") {
    using detail::read_key_count;
    CHECK(read_key_count("2") == 2);
    CHECK(read_key_count(" \t+12x") == 12);
    CHECK(read_key_count("0") == 0);
    CHECK(read_key_count("99999999999999999999999").value() > 0xffffffffu);
    for (std::string_view const text : {"", " ", "+", "-1", "x1"}) CHECK_FALSE(read_key_count(text));
    std::vector<std::string_view> const argv{"X.DO", "two"};
    CHECK(detail::bad_key_count(argv, *find_command("get", {}), 1, "is none").value().message() ==
          "\"X.DO\": the number of keys \"two\" is none");
}
