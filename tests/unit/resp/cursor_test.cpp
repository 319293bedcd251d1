// Tests of resp/cursor.hpp: lines and ends of strings that arrive in parts, the bounds on bytes, and where a
// fault stands.
#include <umbel/resp/cursor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace umbel::resp;

namespace {

/// A cursor and the bytes it looks at.
struct reading {
    cursor bytes;
    std::string text;

    explicit reading(limits const& bounds = {}) noexcept : bytes{bounds} { bytes.start(); }
    void arrive(std::string_view more) {
        text.append(more);
        bytes.look_at(text);
    }
};

}  // namespace

TEST_CASE("a line is found whole, without its type byte and its CR LF, and consumed only when passed",
          "[cursor]") {
    reading in;
    std::string_view line;
    in.arrive("+OK\r\n:1\r\n");
    REQUIRE(in.bytes.take_line(line) == parse_step::proceed);
    CHECK(line == "OK");
    CHECK(in.bytes.position() == 0);
    in.bytes.pass_line();
    CHECK(in.bytes.position() == 5);
    CHECK(in.bytes.lead() == ':');
    CHECK_FALSE(in.bytes.is_inside_line());
}

TEST_CASE("a line that arrives byte by byte is gone on with where the search stopped", "[cursor]") {
    reading in;
    std::string_view line;
    for (char const byte : std::string_view{"+OK\r"}) {
        in.arrive({&byte, 1});
        CHECK(in.bytes.take_line(line) == parse_step::starved);
    }
    CHECK(in.bytes.is_inside_line());
    in.arrive("\n");
    CHECK(in.bytes.take_line(line) == parse_step::proceed);
    CHECK(line == "OK");
}

TEST_CASE("a line ends with CR LF and keeps its bound", "[cursor]") {
    std::string_view line;
    SECTION("LF alone") {
        reading in;
        in.arrive("+O\nK");
        CHECK(in.bytes.take_line(line) == parse_step::broken);
        CHECK(in.bytes.fault() == fault{fault_kind::carriage_return_missing, '\n', 2});
    }
    SECTION("CR without LF") {
        reading in;
        in.arrive("+O\rK");
        CHECK(in.bytes.take_line(line) == parse_step::broken);
        CHECK(in.bytes.fault() == fault{fault_kind::line_feed_missing, 'K', 3});
    }
    SECTION("one byte too long, with its end in sight or not") {
        for (std::string_view const end : {"\r\n", ""}) {
            reading in{{.line_bytes_max = 64}};
            in.arrive("+" + std::string(65, 'x') + std::string{end});
            CHECK(in.bytes.take_line(line) == parse_step::broken);
            CHECK(in.bytes.fault().kind == fault_kind::line_too_long);
            CHECK(in.bytes.fault().offset == 65);
        }
    }
    SECTION("as long as the bound allows") {
        reading in{{.line_bytes_max = 64}};
        in.arrive("+" + std::string(64, 'x') + "\r\n");
        CHECK(in.bytes.take_line(line) == parse_step::proceed);
        CHECK(line.size() == 64);
    }
}

TEST_CASE("the end of a string is judged as soon as its first byte is there", "[cursor]") {
    reading in;
    in.arrive("abc");
    CHECK(in.bytes.find_crlf(3) == parse_step::starved);
    in.arrive("\r");
    CHECK(in.bytes.find_crlf(3) == parse_step::starved);
    in.arrive("\n");
    CHECK(in.bytes.find_crlf(3) == parse_step::proceed);
    CHECK(in.bytes.find_crlf(2) == parse_step::broken);
    CHECK(in.bytes.fault() == fault{fault_kind::value_without_crlf, 'c', 2});
}

TEST_CASE("bytes beyond the bound on a reply are not looked at, also when some were forgotten", "[cursor]") {
    reading in{{.reply_bytes_max = 8}};
    in.arrive("+OK\r\n");
    CHECK_FALSE(in.bytes.is_at_bound());
    std::string_view line;
    REQUIRE(in.bytes.take_line(line) == parse_step::proceed);
    CHECK(in.bytes.has_room_for(3));
    CHECK_FALSE(in.bytes.has_room_for(4));
    in.bytes.pass_line();
    CHECK(in.bytes.forget() == 5);
    CHECK(in.bytes.position() == 0);
    in.text = "+LONG\r\n";
    in.bytes.look_at(in.text);
    CHECK(in.bytes.size() == 3);
    CHECK(in.bytes.is_at_bound());
    CHECK(in.bytes.stop(fault_kind::reply_too_long, 3) == parse_step::broken);
    CHECK(in.bytes.fault() == fault{fault_kind::reply_too_long, '\0', 8});
}
