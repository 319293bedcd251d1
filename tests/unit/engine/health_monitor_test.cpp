#include <umbel/engine/health_monitor.hpp>

#include "unit/engine/control_plane.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::engine;
using namespace std::chrono_literals;
using umbel::test::control_plane;

TEST_CASE("reads avoid a node for as long as it cannot serve, and no longer", "[health]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    plane.health.avoid(number, plane.begin);
    CHECK(plane.unhealthy(number));
    CHECK(plane.health.next_due() == plane.begin + 100ms);
    plane.health.advance(plane.begin + 99ms);
    CHECK(plane.unhealthy(number));
    plane.health.advance(plane.begin + 100ms);
    CHECK_FALSE(plane.unhealthy(number));
    CHECK(plane.health.next_due() == never);
}

TEST_CASE("a doubted node is avoided for the time of one refresh", "[health]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    plane.health.doubt(number, plane.begin);
    CHECK(plane.unhealthy(number));
    plane.health.advance(plane.begin + 1s);
    CHECK_FALSE(plane.unhealthy(number));
}

TEST_CASE("a link that is opened again after a failure counts as down until it serves", "[health]") {
    control_plane plane;
    std::uint16_t const number = plane.add("10.0.0.1");
    link_status& link = plane.node(number).link(link_mode::primary);
    link.state = link_state::opening;
    plane.health.publish(number, plane.begin);
    CHECK_FALSE(plane.unhealthy(number));
    link.failures = 1;
    plane.health.publish(number, plane.begin);
    CHECK(plane.unhealthy(number));
    link.state = link_state::up;
    plane.health.publish(number, plane.begin);
    CHECK_FALSE(plane.unhealthy(number));
}

TEST_CASE("a node's zone is what its server says, else what the user says", "[health]") {
    engine_options options = control_plane::usual();
    options.zone = "here";
    options.zones = {{{"10.0.0.1", 6379}, "here"}};
    control_plane plane{std::move(options)};
    std::uint16_t const number = plane.add("10.0.0.1");
    auto const near = [&] { return plane.shared.routes.health_of(number).same_zone.load(); };
    plane.health.set_zone(number, "", plane.begin);
    CHECK(near());
    plane.health.set_zone(number, "there", plane.begin);
    CHECK_FALSE(near());
    plane.health.set_zone(number, "", plane.begin);
    CHECK_FALSE(near());
    plane.health.set_zone(link_id::no_node, "here", plane.begin);
}
