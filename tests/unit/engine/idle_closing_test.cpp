#include <umbel/engine/idle_closing.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant now{1000s};

}  // namespace

TEST_CASE("a client that was seen idle twice in a row closes", "[idle_closing]") {
    idle_closing closing;
    call closer;
    CHECK_FALSE(closing.begun());
    CHECK(closing.add(closer));
    CHECK(closing.begun());
    CHECK_FALSE(closing.is_due(true, now));
    CHECK_FALSE(closing.is_due(false, now));
    CHECK_FALSE(closing.is_due(true, now));
    CHECK(closing.is_due(true, now));
}

TEST_CASE("a client that stays busy closes at the first call's deadline", "[idle_closing]") {
    idle_closing closing;
    call first, second;
    first.deadline = now + 1s;
    CHECK(closing.add(first));
    CHECK_FALSE(closing.add(second));
    CHECK_FALSE(closing.is_due(false, now));
    CHECK(closing.is_due(false, now + 1s));
    call_list waiting = closing.take();
    CHECK(waiting.pop() == &first);
    CHECK(waiting.pop() == &second);
    CHECK(closing.empty());
}

TEST_CASE("the pause between two looks doubles up to its bound", "[idle_closing]") {
    idle_closing closing;
    CHECK(closing.next_pause() == 500us);
    CHECK(closing.next_pause() == 1ms);
    for (int look = 0; look < 20; ++look) closing.next_pause();
    CHECK(closing.next_pause() == idle_closing::pause_max);
}
