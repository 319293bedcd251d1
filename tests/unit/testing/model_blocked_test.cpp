#include <umbel/testing/model_blocked.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::testing;

TEST_CASE("the client that has waited longest for a key is served first", "[model]") {
    blocked_clients waiting;
    waiting.add({7, {"BLPOP", "a", "b", "0"}});
    waiting.add({3, {"BLPOP", "b", "0"}});
    waiting.add({5, {"BLPOP", "0", "0"}});
    auto const has = [](std::string const& wanted) {
        return [wanted](std::string const& key) { return key == wanted; };
    };
    CHECK(waiting.servable(has("b")) == 7);
    CHECK(waiting.take(7).words.size() == 4);
    CHECK(waiting.servable(has("b")) == 3);
    CHECK(waiting.servable(has("a")) == 0);
    CHECK(waiting.servable(has("0")) == 5);  // The last word is the time.
    CHECK(waiting.holds(3));
    CHECK_FALSE(waiting.holds(7));
    waiting.clear();
    CHECK(waiting.all().empty());
}
