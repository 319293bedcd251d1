// Tests of cluster/url.hpp: seeds written as URLs.
#include <umbel/cluster/url.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace umbel::cluster;

namespace {

std::string why_not(std::string_view text) {
    auto const seed = read_url(text);
    if (seed) return "accepted";
    CHECK(seed.error() == umbel::errc::bad_argument);
    CHECK(seed.error().delivery() == umbel::delivery::not_sent);
    return std::string{seed.error().message()};
}

}  // namespace

TEST_CASE("a URL names host and port, and says the rest only where it says it", "[url]") {
    auto const seed = read_url("redis://example.org:7000");
    REQUIRE(seed);
    CHECK(seed->address == *endpoint::parse("example.org:7000", 1));
    CHECK(seed->username.empty());
    CHECK(seed->password.empty());
    CHECK_FALSE(seed->database);
}

TEST_CASE("a URL may leave out everything but its scheme", "[url]") {
    CHECK(read_url("valkey://")->address == *endpoint::parse("127.0.0.1:6379", 1));
    CHECK(read_url("redis:///3")->database == 3u);
    CHECK(read_url("redis://h")->address.port == 6379);
    CHECK(read_url("redis://[::1]:7001")->address == *endpoint::parse("[::1]:7001", 1));
}

TEST_CASE("credentials are unescaped, and may contain what separates them", "[url]") {
    auto const seed = read_url("redis://ada:p%40ss%3Aw@rd:x@h:1/2");
    REQUIRE(seed);
    CHECK(seed->username == "ada");
    CHECK(seed->password == "p@ss:w@rd:x");
    CHECK(seed->address == *endpoint::parse("h:1", 1));
    CHECK(seed->database == 2u);
    CHECK(read_url("redis://ada@h")->username == "ada");
    CHECK(read_url("redis://:secret@h")->password == "secret");
}

TEST_CASE("a URL that cannot be read is refused in a sentence, without its password", "[url]") {
    CHECK(why_not("example.org").find("has no scheme") != std::string::npos);
    CHECK(why_not("http://h").find("neither redis nor valkey") != std::string::npos);
    CHECK(why_not("rediss://h").find("TLS") != std::string::npos);
    CHECK(why_not("redis://h?db=1").find("query") != std::string::npos);
    CHECK(why_not("redis://h/one").find("database") != std::string::npos);
    CHECK(why_not("redis://h/1234567").find("database") != std::string::npos);
    CHECK(why_not("redis://h:0") != "accepted");
    for (std::string_view const broken :
         {"redis://a:secret%4@h", "redis://a:secret%zz@h", "redis://%:secret@h"}) {
        std::string const message = why_not(broken);
        CHECK(message.find("escape") != std::string::npos);
        CHECK(message.find("secret") == std::string::npos);
    }
}

TEST_CASE("what has a scheme is a URL", "[url]") {
    CHECK(is_url("redis://h"));
    CHECK_FALSE(is_url("10.0.0.7:6379"));
    CHECK_FALSE(is_url("unix:/run/redis.sock"));
}
