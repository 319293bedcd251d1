// Tests of command/keys.hpp: the words, flags and replies of the commands on keys, and PING.
#include <umbel/command/keys.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <string>

using namespace std::chrono_literals;
using umbel::expire_condition;
using umbel::time_to_live;
using umbel::cluster::command_flags;
using umbel::cluster::slot_of;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::key_commands> db;

umbel::result<time_to_live> decoded(std::int64_t answer) {
    auto const node =
        umbel::resp::node::scalar(umbel::resp::type::integer, static_cast<std::uint64_t>(answer));
    return umbel::from_reply<time_to_live>::from({&node, ""});
}

}  // namespace

TEST_CASE("every command on keys sends its words, with the flags and the slot of the command table",
          "[keys]") {
    constexpr umbel::unix_time moment{86400s};
    CHECK(mismatch(db.del("k"), "DEL k") == "");
    CHECK(mismatch(db.unlink("k"), "UNLINK k") == "");
    CHECK(mismatch(db.exists("k"), "EXISTS k") == "");
    CHECK(mismatch(db.type("k"), "TYPE k") == "");
    CHECK(mismatch(db.copy("{k}a", "{k}b"), "COPY {k}a {k}b") == "");
    CHECK(mismatch(db.copy("{k}a", "{k}b", {.replace = true}), "COPY {k}a {k}b REPLACE") == "");
    CHECK(mismatch(db.rename("{k}a", "{k}b"), "RENAME {k}a {k}b") == "");
    CHECK(mismatch(db.renamenx("{k}a", "{k}b"), "RENAMENX {k}a {k}b") == "");
    CHECK(mismatch(db.expire("k", 30s), "PEXPIRE k 30000") == "");
    CHECK(mismatch(db.expire("k", 5ms, expire_condition::if_greater), "PEXPIRE k 5 GT") == "");
    CHECK(mismatch(db.expire_at("k", moment), "PEXPIREAT k 86400000") == "");
    CHECK(mismatch(db.expire_time("k"), "PEXPIRETIME k") == "");
    CHECK(mismatch(db.persist("k"), "PERSIST k") == "");
    CHECK(mismatch(db.ttl("k"), "PTTL k") == "");
    CHECK(db.copy("a", "b").slot.is_several());
    CHECK(db.rename("a", "b").slot.is_several());
    STATIC_CHECK(replies<bool, decltype(db.copy("a", "b"))>());
    STATIC_CHECK(replies<umbel::ok, decltype(db.rename("a", "b"))>());
    STATIC_CHECK(replies<bool, decltype(db.renamenx("a", "b"))>());
    STATIC_CHECK(replies<umbel::expiry_moment, decltype(db.expire_time("k"))>());
}

TEST_CASE("PEXPIRETIME tells a missing key from one that does not expire", "[keys]") {
    using umbel::expiry_moment;
    using umbel::test::decoded;
    using state = expiry_moment::state;
    CHECK(decoded<expiry_moment>(":-2\r\n") == expiry_moment{});
    CHECK(decoded<expiry_moment>(":-1\r\n") == expiry_moment{state::no_expiry, {}});
    CHECK(decoded<expiry_moment>(":86400000\r\n") == expiry_moment{state::expires, umbel::unix_time{86400s}});
    CHECK(decoded<expiry_moment>("$-1\r\n").error() == umbel::errc::unexpected_type);
    CHECK(umbel::test::survives_odd_replies<expiry_moment>() == 2);
    CHECK(umbel::test::survives_odd_replies<time_to_live>() == 2);
}

TEST_CASE("commands of one key send their name and the key", "[keys]") {
    CHECK(db.del("foo").words == "DEL foo");
    CHECK(db.del("foo").slot == slot_of("foo"));
    CHECK(db.unlink("foo").words == "UNLINK foo");
    CHECK(db.exists("foo").words == "EXISTS foo");
    CHECK(db.touch("foo").words == "TOUCH foo");
    CHECK(db.persist("foo").words == "PERSIST foo");
    CHECK(db.ttl("foo").words == "PTTL foo");
    CHECK(db.type("foo").words == "TYPE foo");
    STATIC_CHECK(replies<std::int64_t, decltype(db.del("foo"))>());
    STATIC_CHECK(replies<bool, decltype(db.persist("foo"))>());
    STATIC_CHECK(replies<std::string, decltype(db.type("foo"))>());
}

TEST_CASE("only commands that change nothing may go to a replica", "[keys]") {
    CHECK(db.exists("foo").flags == command_flags::read_only);
    CHECK(db.ttl("foo").flags == command_flags::read_only);
    CHECK(db.type("foo").flags == command_flags::read_only);
    CHECK(db.ping().flags == command_flags::read_only);
    CHECK(db.del("foo").flags == command_flags::none);
    CHECK(db.touch("foo").flags == command_flags::none);
    CHECK(db.persist("foo").flags == command_flags::none);
}

TEST_CASE("expiries are sent in milliseconds, with their condition behind them", "[keys]") {
    auto const plain = db.expire("foo", 30s);
    CHECK(plain.words == "PEXPIRE foo 30000");
    CHECK(plain.slot == slot_of("foo"));
    STATIC_CHECK(replies<bool, decltype(plain)>());
    CHECK(db.expire("foo", 5ms, expire_condition::if_none).words == "PEXPIRE foo 5 NX");
    CHECK(db.expire("foo", 5ms, expire_condition::if_some).words == "PEXPIRE foo 5 XX");
    CHECK(db.expire("foo", 5ms, expire_condition::if_greater).words == "PEXPIRE foo 5 GT");
    std::chrono::sys_time<std::chrono::milliseconds> const moment{1234ms};
    CHECK(db.expire_at("foo", moment, expire_condition::if_less).words == "PEXPIREAT foo 1234 LT");
}

TEST_CASE("PING needs no slot, with a message or without", "[keys]") {
    CHECK(db.ping().words == "PING");
    CHECK(db.ping().slot.is_any());
    CHECK(db.ping("hello").words == "PING hello");
    CHECK(db.ping("hello").slot.is_any());
}

TEST_CASE("PTTL tells a missing key from one that does not expire", "[keys]") {
    CHECK(decoded(-2) == time_to_live{});
    CHECK(decoded(-1) == time_to_live{time_to_live::state::no_expiry, {}});
    CHECK(decoded(0) == time_to_live{time_to_live::state::expires, 0ms});
    CHECK(decoded(-3).error().code() == umbel::errc::unexpected_type);
    CHECK(decoded(1500) == time_to_live{time_to_live::state::expires, 1500ms});
    auto const node = umbel::resp::node::scalar(umbel::resp::type::null, 0);
    auto const missing = umbel::from_reply<time_to_live>::from({&node, ""});
    REQUIRE_FALSE(missing);
    CHECK(missing.error() == umbel::errc::unexpected_type);
}
