// Tests of command/word_list.hpp: options and ranges as arguments, and what is refused before it is sent.
#include <umbel/command/word_list.hpp>

#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::errc;
using umbel::command::word_list;
using umbel::test::shown;

TEST_CASE("words of any kind stand in the order in which they were added", "[word_list]") {
    word_list list{umbel::key{"k"}, "text", 42};
    list.add(1.5, std::string_view{"more"}).add_if(false, "unwanted").add_if(true, "wanted", 7);
    CHECK(shown(list) == "@k text 42 1.5 more wanted 7");
    CHECK_FALSE(list.refusal());
}

TEST_CASE("ranges of texts, numbers, keys and pairs become arguments", "[word_list]") {
    std::list<std::string> const texts{"a", "b"};
    std::vector<int> const numbers{1, 2, 3};
    std::map<std::string, double> const pairs{{"x", 1.5}, {"y", -2}};
    word_list list;
    list.add_each(texts).add_each(numbers).add_keys(texts).add_pairs(pairs);
    CHECK(shown(list) == "a b 1 2 3 @a @b x 1.5 y -2");
    word_list counted;
    counted.add_counted(texts).add_counted_keys(texts).add_counted_pairs(pairs);
    CHECK(shown(counted) == "2 a b 2 @a @b 2 x 1.5 y -2");
    word_list keyed;
    keyed.add_keyed(pairs).add_counted_keyed(pairs);
    CHECK(shown(keyed) == "@x 1.5 @y -2 2 @x 1.5 @y -2");
    CHECK_FALSE(list.refusal());
}

TEST_CASE("an empty range is refused, and the first reason counts", "[word_list]") {
    std::vector<std::string> const none;
    word_list list{umbel::key{"k"}};
    list.refuse_if(false, "not this").add_each(none).refuse("too late");
    REQUIRE(list.refusal());
    CHECK(list.refusal().code == errc::bad_argument);
    CHECK(std::string_view{list.refusal().message}.starts_with("an empty range"));
    CHECK(word_list{}.refuse("no room", errc::no_memory).refusal().code == errc::no_memory);
    CHECK(word_list{}.add_keys(none).refusal());
    CHECK(word_list{}.add_counted(none).refusal());
    CHECK(word_list{}.add_pairs(std::map<std::string, int>{}).refusal());
    CHECK(word_list{}.add_keyed(std::map<std::string, int>{}).refusal());
}

TEST_CASE("a list grows beyond what stands inside it, and keeps what it has", "[word_list]") {
    word_list list;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        list.add(i);
        expected.append(i == 0 ? "" : " ").append(std::to_string(i));
    }
    CHECK(list.size() == 1000);
    CHECK(shown(list) == expected);
    CHECK_FALSE(list.refusal());
}

TEST_CASE("a range that makes its texts while it is read is no range of words", "[word_list]") {
    struct maker {
        struct iterator {
            using difference_type = std::ptrdiff_t;
            using value_type = std::string;
            using iterator_concept = std::forward_iterator_tag;
            std::string operator*() const { return "made"; }
            iterator& operator++() { return *this; }
            iterator operator++(int) { return *this; }
            bool operator==(iterator const&) const = default;
        };
        iterator begin() const { return {}; }
        iterator end() const { return {}; }
    };
    STATIC_CHECK_FALSE(umbel::command::word_range<maker>);
    STATIC_CHECK(umbel::command::word_range<std::vector<std::string>>);
    STATIC_CHECK(umbel::command::word_range<std::vector<std::int64_t>>);
    STATIC_CHECK_FALSE(umbel::command::word_range<std::string>);
    STATIC_CHECK_FALSE(umbel::command::word_range<char const*>);
    STATIC_CHECK(umbel::command::word_pair_range<std::vector<std::pair<std::string, std::string>>>);
    STATIC_CHECK_FALSE(umbel::command::word_pair_range<std::vector<std::string>>);
    STATIC_CHECK(umbel::command::keyed_word_range<std::map<std::string, int>>);
    STATIC_CHECK_FALSE(umbel::command::keyed_word_range<std::map<int, std::string>>);
    STATIC_CHECK(umbel::command::range_of<std::vector<int>, int>);
    STATIC_CHECK_FALSE(umbel::command::range_of<std::vector<int>, long>);
    STATIC_CHECK(umbel::command::key_text<std::string>);
    STATIC_CHECK_FALSE(umbel::command::key_text<int>);
}

TEST_CASE("bytes and characters of other encodings are no numbers, and no range of words", "[word_list]") {
    STATIC_CHECK_FALSE(umbel::command::word<std::byte>);
    STATIC_CHECK_FALSE(umbel::command::word<char8_t>);
    STATIC_CHECK_FALSE(umbel::command::word_range<std::vector<std::byte>>);
    STATIC_CHECK_FALSE(umbel::command::word_range<std::u8string>);
    STATIC_CHECK(umbel::command::word<umbel::resp::bytes>);
}

TEST_CASE("a range that gives values with their text inside is no range of words", "[word_list]") {
    using umbel::command::lasting_element;
    struct small_text {
        char text[8];
        operator std::string_view() const { return text; }
    };
    STATIC_CHECK_FALSE(lasting_element<small_text>);
    STATIC_CHECK_FALSE(lasting_element<std::pair<small_text, int>>);
    STATIC_CHECK(lasting_element<small_text const&>);
    STATIC_CHECK(lasting_element<std::pair<std::string const&, double>>);
    STATIC_CHECK(lasting_element<std::string_view>);
    STATIC_CHECK_FALSE(umbel::command::key_range_of_texts<std::vector<bool>>);
}

namespace {

/// A value whose text cannot be made.
struct unspeakable {};

}  // namespace

template <>
struct umbel::to_argument<unspeakable> {
    static std::string from(unspeakable const&) { throw 7; }
};

TEST_CASE("what a user's to_argument throws comes out of the list", "[word_list]") {
    word_list list;
    CHECK_THROWS_AS(list.add_counted(std::vector<unspeakable>(2)), int);
}
