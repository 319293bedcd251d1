// Tests of command/expiry.hpp: how expiries go out, and which are refused.
#include <umbel/command/expiry.hpp>

#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using umbel::unix_time;
using umbel::command::word_list;
using umbel::test::shown;

namespace {

std::string plain(std::optional<std::chrono::milliseconds> expire, std::optional<unix_time> expire_at = {}) {
    word_list list;
    umbel::command::add_expiry(list, expire, expire_at);
    return shown(list);
}

}  // namespace

TEST_CASE("whole seconds go out as seconds, others as milliseconds", "[expiry]") {
    CHECK(plain({}) == "");
    CHECK(plain(30s) == "EX 30");
    CHECK(plain(1500ms) == "PX 1500");
    CHECK(plain({}, unix_time{86400s}) == "EXAT 86400");
    CHECK(plain({}, unix_time{1ms}) == "PXAT 1");
}

TEST_CASE("an expiry that has passed when it is set is refused, and so are two", "[expiry]") {
    CHECK(plain(0ms) == "expire is not positive");
    CHECK(plain(-1s) == "expire is not positive");
    CHECK(plain({}, unix_time{}) == "expire_at is not after 1970");
    CHECK(plain(1s, unix_time{1s}) == "expire and expire_at exclude each other");
}

TEST_CASE("an expiry that is kept or taken away excludes another", "[expiry]") {
    word_list kept;
    umbel::command::add_expiry_or_keep(kept, {}, {}, true);
    CHECK(shown(kept) == "KEEPTTL");
    word_list both;
    umbel::command::add_expiry_or_keep(both, 1s, {}, true);
    CHECK(shown(both) == "keep_ttl excludes expire and expire_at");
    word_list persisting;
    umbel::command::add_expiry_or_persist(persisting, {}, {}, true);
    CHECK(shown(persisting) == "PERSIST");
    word_list odd;
    umbel::command::add_expiry_or_persist(odd, {}, unix_time{1s}, true);
    CHECK(shown(odd) == "persist excludes expire and expire_at");
    word_list usual;
    umbel::command::add_expiry_or_persist(usual, 1s, {}, false);
    CHECK(shown(usual) == "EX 1");
}
