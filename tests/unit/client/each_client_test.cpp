// Tests of client::on_each_primary() and on_each_node(), and of what is behind them (async/fan_out.hpp),
// against two scripted nodes that share the slots.
#include "two_nodes.hpp"

#include <umbel/client/each_client.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

using at_home::answering;
using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;

namespace {

template <class Value>
std::map<std::string, std::string> by_node(umbel::result<std::vector<umbel::per_node<Value>>> const& told) {
    std::map<std::string, std::string> all;
    REQUIRE(told);
    for (auto const& node : *told) all[node.node] = shown(node.answer);
    CHECK(all.size() == told->size());
    return all;
}

}  // namespace

TEST_CASE("each node gives its own result, before a topology is known, too", "[each]") {
    two_nodes here;
    here.low_says = answering("DBSIZE", ":3\r\n");
    here.high_says = answering("DBSIZE", ":5\r\n");
    std::map<std::string, std::string> const sizes{{here.low.address(), "3"}, {here.high.address(), "5"}};
    CHECK(by_node(here.wait(here.db->on_each_primary().dbsize())) == sizes);
    CHECK(by_node(here.wait(here.db->on_each_node().dbsize())) == sizes);
    CHECK(by_node(here.wait(here.db->on_each_primary().command<std::int64_t>("DBSIZE"))) == sizes);
}

TEST_CASE("an error of a node stands in its place", "[each]") {
    two_nodes here;
    here.low_says = answering("CONFIG", "-ERR unknown setting\r\n");
    here.high_says = answering("CONFIG", "+OK\r\n");
    auto const told = here.wait(here.db->on_each_node().config_set("hz", "1"));
    CHECK(by_node(told) == std::map<std::string, std::string>{{here.low.address(), "server_error"},
                                                              {here.high.address(), "ok"}});
    CHECK(code_of(here.wait(here.db->with(0ms).on_each_node().dbsize())) == "deadline_exceeded");
}

TEST_CASE("a replica is a node, and not a primary; a failed node is neither", "[each]") {
    two_nodes here;
    scripted::server copy{here.io, [](words const&) { return scripted::answer{"+copy\r\n"}; }};
    std::string const host = scripted::bulk("127.0.0.1");
    here.slots = "*2\r\n" + two_nodes::range(0, 8191, here.low) + "*4\r\n:8192\r\n:16383\r\n*2\r\n" + host +
                 scripted::integer(here.high.port()) + "*2\r\n" + host + scripted::integer(copy.port());
    CHECK(by_node(here.wait(here.db->on_each_node().ping()))[copy.address()] == "copy");
    CHECK(copy.count("READONLY") == 1);
    CHECK(by_node(here.wait(here.db->on_each_primary().ping())).size() == 2);
    CHECK(copy.count("PING") == 1);
}

TEST_CASE("where a primary is none any more, its heir is asked in its place", "[each]") {
    two_nodes here;
    scripted::server heir{here.io, answering("FLUSHALL", "+OK\r\n")};
    here.high_says = answering("FLUSHALL", "+OK\r\n");
    here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "FLUSHALL") return std::nullopt;
        here.slots = "*2\r\n" + two_nodes::range(0, 8191, heir) + two_nodes::range(8192, 16383, here.high);
        return scripted::answer{"-READONLY You can't write against a read only replica.\r\n"};
    };
    auto const told = by_node(here.wait(here.db->on_each_primary().flushall()));
    CHECK(told ==
          std::map<std::string, std::string>{{here.low.address(), "ok"}, {here.high.address(), "ok"}});
    CHECK(heir.count("FLUSHALL") == 1);
    CHECK(here.high.count("FLUSHALL") == 1);
}

TEST_CASE("parts are cancelled with the whole, dropped with it, and end with the client", "[each]") {
    two_nodes here;
    here.low_says = here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "DBSIZE") return scripted::answer::hold(":1\r\n");
        return std::nullopt;
    };
    asio::cancellation_signal signal;
    std::string told;
    auto const note = [&](auto value) {
        REQUIRE(value);
        for (auto const& node : *value) told += code_of(node.answer) + ' ';
    };
    here.db->on_each_primary().dbsize()(asio::bind_cancellation_slot(signal.slot(), note));
    CHECK(at_home::until(here.io, [&] { return here.low.count("DBSIZE") + here.high.count("DBSIZE") == 2; }));
    signal.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(told == "cancelled cancelled ");
    {
        auto const dropped = here.db->on_each_primary().dbsize();
    }
    auto late = here.db->on_each_primary().dbsize();
    std::string pending;
    here.db->on_each_primary().dbsize()([&](auto value) { pending = value ? "parts" : code_of(value); });
    here.db.reset();
    CHECK(code_of(here.wait(std::move(late))) == "cancelled");
    CHECK(at_home::until(here.io, [&] { return !pending.empty(); }));
}

TEST_CASE("a fan-out that waits for its first topology is cancelled there", "[each]") {
    two_nodes here;
    here.low_says = here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return scripted::answer::hold("");
        return std::nullopt;
    };
    asio::cancellation_signal signal;
    std::string told;
    here.db->on_each_primary().dbsize()(
        asio::bind_cancellation_slot(signal.slot(), [&](auto value) { told = code_of(value); }));
    at_home::settle(here.io);
    CHECK(told == "");
    signal.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(told == "cancelled");
}

namespace {

/// A node of CLUSTER SHARDS.
std::string shard_node(scripted::server const& node, char const* role, char const* health) {
    using scripted::bulk;
    return "*12\r\n" + bulk("id") + bulk(node.address()) + bulk("port") + scripted::integer(node.port()) +
           bulk("ip") + bulk("127.0.0.1") + bulk("endpoint") + bulk("127.0.0.1") + bulk("role") + bulk(role) +
           bulk("health") + bulk(health);
}
std::string shard_of(int first, int last, std::vector<std::string> const& nodes) {
    using scripted::bulk;
    std::string made = "*4\r\n" + bulk("slots") + "*2\r\n" + scripted::integer(first) +
                       scripted::integer(last) + bulk("nodes") + "*" + std::to_string(nodes.size()) + "\r\n";
    for (std::string const& node : nodes) made += node;
    return made;
}
/// Lets the client ask for the topology and learn it.
void learn_topology(two_nodes& here) {
    auto const asked = [&] { return here.low.count("CLUSTER") + here.high.count("CLUSTER"); };
    auto const before = asked();
    here.db->refresh();
    CHECK(at_home::until(here.io, [&] { return asked() > before; }));
    at_home::settle(here.io);
}
void by_shards(umbel::options& chosen) { chosen.topology_source = umbel::topology_source::shards; }

}  // namespace

TEST_CASE("a primary that only a MOVED has named gets the command, too", "[each]") {
    two_nodes here;
    scripted::server newcomer{here.io, answering("GET", "$1\r\nv\r\n")};
    bool silent = false;
    here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER" && silent) return scripted::answer{""};
        if (said[0] != "GET") return std::nullopt;
        silent = true;  // No topology confirms the redirect.
        return scripted::answer{at_home::fault("MOVED", 5061, newcomer)};
    };
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER" && silent) return scripted::answer{""};
        return std::nullopt;
    };
    CHECK(shown(here.wait(here.db->get("bar"))) == "v");
    auto const told = here.wait(here.db->on_each_primary().ping());
    REQUIRE(told);
    CHECK(told->size() == 3);
    CHECK(newcomer.count("PING") == 1);
}

TEST_CASE("a primary that appears while the command is under way gets it, too", "[each]") {
    two_nodes here;
    scripted::server newcomer{here.io, answering("DBSIZE", ":7\r\n")};
    here.low_says = answering("DBSIZE", ":3\r\n");
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "DBSIZE") return std::nullopt;
        return scripted::answer::hold(":5\r\n");
    };
    std::string told;
    here.db->on_each_primary().dbsize()([&](auto value) {
        for (auto const& [node, size] : by_node(value)) told += size + ' ';
    });
    CHECK(at_home::until(here.io, [&] { return here.low.count("DBSIZE") + here.high.count("DBSIZE") == 2; }));
    here.slots = "*3\r\n" + two_nodes::range(0, 4095, here.low) + two_nodes::range(4096, 8191, newcomer) +
                 two_nodes::range(8192, 16383, here.high);
    learn_topology(here);
    CHECK(told == "");
    here.high.release();
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(newcomer.count("DBSIZE") == 1);
    CHECK(here.low.count("DBSIZE") == 1);
    CHECK(told.size() == 6);
}

TEST_CASE("a part that came later is cancelled with the whole", "[each]") {
    two_nodes here;
    auto const hold = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "DBSIZE") return scripted::answer::hold(":1\r\n");
        return std::nullopt;
    };
    scripted::server newcomer{here.io, hold};
    here.low_says = answering("DBSIZE", ":3\r\n");
    here.high_says = hold;
    asio::cancellation_signal signal;
    std::map<std::string, std::string> told;
    here.db->on_each_primary().dbsize()(
        asio::bind_cancellation_slot(signal.slot(), [&](auto value) { told = by_node(value); }));
    CHECK(at_home::until(here.io, [&] { return here.high.count("DBSIZE") == 1; }));
    here.slots = "*3\r\n" + two_nodes::range(0, 4095, here.low) + two_nodes::range(4096, 8191, newcomer) +
                 two_nodes::range(8192, 16383, here.high);
    learn_topology(here);
    here.high.release();
    CHECK(at_home::until(here.io, [&] { return newcomer.count("DBSIZE") == 1; }));
    signal.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(told[newcomer.address()] == "cancelled");
    CHECK(told[here.low.address()] == "3");
}

TEST_CASE("a primary that the cluster holds for dead is followed to its heir", "[each]") {
    two_nodes here{&by_shards};
    scripted::server heir{here.io, answering("FLUSHALL", "+OK\r\n")};
    here.high_says = answering("FLUSHALL", "+OK\r\n");
    std::string const high = shard_of(8192, 16383, {shard_node(here.high, "master", "online")});
    here.slots =
        "*2\r\n" +
        shard_of(0, 8191, {shard_node(here.low, "master", "online"), shard_node(heir, "replica", "online")}) +
        high;
    here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "FLUSHALL") return std::nullopt;
        // As servers list a dead primary after a failover: a master still, in the shard of its heir.
        here.slots =
            "*2\r\n" +
            shard_of(0, 8191,
                     {shard_node(here.low, "master", "fail"), shard_node(heir, "master", "online")}) +
            high;
        return scripted::answer{"-LOADING Redis is loading the dataset in memory\r\n"};
    };
    auto const told = here.wait(here.db->with(10s).on_each_primary().flushall());
    CHECK(by_node(told) ==
          std::map<std::string, std::string>{{here.low.address(), "ok"}, {here.high.address(), "ok"}});
    CHECK(heir.count("FLUSHALL") == 1);
}

TEST_CASE("a node that loads is a node, one that has failed is none", "[each]") {
    two_nodes here{&by_shards};
    scripted::server loads{here.io, [](words const&) { return scripted::answer{"+late\r\n"}; }};
    scripted::server dead{here.io};
    here.slots =
        "*2\r\n" +
        shard_of(0, 8191,
                 {shard_node(here.low, "master", "online"), shard_node(loads, "replica", "loading")}) +
        shard_of(8192, 16383,
                 {shard_node(here.high, "master", "online"), shard_node(dead, "replica", "fail")});
    auto told = by_node(here.wait(here.db->on_each_node().ping()));
    CHECK(told.size() == 3);
    CHECK(told[loads.address()] == "late");
    CHECK(dead.count("PING") == 0);
}

TEST_CASE("parts of a client with a prefix know how long it is", "[each]") {
    two_nodes here;
    here.low_says = here.high_says = answering("LMPOP", "*2\r\n$6\r\napp:k1\r\n*1\r\n$1\r\nv\r\n");
    using popped = umbel::command::popped<std::string>;
    auto const told = here.wait(
        here.db->prefixed("app:").on_each_primary().command<popped>("LMPOP", 1, umbel::key("k1"), "LEFT"));
    REQUIRE(told);
    for (auto const& node : *told) {
        REQUIRE(node.answer);
        CHECK(node.answer->key == "k1");
    }
}
