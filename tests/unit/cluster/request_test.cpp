#include <umbel/cluster/request.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::cluster;

TEST_CASE("flags join and are told apart", "[request]") {
    STATIC_CHECK(has(command_flags::read_only | command_flags::scripted, command_flags::read_only));
    STATIC_CHECK(has(command_flags::read_only | command_flags::scripted, command_flags::scripted));
    STATIC_CHECK_FALSE(has(command_flags::read_only | command_flags::scripted, command_flags::idempotent));
    STATIC_CHECK_FALSE(has(command_flags::none, command_flags::read_only));
}

TEST_CASE("a request may run twice in a row when it only reads or is declared idempotent", "[request]") {
    STATIC_CHECK(request{std::nullopt, command_flags::read_only}.repeatable());
    STATIC_CHECK(request{std::nullopt, command_flags::idempotent}.repeatable());
    STATIC_CHECK_FALSE(request{std::nullopt, command_flags::scripted}.repeatable());
    STATIC_CHECK_FALSE(request{}.repeatable());
    STATIC_CHECK_FALSE(request{}.where.has_value());
}
