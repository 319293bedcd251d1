// Tests of command/set_options.hpp: conditions of SET as values, and what SET answers.
#include <umbel/command/set_options.hpp>

#include "decoded.hpp"
#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using umbel::set_condition;
using umbel::set_outcome;
using umbel::command::add_set;
using umbel::command::word_list;
using umbel::test::decoded;

namespace {

std::string shown(umbel::set_options const& options) {
    word_list list;
    add_set(list, options);
    return umbel::test::shown(list);
}

}  // namespace

TEST_CASE("a condition of SET is a value, and carries what it compares with", "[set_options]") {
    CHECK(shown({}) == "");
    CHECK(shown({.condition = set_condition::always}) == "");
    CHECK(shown({.condition = set_condition::if_absent}) == "NX");
    CHECK(shown({.condition = set_condition::if_present}) == "XX");
    CHECK(shown({.condition = umbel::if_equal("old")}) == "IFEQ old");
    CHECK(shown({.condition = umbel::if_equal("")}) == "IFEQ ");
    CHECK(shown({.condition = umbel::if_not_equal("old")}) == "IFNE old");
    CHECK(shown({.condition = umbel::if_digest_equal("0123456789abcdef")}) == "IFDEQ 0123456789abcdef");
    CHECK(shown({.condition = umbel::if_digest_not_equal("0123456789abcdef")}) == "IFDNE 0123456789abcdef");
    CHECK(shown({.condition = umbel::if_digest_equal("0123")}) == "a digest has 16 hexadecimal digits");
    STATIC_CHECK(set_condition::if_absent != set_condition::if_present);
    STATIC_CHECK(set_condition{umbel::if_equal("a")} == set_condition{umbel::if_equal("a")});
    STATIC_CHECK(set_condition{umbel::if_equal("a")} != set_condition{umbel::if_equal("b")});
}

TEST_CASE("the expiry of a SET stands in front of its condition", "[set_options]") {
    CHECK(shown({.expire = 30s, .condition = set_condition::if_absent}) == "EX 30 NX");
    CHECK(shown({.keep_ttl = true, .condition = umbel::if_equal("old")}) == "KEEPTTL IFEQ old");
    CHECK(shown({.expire = 30s, .keep_ttl = true}) == "keep_ttl excludes expire and expire_at");
}

TEST_CASE("SET answers OK when it wrote, null when a condition kept it from writing", "[set_options]") {
    CHECK(decoded<set_outcome>("+OK\r\n") == set_outcome::written);
    CHECK(decoded<set_outcome>("$-1\r\n") == set_outcome::kept);
    CHECK(decoded<set_outcome>("_\r\n") == set_outcome::kept);
    auto const other = decoded<set_outcome>(":1\r\n");
    REQUIRE_FALSE(other);
    CHECK(other.error() == umbel::errc::unexpected_type);
    CHECK(other.error().delivery() == umbel::delivery::executed);
    CHECK(decoded<set_outcome>("-OK\r\n").error() == umbel::errc::server_error);
    CHECK(decoded<set_outcome>("-ERR no\r\n").error() == umbel::errc::server_error);
    CHECK(umbel::test::survives_odd_replies<set_outcome>() == 4);
}
