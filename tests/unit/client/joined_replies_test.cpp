// Tests of client/joined_replies.hpp: what the replies of several nodes make together, policy by policy.
#include <umbel/client/joined_replies.hpp>

#include "unit/command/decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

using umbel::errc;
using umbel::result;

namespace {

/// What a command makes of these replies, as redis-cli would show it on one line; or its error and delivery.
std::string joined(std::string_view name, std::vector<std::string_view> const& texts, std::size_t turn = 0) {
    std::size_t const bar = name.find('|');
    auto const* const traits = umbel::command::find_command(
        name.substr(0, bar), bar == name.npos ? std::string_view{} : name.substr(bar + 1));
    REQUIRE(traits);
    std::vector<result<umbel::reply>> told;
    for (std::string_view const text : texts) {
        if (text.starts_with('!'))
            told.emplace_back(umbel::fail(errc::server_error, umbel::delivery::not_executed, text.substr(1)));
        else
            told.push_back(umbel::test::decoded<umbel::reply>(text));
    }
    std::vector<result<umbel::reply> const*> all;
    for (auto const& each : told) all.push_back(&each);
    result<umbel::reply> const made = umbel::calling::join_replies(*traits, all, turn);
    std::string shown = made ? made->to_string()
                             : std::string{name_of(made.error().code())} + " " +
                                   std::string{name_of(made.error().delivery())};
    for (char& letter : shown) letter = letter == '\n' ? ' ' : letter;
    return shown;
}

}  // namespace

TEST_CASE("integers are added, and lists of integers joined element by element", "[joined]") {
    CHECK(joined("dbsize", {":3\r\n", ":4\r\n", ":0\r\n"}) == "(integer) 7");
    CHECK(joined("dbsize", {":9223372036854775807\r\n", ":1\r\n"}) == "(integer) -9223372036854775808");
    CHECK(joined("script|exists", {"*2\r\n:1\r\n:1\r\n", "*2\r\n:0\r\n:1\r\n"}) ==
          "1) (integer) 0 2) (integer) 1");
    CHECK(joined("wait", {":3\r\n", ":2\r\n"}) == "(integer) 2");
    CHECK(joined("waitaof", {"*2\r\n:1\r\n:3\r\n", "*2\r\n:1\r\n:2\r\n"}) == "1) (integer) 1 2) (integer) 2");
}

TEST_CASE("lists are put behind each other, with everything that is in them", "[joined]") {
    CHECK(joined("keys", {"*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n$2\r\ncd\r\n"}) ==
          "1) \"a\" 2) \"b\" 3) \"cd\"");
    CHECK(joined("slowlog|get", {"*1\r\n*2\r\n:1\r\n$1\r\nx\r\n", "*1\r\n*2\r\n:2\r\n*1\r\n,1.5\r\n"}) ==
          "1) 1) (integer) 1    2) \"x\" 2) 1) (integer) 2    2) 1) (double) 1.5");
    CHECK(joined("keys", {"*0\r\n"}) == "(empty array)");
    CHECK(joined("keys", {"$1\r\na\r\n", "$1\r\nb\r\n"}) == "1) \"a\" 2) \"b\"");
}

TEST_CASE("one success is enough, or all must succeed", "[joined]") {
    CHECK(joined("script|kill", {"!NOTBUSY", "+OK\r\n"}) == "OK");
    CHECK(joined("script|kill", {"!NOTBUSY", "!NOTBUSY"}) == "server_error not_executed");
    CHECK(joined("flushall", {"+OK\r\n", "+OK\r\n"}) == "OK");
    CHECK(joined("flushall", {"+OK\r\n", "!no"}) == "server_error unknown");
    CHECK(joined("flushall", {"!no", "!no"}) == "server_error not_executed");
}

TEST_CASE("a random key is of the shard whose turn it is, or of the next that has some", "[joined]") {
    CHECK(joined("randomkey", {"$1\r\na\r\n", "$1\r\nb\r\n"}, 0) == "\"a\"");
    CHECK(joined("randomkey", {"$1\r\na\r\n", "$1\r\nb\r\n"}, 1) == "\"b\"");
    CHECK(joined("randomkey", {"$-1\r\n", "$1\r\nb\r\n"}, 0) == "\"b\"");
    CHECK(joined("randomkey", {"$-1\r\n", "_\r\n"}, 1) == "(nil)");
}

TEST_CASE("of functions the node tells that runs one", "[joined]") {
    std::string_view const idle = "%2\r\n$14\r\nrunning_script\r\n_\r\n$7\r\nengines\r\n%0\r\n";
    std::string_view const busy = "*4\r\n$14\r\nrunning_script\r\n*0\r\n$7\r\nengines\r\n*0\r\n";
    CHECK(joined("function|stats", {idle, busy}).find("(empty array)") != std::string::npos);
    CHECK(joined("function|stats", {idle, idle}).find("(nil)") != std::string::npos);
}

TEST_CASE("replies that cannot be joined are an error of the whole, never a crash", "[joined]") {
    for (std::string_view const name : {"dbsize", "script|exists", "keys", "randomkey", "function|stats"})
        for (std::string_view const odd : umbel::test::odd_replies) {
            static_cast<void>(joined(name, {odd, ":1\r\n"}));
            static_cast<void>(joined(name, {"*1\r\n:1\r\n", odd}));
        }
    CHECK(joined("dbsize", {":1\r\n", "+OK\r\n"}) == "unexpected_type executed");
    CHECK(joined("script|exists", {"*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"}) == "unexpected_type executed");
    CHECK(joined("keys", {"*0\r\n", "~0\r\n"}) == "unexpected_type executed");
}

TEST_CASE("of KILL the node is heard that runs something, and not those that run nothing", "[joined]") {
    using umbel::delivery;
    auto const& traits = *umbel::command::find_command("script", "kill");
    result<umbel::reply> const idle =
        umbel::fail(errc::server_error, delivery::not_executed, "NOTBUSY No scripts in execution right now.");
    result<umbel::reply> const stuck =
        umbel::fail(errc::server_error, delivery::not_executed, "UNKILLABLE Sorry the script already wrote");
    result<umbel::reply> const* all[]{&idle, &stuck, &idle};
    auto const told = umbel::calling::join_replies(traits, all, 0);
    REQUIRE_FALSE(told);
    CHECK(told.error().message().starts_with("UNKILLABLE"));
    all[1] = &idle;
    CHECK(umbel::calling::join_replies(traits, all, 0).error().message().starts_with("NOTBUSY"));
}
