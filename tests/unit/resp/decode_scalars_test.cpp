// Tests of from_reply for scalars, text, optionals and types of the user's own.
#include <umbel/resp/decode_scalars.hpp>
#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

using umbel::bytes;
using umbel::decodable;
using umbel::errc;
using umbel::reply;
using umbel::resp::parser;
using umbel::resp::view;

namespace {

enum class color : std::uint8_t { red = 1, green = 200 };
enum class below : std::int8_t { zero = -1 };
enum class checked { yes };

/// The smallest type that is decodable by its own rule.
struct point {
    int x = 0, y = 0;
};

template <class T>
umbel::result<T> decode(std::string text) {
    parser reading;
    REQUIRE(reading.parse({text.data(), text.size()}) == parser::status::complete);
    return umbel::decode<T>(view{reading.root(), text.data()});
}

template <class T>
std::string message(std::string text) {
    auto const failed = decode<T>(std::move(text));
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == errc::unexpected_type);
    CHECK(failed.error().delivery() == umbel::delivery::executed);
    return std::string{failed.error().message()};
}

}  // namespace

template <>
struct umbel::from_reply<point> {
    static umbel::result<point> from(umbel::resp::view const& view) {
        if (view.children_count() != 2) return umbel::unexpected("a point", view);
        auto const x = umbel::decode<int>(view.child(0)), y = umbel::decode<int>(view.child(1));
        if (!x || !y) return umbel::unexpected("a point", view);
        return point{*x, *y};
    }
};

template <>
struct umbel::from_reply<checked> {
    static umbel::result<checked> from(umbel::resp::view const& view) {
        if (view.text() == "yes") return checked::yes;
        return umbel::unexpected("yes", view);
    }
};

static_assert(decodable<int> && decodable<std::uint64_t> && decodable<std::int8_t> && decodable<bool> &&
              decodable<double> && decodable<float>);
static_assert(decodable<std::string> && decodable<bytes> && decodable<reply> && decodable<umbel::ok> &&
              decodable<point>);
static_assert(decodable<std::optional<point>> && decodable<umbel::result<point>> &&
              decodable<std::optional<std::optional<int>>>);
// What would dangle, and what is no number, is refused.
static_assert(!decodable<std::string_view> && !decodable<view> && !decodable<char const*> &&
              !decodable<char> && !decodable<std::optional<std::string_view>>);

TEST_CASE("an integer comes as an integer or as a text that spells one", "[decode]") {
    CHECK(decode<int>(":5\r\n") == 5);
    CHECK(decode<std::int64_t>("$20\r\n-9223372036854775808\r\n") == INT64_MIN);
    CHECK(decode<std::uint64_t>("$20\r\n18446744073709551615\r\n") == UINT64_MAX);
    CHECK(decode<int>("+7\r\n") == 7);
    CHECK(decode<std::uint64_t>("(18446744073709551615\r\n") == UINT64_MAX);
    CHECK(message<int>("$-1\r\n") == "expected an integer, got null");
    CHECK(message<int>("$2\r\n5x\r\n") == "expected an integer in range, got bulk string");
    CHECK(message<int>("$0\r\n\r\n") == "expected an integer in range, got bulk string");
    CHECK(message<int>("*2\r\n:1\r\n:2\r\n") == "expected an integer, got array of 2");
    CHECK(message<int>(",1.5\r\n") == "expected an integer, got double");
}

TEST_CASE("an integer out of range is refused, never cut", "[decode]") {
    CHECK(decode<std::int8_t>(":127\r\n") == 127);
    CHECK(message<std::int8_t>(":128\r\n") == "expected an integer in range, got integer");
    CHECK_FALSE(decode<std::uint32_t>(":-1\r\n"));
    CHECK_FALSE(decode<std::uint8_t>("$3\r\n256\r\n"));
    CHECK_FALSE(decode<std::uint8_t>("$2\r\n-1\r\n"));
}

TEST_CASE("a boolean comes as a boolean, 0 or 1", "[decode]") {
    CHECK(decode<bool>("#t\r\n") == true);
    CHECK(decode<bool>("#f\r\n") == false);
    CHECK(decode<bool>(":1\r\n") == true);
    CHECK(decode<bool>(":0\r\n") == false);
    CHECK(message<bool>(":2\r\n") == "expected a boolean, 0 or 1, got integer");
    CHECK(decode<bool>("$1\r\n1\r\n") == true);  // As it was sent.
    CHECK(decode<bool>("$1\r\n0\r\n") == false);
    CHECK_FALSE(decode<bool>("$1\r\n2\r\n"));
    CHECK_FALSE(decode<bool>("$2\r\n01\r\n"));
    CHECK_FALSE(decode<bool>("+OK\r\n"));
    CHECK_FALSE(decode<bool>("_\r\n"));
}

TEST_CASE("an enumeration is its number, or what its own rule says", "[decode]") {
    CHECK(decode<color>(":1\r\n") == color::red);
    CHECK(decode<color>("$3\r\n200\r\n") == color::green);
    CHECK(decode<color>(":7\r\n") == static_cast<color>(7));
    CHECK(message<color>(":256\r\n") == "expected a number of the enumeration, got integer");
    CHECK(message<color>(":-1\r\n") == "expected an integer in range, got integer");
    CHECK(message<color>("$3\r\nred\r\n") == "expected an integer in range, got bulk string");
    CHECK(decode<below>(":-1\r\n") == below::zero);
    CHECK(message<below>(":-129\r\n") == "expected a number of the enumeration, got integer");
    CHECK(decode<checked>("$3\r\nyes\r\n") == checked::yes);
    CHECK(message<checked>(":0\r\n") == "expected yes, got integer");
    CHECK(decode<std::optional<color>>("$-1\r\n").value() == std::nullopt);
}

TEST_CASE("a variant is the first of its types that the reply can be", "[decode]") {
    using number_or_text = std::variant<std::int64_t, std::string>;
    CHECK(decode<number_or_text>(":5\r\n") == number_or_text{5});
    CHECK(decode<number_or_text>("$1\r\n5\r\n") == number_or_text{5});
    CHECK(decode<number_or_text>("$1\r\nx\r\n") == number_or_text{"x"});
    CHECK(message<number_or_text>("_\r\n") == "expected a reply of one of the variant's types, got null");
    CHECK(decode<number_or_text>("-ERR no\r\n").error() == errc::server_error);
    using perhaps = std::variant<std::monostate, std::string>;
    CHECK(decode<perhaps>("_\r\n") == perhaps{});
    CHECK(decode<perhaps>("$0\r\n\r\n") == perhaps{""});
    CHECK(message<std::monostate>(":0\r\n") == "expected null, got integer");
    STATIC_CHECK_FALSE(decodable<std::variant<int, std::string_view>>);
}

TEST_CASE("a double comes as a double, an integer or a text", "[decode]") {
    CHECK(decode<double>(",2.5\r\n") == 2.5);
    CHECK(decode<double>("$3\r\n2.5\r\n") == 2.5);
    CHECK(decode<double>(":3\r\n") == 3.0);
    CHECK(decode<double>("$4\r\n-inf\r\n") == -INFINITY);
    CHECK(std::isnan(*decode<double>("$3\r\nnan\r\n")));
    CHECK(decode<float>(",0.5\r\n") == 0.5f);
    CHECK(decode<float>(",inf\r\n") == INFINITY);
    CHECK_FALSE(decode<float>(",1e300\r\n"));
    CHECK(message<double>("$1\r\nx\r\n") == "expected a number, got bulk string");
    CHECK_FALSE(decode<double>("_\r\n"));
}

TEST_CASE("text comes from any string and from numbers", "[decode]") {
    for (std::string const& text :
         {std::string{"$3\r\nfoo\r\n"}, std::string{"+foo\r\n"}, std::string{"=7\r\ntxt:foo\r\n"},
          std::string{"$?\r\n;2\r\nfo\r\n;1\r\no\r\n;0\r\n"}}) {
        CHECK(decode<std::string>(text) == "foo");
        CHECK(decode<bytes>(text)->view() == "foo");
        CHECK(decode<reply>(text)->text() == "foo");
    }
    CHECK(decode<std::string>(":-12\r\n") == "-12");
    CHECK(decode<bytes>(",2.5\r\n")->view() == "2.5");
    CHECK(message<std::string>("_\r\n") == "expected a string, got null");
    CHECK(message<bytes>("#t\r\n") == "expected a string, got boolean");
    CHECK(message<std::string>("%1\r\n+a\r\n+b\r\n") == "expected a string, got map of 1");
}

TEST_CASE("long bytes outlive the reply they came in", "[decode]") {
    std::string const value(1000, 'v');
    CHECK(decode<bytes>("$1000\r\n" + value + "\r\n")->view() == value);
    CHECK(decode<std::string>("$1000\r\n" + value + "\r\n") == value);
}

TEST_CASE("OK is +OK and nothing else", "[decode]") {
    CHECK(decode<umbel::ok>("+OK\r\n"));
    CHECK(message<umbel::ok>("+QUEUED\r\n") == "expected OK, got simple string");
    CHECK_FALSE(decode<umbel::ok>("$2\r\nOK\r\n"));
}

TEST_CASE("null is nothing for an optional and an error for everything else", "[decode]") {
    CHECK(decode<std::optional<std::string>>("$-1\r\n").value() == std::optional<std::string>{});
    CHECK(decode<std::optional<int>>("_\r\n").value() == std::optional<int>{});
    CHECK(decode<std::optional<std::string>>("$3\r\nfoo\r\n").value() == std::optional<std::string>{"foo"});
    CHECK(message<std::optional<int>>("+x\r\n") == "expected an integer in range, got simple string");
    CHECK(decode<reply>("_\r\n")->is_null());
}

TEST_CASE("an error reply is a server error with its line", "[decode]") {
    auto const check = [](auto const& failed) {
        REQUIRE_FALSE(failed);
        CHECK(failed.error() == errc::server_error);
        CHECK(failed.error().message() == "ERR no such thing");
        CHECK(failed.error().delivery() == umbel::delivery::executed);
    };
    std::string const line = "-ERR no such thing\r\n", blob = "!17\r\nERR no such thing\r\n";
    check(decode<int>(line));
    check(decode<double>(line));
    check(decode<bool>(line));
    check(decode<std::string>(line));
    check(decode<std::string>(blob));
    check(decode<bytes>(blob));
    check(decode<umbel::ok>(line));
    check(decode<std::optional<std::string>>(line));
    CHECK(decode<reply>(line)->is_error());
}

TEST_CASE("an element that may fail keeps its own error", "[decode]") {
    auto const good = decode<umbel::result<int>>(":1\r\n");
    REQUIRE(good);
    CHECK(**good == 1);
    auto const bad = decode<umbel::result<int>>("-ERR x\r\n");
    REQUIRE(bad);
    REQUIRE_FALSE(*bad);
    CHECK(bad->error() == errc::server_error);
    CHECK(decode<umbel::result<int>>("-WRONGTYPE x\r\n")->error() == errc::wrong_type);
}

TEST_CASE("a type of the user's own is decoded by its own rule", "[decode]") {
    CHECK(decode<point>("*2\r\n:1\r\n$1\r\n2\r\n")->y == 2);
    CHECK(message<point>("*1\r\n:1\r\n") == "expected a point, got array of 1");
    CHECK(decode<std::optional<point>>("*-1\r\n").value() == std::nullopt);
}
