// Commands that a server refuses by closing the connection: they are not repeated for ever.
#include <umbel/engine/engine.hpp>

#include "support/script_commands.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// Waits until `node` is connected once more and something was written to it.
std::vector<sent> reconnected(script& s, std::string const& node) {
    for (int i = 0; i < 2000; ++i) {
        auto seen = commands(s);
        if (!seen.empty() && s.connected(node)) return seen;
        s.pass(1ms);
    }
    return {};
}

}  // namespace

TEST_CASE("a command at which the server has closed two connections fails, and says so", "[losses]") {
    for (bool const whole : {true, false}) {
        INFO((whole ? "sent whole" : "cut off while it was being sent"));
        script s;
        s.pass(1s);
        if (!whole) s.block(a, 20);
        auto set = s.start("GETX foo " + std::string(100, 'x'), whole ? reading : call_options{});
        CHECK(s.next().to == a);
        s.cut(a);
        CHECK_FALSE(set.done());
        s.connects_by_itself(false);
        for (int i = 0; i < 200 && !s.dials(a); ++i) commands(s), s.pass(1ms);
        s.connect(a);
        if (!whole) s.block(a, 20);
        CHECK_FALSE(reconnected(s, a).empty());
        s.cut(a);
        CHECK(outcome(set) == failed{errc::connection_lost, whole ? delivery::unknown : delivery::not_sent});
        CHECK(set.why().message() ==
              "2 connections were closed on this command: the node closed the connection");
    }
}

TEST_CASE("its neighbours are not blamed", "[losses]") {
    script s;
    s.pass(1s);
    auto culprit = s.start("GETX foo", reading);
    std::vector<started> neighbours;
    for (int i = 0; i < 20; ++i) neighbours.push_back(s.start("GET foo", reading));
    // A server that answers in order, and closes where it comes to the one.
    for (int i = 0; i < 2000 && !culprit.done(); ++i) {
        for (sent const& seen : commands(s)) {
            for (std::size_t at = seen.bytes.find("*2"); at != std::string::npos && s.connected(a);
                 at = seen.bytes.find("*2", at + 1))
                seen.bytes.compare(at, wire("GETX foo").size(), wire("GETX foo")) == 0
                    ? s.cut(a)
                    : s.receive(a, "$1\r\nx\r\n");
        }
        s.pass(1ms);
    }
    CHECK(outcome(culprit) == failed{errc::connection_lost, delivery::unknown});
    for (int i = 0; i < 200; ++i) {
        for (sent const& seen : commands(s))
            for (std::size_t n = seen.bytes.size() / wire("GET foo").size(); n != 0; --n)
                s.receive(a, "$1\r\nx\r\n");
        s.pass(1ms);
    }
    for (auto const& one : neighbours) CHECK(one.value() == "x");
    CHECK(s.core().counters().breakers_opened == 0);
}

TEST_CASE("what has not been written, or met silence or a refused connection, has cost nothing", "[losses]") {
    script_options options;
    options.link.probe_after = 100ms;
    options.link.probe_timeout = 100ms;
    SECTION("not written") {
        script s;
        s.block(a, 0);
        auto set = s.start("SET foo 1");
        for (int round = 0; round < 4; ++round) {
            s.cut(a);
            CHECK_FALSE(set.done());
            for (int i = 0; i < 2000 && !s.connected(a); ++i)
                s.pass(1ms), s.connected(a) ? s.block(a, 0) : void();
        }
        CHECK(set.call().connections_closed <= 1);
    }
    SECTION("silence") {
        script s{options};
        auto get = s.start("GET foo", reading);
        s.pass(2s);
        CHECK(get.call().connections_closed == 0);
    }
}
