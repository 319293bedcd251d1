// Tests of examples/cli/words.hpp: the quoting rules of redis-cli, byte by byte.
#include <cli/words.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::string_view_literals;
using words = std::optional<std::vector<std::string>>;

TEST_CASE("a line is split at spaces of every kind", "[cli]") {
    CHECK(cli::split_words("") == words{std::in_place});
    CHECK(cli::split_words("  \t ") == words{std::in_place});
    CHECK(cli::split_words("  get \t k\r\n") == words{{"get", "k"}});
}

TEST_CASE("double quotes keep spaces, and a backslash names bytes between them", "[cli]") {
    CHECK(cli::split_words(R"(set k "a b")") == words{{"set", "k", "a b"}});
    CHECK(cli::split_words(R"("")") == words{{""}});
    CHECK(cli::split_words(R"("\n\r\t\b\a\q\"\\")") == words{{"\n\r\t\b\aq\"\\"}});
    CHECK(cli::split_words(R"("\x00\xFf\x7")") == words{{std::string{"\x00\xffx7"sv}}});
}

TEST_CASE("between single quotes only the quote itself is escaped", "[cli]") {
    CHECK(cli::split_words(R"('a "b" \n')") == words{{R"(a "b" \n)"}});
    CHECK(cli::split_words(R"('it\'s')") == words{{"it's"}});
}

TEST_CASE("a quote may begin inside a word, and ends it", "[cli]") {
    CHECK(cli::split_words(R"(a"b c" d)") == words{{"ab c", "d"}});
    CHECK(cli::split_words(R"(a\nb)") == words{{R"(a\nb)"}});
}

TEST_CASE("a quote that is not closed, or that a letter follows, makes no words", "[cli]") {
    CHECK_FALSE(cli::split_words(R"(get "k)"));
    CHECK_FALSE(cli::split_words(R"(get 'k)"));
    CHECK_FALSE(cli::split_words(R"("a"b)"));
    CHECK_FALSE(cli::split_words(R"('a''b')"));
    CHECK_FALSE(cli::split_words(R"("a\")"));
    CHECK_FALSE(cli::split_words("\"\\"));
}
