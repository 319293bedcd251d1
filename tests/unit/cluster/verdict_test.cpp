#include <umbel/cluster/verdict.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::cluster;
using namespace std::chrono_literals;
using step = verdict::step;

TEST_CASE("by default an attempt may be repeated when it is proven not to have run, or when it only reads",
          "[verdict]") {
    for (auto const delivered :
         {delivery::not_sent, delivery::not_executed, delivery::executed, delivery::unknown}) {
        bool const proven = delivered == delivery::not_sent || delivered == delivery::not_executed;
        CHECK(attempt{.delivery = delivered}.may_repeat() == proven);
        CHECK(attempt{.delivery = delivered, .flags = command_flags::scripted}.may_repeat() == proven);
        CHECK(attempt{.delivery = delivered, .flags = command_flags::read_only}.may_repeat());
        CHECK(attempt{.delivery = delivered, .flags = command_flags::idempotent}.may_repeat() == proven);
    }
}

TEST_CASE("idempotent: what leaves the same state is repeated as well, and no other write", "[verdict]") {
    for (auto const delivered :
         {delivery::not_sent, delivery::not_executed, delivery::executed, delivery::unknown}) {
        bool const proven = delivered == delivery::not_sent || delivered == delivery::not_executed;
        auto const repeats = [delivered](command_flags flags) {
            return attempt{.delivery = delivered, .flags = flags, .unknown = retry_unknown::idempotent}
                .may_repeat();
        };
        CHECK(repeats(command_flags::read_only));
        CHECK(repeats(command_flags::idempotent));
        CHECK(repeats(command_flags::none) == proven);
        CHECK(repeats(command_flags::scripted) == proven);
    }
}

TEST_CASE(
    "never: what may have run is not repeated, not even a read; what is proven not to have run still is",
    "[verdict]") {
    for (auto const flags : {command_flags::none, command_flags::read_only, command_flags::idempotent}) {
        CHECK_FALSE(attempt{.delivery = delivery::unknown, .flags = flags, .unknown = retry_unknown::never}
                        .may_repeat());
        CHECK_FALSE(attempt{.delivery = delivery::executed, .flags = flags, .unknown = retry_unknown::never}
                        .may_repeat());
        CHECK(attempt{.delivery = delivery::not_sent, .flags = flags, .unknown = retry_unknown::never}
                  .may_repeat());
        CHECK(attempt{.delivery = delivery::not_executed, .flags = flags, .unknown = retry_unknown::never}
                  .may_repeat());
    }
}

TEST_CASE("always: everything is repeated, a plain write that may have run as well", "[verdict]") {
    for (auto const delivered :
         {delivery::not_sent, delivery::not_executed, delivery::executed, delivery::unknown})
        CHECK(attempt{.delivery = delivered, .unknown = retry_unknown::always}.may_repeat());
}

TEST_CASE("every verdict says what it needs", "[verdict]") {
    STATIC_CHECK(verdict{}.next == step::fail);
    STATIC_CHECK(verdict::fail().next == step::fail);
    STATIC_CHECK(verdict::follow().next == step::follow);
    STATIC_CHECK(verdict::follow().refresh_topology);
    STATIC_CHECK(verdict::ask().next == step::ask);
    STATIC_CHECK_FALSE(verdict::ask().refresh_topology);
    STATIC_CHECK(verdict::retry_after(5ms).next == step::retry);
    STATIC_CHECK(verdict::retry_after(5ms).delay == 5ms);
    STATIC_CHECK_FALSE(verdict::retry_after(5ms).refresh_topology);
    STATIC_CHECK(verdict::retry_after(5ms, true).refresh_topology);
    STATIC_CHECK(verdict::after_refresh(1s).next == step::refresh);
    STATIC_CHECK(verdict::after_refresh(1s).delay == 1s);
    STATIC_CHECK(verdict::after_refresh(1s).refresh_topology);
}
