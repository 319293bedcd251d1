#include <umbel/testing/model_blocked.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using namespace umbel::testing;
using namespace std::chrono_literals;

namespace {

blocked_client waiting_for(std::uint64_t session, model_words words) {
    return {session, {find_model_command("blpop"), std::move(words)}};
}
model_store holding(std::string const& key) {
    model_store made;
    made[key].is_list = true;
    return made;
}

}  // namespace

TEST_CASE("the client that has waited longest for a key is served first", "[model]") {
    blocked_clients waiting;
    waiting.add(waiting_for(7, {"BLPOP", "a", "b", "0"}));
    waiting.add(waiting_for(3, {"BLPOP", "b", "0"}));
    waiting.add(waiting_for(5, {"BLPOP", "0", "0"}));
    CHECK(waiting.servable(holding("b")) == 7);
    CHECK(waiting.take(7).call.words.size() == 4);
    CHECK(waiting.servable(holding("b")) == 3);
    CHECK(waiting.servable(holding("a")) == 0);
    CHECK(waiting.servable(holding("0")) == 5);  // The last word is the time.
    CHECK(waiting.holds(3));
    CHECK_FALSE(waiting.holds(7));
    waiting.clear();
    CHECK(waiting.all().empty());
}

TEST_CASE("a command waits for the time that it names, or for ever", "[model]") {
    model_command const* const blpop = find_model_command("blpop");
    CHECK(waits_until({blpop, {"BLPOP", "a", "0.5"}}, 5s) == 5500ms);
    CHECK(waits_until({blpop, {"BLPOP", "a", "0"}}, 5s) == umbel::engine::never);
}
