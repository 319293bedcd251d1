// Tests of examples/cli/show.hpp: how replies of every kind look, for people and for programs.
#include <cli/show.hpp>

#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace std::string_view_literals;

namespace {

/// Parses `bytes`, and gives them to `look`.
template <class Look>
std::string looked_at(std::string bytes, Look look) {
    umbel::resp::parser reading;
    REQUIRE(reading.parse({bytes.data(), bytes.size()}) == umbel::resp::parser::status::complete);
    return look(umbel::resp::view{reading.root(), bytes.data()});
}
std::string shown(std::string_view bytes) {
    return looked_at(std::string{bytes}, [](umbel::resp::view value) { return cli::shown(value); });
}
std::string raw(std::string_view bytes) {
    return looked_at(std::string{bytes}, [](umbel::resp::view value) { return cli::raw(value); });
}

}  // namespace

TEST_CASE("scalars of both protocols say what they are", "[cli]") {
    CHECK(shown("+OK\r\n") == "OK");
    CHECK(shown("-ERR no\r\n") == "(error) ERR no");
    CHECK(shown(":-7\r\n") == "(integer) -7");
    CHECK(shown("$3\r\na b\r\n") == "\"a b\"");
    CHECK(shown("$-1\r\n") == "(nil)");
    CHECK(shown("_\r\n") == "(nil)");
    CHECK(shown(",1.5\r\n") == "(double) 1.5");
    CHECK(shown("#t\r\n") == "(true)");
    CHECK(shown("#f\r\n") == "(false)");
    CHECK(shown("(12345678901234567890123\r\n") == "(big number) 12345678901234567890123");
    CHECK(shown("=11\r\ntxt:a\nb\tc\r\n\r\n") == "a\nb\tc");
}

TEST_CASE("bytes that cannot be shown, or would steer a terminal, are escaped", "[cli]") {
    CHECK(shown("$8\r\n\"\\\n\x00\x1b\x7f\xff \r\n"sv) == R"("\"\\\n\x00\x1b\x7f\xff ")");
    CHECK(shown("+a\x1b[2J\r\n") == R"(a\x1b[2J)");
    CHECK(shown("=9\r\ntxt:\x1b[31m\r\n") == R"(\x1b[31m)");
    // UTF-8 stays; half a character, an overlong one, and marks that turn the writing do not.
    CHECK(shown("$9\r\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb8\r\n") ==
          "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb8\"");
    CHECK(shown("$2\r\n\xe2\x82\r\n") == R"("\xe2\x82")");
    CHECK(shown("$2\r\n\xc0\xaf\r\n") == R"("\xc0\xaf")");
    CHECK(shown("$3\r\n\xe2\x80\xae\r\n") == R"("\xe2\x80\xae")");
}

TEST_CASE("elements of arrays are numbered, those of sets are marked", "[cli]") {
    CHECK(shown("*0\r\n") == "(empty array)");
    CHECK(shown("~0\r\n") == "(empty set)");
    CHECK(shown("*2\r\n:1\r\n*2\r\n+a\r\n+b\r\n") == "1) (integer) 1\n2) 1) a\n   2) b");
    CHECK(shown("~2\r\n+a\r\n+b\r\n") == "~ a\n~ b");
    std::string many = "*10\r\n";
    for (int i = 0; i < 10; ++i) many += "+x\r\n";
    CHECK(shown(many).starts_with(" 1) x\n 2) x\n"));
    CHECK(shown(many).ends_with("\n10) x"));
}

TEST_CASE("keys of a map stand in a column, and aggregates below them", "[cli]") {
    CHECK(shown("%0\r\n") == "(empty map)");
    CHECK(shown("%2\r\n$4\r\nname\r\n$3\r\nada\r\n$3\r\nage\r\n:36\r\n") ==
          "name: \"ada\"\n"
          "age:  (integer) 36");
    CHECK(shown("%3\r\n$4\r\ntags\r\n~1\r\n+a\r\n$1\r\nm\r\n%1\r\n:1\r\n*1\r\n+x\r\n$3\r\na b\r\n*0\r\n") ==
          "tags:\n"
          "  ~ a\n"
          "m:\n"
          "  1:\n"
          "    1) x\n"
          "\"a b\": (empty array)");
    // One long key does not push all values to the right.
    std::string const key(40, 'k');
    CHECK(shown("%2\r\n+" + key + "\r\n:1\r\n+a\r\n:2\r\n") == key + ": (integer) 1\na: (integer) 2");
}

TEST_CASE("an attribute stands in front of what it belongs to", "[cli]") {
    CHECK(shown("*2\r\n|1\r\n+ttl\r\n:3600\r\n+a\r\n+b\r\n") ==
          "1) (attribute)\n"
          "     ttl: (integer) 3600\n"
          "   a\n"
          "2) b");
    CHECK(shown("%1\r\n+k\r\n|1\r\n+ttl\r\n:1\r\n+v\r\n") ==
          "k:\n"
          "  (attribute)\n"
          "    ttl: (integer) 1\n"
          "  v");
}

TEST_CASE("colours go around what they colour", "[cli]") {
    CHECK(looked_at(":1\r\n", [](umbel::resp::view value) { return cli::shown(value, cli::coloured); }) ==
          "\x1b[2m(integer) \x1b[0m\x1b[36m1\x1b[0m");
}

TEST_CASE("raw replies are bytes, one element a line", "[cli]") {
    CHECK(raw("$4\r\na\x00\"b\r\n"sv) == "a\x00\"b"sv);
    CHECK(raw("$-1\r\n").empty());
    CHECK(raw("*3\r\n:1\r\n*2\r\n+a\r\n+b\r\n#t\r\n") == "1\na\nb\n(true)");
    CHECK(raw("%2\r\n+a\r\n:1\r\n+b\r\n,2.5\r\n") == "a 1\nb 2.5");
}
