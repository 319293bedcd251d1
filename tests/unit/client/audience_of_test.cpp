// Tests of client/audience_of.hpp: whom a command without keys concerns.
#include <umbel/client/audience_of.hpp>
#include <umbel/client/cmd.hpp>

#include <catch2/catch_test_macros.hpp>

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

TEST_CASE("an encoded command is found in the table by its first words", "[tips]") {
    using umbel::calling::row_of_encoded;
    CHECK(row_of_encoded(umbel::cmd.dbsize().bytes())->name == "dbsize");
    CHECK(row_of_encoded(umbel::cmd.config_set("hz", "1").bytes())->name == "config|set");
    CHECK(row_of_encoded(umbel::cmd.command<umbel::reply>("script", "flush").bytes())->name ==
          "script|flush");
    CHECK(row_of_encoded("*1\r\n$7\r\nNOTHING\r\n") == nullptr);
    CHECK(row_of_encoded("*2\r\n$4\r\nECHO\r\n$5\r\n\r\n")->name == "echo");
    CHECK(row_of_encoded({}) == nullptr);
    CHECK(umbel::calling::divided_message("script|load").starts_with("SCRIPT LOAD concerns"));
}
