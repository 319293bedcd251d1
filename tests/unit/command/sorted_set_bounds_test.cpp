// Tests of command/sorted_set_bounds.hpp: how the ends of ranges are spelled.
#include <umbel/command/sorted_set_bounds.hpp>

#include <catch2/catch_test_macros.hpp>

#include <limits>
#include <string>

using umbel::exclusive;
using umbel::lex_bound;
using umbel::score_bound;
using umbel::command::bound_text;
using umbel::command::infinite_score;
using umbel::command::word_list;

TEST_CASE("a score is spelled as a number, exclusive ones behind a parenthesis", "[bounds]") {
    CHECK(bound_text{score_bound{1.5}}.text() == "1.5");
    CHECK(bound_text{score_bound{-3}}.text() == "-3");
    CHECK(bound_text{exclusive(10)}.text() == "(10");
    CHECK(bound_text{exclusive(0)}.text() == "(0");
    CHECK(bound_text{score_bound{0.1}}.text() == "0.1");
    CHECK(bound_text{score_bound{-1.7976931348623157e308}}.text() == "-1.7976931348623157e+308");
    CHECK(bound_text{score_bound{std::int64_t{1} << 53}}.text() == "9007199254740992");
}

TEST_CASE("infinite scores are +inf and -inf", "[bounds]") {
    CHECK(bound_text{score_bound{infinite_score}}.text() == "+inf");
    CHECK(bound_text{score_bound{-infinite_score}}.text() == "-inf");
    CHECK(bound_text{exclusive(infinite_score)}.text() == "(+inf");
    CHECK(bound_text{umbel::score_range{}.min}.text() == "-inf");
    CHECK(bound_text{umbel::score_range{}.max}.text() == "+inf");
}

TEST_CASE("a member is spelled behind its bracket, an open end by a sign", "[bounds]") {
    CHECK(bound_text{lex_bound{"abc"}}.text() == "[abc");
    CHECK(bound_text{lex_bound{std::string{"abc"}}}.text() == "[abc");
    CHECK(bound_text{exclusive("abc")}.text() == "(abc");
    CHECK(bound_text{lex_bound{""}}.text() == "[");
    CHECK(bound_text{lex_bound{"+"}}.text() == "[+");
    CHECK(bound_text{umbel::lex_range{}.min}.text() == "-");
    CHECK(bound_text{umbel::lex_range{}.max}.text() == "+");
    CHECK(bound_text{lex_bound{std::string_view{"a\0b", 3}}}.text() == std::string_view{"[a\0b", 4});
}

TEST_CASE("a member of any length is spelled whole", "[bounds]") {
    for (std::size_t const size : {60u, 61u, 62u, 63u, 5000u}) {
        std::string const member(size, 'x');
        CHECK(bound_text{lex_bound{member}}.text() == "[" + member);
        CHECK(bound_text{exclusive(member)}.text() == "(" + member);
    }
}

TEST_CASE("a score that is not a number is refused", "[bounds]") {
    double const not_a_number = std::numeric_limits<double>::quiet_NaN();
    for (score_bound const bound : {score_bound{not_a_number}, exclusive(not_a_number)}) {
        word_list list;
        bound_text const text{bound};
        text.add_to(list);
        REQUIRE(list.refusal());
        CHECK(std::string_view{list.refusal().message} == "a score that is not a number");
        CHECK(list.refusal().code == umbel::errc::bad_argument);
    }
    word_list list;
    CHECK(umbel::command::add_score(list, not_a_number).refusal());
}
