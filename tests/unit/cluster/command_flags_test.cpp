// Tests of cluster/command_flags.hpp.
#include <umbel/cluster/command_flags.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::cluster;

TEST_CASE("flags join and are told apart", "[command_flags]") {
    constexpr command_flags both = command_flags::read_only | command_flags::scripted;
    STATIC_CHECK(has(both, command_flags::read_only));
    STATIC_CHECK(has(both, command_flags::scripted));
    STATIC_CHECK_FALSE(has(both, command_flags::idempotent));
    STATIC_CHECK_FALSE(has(command_flags::none, command_flags::read_only));
}
