#include <umbel/engine/greeting_memory.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;

namespace {

bool says_hello(greeting_memory& memory, handshake_plan plan = {}) {
    memory.adapt(plan);
    return plan.protocol == protocol::automatic && plan.extent == umbel::handshake::full;
}

}  // namespace

TEST_CASE("a server that twice in a row closes without a word is greeted without HELLO", "[greeting]") {
    greeting_memory memory;
    CHECK(says_hello(memory));
    memory.ended(false, true);
    CHECK(says_hello(memory));
    memory.ended(false, true);
    CHECK_FALSE(says_hello(memory));
}

TEST_CASE("HELLO is tried again after a connection without it, whether that has served or not",
          "[greeting]") {
    for (bool const served : {true, false}) {
        greeting_memory memory;
        memory.ended(false, true);
        memory.ended(false, true);
        CHECK_FALSE(says_hello(memory));
        memory.ended(served, false);
        CHECK(says_hello(memory));
    }
}

TEST_CASE("a connection that has served in between makes the count begin anew; a refused one does not",
          "[greeting]") {
    greeting_memory memory;
    memory.ended(false, true);
    memory.ended(true, false);
    memory.ended(false, true);
    CHECK(says_hello(memory));
    memory.ended(false, false);
    memory.ended(false, true);
    CHECK_FALSE(says_hello(memory));
}

TEST_CASE("where a protocol is demanded, nothing is left out", "[greeting]") {
    greeting_memory memory;
    memory.ended(false, true);
    memory.ended(false, true);
    handshake_plan plan;
    plan.protocol = protocol::resp3;
    memory.adapt(plan);
    CHECK(plan.protocol == protocol::resp3);
    CHECK(plan.extent == umbel::handshake::full);
}
