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

TEST_CASE("a scan gives pages, not operations", "[sync_client]") {
    scripted::server server{[](scripted::words const& said) -> std::optional<scripted::answer> {
        if (said.size() > 1 && said[1] == "SLOTS") return std::nullopt;
        if (said[0] == "MULTI") return scripted::answer{"+OK\r\n"};
        if (said[0] == "EXEC")
            return scripted::answer{
                "*3\r\n*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n"
                "-ERR This instance has cluster support disabled\r\n" +
                scripted::bulk("# Server\r\nrun_id:r\r\nmaster_replid:x\r\n")};
        return scripted::answer{"+QUEUED\r\n"};
    }};
    umbel::sync_client db{plain(server.address())};
    auto const scan = db.scan({.match = "*"});
    umbel::result<std::vector<std::string>> const page = scan.next();
    CHECK(page == std::vector<std::string>{"a"});
    CHECK(code_of(scan.next()) == "end_of_range");
    CHECK(scan.done());
    CHECK_FALSE(scan.failure());
    CHECK(db.with(5s).scan().next() == std::vector<std::string>{"a"});
}
