// Tests of commands with many keys, and of what a client makes of redirects, against two scripted nodes that
// share the slots.
#include "two_nodes.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::fault;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;
using text = std::optional<std::string>;

TEST_CASE("keys go to the owners of their slots", "[cluster]") {
    two_nodes here;
    CHECK(shown(here.wait(here.db->set("foo", "1"))) == "written");
    CHECK(shown(here.wait(here.db->set("bar", "2"))) == "written");
    CHECK(here.high.count("SET") == 1);
    CHECK(here.low.count("SET") == 1);
    CHECK(here.low.seen() == std::vector<words>{{"SET", "bar", "2"}});
}

TEST_CASE("mget is split by slot and joined in the order of the keys", "[groups]") {
    two_nodes here;
    std::map<std::string, std::string> const pairs{
        {"{a}1", "A1"}, {"{a}2", "A2"}, {"{b}1", "B1"}, {"{c}1", "C1"}};
    CHECK(shown(here.wait(here.db->mset(pairs))) == "ok");
    CHECK(here.high.count("MSET") == 1);
    CHECK(here.low.count("MSET") == 2);
    std::vector<std::string> const keys{"{b}1", "{a}2", "none", "{c}1", "{a}1", "{a}2"};
    auto const many = here.wait(here.db->mget(keys));
    REQUIRE(many);
    CHECK(*many == std::vector<text>{"B1", "A2", std::nullopt, "C1", "A1", "A2"});
    auto const listed = here.wait(here.db->mget<umbel::bytes>("{a}1", std::string("{b}1")));
    REQUIRE(listed);
    REQUIRE(listed->size() == 2);
    CHECK((*listed)[0]->view() == "A1");
    CHECK((*listed)[1]->view() == "B1");
    auto const seen = here.high.seen();
    CHECK(std::find(seen.begin(), seen.end(), words{"MGET", "{a}2", "{a}1", "{a}2"}) != seen.end());
}

TEST_CASE("del, unlink, exists and touch add up the counts of their parts", "[groups]") {
    two_nodes here;
    std::vector<std::pair<std::string, std::string>> const pairs{{"foo", "1"}, {"bar", "2"}, {"{foo}x", "3"}};
    REQUIRE(shown(here.wait(here.db->mset(pairs))) == "ok");
    std::vector<std::string> const keys{"bar", "foo", "{foo}x", "{foo}y"};
    CHECK(shown(here.wait(here.db->exists(keys))) == "3");
    CHECK(shown(here.wait(here.db->del(keys))) == "3");
    CHECK(shown(here.wait(here.db->exists(keys))) == "0");
    CHECK(shown(here.wait(here.db->exists("foo"))) == "0");
}

TEST_CASE("a failed part fails the whole, and the delivery says what the others may have done", "[groups]") {
    two_nodes here;
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MSET" || said[0] == "MGET") return "-OOM command not allowed\r\n";
        return std::nullopt;
    };
    std::vector<std::pair<std::string, std::string>> const pairs{{"foo", "1"}, {"bar", "2"}};
    auto const written = here.wait(here.db->mset(pairs));
    CHECK(code_of(written) == "out_of_memory");
    CHECK(delivery_of(written) == "unknown");
    auto const read = here.wait(here.db->mget("foo", "bar"));
    CHECK(code_of(read) == "out_of_memory");
    CHECK(shown(here.wait(here.db->get("foo"))) == "1");
}

TEST_CASE("an answer with fewer values than keys is an error, not a shift", "[groups]") {
    two_nodes here;
    here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MGET") return "*1\r\n$1\r\nx\r\n";
        return std::nullopt;
    };
    CHECK(code_of(here.wait(here.db->mget("{foo}1", "{foo}2", "bar"))) == "unexpected_type");
}

TEST_CASE("a group that is cancelled completes once, when all its parts have", "[groups]") {
    two_nodes here;
    here.low_says = here.high_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MGET") return scripted::answer::hold("*1\r\n$1\r\nx\r\n");
        return std::nullopt;
    };
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const both = [&] { return here.low.count("MGET") == 1 && here.high.count("MGET") == 1; };
    auto const code = [](auto const& value) { return code_of(value); };
    CHECK(at_home::cancelled_once(here, here.db->mget("foo", "bar"), both, code) == "cancelled");
}

TEST_CASE("the parts of a group that is dropped or outlives its client are given back", "[groups]") {
    two_nodes here;
    {
        auto const dropped = here.db->mget("foo", "bar");
    }
    auto late = here.db->mget("foo", "bar");
    std::string pending;
    here.db->mget("foo", "bar")([&](auto value) { pending = code_of(value); });
    here.db.reset();
    CHECK(code_of(here.wait(std::move(late))) == "cancelled");
    CHECK(at_home::until(here.io, [&] { return !pending.empty(); }));
    CHECK(pending == "cancelled");
    CHECK(here.low.count("MGET") + here.high.count("MGET") == 0);
}

TEST_CASE("keys in different slots for one command are refused in a cluster, and named", "[bad]") {
    two_nodes here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const told = here.wait(here.db->command<bool>("MSETNX", umbel::key("foo"), 1, umbel::key("bar"), 2));
    REQUIRE(code_of(told) == "cross_slot");
    CHECK(delivery_of(told) == "not_sent");
    CHECK(told.error().message().find("foo") != std::string_view::npos);
    CHECK(told.error().message().find("bar") != std::string_view::npos);
    std::vector<std::string> const argv{"SUNIONSTORE", "foo", "bar", "baz"};
    CHECK(code_of(here.wait(here.db->execute(argv))) == "cross_slot");
    at_home::settle(here.io);
    CHECK(here.low.seen().empty());
    CHECK(here.high.seen() == std::vector<words>{{"CLUSTER", "SLOTS"}});
}

TEST_CASE("a slot that nobody owns is refreshed for once and then an error that names it", "[bad]") {
    two_nodes here;
    here.slots = "*1\r\n" + two_nodes::range(8192, 16383, here.high);
    auto const told = here.wait(here.db->with(2s).get("bar"));
    REQUIRE(code_of(told) == "slot_uncovered");
    CHECK(told.error().slot() == 5061);
    CHECK(delivery_of(told) == "not_sent");
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
}

TEST_CASE("MOVED is followed, corrects the slot, and is not met again", "[cluster]") {
    two_nodes here;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return fault("MOVED", 12182, here.low);
        return std::nullopt;
    };
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    here.slots = "*3\r\n" + two_nodes::range(0, 8191, here.low) + two_nodes::range(12182, 12182, here.low) +
                 two_nodes::range(12183, 16383, here.high);
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(here.high.count("GET") == 1);
    CHECK(here.low.count("GET") == 2);
}

TEST_CASE("ASK is obeyed with ASKING in front, and teaches nothing", "[cluster]") {
    two_nodes here;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return fault("ASK", 12182, here.low);
        return std::nullopt;
    };
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "ASKING") return scripted::ok;
        return std::nullopt;
    };
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(shown(here.wait(here.db->get("foo"))) == "nil");
    CHECK(here.low.seen() == std::vector<words>{{"ASKING"}, {"GET", "foo"}, {"ASKING"}, {"GET", "foo"}});
    CHECK(here.high.count("GET") == 2);
}

TEST_CASE("a policy that follows nothing surfaces MOVED with slot and node", "[cluster]") {
    two_nodes here{[](umbel::options&) {}, umbel::cluster::surface_redirects{}};
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "GET") return fault("MOVED", 12182, here.low);
        return std::nullopt;
    };
    auto const told = here.wait(here.db->get("foo"));
    REQUIRE(code_of(told) == "moved");
    CHECK(told.error().slot() == 12182);
    CHECK(told.error().node() == here.low.address());
    CHECK(delivery_of(told) == "not_executed");
    CHECK(here.low.seen().empty());
}

TEST_CASE("a storm of MOVED costs at most two topology queries and no new connection", "[cluster]") {
    two_nodes here;
    bool moved = false;
    here.high_says = [&](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR" && moved) return fault("MOVED", 12182, here.low);
        return std::nullopt;
    };
    REQUIRE(shown(here.wait(here.db->incr("foo"))) == "1");
    REQUIRE(shown(here.wait(here.db->incr("bar"))) == "1");
    moved = true;
    here.slots = "*3\r\n" + two_nodes::range(0, 8191, here.low) + two_nodes::range(12182, 12182, here.low) +
                 two_nodes::range(12183, 16383, here.high);
    auto const queries = here.high.count("CLUSTER") + here.low.count("CLUSTER");
    auto const connections = here.high.accepted() + here.low.accepted();
    int good = 0;
    int all = 0;
    for (int i = 0; i < 10'000; ++i) {
        here.db->incr("foo")([&](auto value) {
            good += value.has_value() ? 1 : 0;
            ++all;
        });
    }
    CHECK(at_home::until(here.io, [&] { return all == 10'000; }));
    CHECK(good == 10'000);
    CHECK(here.high.count("CLUSTER") + here.low.count("CLUSTER") - queries <= 2);
    CHECK(here.high.accepted() + here.low.accepted() == connections);
}

TEST_CASE("mget_each gives a result for each key: a failed slot costs its own keys only", "[groups]") {
    two_nodes here;
    REQUIRE(here.wait(here.db->mset(std::map<std::string, std::string>{{"foo", "1"}, {"{foo}2", "2"}})));
    here.low_says = [](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "MGET" && said[1] == "{c}1") return "*2\r\n$1\r\nx\r\n$1\r\ny\r\n";
        if (said[0] == "MGET") return "-OOM command not allowed\r\n";
        return std::nullopt;
    };
    std::vector<std::string> const keys{"bar", "{foo}2", "none", "foo", "{c}1"};
    auto const told = here.wait(here.db->mget_each(keys));
    REQUIRE(told);
    REQUIRE(told->size() == 5);
    CHECK(code_of((*told)[0]) == "out_of_memory");
    CHECK(delivery_of((*told)[0]) == "not_executed");
    CHECK(shown((*told)[1]) == "2");
    CHECK(shown((*told)[3]) == "1");
    CHECK(code_of((*told)[4]) == "unexpected_type");
    CHECK(code_of(here.wait(here.db->mget_each(std::vector<std::string>{}))) == "bad_argument");
}

TEST_CASE("a bad argument in one slot keeps every part from being sent", "[groups]") {
    two_nodes here{[](umbel::options& chosen) { chosen.argument_bytes_max = 1 << 20; }};
    std::vector<std::pair<std::string, std::string>> const pairs{{"foo", "1"},
                                                                 {"bar", std::string((1 << 20) + 1, 'x')}};
    auto const told = here.wait(here.db->mset(pairs));
    CHECK(code_of(told) == "bad_argument");
    CHECK(here.low.count("MSET") + here.high.count("MSET") == 0);
}
