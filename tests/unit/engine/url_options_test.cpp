// Tests of engine/url_options.hpp: options out of URLs.
#include <umbel/engine/url_options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using umbel::options;
using umbel::engine::options_from_url;
using umbel::engine::with_urls;

namespace {

std::string why_not(umbel::result<options> const& made) {
    if (made) return "accepted";
    CHECK(made.error() == umbel::errc::bad_argument);
    CHECK(made.error().delivery() == umbel::delivery::not_sent);
    return std::string{made.error().message()};
}

}  // namespace

TEST_CASE("a URL says the options of a client", "[url]") {
    auto const made = options_from_url(
        "redis://ada:s%40cret@a:1,b/3?deadline=2s&queued_bytes_max=1mb&read_from=any&learn_commands=no");
    REQUIRE(made);
    REQUIRE(made->seeds.size() == 1);
    CHECK(made->seeds[0] == "redis://a:1,b:6379");
    CHECK(made->username == "ada");
    CHECK(made->password == "s@cret");
    CHECK(made->database == 3);
    CHECK(made->deadline == 2s);
    CHECK(made->queued_bytes_max == std::size_t{1} << 20);
    CHECK(made->read_from == umbel::read_from::any);
    CHECK_FALSE(made->learn_commands);
    CHECK(made->connect_timeout == options{}.connect_timeout);
}

TEST_CASE("TLS and sentinels stay with the seeds", "[url]") {
    CHECK(options_from_url("rediss://:p@h/1")->seeds[0] == "rediss://h:6379");
    CHECK(options_from_url("redis-sentinel://h/m/1")->seeds[0] == "redis-sentinel://h:26379#m");
    CHECK(options_from_url("redis-sentinel://h/m/1")->sentinel_primary == "m");
    CHECK(options_from_url("redis-sentinel://u:p@h/m")->sentinel_password.empty());
    CHECK(options_from_url("redis-sentinel://h?sentinel_password=s#m")->sentinel_password.view() == "s");
    CHECK(options_from_url("unix:///run/x?db=7")->seeds[0] == "/run/x");
    CHECK(options_from_url("unix:///run/x?db=7")->database == 7);
}

TEST_CASE("a parameter is refused by its name and its place, and no value is repeated", "[url]") {
    CHECK(why_not(options_from_url("redis://h?deadline=soon")) ==
          "URL, character 11: parameter deadline: not a duration, as in 1500 (milliseconds), 150ms, 2s, 5m, "
          "1h or 1d, or none");
    CHECK(why_not(options_from_url("redis://h?a=1&deadline=2s")) ==
          "URL, character 11: parameter a: unknown; a parameter is called as its option is");
    CHECK(why_not(options_from_url("redis://h?seeds=x")).find("parameter seeds: unknown") !=
          std::string::npos);
    CHECK(why_not(options_from_url("redis://h?handshake=none")).find("one of full, minimal") !=
          std::string::npos);
    CHECK(why_not(options_from_url("redis://h?%0A=x")).find("parameter of that name: unknown") !=
          std::string::npos);
    CHECK(why_not(options_from_url("redis://:secret@h?pass=secret")) ==
          "URL, character 19: parameter password: the URL says it twice");
}

TEST_CASE("a URL says nothing twice", "[url]") {
    for (std::string_view const twice :
         {"redis://h?deadline=2s&deadline=2s", "redis://h?deadline=2s&timeout=3s", "redis://h/1?db=1",
          "redis://ada:x@h?user=ada", "redis://:x@h?password=x"})
        CHECK(why_not(options_from_url(twice)).find("the URL says it twice") != std::string::npos);
}

TEST_CASE("URLs among the seeds take the place of what the options say", "[url]") {
    options given;
    given.seeds = {"10.0.0.7:1", "redis://ada:x@a:1/3?deadline=2s", "unix:/run/x"};
    given.username = "bob";
    given.deadline = 9s;
    given.connect_timeout = 7s;
    auto const made = with_urls(given);
    REQUIRE(made);
    REQUIRE(made->seeds.size() == 3);
    CHECK(made->seeds[0] == "10.0.0.7:1");
    CHECK(made->seeds[1] == "redis://a:1");
    CHECK(made->seeds[2] == "unix:/run/x");
    CHECK(made->username == "ada");
    CHECK(made->password == "x");
    CHECK(made->database == 3);
    CHECK(made->deadline == 2s);
    CHECK(made->connect_timeout == 7s);
    auto const again = with_urls(*made);
    REQUIRE(again);
    CHECK(again->seeds[1] == "redis://a:1");
    CHECK(again->password == "x");
}

TEST_CASE("credentials are taken from a URL as a pair", "[url]") {
    options given;
    given.username = "alice";
    given.password = "alicepw";
    given.seeds = {"redis://:defaultpw@h"};
    auto made = with_urls(given);
    REQUIRE(made);
    CHECK(made->username.empty());
    CHECK(made->password == "defaultpw");
    for (char const* const seed : {"redis://ada@h", "redis://h?user=ada"}) {
        given.seeds = {seed};
        made = with_urls(given);
        REQUIRE(made);
        CHECK(made->username == "ada");
        CHECK(made->password.empty());
    }
    given.seeds = {"redis://h?deadline=2s"};
    made = with_urls(given);
    REQUIRE(made);
    CHECK(made->username == "alice");
    CHECK(made->password == "alicepw");
    given.seeds = {"redis://ada:x@a", "redis://b?pass=x&user=ada"};
    CHECK(with_urls(given));
    for (char const* const other : {"redis://:x@b", "redis://ada@b", "redis://b?password=x"}) {
        given.seeds = {"redis://ada:x@a", other};
        CHECK(why_not(with_urls(given)).find("a URL before this one says otherwise") != std::string::npos);
        given.seeds = {other, "redis://ada:x@a"};
        CHECK(why_not(with_urls(given)).find("a URL before this one says otherwise") != std::string::npos);
    }
}

TEST_CASE("what may be the tail of a password is not repeated", "[url]") {
    CHECK(why_not(options_from_url("redis://h?password=abc&def=ghi")) ==
          "URL, character 24: parameter of that name: unknown; a parameter is called as its option is");
    CHECK(why_not(options_from_url("redis://:x@h?deadlin=1")).find("parameter deadlin: unknown") !=
          std::string::npos);
}

TEST_CASE("a value that is out of range is blamed on its URL, and on no other seed", "[url]") {
    options given;
    given.seeds = {"10.0.0.7:1", "redis://a", "redis://b?deadline=0", "redis://c?database=1"};
    CHECK(why_not(with_urls(given)) ==
          "options.seeds[2]: options.deadline must be positive, or umbel::no_deadline");
    // Two that are good together.
    given.seeds = {"redis://a?retry_delay=2s", "redis://b?retry_delay_max=3s"};
    CHECK(with_urls(given));
    // No fault of the URL: whoever takes the options says it.
    given.seeds = {"redis://a?database=1"};
    given.deadline = 0ms;
    CHECK(with_urls(given));
    given.seeds = {"redis://a?deadline=1s"};
    CHECK(with_urls(given));
}

TEST_CASE("two URLs may repeat each other", "[url]") {
    options given;
    given.seeds = {"redis://:x@a/1?deadline=2s", "redis://b", "redis://:x@c?db=1&deadline=2000"};
    auto const made = with_urls(given);
    REQUIRE(made);
    CHECK(made->deadline == 2s);
    CHECK(made->database == 1);
    CHECK(made->password == "x");
}

TEST_CASE("two URLs that contradict each other are refused, whatever the options say", "[url]") {
    options given;
    given.seeds = {"redis://:secret@a", "redis://b", "redis://:other@c"};
    CHECK(why_not(with_urls(given)) ==
          "options.seeds[2]: URL, parameter password: a URL before this one says otherwise");
    given.seeds = {"redis://a/1", "redis://a/2"};
    CHECK(why_not(with_urls(given)).find("parameter database") != std::string::npos);
    given.seeds = {"redis://a?deadline=5s", "redis://a?deadline=6s"};
    CHECK(why_not(with_urls(given)).find("seeds[1]: URL, character 11: parameter deadline") !=
          std::string::npos);
    given.seeds = {"redis://a", "redis://b:x"};
    CHECK(why_not(with_urls(given)).starts_with("options.seeds[1]: URL, character 9: no host:port"));
}
