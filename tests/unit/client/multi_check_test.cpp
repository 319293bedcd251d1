// Tests of what a multi_client makes of its options and of errors; which options are refused, and by which
// words, stands in multi_client_test.cpp.
#include <umbel/client/multi_check.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace std::chrono_literals;

TEST_CASE("the usual options of a multi_client are good once it has members", "[multi_check]") {
    multi_options chosen;
    CHECK(calling::wrong_with(chosen).has_value());
    chosen.members = {{"east", {}, 2}};
    CHECK_FALSE(calling::wrong_with(chosen).has_value());
}

TEST_CASE("times of a multi_client that are too long become the longest there is", "[multi_check]") {
    multi_options chosen;
    chosen.members = {{"east", {}, 2}};
    auto const ever = std::chrono::milliseconds::max();
    chosen.check_interval = chosen.check_pause = chosen.failure_window = chosen.grace = chosen.grace_max =
        ever;
    auto const made = calling::choice_of(chosen);
    CHECK(made.check_interval == engine::never);
    CHECK(made.check_timeout == engine::never);
    CHECK(made.grace_max == engine::never);
    chosen.check_timeout = ever;
    CHECK(calling::wrong_with(chosen).has_value());
}

TEST_CASE("only errors that say that nobody could serve tell something of a member", "[multi_check]") {
    for (errc const code : {errc::connect_failed, errc::connection_lost, errc::cluster_down, errc::loading,
                            errc::slot_uncovered, errc::no_reachable_node})
        CHECK(calling::tells_of_member(code));
    for (errc const code : {errc::bad_argument, errc::cross_slot, errc::overloaded, errc::cancelled,
                            errc::deadline_exceeded, errc::no_memory, errc::protocol_error, errc::wrong_type,
                            errc::no_permission, errc::out_of_memory, errc::moved, errc::ask})
        CHECK_FALSE(calling::tells_of_member(code));
}

TEST_CASE("an error that names all members keeps everything else it says", "[multi_check]") {
    error_details details;
    details.message = "the deadline passed";
    details.node = "10.0.0.1:6379";
    details.slot = 7;
    details.trail = {{"10.0.0.2:6379", errc::moved, 1ms}};
    error const why{errc::deadline_exceeded, delivery::unknown, details};
    error const told = calling::preceded(why, "every member is down: east: x");
    CHECK(told == errc::deadline_exceeded);
    CHECK(told.delivery() == delivery::unknown);
    CHECK(told.message() == "every member is down: east: x; the deadline passed");
    CHECK(told.node() == "10.0.0.1:6379");
    CHECK(told.slot() == 7);
    CHECK(told.trail().size() == 1);
}
