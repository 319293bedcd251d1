// Tests of engine/destinations.hpp: which node a name or a redirect means, and what another one may do in its
// place.
#include <umbel/engine/destinations.hpp>

#include "unit/engine/control_plane.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>

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

TEST_CASE("a slot means whoever serves it, and waits where nobody does", "[destinations]") {
    small_cluster c;
    CHECK_FALSE(c.find({.slot = 5}));
    CHECK(engine::why_missing({.slot = 5}, c.shared).code == errc::slot_uncovered);
    CHECK(engine::why_missing({.node = "a"}, c.shared).code == errc::no_reachable_node);
    c.shared.routes.table().learn_moved(cluster::slot{5}, engine::link_id::no_node, c.primary);
    CHECK(c.find({.slot = 5}).node == c.primary);
}

TEST_CASE("a shard means its leader, or the one node that leads all its slots by now", "[destinations]") {
    small_cluster c;
    cluster::slot_table& table = c.shared.routes.table();
    using range = cluster::slot_range;
    std::uint16_t const heirs[] = {c.replica};
    range const low[] = {{cluster::slot{0}, cluster::slot{99}}};
    table.publish(std::array{cluster::shard_assignment{c.primary, heirs, low}});
    auto list = engine::leaders_of(table, c.shared.nodes, {});
    REQUIRE(list.size() == 1);
    engine::led_shard& shard = list.front();
    CHECK(shard.name == "10.0.0.1:6379");
    engine::destination const meant{.shard = &shard};
    CHECK_FALSE(meant.is_one_node());
    CHECK(c.find(meant) == engine::link_id{c.primary, engine::link_mode::primary, 3});
    // The table alone tells: the node table may hold a dead primary for one still.
    table.move_shard(c.primary, c.replica);
    CHECK(c.find(meant).node == c.replica);
    CHECK(shard.leader == c.replica);
    // Split, and with all its slots at a node that has the command for a shard of its own.
    table.learn_moved(cluster::slot{0}, c.replica, c.stranger);
    CHECK(c.find(meant).node == c.replica);
    shard.leader = c.primary;
    CHECK_FALSE(c.find(meant));
    CHECK(engine::why_missing(meant, c.shared).code == errc::moved);
    table.publish({});
    CHECK(engine::why_missing(meant, c.shared).code == errc::slot_uncovered);
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
