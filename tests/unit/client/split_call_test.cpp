// Tests of commands given word by word whose keys lie in several slots, alone and in batches, against two
// scripted nodes that share the slots.
#include "two_nodes.hpp"

#include <umbel/client/lease.hpp>

#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
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
using umbel::cmd;

namespace {

// foo 12182 and {a} 15495 belong to the high node; bar 5061, {b} 3300 and {c} 7365 to the low one.
std::vector<words> said(scripted::server const& server, std::string_view name) {
    std::vector<words> found;
    for (words const& command : server.seen())
        if (command[0] == name) found.push_back(command);
    return found;
}
umbel::result<umbel::reply> execute(two_nodes& here, std::vector<std::string> const& argv) {
    return here.wait(here.db->execute(argv));
}
scripted::server::script holding(std::string name, std::string line) {
    return [name = std::move(name),
            line = std::move(line)](words const& command) -> std::optional<scripted::answer> {
        if (command[0] == name) return scripted::answer::hold(line);
        return std::nullopt;
    };
}

}  // namespace

TEST_CASE("execute splits by slot, and joins the replies as the server would have answered", "[split]") {
    two_nodes here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const written = execute(here, {"MSET", "foo", "1", "bar", "2", "{foo}x", "3", "{b}", "4"});
    REQUIRE(written);
    CHECK(written->text() == "OK");
    CHECK(said(here.high, "MSET") == std::vector<words>{{"MSET", "foo", "1", "{foo}x", "3"}});
    CHECK(said(here.low, "MSET") == std::vector<words>{{"MSET", "{b}", "4"}, {"MSET", "bar", "2"}});
    auto const read =
        here.wait(here.db->command<std::vector<text>>("MGET", "{b}", "none", "foo", "bar", "{foo}x", "foo"));
    REQUIRE(read);
    CHECK(*read == std::vector<text>{"4", std::nullopt, "1", "2", "3", "1"});
    CHECK(shown(here.wait(here.db->command<std::int64_t>("EXISTS", "foo", "bar", "none", "foo"))) == "3");
    CHECK(shown(here.wait(here.db->command<std::int64_t>("DEL", umbel::key("foo"), umbel::key("bar")))) ==
          "2");
    std::vector<std::string> const rest{"{foo}x", "{b}", "foo"};
    CHECK(shown(here.wait(here.db->command<std::int64_t>("DEL", rest))) == "2");
}

TEST_CASE("UNLINK and TOUCH are split, too, whatever the forms of the client", "[split]") {
    two_nodes here;
    here.low_says = here.high_says = [](words const& command) -> std::optional<scripted::answer> {
        if (command[0] == "UNLINK" || command[0] == "TOUCH")
            return ":" + std::to_string(command.size() - 1) + "\r\n";
        return std::nullopt;
    };
    CHECK(execute(here, {"UNLINK", "foo", "bar", "{foo}x"})->integer() == 3);
    CHECK(code_of(execute(here, {"unlink", "foo", "bar"})) == "server_error");
    CHECK(said(here.high, "unlink") == std::vector<words>{{"unlink", "foo"}});
    auto const traced = here.wait(here.db->with(umbel::trail).command<std::int64_t>("TOUCH", "foo", "bar"));
    REQUIRE(traced);
    CHECK(traced->value == 2);
    auto const hedging = here.db->with(umbel::read_from::any, umbel::hedge_after{10s});
    CHECK(shown(here.wait(hedging.command<std::int64_t>("TOUCH", "foo", "bar"))) == "2");
    CHECK(said(here.high, "TOUCH").size() == 2);
    CHECK(said(here.low, "TOUCH").size() == 2);
    auto const app = here.db->prefixed("{foo}:");
    CHECK(shown(here.wait(app.command<std::int64_t>("UNLINK", "foo", "bar"))) == "2");
    CHECK(said(here.high, "UNLINK").back() == words{"UNLINK", "{foo}:foo", "{foo}:bar"});
    auto const other = here.db->prefixed("p:");
    // Keys that the caller has marked otherwise than the table knows them: it must know why.
    CHECK(code_of(here.wait(other.command<std::int64_t>("UNLINK", "{foo}", umbel::key("{bar}"),
                                                        umbel::key("{foo}")))) == "cross_slot");
    CHECK(shown(here.wait(other.command<std::int64_t>("UNLINK", umbel::key("{foo}"), umbel::key("{bar}")))) ==
          "2");
    CHECK(said(here.high, "UNLINK").back() == words{"UNLINK", "p:{foo}"});
    CHECK(said(here.low, "UNLINK").back() == words{"UNLINK", "p:{bar}"});
}

TEST_CASE("what does all or nothing is refused, and so is what goes to one node by its caller's wish",
          "[split]") {
    two_nodes here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    CHECK(code_of(execute(here, {"MSETNX", "foo", "1", "bar", "2"})) == "cross_slot");
    CHECK(code_of(execute(here, {"MSETEX", "2", "foo", "1", "bar", "2", "NX"})) == "cross_slot");
    CHECK(code_of(execute(here, {"RENAME", "foo", "bar"})) == "cross_slot");
    auto const [nx] = here.wait(here.db->batch(cmd.command<std::int64_t>("MSETNX", "foo", 1, "bar", 2)));
    CHECK(code_of(nx) == "cross_slot");
    CHECK(delivery_of(nx) == "not_sent");
    at_home::settle(here.io);
    CHECK(here.low.seen().empty());
    CHECK(here.high.seen() == std::vector<words>{{"CLUSTER", "SLOTS"}});
}

TEST_CASE("on a lease nothing is split: it is one connection", "[split]") {
    two_nodes here;
    auto const held = here.wait(here.db->lease("foo"));
    REQUIRE(held);
    CHECK(shown(here.wait(held->command<std::int64_t>("DEL", "foo", "bar"))) == "0");
    CHECK(said(here.high, "DEL") == std::vector<words>{{"DEL", "foo", "bar"}});
    CHECK(here.low.count("DEL") == 0);
}

TEST_CASE("a last key without its value is refused before anything is sent", "[split]") {
    two_nodes here;
    auto const told = execute(here, {"MSET", "foo", "1", "bar"});
    REQUIRE(code_of(told) == "bad_argument");
    CHECK(delivery_of(told) == "not_sent");
    auto const [odd] = here.wait(here.db->batch(cmd.command<umbel::ok>("MSET", "foo", 1, "bar")));
    CHECK(code_of(odd) == "bad_argument");
    CHECK(delivery_of(odd) == "not_sent");
    CHECK(here.low.count("MSET") + here.high.count("MSET") == 0);
}

TEST_CASE("one server is sent the command as it is, alone and in a batch", "[split]") {
    at_home::backend alone;
    REQUIRE(shown(alone.wait(alone.db->ready())) == "ok");
    CHECK(shown(alone.wait(alone.db->command<umbel::ok>("MSET", "foo", 1, "bar", 2))) == "ok");
    auto [got] = alone.wait(alone.db->batch(cmd.command<std::vector<text>>("MGET", "foo", "bar")));
    CHECK(got == std::vector<text>{"1", "2"});
    CHECK(said(alone.server, "MSET") == std::vector<words>{{"MSET", "foo", "1", "bar", "2"}});
    CHECK(said(alone.server, "MGET") == std::vector<words>{{"MGET", "foo", "bar"}});
}

TEST_CASE("a failed part fails the whole, whose error tells how many parts were executed", "[split]") {
    two_nodes here;
    here.low_says = at_home::answering("MSET", "-OOM command not allowed\r\n");
    auto const told = execute(here, {"MSET", "foo", "1", "bar", "2"});
    REQUIRE(code_of(told) == "out_of_memory");
    CHECK(delivery_of(told) == "unknown");
    CHECK(told.error().slot() == 5061);
    CHECK(told.error().node() == here.low.address());
    CHECK(told.error().message() ==
          "OOM command not allowed (of the command's 2 parts, each of one slot, 1 were executed, and 0 more "
          "may have been)");
    CHECK(shown(here.wait(here.db->get("foo"))) == "1");
    here.high_says = here.low_says;
    auto const none = execute(here, {"MSET", "foo", "1", "bar", "2"});
    CHECK(code_of(none) == "out_of_memory");
    CHECK(delivery_of(none) == "not_executed");
    CHECK(none.error().message() == "OOM command not allowed");
}

TEST_CASE("parts that are answered with anything but one value a key are an error, not a shift", "[split]") {
    for (char const* const line :
         {"*1\r\n$1\r\nx\r\n", "*0\r\n", "$1\r\nx\r\n", "*3\r\n:1\r\n:2\r\n:3\r\n"}) {
        two_nodes here;
        here.high_says = at_home::answering("MGET", line);
        auto const told = execute(here, {"MGET", "{foo}1", "{foo}2", "bar"});
        CHECK(code_of(told) == "unexpected_type");
        CHECK(delivery_of(told) == "executed");
        here.low_says = at_home::answering("DEL", line);
        here.high_says = at_home::answering("DEL", ":1\r\n");
        CHECK(code_of(execute(here, {"DEL", "foo", "bar"})) == "unexpected_type");
    }
}

TEST_CASE("a part is redirected alone, and the others are not sent again", "[split]") {
    two_nodes here;
    here.high_says = [&](words const& command) -> std::optional<scripted::answer> {
        if (command[0] == "DEL") return fault("MOVED", 12182, here.low);
        return std::nullopt;
    };
    here.low_says = at_home::answering("DEL", ":1\r\n");
    CHECK(execute(here, {"DEL", "foo", "bar"})->integer() == 2);
    std::vector<words> const all = said(here.low, "DEL");
    CHECK(std::multiset<words>{all.begin(), all.end()} ==
          std::multiset<words>{{"DEL", "bar"}, {"DEL", "foo"}});
    CHECK(here.high.count("DEL") == 1);
}

TEST_CASE("long values reach their nodes whole", "[split]") {
    two_nodes here;
    std::string const large(300'000, 'x');
    std::string const middle(5'000, 'y');
    CHECK(execute(here, {"MSET", "foo", large, "bar", middle, "{foo}2", "z"}));
    CHECK(shown(here.wait(here.db->get("foo"))) == large);
    CHECK(shown(here.wait(here.db->get("bar"))) == middle);
    auto [told] = here.wait(here.db->batch(cmd.command<umbel::ok>("MSET", "foo", middle, "bar", large)));
    CHECK(shown(told) == "ok");
    CHECK(shown(here.wait(here.db->get("foo"))) == middle);
    CHECK(shown(here.wait(here.db->get("bar"))) == large);
}

TEST_CASE("a split that is cancelled completes once, when all its parts have", "[split]") {
    two_nodes here;
    here.low_says = here.high_says = holding("DEL", ":1\r\n");
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::vector<std::string> const argv{"DEL", "foo", "bar"};
    auto const both = [&] { return here.low.count("DEL") == 1 && here.high.count("DEL") == 1; };
    auto const told = [](auto const& value) { return code_of(value) + " " + delivery_of(value); };
    CHECK(at_home::cancelled_once(here, here.db->execute(argv), both, told) == "cancelled unknown");
}

TEST_CASE("splits that are dropped or outlive their client are given back", "[split]") {
    two_nodes here;
    std::vector<std::string> const argv{"MSET", "foo", std::string(5000, 'x'), "bar", "2"};
    {
        auto const dropped = here.db->execute(argv);
    }
    auto late = here.db->execute(argv);
    std::string pending;
    here.db->execute(argv)([&](auto value) { pending = code_of(value); });
    std::string batched;
    here.db->batch(cmd.command<umbel::ok>("MSET", "foo", 1, "bar", 2))(
        [&](auto told) { batched = code_of(std::get<0>(told)); });
    here.db.reset();
    CHECK(code_of(here.wait(std::move(late))) == "cancelled");
    CHECK(at_home::until(here.io, [&] { return !pending.empty() && !batched.empty(); }));
    CHECK(pending == "cancelled");
    CHECK(batched == "cancelled");
}

TEST_CASE("a batch splits its commands in their places, and each has one result", "[split][batch]") {
    two_nodes here;
    umbel::batch b;
    std::vector<std::pair<std::size_t, std::size_t>> progress;
    auto const set = b.add(cmd.set("foo", "0"));
    auto const mset = b.add(cmd.command<umbel::ok>("MSET", "foo", "1", "bar", "2", "{b}", "3"));
    auto const incr = b.add(cmd.incr("foo"));
    auto const mget = b.add(cmd.command<std::vector<text>>("MGET", "{b}", "foo", "bar"));
    auto const del = b.add(cmd.command<std::int64_t>("DEL", umbel::key("foo"), umbel::key("bar")));
    auto const last = b.add(cmd.get("foo"));
    SECTION("in the usual order") {}
    SECTION("in strict order") { b.in_strict_order(); }
    SECTION("with a small window") { b.window(2); }
    SECTION("in strict order with a small window") { b.in_strict_order().window(1); }
    SECTION("with progress") {
        b.window(4).on_progress(
            [&](std::size_t settled, std::size_t all) { progress.emplace_back(settled, all); });
    }
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.size() == 6);
    CHECK(told.failed() == 0);
    CHECK(shown(told[set]) == "written");
    CHECK(shown(told[mset]) == "ok");
    CHECK(shown(told[incr]) == "2");
    CHECK(told[mget] == std::vector<text>{"3", "2", "2"});
    CHECK(shown(told[del]) == "2");
    CHECK(shown(told[last]) == "nil");
    CHECK(said(here.high, "MSET") == std::vector<words>{{"MSET", "foo", "1"}});
    CHECK(said(here.low, "MSET") == std::vector<words>{{"MSET", "{b}", "3"}, {"MSET", "bar", "2"}});
    for (auto const& [settled, all] : progress) CHECK(settled <= all);
}

TEST_CASE("a part in a batch that is sent again is waited for by what follows in its slot",
          "[split][batch]") {
    two_nodes here;
    bool busy = true;
    here.high_says = [&](words const& command) -> std::optional<scripted::answer> {
        if (command[0] == "MSET" && std::exchange(busy, false)) return "-TRYAGAIN for a while\r\n";
        return std::nullopt;
    };
    umbel::batch b;
    b.add(cmd.command<umbel::ok>("MSET", "foo", "1", "bar", "2"));
    auto const got = b.add(cmd.get("foo"));
    b.window(2);
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.failed() == 0);
    CHECK(shown(told[got]) == "1");
    CHECK(said(here.high, "MSET").size() == 2);
    CHECK(said(here.low, "MSET").size() == 1);
}

TEST_CASE("a failed part in a batch fails its command alone", "[split][batch]") {
    two_nodes here;
    here.low_says = at_home::answering("DEL", "-ERR no\r\n");
    auto [first, second] =
        here.wait(here.db->batch(cmd.command<std::int64_t>("DEL", "foo", "bar"), cmd.incr("n")));
    CHECK(code_of(first) == "server_error");
    CHECK(delivery_of(first) == "unknown");
    CHECK(shown(second) == "1");
}

TEST_CASE("a batch of splits that is cancelled completes once, with each part cancelled", "[split][batch]") {
    two_nodes here;
    here.low_says = here.high_says = holding("DEL", ":1\r\n");
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const all = [&] { return here.low.count("DEL") == 4 && here.high.count("DEL") == 2; };
    auto const told = [](auto const& value) {
        return code_of(std::get<0>(value)) + " " + code_of(std::get<1>(value));
    };
    auto both = here.db->batch(cmd.command<std::int64_t>("DEL", "foo", "bar", "{b}", "{c}"),
                               cmd.command<std::int64_t>("DEL", "foo", "bar"));
    CHECK(at_home::cancelled_once(here, std::move(both), all, told) == "cancelled cancelled");
}

TEST_CASE("a batch for a client with a prefix splits by the slots of the whole keys", "[split][batch]") {
    two_nodes here;
    auto const app = here.db->prefixed("p:");
    umbel::batch b;
    auto const mset = b.add(cmd.command<umbel::ok>("MSET", "{foo}", 1, "{bar}", 2));
    auto const mget = b.add(cmd.command<std::vector<text>>("MGET", umbel::key("{bar}"), umbel::key("{foo}")));
    auto told = here.wait(app.batch(std::move(b)));
    CHECK(shown(told[mset]) == "ok");
    CHECK(told[mget] == std::vector<text>{"2", "1"});
    CHECK(said(here.high, "MSET") == std::vector<words>{{"MSET", "p:{foo}", "1"}});
    CHECK(said(here.low, "MSET") == std::vector<words>{{"MSET", "p:{bar}", "2"}});
}

TEST_CASE("many splits go through a window smaller than their parts", "[split][batch]") {
    two_nodes here;
    umbel::batch b;
    std::vector<umbel::batched<std::int64_t>> counts;
    for (int nth = 0; nth < 500; ++nth) {
        b.add(cmd.command<umbel::ok>("MSET", "foo", nth, "bar", nth, "{b}", nth, "{c}", nth));
        counts.push_back(b.add(cmd.command<std::int64_t>("DEL", "foo", "bar", "{b}", "{c}", "none")));
    }
    b.window(16);
    auto told = here.wait(here.db->batch(std::move(b)));
    CHECK(told.failed() == 0);
    for (auto const& count : counts) CHECK(shown(told[count]) == "4");
}
