// Tests of client/sync_nodes.hpp: one node and each node, for a client that waits.
#include <umbel/client/sync_nodes.hpp>

#include "at_home.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using at_home::code_of;
using at_home::plain;
using namespace std::chrono_literals;

TEST_CASE("one node and each node give results, not operations", "[sync_client]") {
    scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "DBSIZE") return scripted::answer{":3\r\n"};
        return std::nullopt;
    }};
    umbel::sync_client db{plain(server.address())};
    umbel::result<std::int64_t> const single = db.on(server.address()).dbsize();
    CHECK(single == 3);
    CHECK(db.on(umbel::primary_of("k")).command<std::int64_t>("DBSIZE") == 3);
    CHECK(db.with(5s).on(server.address()).dbsize() == 3);
    CHECK(code_of(db.on("nobody:1").dbsize()) == "no_reachable_node");
    umbel::result<std::vector<umbel::per_node<std::int64_t>>> const all = db.on_each_primary().dbsize();
    REQUIRE(all);
    REQUIRE(all->size() == 1);
    CHECK(all->front().node == server.address());
    CHECK(all->front().answer == 3);
    auto const raw = db.prefixed("app:").on_each_node().command<int>("DBSIZE");
    REQUIRE(raw);
    CHECK(raw->front().answer == 3);
}
