// model_request_test: commands are taken off received bytes whole, or not at all.
#include <umbel/testing/model_request.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::testing;
using found = request_reader::found;

TEST_CASE("commands are taken one after the other, whatever their bytes", "[model_request]") {
    std::string bytes{"*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n*1\r\n$4\r\nPING\r\n"};
    std::size_t from = 0;
    model_words words;
    REQUIRE(request_reader::take(bytes, from, words) == found::command);
    REQUIRE(words.size() == 2);
    CHECK(words[0] == "GET");
    CHECK(words[1] == "\r\n");
    REQUIRE(request_reader::take(bytes, from, words) == found::command);
    CHECK(words.size() == 1);
    CHECK(from == bytes.size());
    CHECK(request_reader::take(bytes, from, words) == found::nothing_yet);
}

TEST_CASE("half a command stays where it is, at every byte", "[model_request]") {
    std::string const whole = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    for (std::size_t length = 0; length != whole.size(); ++length) {
        std::string bytes = whole.substr(0, length);
        std::size_t from = 0;
        model_words words;
        CHECK(request_reader::take(bytes, from, words) == found::nothing_yet);
        CHECK(from == 0);
    }
}

TEST_CASE("what is no command is nonsense", "[model_request]") {
    for (std::string bytes : {"GET k\r\n", "*x\r\n", "*1\r\n+PING\r\n", "*\r\n", "*1\r\n$1\r\nkk\r\n"}) {
        std::size_t from = 0;
        model_words words;
        CHECK(request_reader::take(bytes, from, words) == found::nonsense);
    }
}
