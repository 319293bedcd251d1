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
    memory.ended({.closed_on_hello = true});
    CHECK(says_hello(memory));
    memory.ended({.closed_on_hello = true});
    CHECK_FALSE(says_hello(memory));
}

TEST_CASE("HELLO is tried again after a connection without it, whether that has served or not",
          "[greeting]") {
    for (bool const served : {true, false}) {
        greeting_memory memory;
        memory.ended({.closed_on_hello = true});
        memory.ended({.closed_on_hello = true});
        CHECK_FALSE(says_hello(memory));
        memory.ended({.served = served});
        CHECK(says_hello(memory));
    }
}

TEST_CASE("a connection that has served in between makes the count begin anew; a refused one does not",
          "[greeting]") {
    greeting_memory memory;
    memory.ended({.closed_on_hello = true});
    memory.ended({.served = true});
    memory.ended({.closed_on_hello = true});
    CHECK(says_hello(memory));
    memory.ended({});
    memory.ended({.closed_on_hello = true});
    CHECK_FALSE(says_hello(memory));
}

TEST_CASE("where a protocol is demanded, nothing is left out", "[greeting]") {
    greeting_memory memory;
    memory.ended({.closed_on_hello = true});
    memory.ended({.closed_on_hello = true});
    handshake_plan plan;
    plan.protocol = protocol::resp3;
    memory.adapt(plan);
    CHECK(plan.protocol == protocol::resp3);
    CHECK(plan.extent == umbel::handshake::full);
}

namespace {

bool asks_for_notices(greeting_memory& memory) {
    handshake_plan plan;
    plan.ask_notices = true;
    memory.adapt(plan);
    return plan.ask_notices;
}

}  // namespace

TEST_CASE("a server that closes when it is asked for notices is asked no more, after two such ends",
          "[greeting][maintenance]") {
    for (bool const on_hello : {true, false}) {
        greeting_memory memory;
        for (int time = 0; time < 2; ++time) {
            CHECK(asks_for_notices(memory));
            memory.ended({.closed_on_hello = on_hello, .ended_on_notices = !on_hello});
            CHECK_FALSE(asks_for_notices(memory));  // The next attempt serves.
            memory.ended({.served = true});
        }
        for (int time = 0; time < 3; ++time) {
            CHECK_FALSE(asks_for_notices(memory));
            memory.ended({.served = true});
        }
    }
}

TEST_CASE("a server that has failed once while it was asked is asked again", "[greeting][maintenance]") {
    greeting_memory memory;
    for (int time = 0; time < 5; ++time) {
        CHECK(asks_for_notices(memory));
        memory.ended({.ended_on_notices = true});
        CHECK_FALSE(asks_for_notices(memory));
        memory.ended({});  // It is down, and refuses.
        CHECK_FALSE(asks_for_notices(memory));
        memory.ended({.served = true});
        CHECK(asks_for_notices(memory));
        memory.ended({.served = true});
    }
}
