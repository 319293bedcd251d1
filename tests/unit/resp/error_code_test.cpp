#include <umbel/resp/error_code.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::resp;

TEST_CASE("an error line is called by its first word, in upper case", "[error_code]") {
    STATIC_CHECK(code_of("WRONGTYPE Operation against a key") == errc::wrong_type);
    STATIC_CHECK(code_of("OOM") == errc::out_of_memory);
    STATIC_CHECK(code_of("OOMPH") == errc::server_error);
    STATIC_CHECK(code_of("wrongtype x") == errc::server_error);
    STATIC_CHECK(code_of("ERR WRONGTYPE") == errc::server_error);
    STATIC_CHECK(code_of("") == errc::server_error);
}

TEST_CASE("each word has one code, and each code one word", "[error_code]") {
    for (auto const& [word, code] : error_words) {
        INFO(word);
        CHECK(word_of(code) == word);
        CHECK(code_of(std::string{word} + " and more") == code);
    }
    CHECK(word_of(errc::cancelled).empty());
}
