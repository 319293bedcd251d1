#include <umbel/engine/turn_schedule.hpp>

#include <catch2/catch_test_macros.hpp>

using umbel::engine::turn_schedule;

TEST_CASE("a turn is posted once, and not from inside a turn", "[turn_schedule]") {
    turn_schedule turns;
    unsigned posts = 0;
    auto const post = [&] { return ++posts != 0; };
    turns.post_by(post);
    turns.post_by(post);
    CHECK(posts == 1);
    turns.came();
    auto const before = turns.enter();
    turns.post_by(post);
    CHECK(posts == 1);
    turns.leave(before);
    turns.post_by(post);
    CHECK(posts == 2);
}

TEST_CASE("a turn that could not be posted is posted by the next wish", "[turn_schedule]") {
    turn_schedule turns;
    turns.post_by([] { return false; });
    CHECK_FALSE(turns.posted());
    turns.post_by([] { return true; });
    CHECK(turns.posted());
}

TEST_CASE("a turn inside a turn leaves the outer one as it was", "[turn_schedule]") {
    turn_schedule turns;
    auto const outer = turns.enter();
    auto const inner = turns.enter();
    turns.leave(inner);
    CHECK(turns.in_turn());
    CHECK(turns.collecting());
    turns.leave(outer);
    CHECK_FALSE(turns.in_turn());
    CHECK_FALSE(turns.collecting());
}

TEST_CASE("calls are collected in a turn, and outside of it until they are released", "[turn_schedule]") {
    turn_schedule turns;
    turns.collect();
    CHECK(turns.collecting());
    turns.release();
    CHECK_FALSE(turns.collecting());
    auto const before = turns.enter();
    turns.release();
    CHECK(turns.collecting());
    turns.leave(before);
}

TEST_CASE("after several lost turns in a row no other is tried, until one has come", "[turn_schedule]") {
    turn_schedule turns;
    for (unsigned lost = 1; lost < turn_schedule::lost_max; ++lost) CHECK(turns.lost());
    CHECK_FALSE(turns.lost());
    turns.came();
    CHECK(turns.lost());
}
