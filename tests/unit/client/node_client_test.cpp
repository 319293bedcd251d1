// Tests of client::on(): commands for one node, against two scripted nodes that share the slots, and a
// replica.
#include "two_nodes.hpp"

#include <umbel/client/node_client.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>

#include <string>
#include <utility>
#include <vector>

using at_home::answering;
using at_home::code_of;
using at_home::delivery_of;
using at_home::fault;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;

namespace {

/// Two primaries and a replica of the second.
struct three_nodes : two_nodes {
    scripted::server copy{io, [this](words const& said) { return reply(copy_says, said); }};
    scripted::server::script copy_says;

    three_nodes() {
        std::string const host = scripted::bulk("127.0.0.1");
        slots = "*2\r\n" + range(0, 8191, low) + "*4\r\n:8192\r\n:16383\r\n*2\r\n" + host +
                scripted::integer(high.port()) + "*2\r\n" + host + scripted::integer(copy.port());
        REQUIRE(shown(wait(db->ready())) == "ok");
    }
};

}  // namespace

TEST_CASE("a command goes to the node that is named, by address, by snapshot, or by a key that it serves",
          "[on]") {
    two_nodes here;
    here.low_says = answering("DBSIZE", ":3\r\n");
    here.high_says = answering("DBSIZE", ":5\r\n");
    auto const size = [&](umbel::node_client const& node) {
        return shown(here.wait(node.command<std::int64_t>("DBSIZE")));
    };
    CHECK(size(here.db->on(here.low.address())) == "3");  // Also before a topology is known.
    CHECK(size(here.db->on(here.high.address())) == "5");
    CHECK(size(here.db->on(umbel::primary_of("foo"))) == "5");
    CHECK(size(here.db->on(umbel::primary_of("bar"))) == "3");
    auto const nodes = here.wait(here.db->nodes());
    REQUIRE(nodes);
    for (umbel::node_snapshot const& node : *nodes)
        CHECK(size(here.db->on(node)) == (node.address == here.low.address() ? "3" : "5"));
    CHECK(size(here.db->with(5s).on(here.low.address())) == "3");
    CHECK(here.low.count("DBSIZE") == 4);
}

TEST_CASE("a name that no member has is an error before anything is sent", "[on]") {
    two_nodes here;
    auto const told = here.wait(here.db->on("10.9.8.7:1").get("foo"));
    CHECK(code_of(told) == "no_reachable_node");
    CHECK(delivery_of(told) == "not_sent");
    CHECK(told.error().message().find("10.9.8.7:1") != std::string_view::npos);
    auto const nameless = here.wait(here.db->on("").get("foo"));
    CHECK(code_of(nameless) == "bad_argument");
    CHECK(delivery_of(nameless) == "not_sent");
    CHECK(here.low.count("GET") + here.high.count("GET") == 0);
}

TEST_CASE("MOVED, ASK and READONLY come as errors, and teach the slot table nothing", "[on]") {
    two_nodes here;
    for (char const* const what : {"MOVED", "ASK"}) {
        here.low_says = answering("GET", fault(what, 12182, here.high));
        auto const told = here.wait(here.db->on(here.low.address()).get("foo"));
        CHECK(code_of(told) == (std::string{what} == "ASK" ? "ask" : "moved"));
        CHECK(delivery_of(told) == "not_executed");
        REQUIRE_FALSE(told);
        CHECK(told.error().node() == here.high.address());
        CHECK(told.error().slot() == 12182);
    }
    here.low_says = answering("SET", "-READONLY You can't write against a read only replica.\r\n");
    CHECK(code_of(here.wait(here.db->on(here.low.address()).set("bar", "1"))) == "read_only");
    CHECK(here.low.count("SET") == 1);
    CHECK(here.high.count("GET") == 0);
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(here.high.count("GET") == 1);
}

TEST_CASE("a replica is asked by a connection that has sent READONLY", "[on]") {
    three_nodes here;
    here.copy_says = [](words const& said) -> std::optional<scripted::answer> {
        return said[0] == "READONLY" ? scripted::answer{"+OK\r\n"}
                                     : scripted::answer{scripted::bulk("copied")};
    };
    CHECK(shown(here.wait(here.db->on(here.copy.address()).get("foo"))) == "copied");
    CHECK(here.copy.seen() == std::vector<words>{{"READONLY"}, {"GET", "foo"}});
    CHECK(here.high.count("READONLY") == 0);
}

TEST_CASE("SCAN, keys in several slots and any argv go to the one node as they are", "[on]") {
    two_nodes here;
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SCAN") return "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n";
        if (said[0] == "CONFIG") return scripted::answer{"+OK\r\n"};
        return std::nullopt;
    };
    auto const node = here.db->on(here.low.address());
    using page = umbel::scan_page<std::string>;
    CHECK(here.wait(node.command<page>("SCAN", "0")) == page{"0", {"a"}});
    std::vector<std::string> const argv{"CONFIG", "SET", "hz", "10"};
    CHECK(here.wait(node.execute(argv)));
    CHECK(shown(here.wait(node.config_set("hz", "10"))) == "ok");
    CHECK(here.high.count("CONFIG") == 0);
    auto const split = here.wait(node.command<umbel::ok>("MSET", umbel::key("foo"), 1, umbel::key("bar"), 2));
    CHECK(code_of(split) == "cross_slot");
    CHECK(code_of(here.wait(node.command<umbel::ok>("SUBSCRIBE", "c"))) == "needs_lease");
}

TEST_CASE("a read is sent again to the same node, and what writes is told as unknown", "[on]") {
    two_nodes here;
    int tries = 0;
    here.low_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return ++tries == 1 ? scripted::answer::cut() : scripted::answer{"$1\r\nx\r\n"};
        if (said[0] == "INCR") return scripted::answer::cut();
        return std::nullopt;
    };
    CHECK(shown(here.wait(here.db->on(here.low.address()).get("foo"))) == "x");
    CHECK(tries == 2);
    auto const told = here.wait(here.db->on(here.low.address()).incr("bar"));
    CHECK(code_of(told) == "connection_lost");
    CHECK(delivery_of(told) == "unknown");
    CHECK(here.high.count("GET") == 0);
}

TEST_CASE("a command on a node is cancelled, outlives its client, and is refused by one that closes",
          "[on]") {
    two_nodes here;
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return scripted::answer::hold("$1\r\nx\r\n");
        return std::nullopt;
    };
    auto const node = here.db->on(here.low.address());
    asio::cancellation_signal signal;
    std::string told;
    node.get("foo")(asio::bind_cancellation_slot(signal.slot(), [&](auto value) { told = code_of(value); }));
    CHECK(at_home::until(here.io, [&] { return here.low.count("GET") == 1; }));
    signal.emit(asio::cancellation_type::terminal);
    CHECK(at_home::until(here.io, [&] { return !told.empty(); }));
    CHECK(told == "cancelled");
    here.low.release();
    auto late = node.get("foo");
    CHECK(shown(here.wait(here.db->close())) == "ok");
    CHECK(code_of(here.wait(std::move(late))) == "cancelled");
    here.db.reset();
    CHECK(code_of(here.wait(node.get("foo"))) == "cancelled");
}
