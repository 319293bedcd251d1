// Tests of command/command_table_traits.hpp: what a row of the table says of its command.
#include <umbel/command/command_table_traits.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::command;

namespace {

constexpr command_traits row(std::int8_t arity, command_flag flags) {
    return {.name = "name", .arity = arity, .flags = flags, .keys = {}};
}

}  // namespace

TEST_CASE("a command takes exactly as many arguments as its arity says, or at least that many when negative",
          "[command_table_traits]") {
    constexpr auto two = row(2, command_flag::read_only);
    STATIC_CHECK_FALSE(two.takes(1));
    STATIC_CHECK(two.takes(2));
    STATIC_CHECK_FALSE(two.takes(3));
    constexpr auto some = row(-3, command_flag::read_only);
    STATIC_CHECK_FALSE(some.takes(2));
    STATIC_CHECK(some.takes(3));
    STATIC_CHECK(some.takes(1'000'000));
}

TEST_CASE("flags are told apart", "[command_table_traits]") {
    constexpr auto read = row(2, command_flag::read_only);
    STATIC_CHECK(read.read_only());
    STATIC_CHECK_FALSE(read.write());
    STATIC_CHECK_FALSE(read.scripted());
    constexpr auto script = row(-3, command_flag::skip_monitor);
    STATIC_CHECK(script.scripted());
    STATIC_CHECK_FALSE(script.read_only());
}

TEST_CASE("a command changes its reply and shares its connection unless its row says otherwise",
          "[command_table_traits]") {
    command_traits traits = row(1, command_flag::write);
    CHECK_FALSE(traits.idempotent());
    CHECK_FALSE(traits.leased());
    traits.repeated = repetition::harmless;
    traits.shares = sharing::leased;
    CHECK(traits.idempotent());
    CHECK(traits.leased());
}
