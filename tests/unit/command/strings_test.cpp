// Tests of command/strings.hpp: the words, flags and replies of GET, SET and their family.
#include <umbel/command/strings.hpp>

#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

using namespace std::chrono_literals;
using umbel::cluster::command_flags;
using umbel::cluster::slot_of;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::string_commands> db;
constexpr auto moment = std::chrono::sys_time<std::chrono::milliseconds>{};

}  // namespace

TEST_CASE("GET reads a value that may be missing", "[strings]") {
    auto const get = db.get("foo");
    CHECK(get.words == "GET foo");
    CHECK(get.flags == command_flags::read_only);
    CHECK(get.slot == slot_of("foo"));
    STATIC_CHECK(replies<std::optional<std::string>>(decltype(get){}));
    STATIC_CHECK(replies<std::optional<umbel::bytes>>(decltype(db.get<umbel::bytes>("foo")){}));
}

TEST_CASE("a plain SET leaves the same state when it runs twice", "[strings]") {
    auto const set = db.set("foo", "bar");
    CHECK(set.words == "SET foo bar");
    CHECK(set.flags == command_flags::idempotent);
    CHECK(set.slot == slot_of("foo"));
    CHECK(db.set("foo", 42).words == "SET foo 42");
    CHECK(db.set("foo", umbel::borrow("bar")).slot == slot_of("foo"));
    STATIC_CHECK(replies<umbel::set_outcome>(decltype(set){}));
}

TEST_CASE("expiries go out in seconds where they are whole seconds, otherwise in milliseconds", "[strings]") {
    CHECK(db.set("k", "v", {.expire = 30s}).words == "SET k v EX 30");
    CHECK(db.set("k", "v", {.expire = 1500ms}).words == "SET k v PX 1500");
    CHECK(db.set("k", "v", {.expire_at = moment + 86400s}).words == "SET k v EXAT 86400");
    CHECK(db.set("k", "v", {.expire_at = moment + 1ms}).words == "SET k v PXAT 1");
    CHECK(db.set("k", "v", {.keep_ttl = true}).words == "SET k v KEEPTTL");
}

TEST_CASE("a SET is not idempotent when its outcome depends on what was there, or on when it runs",
          "[strings]") {
    CHECK(db.set("k", "v", {.expire_at = moment + 1s}).flags == command_flags::idempotent);
    CHECK(db.set("k", "v", {.expire = 1s}).flags == command_flags::none);
    CHECK(db.set("k", "v", {.keep_ttl = true}).flags == command_flags::none);
    auto const absent = db.set("k", "v", {.condition = umbel::set_condition::if_absent});
    CHECK(absent.words == "SET k v NX");
    CHECK(absent.flags == command_flags::none);
    auto const present = db.set("k", "v", {.expire = 5s, .condition = umbel::set_condition::if_present});
    CHECK(present.words == "SET k v EX 5 XX");
    CHECK(present.flags == command_flags::none);
}

TEST_CASE("SET with GET returns what was there before, and is never idempotent", "[strings]") {
    auto const swap =
        db.set_and_get("k", "v", {.keep_ttl = true, .condition = umbel::set_condition::if_absent});
    CHECK(swap.words == "SET k v KEEPTTL NX GET");
    CHECK(swap.flags == command_flags::none);
    STATIC_CHECK(replies<std::optional<std::string>>(decltype(swap){}));
}

TEST_CASE("the other string commands send their name, key and argument", "[strings]") {
    CHECK(db.getdel("k").words == "GETDEL k");
    CHECK(db.strlen("k").words == "STRLEN k");
    CHECK(db.strlen("k").flags == command_flags::read_only);
    CHECK(db.append("k", "tail").words == "APPEND k tail");
    CHECK(db.incr("k").words == "INCR k");
    CHECK(db.decr("k").words == "DECR k");
    CHECK(db.incrby("k", -5).words == "INCRBY k -5");
    CHECK(db.decrby("k", 5).words == "DECRBY k 5");
    CHECK(db.incrbyfloat("k", 0.1).words == "INCRBYFLOAT k 0.1");
    CHECK(db.incr("k").flags == command_flags::none);
    STATIC_CHECK(replies<std::int64_t>(decltype(db.incr("k")){}));
    STATIC_CHECK(replies<double>(decltype(db.incrbyfloat("k", 1)){}));
}

TEST_CASE("SET answers OK when it wrote, null when a condition kept it from writing", "[strings]") {
    using umbel::from_reply;
    using umbel::set_outcome;
    umbel::resp::node const ok = umbel::resp::node::text(umbel::resp::type::simple_string, 0, 2);
    umbel::resp::node const null = umbel::resp::node::scalar(umbel::resp::type::null, 0);
    umbel::resp::node const number = umbel::resp::node::scalar(umbel::resp::type::integer, 1);
    CHECK(from_reply<set_outcome>::from({&ok, "OK"}) == set_outcome::written);
    CHECK(from_reply<set_outcome>::from({&null, ""}) == set_outcome::kept);
    auto const other = from_reply<set_outcome>::from({&number, ""});
    REQUIRE_FALSE(other);
    CHECK(other.error() == umbel::errc::unexpected_type);
    CHECK(other.error().delivery() == umbel::delivery::executed);
}
