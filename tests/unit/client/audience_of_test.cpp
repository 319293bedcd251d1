// Tests of client/audience_of.hpp: whom a command without keys concerns.
#include <umbel/client/audience_of.hpp>
#include <umbel/client/cmd.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string_view>

TEST_CASE("the table says of every command without keys whom it concerns", "[tips]") {
    using umbel::async::audience;
    auto const of = [](std::string_view name, std::string_view inner = {}) {
        return umbel::calling::audience_of(*umbel::command::find_command(name, inner));
    };
    CHECK(of("flushall") == audience::primaries);
    CHECK(of("script", "load") == audience::nodes);
    CHECK(of("function", "kill") == audience::primaries);
    CHECK(of("slowlog", "get") == audience::nodes);
    for (char const* const name : {"info", "ping", "time", "publish", "mget", "wait", "scan"})
        CHECK_FALSE(of(name).has_value());
    CHECK(umbel::calling::row_of(umbel::command::specs::config_set)->name == "config|set");
    CHECK(umbel::calling::row_of(umbel::command::specs::dbsize)->name == "dbsize");
}

TEST_CASE("the first words of a command are read where they stand, as many as there are", "[tips]") {
    using umbel::calling::first_words;
    using both = std::array<std::string_view, 2>;
    CHECK(first_words("$6\r\nCONFIG\r\n$3\r\nSET\r\n$2\r\nhz\r\n") == both{"CONFIG", "SET"});
    CHECK(first_words("$4\r\nPING\r\n") == both{"PING", ""});
    CHECK(first_words("") == both{"", ""});
    CHECK(umbel::calling::divided_message("script|load").starts_with("SCRIPT LOAD concerns"));
}
