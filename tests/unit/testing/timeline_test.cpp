// timeline_test: events on virtual time, in their order.
#include <umbel/testing/timeline.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::testing;

TEST_CASE("events happen in the order of their times, and of one time in the order they were put in",
          "[timeline]") {
    timeline time{1};
    std::string seen;
    time.in(2ms, [&] { seen += "c"; });
    time.in(1ms, [&] { seen += "a"; });
    time.in(1ms, [&] { seen += "b"; });
    time.run_for(5ms);
    CHECK(seen == "abc");
    CHECK(time.steps() == 3);
    CHECK_FALSE(time.step());
}

TEST_CASE("what is put in for the past happens now, and time never goes back", "[timeline]") {
    timeline time{1};
    umbel::engine::instant const begin = time.now();
    time.run_for(3ms);
    umbel::engine::instant seen{0};
    time.at(begin, [&] { seen = time.now(); });
    time.step();
    CHECK(seen == begin + 3ms);
}

TEST_CASE("a wait ends when its condition holds, or at its limit", "[timeline]") {
    timeline time{1};
    bool done = false;
    time.in(2ms, [&] { done = true; });
    umbel::engine::instant const begin = time.now();
    CHECK_FALSE(time.run_while_not([&] { return done; }, 1ms));
    CHECK(time.now() == begin + 1ms);
    CHECK(time.run_while_not([&] { return done; }, 5ms));
    CHECK(time.now() == begin + 2ms);
}

TEST_CASE("the same seed gives the same chances", "[timeline]") {
    timeline first{7};
    timeline second{7};
    for (int i = 0; i != 100; ++i) {
        umbel::engine::duration const span = first.between(1ms, 9ms);
        CHECK(span == second.between(1ms, 9ms));
        CHECK(span >= 1ms);
        CHECK(span <= 9ms);
    }
}

TEST_CASE("the log keeps the last lines, and makes none that nobody wants", "[timeline]") {
    timeline time{1};
    bool made = false;
    time.note([&] {
        made = true;
        return "unseen";
    });
    CHECK_FALSE(made);
    time.trace(2);
    for (char const* const line : {"first", "second", "third"}) time.note([&] { return line; });
    REQUIRE(time.lines().size() == 2);
    CHECK(time.lines().back().ends_with("third"));
}
