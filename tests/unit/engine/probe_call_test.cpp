#include <umbel/engine/probe_call.hpp>

#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel::engine;
using umbel::test::read_reply;

TEST_CASE("each PING has another token", "[probe]") {
    probe_call probe;
    probe.prepare();
    CHECK(std::string{probe.bytes, probe.size} == "*2\r\n$4\r\nPING\r\n$14\r\numbel-00000001\r\n");
    CHECK(probe.token() == "umbel-00000001");
    CHECK(probe.is_internal());
    for (int i = 0; i < 122; ++i) probe.prepare();
    CHECK(std::string{probe.bytes, probe.size} == "*2\r\n$4\r\nPING\r\n$14\r\numbel-00000123\r\n");
    CHECK(probe.wire_size() == probe.size);
}

TEST_CASE("only the echo, a PONG or an error may be its reply", "[probe]") {
    probe_call probe;
    probe.prepare();
    for (char const* const good : {"$14\r\numbel-00000001\r\n", "+umbel-00000001\r\n", "+PONG\r\n",
                                   "-ERR wrong number of arguments for 'ping' command\r\n", "-NOPERM no\r\n"})
        CHECK(probe.may_be_answered_by(read_reply{good}));
    for (char const* const bad : {"$14\r\numbel-00000002\r\n", "+OK\r\n", ":1\r\n", "$-1\r\n", "*0\r\n",
                                  "_\r\n", "*2\r\n+PONG\r\n+x\r\n", "$3\r\nbar\r\n"})
        CHECK_FALSE(probe.may_be_answered_by(read_reply{bad}));
}

TEST_CASE("only a probe that stands in a queue awaits its echo", "[probe]") {
    probe_call probe;
    probe.prepare();
    probe.await_echo();
    CHECK(probe.replies_due == 1);
    probe.at = call::stage::piped;
    probe.await_echo();
    CHECK(probe.replies_due != 1);
    CHECK(probe.replies() == 1);
}
