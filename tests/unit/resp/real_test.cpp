// Decimal numbers to doubles without the standard library: the same doubles as it gives.
#include <umbel/resp/real.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <string>

namespace {

using umbel::resp::detail::decimal_reader;

/// The bits of what the reader of ours finds, none when it finds nothing.
std::uint64_t read_bits(std::string const& text) {
    double value = 0.0;
    if (!decimal_reader{text}.read(value)) return 0xffff'ffff'ffff'ffffu;
    return std::bit_cast<std::uint64_t>(value);
}
std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

std::string printed(char const* format, int digits, long double value) {
    std::string text(6000, '\0');
    text.resize(static_cast<std::size_t>(std::snprintf(text.data(), text.size(), format, digits, value)));
    return text;
}

double some_double(std::mt19937_64& random) {
    for (;;) {
        double const value = std::bit_cast<double>(static_cast<std::uint64_t>(random()));
        if (std::isfinite(value) && value != 0.0) return value;
    }
}

}  // namespace

TEST_CASE("every double is read back from its digits, few or many", "[real]") {
    std::mt19937_64 random{12};
    for (int i = 0; i < 3000; ++i) {
        double value = some_double(random);
        if (i % 8 == 0)
            value = std::ldexp(value, -static_cast<int>(std::ilogb(value)) - 1022 - i % 50);  // Subnormal.
        char shortest[64];
        std::string const few{shortest, std::to_chars(shortest, shortest + sizeof shortest, value).ptr};
        INFO(few);
        REQUIRE(read_bits(few) == bits_of(value));
        REQUIRE(read_bits(printed("%.*Le", 40 + i % 700, static_cast<long double>(value))) == bits_of(value));
    }
}

TEST_CASE("a number half-way between two doubles goes to the even one, a little more or less to its own side",
          "[real]") {
    std::mt19937_64 random{13};
    for (int i = 0; i < 1000; ++i) {
        double const low = std::abs(some_double(random));
        double const high = std::nextafter(low, std::numeric_limits<double>::infinity());
        if (!std::isfinite(high)) continue;
        bool const low_is_even = (bits_of(low) & 1u) == 0;
        // Exact: a long double has more bits, and 780 digits are enough for all of them.
        std::string const half =
            printed("%.*Le", 780, (static_cast<long double>(low) + static_cast<long double>(high)) / 2);
        std::size_t const e = half.find('e');
        INFO(half);
        REQUIRE(read_bits(half) == bits_of(low_is_even ? low : high));
        REQUIRE(read_bits(half.substr(0, e) + std::string(200, '0') + "1" + half.substr(e)) == bits_of(high));
        std::string less = half.substr(0, e);
        while (less.back() == '0') less.pop_back();
        --less.back();
        REQUIRE(read_bits(less + "9" + half.substr(e)) == bits_of(low));
    }
}

TEST_CASE("numbers are spelled as from_chars spells them", "[real]") {
    CHECK(read_bits("0") == bits_of(0.0));
    CHECK(read_bits("-0.0e5") == bits_of(-0.0));
    CHECK(read_bits("1") == bits_of(1.0));
    CHECK(read_bits("-17.25") == bits_of(-17.25));
    CHECK(read_bits(".5") == bits_of(0.5));
    CHECK(read_bits("5.") == bits_of(5.0));
    CHECK(read_bits("12E+2") == bits_of(1200.0));
    CHECK(read_bits("0000000000000000000000000000000001e-1") == bits_of(0.1));
    CHECK(read_bits("0." + std::string(5000, '0') + "1e5001") == bits_of(1.0));
    CHECK(read_bits("1" + std::string(5000, '0') + "e-5000") == bits_of(1.0));
    CHECK(read_bits("inf") == bits_of(std::numeric_limits<double>::infinity()));
    CHECK(read_bits("-Infinity") == bits_of(-std::numeric_limits<double>::infinity()));
    CHECK(read_bits("nan") == bits_of(std::numeric_limits<double>::quiet_NaN()));
    CHECK(read_bits("1.7976931348623157e308") == bits_of(std::numeric_limits<double>::max()));
    CHECK(read_bits("4.9406564584124654e-324") == bits_of(std::numeric_limits<double>::denorm_min()));
    CHECK(read_bits("2.2250738585072011e-308") == bits_of(2.2250738585072011e-308));
}

TEST_CASE("what is no number, or none that a double can hold, is refused and leaves the value alone",
          "[real]") {
    for (char const* const text : {"",
                                   "-",
                                   "+1",
                                   "--1",
                                   ".",
                                   "e5",
                                   "1e",
                                   "1e+",
                                   "1.5x",
                                   "x",
                                   " 1",
                                   "1 ",
                                   "0x10",
                                   "1,5",
                                   "in",
                                   "infinit",
                                   "1.2.3",
                                   "1e309",
                                   "-1e400",
                                   "1.7976931348623159e308",
                                   "1e-400",
                                   "2e-324",
                                   "1e99999999999999999999",
                                   "1e-99999999999999999999"}) {
        double value = 7.0;
        INFO(text);
        CHECK_FALSE(decimal_reader{text}.read(value));
        CHECK(value == 7.0);
    }
}

TEST_CASE("the standard library finds the same, where it reads doubles", "[real]") {
    std::mt19937_64 random{14};
    unsigned differ = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text = std::to_string(random() % 1'000'000'000'000'000'000u);
        text.insert(random() % text.size() + 1, ".");
        text += "e" + std::to_string(static_cast<int>(random() % 600) - 300);
        double theirs = 0.0;
        if (!umbel::resp::detail::read_decimal(text, theirs) || theirs == 0.0) continue;
        if (read_bits(text) != bits_of(theirs)) ++differ;
    }
    CHECK(differ == 0);
}
