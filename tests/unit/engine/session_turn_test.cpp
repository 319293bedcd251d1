#include <umbel/engine/session_turn.hpp>

#include <umbel/engine/instant.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <stdexcept>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

struct surroundings_port {
    struct turn_surroundings {
        explicit turn_surroundings(surroundings_port& whose) : port_of{whose} { ++port_of.inside; }
        turn_surroundings(turn_surroundings const&) = delete;
        turn_surroundings& operator=(turn_surroundings const&) = delete;
        ~turn_surroundings() { --port_of.inside; }
        instant now() const { return port_of.time; }
        surroundings_port& port_of;
    };
    int inside = 0;
    instant time{5s};
};

struct settling : surroundings_port {
    surroundings_port& port() { return *this; }
    void settle_up() noexcept {
        CHECK_FALSE(turns_.in_turn());
        ++settled;
    }
    turn_schedule turns_;
    instant now_{0};
    int settled = 0;
};

using turn = session_turn<settling, surroundings_port>;

}  // namespace

TEST_CASE("a turn reads the clock once, and settles up at its end", "[session]") {
    settling session;
    {
        turn const inside{session};
        CHECK(session.turns_.in_turn());
        CHECK(session.now_ == 5s);
        CHECK(session.inside == 1);
    }
    CHECK(session.inside == 0);
    CHECK(session.settled == 1);
}

TEST_CASE("a turn inside another settles nothing; one that a handler leaves by throwing does", "[session]") {
    settling session;
    try {
        turn const outer{session};
        {
            turn const inner{session};
        }
        CHECK(session.settled == 0);
        CHECK(session.turns_.in_turn());
        throw std::runtime_error{"of a handler"};
    } catch (std::runtime_error const&) {
    }
    CHECK(session.settled == 1);
}
