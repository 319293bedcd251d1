// Tests of addresses on the wire: names that are looked up again, nodes without a name, nodes that come back
// elsewhere.
#include "support/names.hpp"
#include "two_nodes.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;
using umbel::test::name_service;

TEST_CASE("of the two addresses of a name the one that answers is taken", "[names]") {
    for (auto const& addresses :
         {std::vector<std::string>{"127.0.0.9", "127.0.0.1"}, {"127.0.0.1", "127.0.0.9"}}) {
        asio::io_context io{1};
        scripted::server server{io};
        name_service::shared().set("two.umbel.test", addresses);
        std::string const seed = "two.umbel.test:" + std::to_string(server.port());
        umbel::client const db{io.get_executor(), at_home::plain(seed)};
        CHECK(shown(at_home::wait(io, db.incr("n"))) == "1");
        CHECK(server.seen() == std::vector<words>{{"CLUSTER", "SLOTS"}, {"INCR", "n"}});
        CHECK(name_service::shared().asked("two.umbel.test") == 1);
    }
}

TEST_CASE("a name is looked up again at each reconnect, and not before", "[names]") {
    asio::io_context io{1};
    auto& names = name_service::shared();
    names.set("node.umbel.test", {"127.0.0.1"});
    std::string slots;
    auto const says = [&slots](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return scripted::answer{slots};
        return std::nullopt;
    };
    scripted::server before{io, says};
    scripted::server after{io, says, {"127.0.0.2", before.port()}};
    slots = "*1\r\n" + two_nodes::range(0, 16383, before, scripted::bulk("node.umbel.test"));
    std::string const seed = "node.umbel.test:" + std::to_string(before.port());
    umbel::options chosen = at_home::plain(seed);
    chosen.deployment = umbel::deployment::cluster;
    umbel::client const db{io.get_executor(), chosen};
    CHECK(shown(at_home::wait(io, db.set("foo", "1"))) == "written");
    int const asked = names.asked("node.umbel.test");
    // The name means another address now. Who is connected does not care.
    names.set("node.umbel.test", {"127.0.0.2"});
    CHECK(shown(at_home::wait(io, db.set("foo", "2"))) == "written");
    CHECK(asked >= 1);
    CHECK(names.asked("node.umbel.test") == 0);
    CHECK(after.seen().empty());
    before.cut();
    CHECK(at_home::until(io, [&] {
        return shown(at_home::wait(io, db.set("foo", "3"))) == "written" && after.count("SET") > 0;
    }));
    CHECK(names.asked("node.umbel.test") >= 1);
    CHECK(before.count("SET") == 2);
    auto const seen = after.seen();
    CHECK(std::count(seen.begin(), seen.end(), words{"SET", "foo", "3"}) >= 1);
    // And back, at the next reconnect.
    names.set("node.umbel.test", {"127.0.0.1"});
    after.cut();
    CHECK(at_home::until(io, [&] {
        return shown(at_home::wait(io, db.set("foo", "4"))) == "written" && before.count("SET") > 2;
    }));
}

TEST_CASE("a node that sends commands on to its own name is looked up again, and its connection closed",
          "[names]") {
    asio::io_context io{1};
    auto& names = name_service::shared();
    names.set("all.umbel.test", {"127.0.0.1"});
    std::string slots, moved;
    bool handed_over = false;
    auto const says = [&slots](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return scripted::answer{slots};
        return std::nullopt;
    };
    auto const says_before = [&](words const& said) -> std::optional<scripted::answer> {
        if (handed_over && said[0] != "CLUSTER") return scripted::answer{moved};
        return says(said);
    };
    scripted::server before{io, says_before};
    scripted::server after{io, says, {"127.0.0.2", before.port()}};
    std::string const seed = "all.umbel.test:" + std::to_string(before.port());
    slots = "*1\r\n" + two_nodes::range(0, 16383, before, scripted::bulk("all.umbel.test"));
    moved = "-MOVED 12182 " + seed + "\r\n";
    umbel::options chosen = at_home::plain(seed);
    chosen.deployment = umbel::deployment::cluster;
    umbel::client const db{io.get_executor(), chosen};
    CHECK(shown(at_home::wait(io, db.incr("foo"))) == "1");
    CHECK(before.accepted() == 1);
    // Another server leads now, behind the same name; no connection has ended.
    names.set("all.umbel.test", {"127.0.0.2"});
    handed_over = true;
    for (int i = 1; i <= 3; ++i) CHECK(shown(at_home::wait(io, db.incr("foo"))) == std::to_string(i));
    CHECK(before.accepted() == 1);
    CHECK(after.accepted() == 1);
    CHECK(after.count("INCR") == 3);
    CHECK(names.asked("all.umbel.test") >= 1);
}

TEST_CASE("a node that comes back on another port is found by the topology of the others", "[names]") {
    asio::io_context io{1};
    std::string slots;
    auto const says = [&slots](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return scripted::answer{slots};
        return std::nullopt;
    };
    scripted::server high{io, says};
    std::optional<scripted::server> low;
    low.emplace(io, says);
    auto const layout = [&] {
        return "*2\r\n" + two_nodes::range(0, 8191, *low) + two_nodes::range(8192, 16383, high);
    };
    slots = layout();
    std::string const seed = high.address();
    umbel::options chosen = at_home::plain(seed);
    chosen.deployment = umbel::deployment::cluster;
    // The connection may be lost before or after the write is on it.
    chosen.retry_unknown = umbel::retry_unknown::idempotent;
    umbel::client const db{io.get_executor(), chosen};
    CHECK(shown(at_home::wait(io, db.set("bar", "1"))) == "written");
    REQUIRE(low->count("SET") == 1);
    scripted::server restarted{io, says};  // Elsewhere, before the old port is given back.
    low.reset();
    slots = "*2\r\n" + two_nodes::range(0, 8191, restarted) + two_nodes::range(8192, 16383, high);
    CHECK(shown(at_home::wait(io, db.set("bar", "2"))) == "written");
    CHECK(restarted.seen() == std::vector<words>{{"SET", "bar", "2"}});
    CHECK(shown(at_home::wait(io, db.set("foo", "3"))) == "written");
    CHECK(high.count("SET") == 1);
}

TEST_CASE("a node without a name is passed over, and one without a host is the host that was asked",
          "[names]") {
    two_nodes here;
    here.slots = "*2\r\n" + two_nodes::range(0, 8191, here.low, scripted::bulk("?")) +
                 two_nodes::range(8192, 16383, here.high, "$-1\r\n");
    CHECK(shown(here.wait(here.db->set("foo", "1"))) == "written");
    CHECK(here.high.count("SET") == 1);
    auto const told = here.wait(here.db->set("bar", "1"));
    CHECK(code_of(told) == "slot_uncovered");
    CHECK(delivery_of(told) == "not_sent");
    CHECK(here.low.seen().empty());
    // An empty host, as redis-server says it of itself with an unknown endpoint, means the same; and a name
    // is a name.
    here.slots = "*2\r\n" + two_nodes::range(0, 8191, here.low) +
                 two_nodes::range(8192, 16383, here.high, scripted::bulk(""));
    CHECK(shown(here.wait(here.db->set("bar", "2"))) == "written");
    CHECK(shown(here.wait(here.db->set("foo", "2"))) == "written");
    CHECK(here.low.seen() == std::vector<words>{{"SET", "bar", "2"}});
    CHECK(here.high.count("SET") == 2);
}
