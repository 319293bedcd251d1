// Tests of command/array_types.hpp: how indexes, bounds and patterns are refused or spelled, and how replies
// about arrays are read.
#include <umbel/command/array_types.hpp>

#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::array_bound;
using umbel::array_info;
using umbel::array_pattern;
using umbel::command::word_list;
using umbel::test::decoded;

namespace {

constexpr std::uint64_t far = std::numeric_limits<std::uint64_t>::max() - 1;

std::string sent(word_list const& list) {
    std::string text;
    for (auto const& word : list.words()) text.append(text.empty() ? "" : " ").append(word.text());
    return text;
}

}  // namespace

TEST_CASE("ranges of indexes hold numbers and nothing else", "[arrays]") {
    using umbel::command::index_pair_range;
    using umbel::command::index_range;
    using umbel::command::indexed_word_range;
    STATIC_CHECK(index_range<std::array<int, 2>>);
    STATIC_CHECK(index_range<std::vector<std::uint64_t>>);
    STATIC_CHECK_FALSE(index_range<std::string>);
    STATIC_CHECK_FALSE(index_range<std::vector<double>>);
    STATIC_CHECK_FALSE(index_range<std::vector<std::string>>);
    STATIC_CHECK(index_pair_range<std::vector<std::pair<int, unsigned>>>);
    STATIC_CHECK_FALSE(index_pair_range<std::vector<std::pair<int, std::string>>>);
    STATIC_CHECK(indexed_word_range<std::map<std::uint64_t, std::string>>);
    STATIC_CHECK(indexed_word_range<std::vector<std::pair<int, double>>>);
    STATIC_CHECK_FALSE(indexed_word_range<std::map<std::string, std::string>>);
}

TEST_CASE("an index may be as great as 2^64 - 2, and is never negative", "[arrays]") {
    word_list good;
    add_index(good, far);
    add_index(good, std::int8_t{5});
    add_range(good, 3, 0u);
    CHECK(sent(good) == "18446744073709551614 5 3 0");
    CHECK_FALSE(good.refusal());
    word_list beyond, negative;
    add_index(beyond, far + 1);
    add_index(negative, -1);
    CHECK(beyond.refusal().message == std::string_view{"an index beyond 2^64 - 2"});
    CHECK(negative.refusal().message == std::string_view{"a negative index"});
    word_list sought, bound;
    add_index(sought, far + 1, far + 1);
    CHECK(sent(sought) == "18446744073709551615");
    CHECK_FALSE(sought.refusal());
    array_bound const before = -5;
    before.add_to(bound);
    CHECK(bound.refusal().message == std::string_view{"a negative index"});
}

TEST_CASE("bounds and patterns are spelled as ARGREP wants them", "[arrays]") {
    word_list list;
    array_bound::first().add_to(list);
    array_bound::last().add_to(list);
    array_bound{7}.add_to(list);
    array_pattern::exact("").add_to(list);
    array_pattern::glob("b*").add_to(list);
    CHECK(sent(list) == "- + 7 EXACT  GLOB b*");
    CHECK_FALSE(list.refusal());
    array_pattern::regex("").add_to(list);
    CHECK(list.refusal());
}

TEST_CASE("an index from 2^63 on comes as a text, and is read as any other", "[arrays]") {
    CHECK(decoded<std::uint64_t>(":9223372036854775807\r\n") == 9223372036854775807u);
    CHECK(decoded<std::uint64_t>("$20\r\n18446744073709551614\r\n") == far);
    CHECK(decoded<std::uint64_t>("(18446744073709551614\r\n") == far);
    CHECK_FALSE(decoded<std::uint64_t>("$20\r\n18446744073709551616\r\n"));
    CHECK(decoded<std::optional<std::uint64_t>>("$-1\r\n").value() == std::optional<std::uint64_t>{});
    using elements = std::vector<std::pair<std::uint64_t, std::string>>;
    CHECK(
        decoded<elements>("*2\r\n*2\r\n:0\r\n$1\r\na\r\n*2\r\n$20\r\n18446744073709551614\r\n$1\r\nb\r\n") ==
        elements{{0, "a"}, {far, "b"}});
    CHECK(decoded<elements>("*0\r\n") == elements{});
}

TEST_CASE("ARINFO is read with and without the fields of FULL, flat or as a map", "[arrays]") {
    std::string const fields =
        "$5\r\ncount\r\n:3\r\n$3\r\nlen\r\n:101\r\n$17\r\nnext-insert-index\r\n:0\r\n$6\r\nslices\r\n:1\r\n"
        "$14\r\ndirectory-size\r\n:8\r\n$17\r\nsuper-dir-entries\r\n:0\r\n$10\r\nslice-size\r\n:4096\r\n";
    array_info expected;
    expected.count = 3;
    expected.length = 101;
    expected.slices = 1;
    expected.directory_size = 8;
    expected.slice_size = 4096;
    CHECK(decoded<array_info>("*14\r\n" + fields) == expected);
    CHECK(decoded<array_info>("%7\r\n" + fields) == expected);
    expected.dense_slices = 1;
    expected.sparse_slices = 0;
    expected.average_dense_size = 128;
    expected.average_dense_fill = 0.75;
    expected.average_sparse_size = 0;
    std::string const names = fields +
                              "$12\r\ndense-slices\r\n:1\r\n$13\r\nsparse-slices\r\n:0\r\n"
                              "$14\r\navg-dense-size\r\n";
    CHECK(decoded<array_info>("%12\r\n" + names +
                              ",128\r\n$14\r\navg-dense-fill\r\n,0.75\r\n$15\r\navg-sparse-size\r\n,0\r\n") ==
          expected);
    CHECK(decoded<array_info>("*24\r\n" + names +
                              "$3\r\n128\r\n$14\r\navg-dense-fill\r\n$4\r\n0.75\r\n"
                              "$15\r\navg-sparse-size\r\n$1\r\n0\r\n") == expected);
    CHECK_FALSE(decoded<array_info>("*2\r\n$5\r\ncount\r\n:3\r\n"));
    CHECK(umbel::test::survives_odd_replies<array_info>() == 0);
}
