// Tests of command/argument.hpp: what may be an argument, and how it is spelled.
#include <umbel/command/argument.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

using umbel::command::argument;

TEST_CASE("texts are borrowed as they are, empty and with zeros in them", "[argument]") {
    std::string const text{"a\0b", 3};
    CHECK(argument{text}.text() == text);
    CHECK(argument{text}.text().data() == text.data());
    CHECK(argument{std::string_view{}}.text().empty());
    CHECK(argument{""}.size() == 0);
    CHECK(argument{"abc"}.text() == "abc");
    std::array const data{std::byte{1}, std::byte{0}, std::byte{2}};
    CHECK(argument{std::span<std::byte const>{data}}.size() == 3);
}

TEST_CASE("numbers are spelled in decimal, and a copy keeps its own digits", "[argument]") {
    CHECK(argument{0}.text() == "0");
    CHECK(argument{INT64_MIN}.text() == "-9223372036854775808");
    CHECK(argument{UINT64_MAX}.text() == "18446744073709551615");
    CHECK(argument{std::uint8_t{200}}.text() == "200");
    CHECK(argument{0.1}.text() == "0.1");
    CHECK(argument{-1e300}.text() == "-1e+300");
    argument copy{"other"};
    {
        argument const number{42};
        copy = number;
    }
    CHECK(copy.text() == "42");
}

TEST_CASE("keys and lent bytes are known as such", "[argument]") {
    argument const plain{"k"}, key{umbel::key{"k"}}, lent{umbel::borrow("k")};
    CHECK_FALSE(plain.is_key());
    CHECK_FALSE(plain.is_lent());
    CHECK(key.is_key());
    CHECK_FALSE(key.is_lent());
    CHECK(lent.is_lent());
    CHECK_FALSE(lent.is_key());
    CHECK(key.text() == "k");
    CHECK(lent.text() == "k");
}

TEST_CASE("a single letter is no number, and a truth value is 0 or 1", "[argument]") {
    STATIC_CHECK_FALSE(umbel::command::integer_argument<bool>);
    STATIC_CHECK_FALSE(umbel::command::integer_argument<char>);
    STATIC_CHECK(umbel::command::integer_argument<signed char>);
    STATIC_CHECK_FALSE(std::is_convertible_v<char, argument>);
    CHECK(argument{true}.text() == "1");
    CHECK(argument{false}.text() == "0");
    STATIC_CHECK_FALSE(std::is_convertible_v<std::string_view, umbel::key>);
}
