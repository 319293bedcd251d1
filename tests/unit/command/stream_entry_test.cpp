// Tests of command/stream_entry.hpp: bounds, trimming and the shapes of entries in RESP2 and RESP3.
#include <umbel/command/stream_entry.hpp>

#include "decoded.hpp"
#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::delivered_entry;
using umbel::stream_batch;
using umbel::stream_bound;
using umbel::stream_deletion;
using umbel::stream_entry;
using umbel::command::word_list;
using umbel::test::decoded;
using umbel::test::shown;
using umbel::test::survives_odd_replies;

namespace {

std::string trimmed(umbel::stream_trim trim) {
    word_list list;
    umbel::command::add_trim(list, trim);
    return shown(list);
}

}  // namespace

TEST_CASE("bounds are ids, open ids, and the two ends", "[streams]") {
    CHECK(std::string_view{stream_bound{"5-1"}} == "5-1");
    CHECK(std::string_view{stream_bound::exclusive("5-1")} == "(5-1");
    CHECK(std::string_view{stream_bound::first()} == "-");
    CHECK(std::string_view{stream_bound::last()} == "+");
    std::string const longest = "18446744073709551615-18446744073709551615";
    CHECK(std::string_view{stream_bound::exclusive(longest)} == "(" + longest);
    CHECK(stream_bound{longest}.valid());
    CHECK_FALSE(stream_bound{longest + "0"}.valid());
    CHECK_FALSE(stream_bound{""}.valid());
    CHECK_FALSE(stream_bound::exclusive("").valid());
}

TEST_CASE("a trim says its kind, its limit, and what excludes each other", "[streams]") {
    CHECK(trimmed({}) == "");
    CHECK(trimmed({.max_length = 10}) == "MAXLEN 10");
    CHECK(trimmed({.max_length = 0}) == "MAXLEN 0");
    CHECK(trimmed({.min_id = "5-1"}) == "MINID 5-1");
    CHECK(trimmed({.max_length = 10, .approximate = true, .limit = 5}) == "MAXLEN ~ 10 LIMIT 5");
    CHECK(trimmed({.max_length = 10, .min_id = "1"}) == "max_length and min_id exclude each other");
    CHECK(trimmed({.max_length = 10, .limit = 5}) == "a limit needs approximate trimming");
    CHECK(trimmed({.approximate = true}) == "trimming needs max_length or min_id");
}

TEST_CASE("streams are keys first and ids behind them", "[streams]") {
    word_list list;
    umbel::command::add_streams(list, std::map<std::string, std::string>{{"a", "0"}, {"b", "$"}});
    CHECK(shown(list) == "STREAMS @a @b 0 $");
    word_list none;
    umbel::command::add_streams(none, std::map<std::string, std::string>{});
    CHECK(shown(none).starts_with("an empty range"));
}

TEST_CASE("an entry is an id with fields, in order and perhaps twice of one name", "[streams]") {
    auto const entry =
        decoded<stream_entry<>>("*2\r\n$3\r\n1-0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n");
    CHECK(entry == stream_entry<>{"1-0", {{"a", "1"}, {"a", "2"}}});
    using map = std::map<std::string, int>;
    CHECK(decoded<stream_entry<map>>("*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n") ==
          stream_entry<map>{"1-0", {{"a", 1}}});
    CHECK(decoded<stream_entry<>>("*2\r\n$3\r\n1-0\r\n*-1\r\n").error() == umbel::errc::unexpected_type);
}

TEST_CASE("a delivered entry may be deleted, and may say how often it was delivered", "[streams]") {
    using entry = delivered_entry<>;
    CHECK(decoded<entry>("*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n") ==
          entry{"1-0", {{{"a", "1"}}}, {}, 0});
    CHECK(decoded<entry>("*2\r\n$3\r\n1-0\r\n*-1\r\n") == entry{"1-0", std::nullopt, {}, 0});
    CHECK(decoded<entry>("*2\r\n$3\r\n1-0\r\n_\r\n") == entry{"1-0", std::nullopt, {}, 0});
    CHECK(decoded<entry>("*4\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n:1500\r\n:3\r\n") ==
          entry{"1-0", {{{"a", "1"}}}, std::chrono::milliseconds{1500}, 3});
}

TEST_CASE("RESP2 and RESP3 give the same batch, and null is one of nothing", "[streams]") {
    stream_batch<> const both{{{"s", {{"1-0", {{"a", "1"}}}}}, {"t", {{"2-0", {{"b", "2"}}}}}}};
    CHECK(decoded<stream_batch<>>(
              "*2\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
              "*2\r\n$1\r\nt\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n") == both);
    CHECK(decoded<stream_batch<>>("%2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n"
                                  "$1\r\nt\r\n*1\r\n*2\r\n$3\r\n2-0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n") ==
          both);
    CHECK(decoded<stream_batch<>>("*-1\r\n") == stream_batch<>{});
    CHECK(decoded<stream_batch<>>("_\r\n") == stream_batch<>{});
    CHECK(decoded<stream_batch<>>("*1\r\n*2\r\n$1\r\ns\r\n*0\r\n") == stream_batch<>{{{"s", {}}}});
    CHECK(both.size() == 2);
    CHECK_FALSE(both.empty());
    CHECK(both.begin()->first == "s");
}

TEST_CASE("what became of a deleted entry is told by name", "[streams]") {
    using enum stream_deletion;
    CHECK(decoded<std::vector<stream_deletion>>("*3\r\n:-1\r\n:1\r\n:2\r\n") ==
          std::vector{no_entry, deleted, still_needed});
    CHECK(decoded<stream_deletion>(":0\r\n").error() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies in place of entries give an error or a value", "[streams]") {
    CHECK(survives_odd_replies<stream_entry<>>() > 0);
    CHECK(survives_odd_replies<delivered_entry<>>() > 0);
    CHECK(survives_odd_replies<stream_batch<>>() > 0);
    CHECK(survives_odd_replies<stream_batch<delivered_entry<>>>() > 0);
    CHECK(survives_odd_replies<stream_deletion>() == 0);
}
