// Tests of from_reply for sequences, groups, maps and sets, in the shapes of RESP2 and RESP3.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

using umbel::bytes;
using umbel::errc;
using umbel::resp::parser;
using umbel::resp::view;

namespace {

using strings = std::vector<std::string>;
using scores = std::vector<std::pair<std::string, double>>;

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
    CHECK(failed.error().delivery() == umbel::delivery::executed);
    return std::string{failed.error().message()};
}

}  // namespace

static_assert(umbel::decodable<std::unordered_map<bytes, std::vector<std::optional<int>>>>);
static_assert(umbel::decodable<std::tuple<std::string, std::map<std::string, double>, std::array<int, 2>>>);
static_assert(!umbel::decodable<std::vector<std::string_view>> &&
              !umbel::decodable<std::map<std::string, char const*>>);

TEST_CASE("a vector takes the elements of any aggregate", "[decode]") {
    CHECK(decode<strings>("*2\r\n$1\r\na\r\n$1\r\nb\r\n") == strings{"a", "b"});
    CHECK(decode<strings>("~2\r\n+a\r\n+b\r\n") == strings{"a", "b"});
    CHECK(decode<strings>("%1\r\n+a\r\n+b\r\n") == strings{"a", "b"});
    CHECK(decode<strings>("*0\r\n") == strings{});
    CHECK(decode<std::vector<std::optional<int>>>("*2\r\n:1\r\n$-1\r\n") ==
          std::vector<std::optional<int>>{1, std::nullopt});
    CHECK(decode<std::vector<std::vector<int>>>("*2\r\n*1\r\n:1\r\n*2\r\n:2\r\n:3\r\n") ==
          std::vector<std::vector<int>>{{1}, {2, 3}});
    CHECK(decode<std::vector<bool>>("*2\r\n:1\r\n#f\r\n") == std::vector<bool>{true, false});
    CHECK(decode<strings>("*?\r\n|1\r\n+x\r\n+y\r\n+a\r\n.\r\n") == strings{"a"});
}

TEST_CASE("what is no aggregate is no vector, and a bad element spoils it", "[decode]") {
    CHECK(message<strings>("*-1\r\n") == "expected an array, got null");
    CHECK(message<strings>("+a\r\n") == "expected an array, got simple string");
    CHECK(message<std::vector<int>>("*2\r\n:1\r\n_\r\n") == "expected an integer, got null");
    CHECK(decode<strings>("*2\r\n+a\r\n-ERR x\r\n").error() == errc::server_error);
    CHECK(decode<std::optional<strings>>("*-1\r\n").value() == std::optional<strings>{});
}

TEST_CASE("elements that may fail fail alone", "[decode]") {
    auto const mixed = decode<std::vector<umbel::result<int>>>("*3\r\n:1\r\n-WRONGTYPE x\r\n+a\r\n");
    REQUIRE(mixed);
    CHECK((*mixed)[0] == 1);
    CHECK((*mixed)[1].error().message() == "WRONGTYPE x");
    CHECK((*mixed)[2].error() == errc::unexpected_type);
}

TEST_CASE("pairs come from a map, a flat array and an array of pairs alike", "[decode]") {
    scores const expected{{"a", 1.0}, {"b", 2.5}};
    CHECK(decode<scores>("%2\r\n$1\r\na\r\n,1\r\n$1\r\nb\r\n,2.5\r\n") == expected);
    CHECK(decode<scores>("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n") == expected);
    CHECK(decode<scores>("*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2.5\r\n") == expected);
    CHECK(decode<scores>("*0\r\n") == scores{});
    CHECK(decode<scores>("%0\r\n") == scores{});
    std::map<std::string, double> const ordered{expected.begin(), expected.end()};
    CHECK(decode<std::map<std::string, double>>("%2\r\n$1\r\nb\r\n,2.5\r\n$1\r\na\r\n,1\r\n") == ordered);
    CHECK(decode<std::map<std::string, double>>("*4\r\n$1\r\nb\r\n,2.5\r\n$1\r\na\r\n,1\r\n") == ordered);
    CHECK(decode<std::map<std::string, double>>("*2\r\n*2\r\n+b\r\n,2.5\r\n*2\r\n+a\r\n:1\r\n") == ordered);
    auto const hashed = decode<std::unordered_map<std::string, bytes>>("*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n");
    REQUIRE(hashed);
    CHECK(hashed->at("b") == "2");
}

TEST_CASE("what does not pair is no map", "[decode]") {
    CHECK(message<scores>("*3\r\n+a\r\n:1\r\n+b\r\n") == "expected a map, got array of 3");
    CHECK(message<scores>("$1\r\na\r\n") == "expected a map, got bulk string");
    CHECK(message<scores>("*2\r\n*2\r\n+a\r\n:1\r\n*1\r\n+b\r\n") ==
          "expected an array of two, got array of 1");
    CHECK(message<scores>("%1\r\n+a\r\n+x\r\n") == "expected a number, got simple string");
    CHECK(message<scores>("%1\r\n*0\r\n:1\r\n") == "expected a string, got array of 0");
    CHECK(decode<scores>("-ERR x\r\n").error() == errc::server_error);
}

TEST_CASE("of equal keys the last one counts", "[decode]") {
    CHECK(decode<std::map<std::string, int>>("%2\r\n+a\r\n:1\r\n+a\r\n:2\r\n") ==
          std::map<std::string, int>{{"a", 2}});
}

TEST_CASE("sets take arrays and sets", "[decode]") {
    CHECK(decode<std::set<int>>("*3\r\n:3\r\n:1\r\n:3\r\n") == std::set<int>{1, 3});
    CHECK(decode<std::unordered_set<std::string>>("~2\r\n+a\r\n+b\r\n") ==
          std::unordered_set<std::string>{"a", "b"});
    CHECK_FALSE(decode<std::set<int>>("_\r\n"));
}

TEST_CASE("groups take exactly as many elements as they have", "[decode]") {
    CHECK(decode<std::pair<std::string, int>>("*2\r\n+a\r\n:1\r\n") == std::pair<std::string, int>{"a", 1});
    CHECK(decode<std::array<int, 3>>("*3\r\n:1\r\n:2\r\n:3\r\n") == std::array<int, 3>{1, 2, 3});
    using scanned = std::tuple<std::uint64_t, strings>;
    CHECK(decode<scanned>("*2\r\n$2\r\n17\r\n*2\r\n+a\r\n+b\r\n") == scanned{17, {"a", "b"}});
    CHECK(message<std::pair<int, int>>("*3\r\n:1\r\n:2\r\n:3\r\n") ==
          "expected an array of the length asked for, got array of 3");
    CHECK(message<std::array<int, 3>>("*2\r\n:1\r\n:2\r\n") ==
          "expected an array of the length asked for, got array of 2");
    CHECK(message<scanned>("+a\r\n") == "expected an array of the length asked for, got simple string");
    CHECK(message<scanned>("*2\r\n+x\r\n+y\r\n") == "expected an integer in range, got simple string");
    CHECK(decode<scanned>("*2\r\n:1\r\n-ERR x\r\n").error() == errc::server_error);
}

TEST_CASE("a nested stream entry list decodes in one expression", "[decode]") {
    using entry = std::pair<std::string, std::vector<std::pair<std::string, std::string>>>;
    auto const entries = decode<std::vector<std::tuple<std::string, std::map<std::string, std::string>>>>(
        "*2\r\n*2\r\n$3\r\n1-0\r\n*4\r\n+f\r\n+v\r\n+g\r\n+w\r\n*2\r\n$3\r\n2-0\r\n*2\r\n+f\r\n+x\r\n");
    REQUIRE(entries);
    CHECK(std::get<1>((*entries)[0]).at("g") == "w");
    auto const pairs = decode<std::vector<entry>>("*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n+f\r\n+v\r\n");
    REQUIRE(pairs);
    CHECK((*pairs)[0].second[0].second == "v");
}
