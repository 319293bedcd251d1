// Tests of resp/encode.hpp: the bytes of commands, and that sizes are exact.
#include <umbel/resp/encode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace umbel::resp;

namespace {

/// Writes a whole command into memory of exactly its size.
std::string command(std::vector<std::string_view> const& words) {
    std::size_t size = header_size(words.size());
    for (std::string_view const word : words) size += bulk_size(word.size());
    auto const exact = std::make_unique<char[]>(size);
    char* at = put_array_header(exact.get(), words.size());
    for (std::string_view const word : words) at = put_bulk(at, word);
    CHECK(static_cast<std::size_t>(at - exact.get()) == size);
    return {exact.get(), size};
}

std::string bulk(std::string_view value) {
    auto const exact = std::make_unique<char[]>(bulk_size(value.size()));
    char* const end = put_bulk(exact.get(), value);
    return {exact.get(), end};
}

template <class Number>
std::string spelled(Number value) {
    return std::string{number_text{value}.view()};
}

}  // namespace

TEST_CASE("a command is an array of bulk strings", "[encode]") {
    CHECK(command({"GET", "key"}) == "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    CHECK(command({"PING"}) == "*1\r\n$4\r\nPING\r\n");
    CHECK(command({""}) == "*1\r\n$0\r\n\r\n");
    CHECK(command({"SET", "", "v"}) == "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$1\r\nv\r\n");
    std::string const expected = "*150\r\n";
    CHECK(command(std::vector<std::string_view>(150, "x")).substr(0, 6) == expected);
}

TEST_CASE("a bulk string of any length fills exactly its size", "[encode]") {
    for (std::size_t length = 0; length != 1200; ++length) {
        std::string const value(length, static_cast<char>('a' + length % 26));
        std::string expected{"$"};
        expected.append(std::to_string(length)).append("\r\n").append(value).append("\r\n");
        CHECK(bulk(value) == expected);
        CHECK(bulk_size(length) == expected.size());
    }
    std::string const large(100'000, 'L');
    CHECK(bulk(large) == "$100000\r\n" + large + "\r\n");
}

TEST_CASE("any bytes may stand in a bulk string", "[encode]") {
    std::string_view const value{"\r\n\0\xff$1\r\n", 8};
    CHECK(bulk(value) == "$8\r\n" + std::string{value} + "\r\n");
}

TEST_CASE("header sizes are exact for every number of digits", "[encode]") {
    std::uint64_t bound = 1;
    for (std::size_t digits = 1; digits != 20; ++digits) {
        CHECK(digits_of(bound) == digits);
        CHECK(digits_of(bound * 10 - 1) == digits);
        bound *= 10;
    }
    CHECK(digits_of(UINT64_MAX) == 20);
    CHECK(digits_of(0) == 1);
}

TEST_CASE("a borrowed argument is framed by its header and its end", "[encode]") {
    char text[16];
    char* at = put_bulk_header(text, 12345);
    at = put_bulk_end(at);
    CHECK(std::string_view(text, static_cast<std::size_t>(at - text)) == "$12345\r\n\r\n");
}

TEST_CASE("integers are spelled in decimal", "[encode]") {
    CHECK(spelled(INT64_MIN) == "-9223372036854775808");
    CHECK(spelled(UINT64_MAX) == "18446744073709551615");
    CHECK(spelled(std::uint8_t{200}) == "200");
    CHECK(spelled(true) == "1");
    CHECK(spelled(false) == "0");
    CHECK(spelled(static_cast<signed char>(-5)) == "-5");
}

TEST_CASE("doubles take the shortest form that reads back the same", "[encode]") {
    CHECK(spelled(0.1) == "0.1");
    CHECK(spelled(1.0) == "1");
    CHECK(spelled(-2.5) == "-2.5");
    CHECK(spelled(1e300) == "1e+300");
    CHECK(spelled(0.1f) == "0.1");
    for (double const value : {0.1, 1.0 / 3, 1e-310, std::numeric_limits<double>::max(),
                               std::numeric_limits<double>::denorm_min(), -123456789.123456789}) {
        CHECK(std::strtod(spelled(value).c_str(), nullptr) == value);
        CHECK(spelled(value).size() <= 31);
    }
}

TEST_CASE("infinities and not-a-number are spelled as Redis accepts them", "[encode]") {
    CHECK(spelled(std::numeric_limits<double>::infinity()) == "inf");
    CHECK(spelled(-std::numeric_limits<double>::infinity()) == "-inf");
    CHECK(spelled(std::nan("")) == "nan");
    CHECK(spelled(-std::numeric_limits<float>::infinity()) == "-inf");
}
