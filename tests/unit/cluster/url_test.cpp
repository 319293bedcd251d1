// Tests of cluster/url.hpp: addresses written as URLs.
#include <umbel/cluster/url.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace umbel::cluster;

namespace {

std::string why_not(std::string_view text) {
    auto const seed = read_url(text);
    if (seed) return "accepted";
    CHECK(seed.error() == umbel::errc::bad_argument);
    CHECK(seed.error().delivery() == umbel::delivery::not_sent);
    return std::string{seed.error().message()};
}
bool refused_at(std::size_t character, std::string_view text) {
    std::string const message = why_not(text);
    INFO(text << " -> " << message);
    bool const named = message.starts_with("URL, character " + std::to_string(character) + ": ");
    CHECK(named);
    return named;
}
endpoint address_of(std::string_view text) {
    auto const seed = read_url(text);
    REQUIRE(seed);
    REQUIRE(seed->addresses.size() == 1);
    return seed->addresses[0];
}

}  // namespace

TEST_CASE("a URL names host and port, and says the rest only where it says it", "[url]") {
    auto const seed = read_url("redis://example.org:7000");
    REQUIRE(seed);
    CHECK(seed->addresses == std::vector{endpoint{"example.org", 7000}});
    CHECK(seed->username.empty());
    CHECK(seed->password.empty());
    CHECK_FALSE(seed->database);
    CHECK_FALSE(seed->tls);
    CHECK_FALSE(seed->sentinel);
    CHECK(seed->parameters.empty());
}

TEST_CASE("a URL may leave out everything but its scheme", "[url]") {
    CHECK(address_of("valkey://") == endpoint{"127.0.0.1", 6379});
    CHECK(read_url("redis:///3")->database == 3u);
    CHECK(address_of("redis://h") == endpoint{"h", 6379});
    CHECK(address_of("redis://h/") == endpoint{"h", 6379});
    CHECK(address_of("redis://[::1]:7001") == endpoint{"::1", 7001});
    CHECK(address_of("REDIS://h") == endpoint{"h", 6379});
}

TEST_CASE("the zone of an IPv6 address may be escaped, as its RFC wants it", "[url]") {
    CHECK(address_of("redis://[fe80::1%25eth0]:1") == endpoint{"fe80::1%eth0", 1});
    CHECK(address_of("redis://[fe80::1%eth0]:1") == endpoint{"fe80::1%eth0", 1});
    CHECK(refused_at(9, "redis://example%25:1"));
}

TEST_CASE("a scheme says whether TLS is spoken", "[url]") {
    CHECK(read_url("rediss://h")->tls);
    CHECK(read_url("valkeys://h")->tls);
    CHECK(read_url("rediss-sentinel://h#m")->tls);
    CHECK_FALSE(read_url("valkey://h")->tls);
}

TEST_CASE("credentials are unescaped, and may contain what separates them", "[url]") {
    auto const seed = read_url("redis://ada:p%40ss%3Aw@rd:/x@h:1/2");
    REQUIRE(seed);
    CHECK(seed->username == "ada");
    CHECK(seed->password == "p@ss:w@rd:/x");
    CHECK(seed->addresses == std::vector{endpoint{"h", 1}});
    CHECK(seed->database == 2u);
    CHECK(read_url("redis://ada@h")->username == "ada");
    CHECK(read_url("redis://h/4294967295")->database == 4294967295u);
    CHECK(read_url("redis://:secret@h")->password == "secret");
}

TEST_CASE("a URL names several hosts", "[url]") {
    auto const seed = read_url("redis://u:p@a:1,b,[::1]:3/4?deadline=2s");
    REQUIRE(seed);
    CHECK(seed->addresses == std::vector{endpoint{"a", 1}, endpoint{"b", 6379}, endpoint{"::1", 3}});
    CHECK(seed->database == 4u);
}

TEST_CASE("a URL names a Unix socket", "[url]") {
    for (std::string const scheme : {"unix", "redis+unix", "valkey+unix", "redis-socket"}) {
        auto const seed = read_url(scheme + "://ada:secret@/run/a%20b.sock?db=1");
        REQUIRE(seed);
        CHECK(seed->addresses == std::vector{endpoint{"/run/a b.sock", 0}});
        CHECK(seed->username == "ada");
        CHECK(seed->password == "secret");
        CHECK_FALSE(seed->database);
    }
    CHECK(address_of("unix:///run/a@/b.sock") == endpoint{"/run/a@/b.sock", 0});
    CHECK(refused_at(8, "unix://host/run/redis.sock"));
    CHECK(refused_at(8, "unix://"));
    CHECK(refused_at(8, "unix:///"));
}

TEST_CASE("a URL names sentinels and their primary, as lettuce and redis-sentinel-url write it", "[url]") {
    for (std::string_view const text :
         {"redis-sentinel://u:p@a,b:2/5#my%20primary", "redis-sentinel://u:p@a,b:2/my%20primary/5"}) {
        auto const seed = read_url(text);
        REQUIRE(seed);
        CHECK(seed->sentinel);
        CHECK(seed->addresses == std::vector{endpoint{"a", 26379}, endpoint{"b", 2}});
        CHECK(seed->primary_name == "my primary");
        CHECK(seed->database == 5u);
        CHECK(seed->password == "p");
    }
    CHECK(read_url("redis-sentinel://a/m")->primary_name == "m");
    CHECK(refused_at(19, "redis-sentinel://a"));
    CHECK(refused_at(22, "redis-sentinel://a/m#n"));
    CHECK(refused_at(22, "redis-sentinel://a/m/x"));
}

TEST_CASE("parameters are unescaped, and keep their places", "[url]") {
    auto const seed = read_url("redis://h?a=1&b%3D=%26%3D=&c=");
    REQUIRE(seed);
    REQUIRE(seed->parameters.size() == 3);
    CHECK(seed->parameters[0].name == "a");
    CHECK(seed->parameters[0].value == "1");
    CHECK(seed->parameters[0].at == 11);
    CHECK(seed->parameters[1].name == "b=");
    CHECK(seed->parameters[1].value == "&==");
    CHECK(seed->parameters[1].at == 15);
    CHECK(seed->parameters[2].value.empty());
    CHECK(read_url("redis://h/3?")->parameters.empty());
}

TEST_CASE("a URL that cannot be read is refused by the place that is wrong", "[url]") {
    CHECK(refused_at(1, "example.org"));
    CHECK(refused_at(1, "http://h"));
    CHECK(refused_at(1, ""));
    CHECK(refused_at(9, "redis://h:0"));
    CHECK(refused_at(9, "redis://h:x"));
    CHECK(refused_at(9, "redis://[name]:1"));
    CHECK(refused_at(11, "redis://h,,i"));
    CHECK(refused_at(11, "redis://h,"));
    CHECK(refused_at(9, "redis://h i"));
    CHECK(refused_at(11, "redis://h/one"));
    CHECK(refused_at(11, "redis://h/4294967296"));
    CHECK(refused_at(11, "redis://h/18446744073709551617"));
    CHECK(refused_at(11, "redis://h/1/2"));
    CHECK(refused_at(11, "redis://h?db"));
    CHECK(refused_at(15, "redis://h?a=1&&b=2"));
    CHECK(refused_at(15, "redis://h?a=1&"));
    CHECK(refused_at(14, "redis://h?a=1%4"));
    CHECK(refused_at(10, "redis://h#insecure"));
}

TEST_CASE("no part of a password is repeated, however it is broken", "[url]") {
    for (std::string_view const broken :
         {"redis://a:secret%4@h", "redis://a:secret%zz@h", "redis://%:secret@h", "redis://a:secret?secret@h",
          "redis://a:secret#secret@h", "redis://a:secret@h:secret", "redis://:secret", "redis://a:secret/",
          "unix://a:secret@path", "redis-sentinel://a:secret@h", "http://a:secret@h",
          "redis://a:se?cret=secret@h"}) {
        std::string const message = why_not(broken);
        INFO(message);
        CHECK(message != "accepted");
        CHECK(message.find("secret") == std::string::npos);
    }
}

TEST_CASE("the bare seed of a URL has its addresses, and reads as them", "[url]") {
    for (std::string_view const text :
         {"rediss://u:p@a:1,[::1]:2/3?db=1", "valkey://h", "redis-sentinel://a,b/5#m%25%23%40y",
          "redis://[fe80::1%25eth0]", "rediss-sentinel://a/m", "redis-sentinel://a/m%3F",
          "unix:///run/a%3Fb%25%23@x", "unix://u:p@/run/a%40b"}) {
        auto const seed = read_url(text);
        REQUIRE(seed);
        auto const again = read_url(bare_seed(*seed));
        REQUIRE(again);
        CHECK(again->addresses == seed->addresses);
        CHECK(again->tls == seed->tls);
        CHECK(again->sentinel == seed->sentinel);
        CHECK(again->primary_name == seed->primary_name);
        CHECK(again->username.empty());
        CHECK(again->password.empty());
        CHECK_FALSE(again->database);
    }
    CHECK(bare_seed(*read_url("rediss://u:p@a:1,b/3")) == "rediss://a:1,b:6379");
    CHECK(bare_seed(*read_url("unix://u:p@/run/x?db=1")) == "/run/x");
    CHECK(bare_seed(*read_url("unix:///run/x%3Fy")) == "unix:///run/x%3Fy");
}

TEST_CASE("what has a scheme is a URL", "[url]") {
    CHECK(is_url("redis://h"));
    CHECK_FALSE(is_url("10.0.0.7:6379"));
    CHECK_FALSE(is_url("unix:/run/redis.sock"));
    CHECK_FALSE(is_url("unix:/run/a://b"));
    CHECK_FALSE(is_url("/run/a://b"));
}
