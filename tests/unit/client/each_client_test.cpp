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
