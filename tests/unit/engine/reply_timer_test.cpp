#include <umbel/engine/reply_timer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

constexpr instant start{1000s};
std::string const node{"10.0.0.1:6379"};

struct get_call : call {
    get_call() {
        static constexpr char get[] = "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n";
        bytes = get;
        size = sizeof get - 1;
        flags = cluster::command_flags::read_only;
        accepted = start;
    }
};

}  // namespace

TEST_CASE("a timer without histograms and without a bound is off", "[reply_timer]") {
    CHECK_FALSE(reply_timer{false, 0ms}.on());
    CHECK(reply_timer{true, 0ms}.on());
    CHECK(reply_timer{false, 1ms}.on());
}

TEST_CASE("a slow reply is told with its command, at the bound and not before", "[reply_timer]") {
    reply_timer timer{false, 10ms};
    get_call call;
    timer.record(call, node, start + 9ms);
    CHECK(timer.slow().empty());
    timer.record(call, node, start + 10ms);
    REQUIRE(timer.slow().size() == 1);
    CHECK(timer.slow().front().command == "GET");
    CHECK(timer.slow().front().took == 10ms);
    for (int more = 0; more < 1000; ++more) timer.record(call, node, start + 1s);
    CHECK(timer.slow().size() == reply_timer::slow_max);
}

TEST_CASE("the engine's own calls are not timed", "[reply_timer]") {
    reply_timer timer{true, 10ms};
    get_call call;
    call.issued_by = issuer::engine;
    timer.record(call, node, start + 1s);
    CHECK(timer.slow().empty());
}

TEST_CASE("the name of a command is its first word, and empty where there is none", "[reply_timer]") {
    CHECK(first_word_of("*1\r\n$4\r\nPING\r\n") == "PING");
    CHECK(first_word_of("").empty());
    CHECK(first_word_of("*1\r\n$4").empty());
}
