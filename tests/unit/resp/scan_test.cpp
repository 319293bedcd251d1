// Tests of resp/scan.hpp: lines, numbers, and the short replies read in one go.
#include <umbel/resp/scan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

using namespace umbel::resp;

namespace {

/// Reads from memory of exactly that size, so that the address sanitizer sees a byte too far.
std::size_t quick(std::string_view bytes, node& out) {
    auto const exact = std::make_unique<char[]>(bytes.size());
    std::memcpy(exact.get(), bytes.data(), bytes.size());
    char const* const end = quick_reply(exact.get(), exact.get() + bytes.size(), out);
    return end ? static_cast<std::size_t>(end - exact.get()) : 0;
}

}  // namespace

TEST_CASE("the first CR or LF is found wherever it stands", "[scan]") {
    for (std::size_t length = 0; length != 40; ++length) {
        std::string text(length, 'a');
        CHECK((find_line_break(text.data(), text.data() + length) == text.data() + length));
        for (std::size_t at = 0; at != length; ++at) {
            for (char const found : {'\r', '\n'}) {
                std::string marked = text;
                marked[at] = found;
                for (std::size_t behind = at + 1; behind < length; ++behind)
                    marked[behind] = "\x0b\x0c\x0e\r\n\x8d\x8a"[behind % 7];
                CHECK((find_line_break(marked.data(), marked.data() + length) == marked.data() + at));
            }
        }
    }
}

TEST_CASE("bytes next to CR and LF are not taken for them", "[scan]") {
    std::string const text = "\x0b\x0c\x0e\x0f\x09\x8d\x8a\x00\xff\x0c\x0e\x0b";
    CHECK((find_line_break(text.data(), text.data() + text.size()) == text.data() + text.size()));
}

TEST_CASE("digits are read eight at a time", "[scan]") {
    std::uint64_t value = 0;
    CHECK(quick_digits("\r\n345678", value) == 0);
    CHECK(quick_digits("7\r\n45678", value) == 1);
    CHECK(value == 7);
    CHECK(quick_digits("1234567\r", value) == 7);
    CHECK(value == 1234567);
    CHECK(quick_digits("12345678", value) == 8);
    CHECK(value == 12345678);
    CHECK(quick_digits("99999999", value) == 8);
    CHECK(value == 99999999);
    CHECK(quick_digits("00000001", value) == 8);
    CHECK(value == 1);
    for (int byte = 0; byte != 256; ++byte) {
        if (byte >= '0' && byte <= '9') continue;
        std::string const text = std::string{"123"} + static_cast<char>(byte) + "5678";
        CHECK((quick_digits(text.data(), value) == 3));
        CHECK(value == 123);
    }
}

TEST_CASE("digits up to the end of a line are read eight at a time, or not at all", "[scan]") {
    std::uint64_t value = 0;
    for (std::string_view const text : {"7\r\n45678", "12\r\n5678", "1234567\r", "0000001\r"}) {
        std::size_t const digits = text.find('\r');
        CHECK(quick_digits_to_end(text.data(), value) == digits);
        CHECK(std::to_string(value + 100000000).substr(9 - digits) == text.substr(0, digits));
    }
    CHECK(quick_digits_to_end("12345678", value) == 0);
    CHECK(quick_digits_to_end("\r\n345678", value) == 0);
    for (int byte = 0; byte != 256; ++byte) {
        if ((byte >= '0' && byte <= '9') || byte <= '\r') continue;
        std::string const text = std::string{"12"} + static_cast<char>(byte) + "4567\r";
        CHECK((quick_digits_to_end(text.data(), value) == 0));
    }
}

TEST_CASE("short doubles are read to the same bits as by the library, or left to it", "[scan]") {
    node out{};
    auto const real = [&out](std::string_view text) {
        std::string const bytes = "," + std::string{text} + "\r\n";
        auto const exact = std::make_unique<char[]>(bytes.size() + 24);
        std::memset(exact.get(), '+', bytes.size() + 24);
        std::memcpy(exact.get(), bytes.data(), bytes.size());
        char const* const end = quick_real(exact.get(), exact.get() + bytes.size() + 24, out);
        if (!end) return false;
        CHECK(end == exact.get() + bytes.size());
        return true;
    };
    for (std::string_view const left : {"0", "1", "7", "10", "123", "9999999", "12345678", "00012"}) {
        for (std::string_view const right :
             {"", ".0", ".5", ".1", ".25", ".0001", ".3333333", ".9999999", ".00012"}) {
            for (std::string const& text :
                 {std::string{left} + std::string{right}, "-" + std::string{left} + std::string{right}}) {
                INFO(text);
                double value = 0;
                REQUIRE(read_real(text, value));
                bool const read = real(text);
                CHECK((read || left.size() + right.size() > 15));
                if (read) CHECK(out == node::scalar(type::real, std::bit_cast<std::uint64_t>(value)));
            }
        }
    }
    for (std::string_view const other : {"", "-", ".5", "1.", "1e5", "inf", "-inf", "nan", "1.5x", "+1.5",
                                         "1.2.3", "12345678.12345678", "123456789"}) {
        INFO(other);
        CHECK_FALSE(real(other));
    }
    for (std::size_t size = 1; size != 24; ++size) {
        auto const exact = std::make_unique<char[]>(size);
        std::memset(exact.get(), '1', size);
        CHECK(quick_real(exact.get(), exact.get() + size, out) == nullptr);
    }
}

TEST_CASE("short whole replies are read at once", "[scan]") {
    node out{};
    CHECK(quick("+OK\r\n", out) == 5);
    CHECK(out == node::text(type::simple_string, 1, 2));
    CHECK(quick("$-1\r\n", out) == 5);
    CHECK(out == node::scalar(type::null, 0));
    CHECK(quick("_\r\n+OK\r\n", out) == 3);
    CHECK(quick("$0\r\n\r\n$0", out) == 6);
    CHECK(out == node::text(type::bulk_string, 4, 0));
    CHECK(quick("$3\r\nfoo\r\n", out) == 9);
    CHECK(out == node::text(type::bulk_string, 4, 3));
    CHECK(quick("$16\r\n0123456789abcdef\r\n+OK\r\n", out) == 23);
    CHECK(out == node::text(type::bulk_string, 5, 16));
    CHECK(quick("$100\r\n" + std::string(100, 'x') + "\r\n", out) == 108);
    CHECK(quick("$9999\r\n" + std::string(9999, 'x') + "\r\n", out) == 7 + 9999 + 2);
    CHECK(out == node::text(type::bulk_string, 7, 9999));
    CHECK(quick(":1\r\n+", out) == 4);
    CHECK(quick(":-42\r\n", out) == 6);
    CHECK(out.integer() == -42);
    CHECK(quick(":123456789012345678\r\n", out) == 21);
    CHECK(out.integer() == 123456789012345678);
    CHECK(quick(":-999999999999999999\r\n", out) == 22);
    CHECK(out.integer() == -999999999999999999);
}

TEST_CASE("what is not whole, not common or not right is left to the parser", "[scan]") {
    node out{};
    for (std::string_view const whole : {"$3\r\nfoo\r\n", "$16\r\n0123456789abcdef\r\n", ":1234\r\n",
                                         ":123456789012\r\n", "+OK\r\n", "$-1\r\n"}) {
        for (std::size_t size = 0; size != whole.size(); ++size)
            CHECK(quick(whole.substr(0, size), out) == 0);
    }
    for (std::string_view const other :
         {"+PONG\r\n", "-ERR\r\n", "*1\r\n+a\r\n", "$3\r\nfooXX", "$3\r\nfoo\rX", "$a\r\nfoo\r\n",
          "$1a\r\n012345678901234567890\r\n", "$12345\r\n", "$-2\r\n\r\n\r\n", "$\r\n\r\n\r\n\r\n",
          ":\r\n:1\r\n:2\r\n", ":-\r\n:1\r\n:2", ":1x\r\n:1\r\n:2", ":1234567890123456789\r\n",
          ":12345678x\r\n:1", "#t\r\n+OK\r\n", ":+1\r\n:1\r\n:1\r\n", "$:0\r\n0123456789\r\n"}) {
        INFO(other);
        CHECK(quick(other, out) == 0);
    }
}

TEST_CASE("a whole line is read at once, and no byte behind it is looked at", "[scan]") {
    node out{};
    auto const line = [&out](std::string_view bytes, std::size_t bound = 100) {
        auto const exact = std::make_unique<char[]>(bytes.size());
        std::memcpy(exact.get(), bytes.data(), bytes.size());
        return quick_line(exact.get(), bytes.size(), bound, out);
    };
    std::string_view const whole = "-ERR unknown command\r\n";
    CHECK(line(whole) == whole.size());
    CHECK(out == node::text(type::error, 1, whole.size() - 3));
    for (std::size_t size = 0; size != whole.size(); ++size) CHECK(line(whole.substr(0, size)) == 0);
    CHECK(line("+\r\n+OK\r\n") == 3);
    CHECK(out == node::text(type::simple_string, 1, 0));
    CHECK(line(whole, whole.size() - 2) == whole.size());
    CHECK(line(whole, whole.size() - 3) == 0);
    CHECK(line("+OK\n\r\n") == 0);
    CHECK(line("+OK\rX\r\n") == 0);
    CHECK(line(":1234\r\n") == 0);
}

TEST_CASE("the beginning of a short value is known for what it is, and no byte behind it is looked at",
          "[scan]") {
    auto const begun = [](std::string_view bytes, std::size_t whole_max = 100) {
        auto const exact = std::make_unique<char[]>(bytes.size());
        std::memcpy(exact.get(), bytes.data(), bytes.size());
        return is_short_of_end(exact.get(), bytes.size(), whole_max);
    };
    for (std::string_view const whole : {"+OK\r\n", "-ERR no\r\n", ":1234567890123\r\n", "$0\r\n\r\n",
                                         "$16\r\n0123456789abcdef\r\n", "$-1\r\n"}) {
        for (std::size_t size = 1; size != whole.size(); ++size) {
            INFO(whole << " " << size);
            CHECK(begun(whole.substr(0, size)));
        }
        CHECK_FALSE(begun(whole));
    }
    std::string const value = "$9999\r\n" + std::string(9000, 'v');
    CHECK(begun(value, 7 + 9999 + 2));
    CHECK_FALSE(begun(value, 7 + 9999 + 1));
    CHECK(begun("+" + std::string(30, 'a')));
    CHECK_FALSE(begun("+" + std::string(31, 'a')));
    CHECK_FALSE(begun("+" + std::string(30, 'a') + "\r"));
    for (std::string_view const other : {"*", "x", "\r", "+OK\n", "+OK\rX", "$\r\n", "$a\r\n", "$-2\r\n",
                                         "$12345\r\n", "$3\r\nfooX", "$+3\r\n", ",1"}) {
        INFO(other);
        CHECK_FALSE(begun(other));
    }
}

TEST_CASE("integers are held to 64 bits", "[scan]") {
    std::int64_t value = 0;
    CHECK(read_integer("-9223372036854775808", value));
    CHECK(value == INT64_MIN);
    CHECK_FALSE(read_integer("9223372036854775808", value));
    CHECK_FALSE(read_integer("", value));
    CHECK_FALSE(read_integer("+", value));
    CHECK_FALSE(read_integer("+-1", value));
    CHECK_FALSE(read_integer("1 ", value));
    std::uint64_t length = 0;
    CHECK(read_unsigned("9223372036854775807", length));
    CHECK_FALSE(read_unsigned("9223372036854775808", length));
    CHECK_FALSE(read_unsigned("-1", length));
    CHECK_FALSE(read_unsigned("", length));
}

TEST_CASE("doubles are read as Redis spells them", "[scan]") {
    double value = 0;
    for (std::string_view const good :
         {"1", "-1", "+1", "1.5", "1e5", "1E-5", "inf", "-inf", "nan", "0.1", ".5", "17179869184"})
        CHECK(read_real(good, value));
    for (std::string_view const bad : {"", "-", "+", "1.5x", " 1", "0x1p3", "1e999", "--1", "+-1", "e5"})
        CHECK_FALSE(read_real(bad, value));
}
