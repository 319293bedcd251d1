// Tests of engine/destinations.hpp: which node a name or a redirect means, and what another one may do in its
// place.
#include <umbel/engine/destinations.hpp>

#include "unit/engine/control_plane.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::test;

namespace {

/// A primary, its replica, and a stranger.
struct small_cluster : control_plane {
    std::uint16_t const primary = add("10.0.0.1");
    std::uint16_t const replica = add("10.0.0.2");
    std::uint16_t const stranger = add("10.0.0.3");

    small_cluster() {
        node(primary).member = node(replica).member = true;
        node(primary).id = "0f0f";
        node(replica).role = cluster::node_role::replica;
    }
    engine::link_id find(engine::destination const& where) const {
        return engine::destination_of(where, shared, 3);
    }
};

}  // namespace

TEST_CASE("a node is found by address or id, and its link goes with its role", "[destinations]") {
    small_cluster c;
    using engine::link_mode;
    CHECK(c.find({.node = "10.0.0.1:6379"}) == engine::link_id{c.primary, link_mode::primary, 3});
    CHECK(c.find({.node = "0f0f"}) == engine::link_id{c.primary, link_mode::primary, 3});
    CHECK(c.find({.node = "10.0.0.2:6379"}) == engine::link_id{c.replica, link_mode::replica, 3});
    CHECK_FALSE(c.find({.node = "10.0.0.3:6379"}));
    CHECK(c.find({.node = "10.0.0.3:6379"}).context == 3);
    CHECK_FALSE(c.find({.node = "10.0.0.9:6379"}));
    c.node(c.stranger).named = true;
    CHECK(c.find({.node = "10.0.0.3:6379"}).node == c.stranger);
}

TEST_CASE("who serves the slot takes over where the named node is no primary any more", "[destinations]") {
    small_cluster c;
    CHECK(c.find({.node = "10.0.0.1:6379", .slot = 5}).node == c.primary);
    CHECK_FALSE(c.find({.node = "10.0.0.2:6379", .slot = 5}));
    CHECK_FALSE(c.find({.node = {}, .slot = 5}));
    CHECK(engine::destination{.node = "a", .slot = 5}.is_followed());
    CHECK_FALSE(engine::destination{.node = "a"}.is_followed());
    CHECK_FALSE(engine::destination{.node = {}, .slot = 5}.is_followed());
}

TEST_CASE("a redirect means the node that it names, or its port on the host that has replied",
          "[destinations]") {
    small_cluster c;
    engine::retry_state redirect;
    redirect.from = {c.primary};
    CHECK(engine::target_of(redirect, c.shared, c.begin) == engine::link_id::no_node);
    redirect.port = 7000;
    std::uint16_t const here = engine::target_of(redirect, c.shared, c.begin);
    CHECK(c.node(here).name == "10.0.0.1:7000");
    CHECK(c.node(here).named);
    redirect.host = "10.0.0.2";
    redirect.port = 6379;
    CHECK(engine::target_of(redirect, c.shared, c.begin) == c.replica);
    CHECK_FALSE(c.node(c.replica).named);
}
