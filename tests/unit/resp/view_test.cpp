// Tests of resp::view: what each kind answers, and how aggregates are walked.
#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include "corpus.hpp"

#include <catch2/catch_test_macros.hpp>

#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

using umbel::resp::children_iterator;
using umbel::resp::parser;
using umbel::resp::type;
using umbel::resp::view;

static_assert(std::is_trivially_copyable_v<view>);
static_assert(std::forward_iterator<children_iterator>);
static_assert(std::forward_iterator<umbel::resp::pairs_iterator>);

namespace {

/// A reply with the memory it stands in.
class parsed {
public:
    explicit parsed(std::string bytes) : bytes_{std::move(bytes)} {
        REQUIRE(parser_.parse({bytes_.data(), bytes_.size()}) == parser::status::complete);
    }
    view root() const { return {parser_.root(), bytes_.data()}; }

private:
    std::string bytes_;
    parser parser_;
};

std::string text_of(std::string bytes) { return std::string{parsed{std::move(bytes)}.root().text()}; }
std::string appended(std::string bytes) {
    std::string out = "<";
    parsed{std::move(bytes)}.root().append_to(out);
    return out + ">";
}

}  // namespace

TEST_CASE("every textual kind shows its text", "[view]") {
    CHECK(text_of("+OK\r\n") == "OK");
    CHECK(text_of("-ERR no\r\n") == "ERR no");
    CHECK(text_of("$3\r\nfoo\r\n") == "foo");
    CHECK(text_of("(-12345678901234567890\r\n") == "-12345678901234567890");
    CHECK(text_of("!6\r\nSYNTAX\r\n") == "SYNTAX");
    CHECK(text_of("=8\r\ntxt:some\r\n") == "some");
    CHECK(text_of("$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n") == "abc");
    CHECK(text_of(":5\r\n").empty());
    CHECK(text_of("*1\r\n+a\r\n").empty());
    CHECK(text_of("_\r\n").empty());
    CHECK(parsed{"=8\r\nmkd:some\r\n"}.root().verbatim_format() == "mkd");
    CHECK(parsed{"=8\r\nmkd:some\r\n"}.root().size() == 4);
    CHECK(parsed{"+some\r\n"}.root().verbatim_format().empty());
}

TEST_CASE("scalars have the value of their kind and of no other", "[view]") {
    parsed const integer{":-5\r\n"}, real{",2.5\r\n"}, yes{"#t\r\n"}, null{"$-1\r\n"}, error{"-ERR\r\n"},
        blob{"!3\r\nERR\r\n"};
    CHECK(integer.root().integer() == -5);
    CHECK_FALSE(integer.root().real());
    CHECK_FALSE(integer.root().boolean());
    CHECK(real.root().real() == 2.5);
    CHECK_FALSE(real.root().integer());
    CHECK(yes.root().boolean() == true);
    CHECK(parsed{"#f\r\n"}.root().boolean() == false);
    CHECK(null.root().is_null());
    CHECK(parsed{"*-1\r\n"}.root().is_null());
    CHECK(parsed{"_\r\n"}.root().is_null());
    CHECK(error.root().is_error());
    CHECK(blob.root().is_error());
    CHECK_FALSE(null.root().is_error());
}

TEST_CASE("a value appends what it says", "[view]") {
    CHECK(appended(":-9223372036854775808\r\n") == "<-9223372036854775808>");
    CHECK(appended(",2.5\r\n") == "<2.5>");
    CHECK(appended(",-inf\r\n") == "<-inf>");
    CHECK(appended("#t\r\n") == "<true>");
    CHECK(appended("$3\r\nfoo\r\n") == "<foo>");
    CHECK(appended("=8\r\ntxt:some\r\n") == "<some>");
    CHECK(appended("_\r\n") == "<>");
    CHECK(appended("*1\r\n+a\r\n") == "<>");
}

TEST_CASE("the elements of an aggregate are walked past what they contain", "[view]") {
    parsed const reply{"*4\r\n:1\r\n*2\r\n:2\r\n*1\r\n:3\r\n$3\r\nfoo\r\n*0\r\n"};
    std::vector<type> kinds;
    for (view const child : reply.root().children()) kinds.push_back(child.kind());
    CHECK(kinds == std::vector{type::integer, type::array, type::bulk_string, type::array});
    CHECK(reply.root().child(2).text() == "foo");
    CHECK(reply.root().child(1).child(1).child(0).integer() == 3);
    CHECK(reply.root().child(3).size() == 0);
    CHECK(reply.root().child(3).children().begin() == reply.root().child(3).children().end());
}

TEST_CASE("a scalar has no elements", "[view]") {
    parsed const reply{"$3\r\nfoo\r\n"};
    CHECK(reply.root().children().begin() == reply.root().children().end());
    CHECK(reply.root().children_count() == 0);
    CHECK(reply.root().size() == 3);
}

TEST_CASE("attributes are passed over wherever they stand", "[view]") {
    parsed const reply{"*3\r\n|1\r\n+a\r\n*1\r\n+b\r\n:1\r\n:2\r\n|1\r\n+c\r\n+d\r\n|0\r\n:3\r\n"};
    std::vector<std::int64_t> numbers;
    for (view const child : reply.root().children()) numbers.push_back(child.integer().value_or(-1));
    CHECK(numbers == std::vector<std::int64_t>{1, 2, 3});
}

TEST_CASE("pairs are walked in maps, in flat arrays and past attributes", "[view]") {
    for (std::string const& bytes : {std::string{"%2\r\n+a\r\n*1\r\n:1\r\n+b\r\n:2\r\n"},
                                     std::string{"*4\r\n+a\r\n*1\r\n:1\r\n+b\r\n:2\r\n"},
                                     std::string{"%2\r\n|0\r\n+a\r\n|0\r\n*1\r\n:1\r\n+b\r\n|0\r\n:2\r\n"}}) {
        parsed const reply{bytes};
        std::string keys;
        for (auto const [key, value] : reply.root().pairs()) {
            keys += key.text();
            keys += value.is_aggregate() ? "*" : "=";
        }
        CHECK(keys == "a*b=");
        CHECK(reply.root().pairs().size() == 2);
    }
    CHECK(parsed{"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"}.root().size() == 2);
    CHECK(parsed{"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n"}.root().children_count() == 4);
}

TEST_CASE("values are compared by kind and content, not by how they were sent", "[view]") {
    auto const same = [](std::string left, std::string right) {
        return same_value(parsed{std::move(left)}.root(), parsed{std::move(right)}.root());
    };
    CHECK(same("*2\r\n:1\r\n$1\r\na\r\n", "*?\r\n:1\r\n|0\r\n$?\r\n;1\r\na\r\n;0\r\n.\r\n"));
    CHECK_FALSE(same("*2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:3\r\n"));
    CHECK_FALSE(same("*2\r\n:1\r\n:2\r\n", "*1\r\n:1\r\n"));
    CHECK_FALSE(same("+a\r\n", "$1\r\na\r\n"));
    CHECK_FALSE(same("=5\r\ntxt:a\r\n", "=5\r\nmkd:a\r\n"));
    for (std::string const& bytes : corpus::good) CHECK((same(bytes, bytes)));
}
