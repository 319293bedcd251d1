// Tests of the client as its users hold it: options, life, results, refusals, deadlines, and what it can tell
// of itself.
#include "at_home.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

using at_home::backend;
using at_home::code_of;
using at_home::delivery_of;
using at_home::plain;
using at_home::shown;
using namespace std::chrono_literals;
using scripted::words;

namespace {

struct user {
    std::string name;
    std::int64_t age = 0;
};

std::optional<scripted::answer> holds_gets(words const& said) {
    if (said[0] == "GET") return scripted::answer::hold(scripted::bulk("late " + said[1]));
    return std::nullopt;
}

}  // namespace

template <>
struct umbel::from_reply<user> {
    static umbel::result<user> from(umbel::resp::view const& reply) {
        std::string_view const text = reply.text();
        std::size_t const at = text.find(' ');
        if (at == std::string_view::npos)
            return umbel::fail(umbel::errc::unexpected_type, umbel::delivery::executed, "no user");
        return user{std::string{text.substr(0, at)}, std::stoll(std::string{text.substr(at + 1)})};
    }
};

TEST_CASE("a plain client sends one topology question and the user's commands, and nothing else",
          "[client]") {
    backend here;
    CHECK(shown(here.wait(here.db->set("k", "v"))) == "written");
    CHECK(shown(here.wait(here.db->get("k"))) == "v");
    CHECK(shown(here.wait(here.db->ping())) == "PONG");
    at_home::settle(here.io);
    CHECK(here.server.seen() ==
          std::vector<words>{{"CLUSTER", "SLOTS"}, {"SET", "k", "v"}, {"GET", "k"}, {"PING"}});
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("commands called before the connection is there wait for it, in order", "[client]") {
    backend here;
    std::vector<std::string> told;
    for (int i = 0; i < 3; ++i)
        here.db->incr("n")([&](umbel::result<std::int64_t> value) { told.push_back(shown(value)); });
    CHECK(shown(here.wait(here.db->ready())) == "ok");
    CHECK(here.until([&] { return told.size() == 3; }));
    CHECK(told == std::vector<std::string>{"1", "2", "3"});
}

TEST_CASE("bad options make every command fail with a message that names the option", "[client][bad]") {
    asio::io_context io{1};
    std::string const seed = "127.0.0.1:1";
    struct wrong {
        void (*change)(umbel::options&);
        std::string_view named;
    };
    std::array<wrong, 10> const all{{
        {[](umbel::options& o) { o.seeds = {}; }, "seeds"},
        {[](umbel::options& o) { o.seeds = {"10.0.0.7:99999"}; }, "seeds"},
        {[](umbel::options& o) { o.seeds = {"http://[::1"}; }, "seeds"},
        {[](umbel::options& o) { o.seeds = {""}; }, "seeds"},
        {[](umbel::options& o) { o.deadline = -1ms; }, "deadline"},
        {[](umbel::options& o) { o.deadline = 0ms; }, "deadline"},
        {[](umbel::options& o) { o.in_flight_max = 0; }, "in_flight_max"},
        {[](umbel::options& o) { o.reply_depth_max = 0; }, "reply_depth_max"},
        {[](umbel::options& o) { o.client_name = "two words"; }, "client_name"},
        {[](umbel::options& o) { o.username = "ada"; }, "username"},
    }};
    for (wrong const& one : all) {
        INFO(one.named);
        umbel::options chosen = plain(seed);
        one.change(chosen);
        umbel::client const db{io.get_executor(), chosen};
        auto const told = at_home::wait(io, db.get("k"));
        REQUIRE(code_of(told) == "bad_argument");
        CHECK(told.error().message().find(one.named) != std::string_view::npos);
        CHECK(delivery_of(told) == "not_sent");
        CHECK(code_of(at_home::wait(io, db.ready())) == "bad_argument");
        CHECK(code_of(at_home::wait(io, db.nodes())) == "bad_argument");
        CHECK(code_of(at_home::wait(io, db.mget("a", "b"))) == "bad_argument");
        CHECK(code_of(at_home::wait(io, db.command<umbel::reply>("PING"))) == "bad_argument");
    }
}

TEST_CASE("an empty argv and missing arguments are refused before anything is sent", "[client][bad]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    auto const nothing = here.wait(here.db->execute(std::span<std::string_view const>{}));
    CHECK(code_of(nothing) == "bad_argument");
    CHECK(delivery_of(nothing) == "not_sent");
    std::array<std::string, 1> const unnamed{""};
    CHECK(code_of(here.wait(here.db->execute(std::span<std::string const>{unnamed}))) == "bad_argument");
    CHECK(code_of(here.wait(here.db->command<std::string>(""))) == "bad_argument");
    CHECK(code_of(here.wait(here.db->command<std::string>("GET"))) == "bad_argument");
    CHECK(code_of(here.wait(here.db->command<std::string>("EVAL", "return 1", "many"))) == "bad_argument");
    CHECK(code_of(here.wait(here.db->mget(std::vector<std::string>{}))) == "bad_argument");
    at_home::settle(here.io);
    CHECK(here.server.seen().size() == 1);
}

TEST_CASE("a command that may not share a connection is refused by name", "[client][bad]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    using line = std::vector<std::string>;
    for (line const& argv : std::vector<line>{{"SUBSCRIBE", "c"},
                                              {"CLIENT", "SOMETHING-NEW"},
                                              {"multi"},
                                              {"WATCH", "k"},
                                              {"SELECT", "1"},
                                              {"HELLO", "3"},
                                              {"RESET"},
                                              {"READONLY"},
                                              {"ASKING"},
                                              {"MONITOR"},
                                              {"CLIENT", "REPLY", "OFF"},
                                              {"CLIENT", "TRACKING", "ON"},
                                              {"BLPOP", "k", "0"},
                                              {"XREAD", "BLOCK", "0", "STREAMS", "s", "$"},
                                              {"WAIT", "1", "0"}}) {
        INFO(argv[0]);
        auto const told = here.wait(here.db->execute(argv));
        REQUIRE(code_of(told) == "needs_lease");
        CHECK(delivery_of(told) == "not_sent");
        CHECK(told.error().message().find("; ") != std::string_view::npos);  // What to do instead.
    }
    at_home::settle(here.io);
    CHECK(here.server.seen().size() == 1);
}

TEST_CASE("a reply is decoded into the type that was asked for", "[client]") {
    backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "LRANGE") return "*3\r\n$1\r\na\r\n$2\r\nbb\r\n$3\r\nccc\r\n";
        if (said[0] == "GET" && said[1] == "user") return scripted::bulk("ada 36");
        if (said[0] == "GET" && said[1] == "blob") return scripted::bulk(std::string(100'000, 'b'));
        if (said[0] == "GET" && said[1] == "array") return "*1\r\n:1\r\n";
        if (said[0] == "SCRIPT") return "*2\r\n:1\r\n$3\r\ntwo\r\n";
        return std::nullopt;
    }};
    umbel::client& db = *here.db;
    auto const who = here.wait(db.get<user>("user"));
    REQUIRE((who && *who));
    CHECK((**who).name == "ada");
    CHECK((**who).age == 36);
    auto const nobody = here.wait(db.get<user>("none"));
    REQUIRE(nobody);
    CHECK_FALSE(*nobody);
    auto const blob = here.wait(db.get<umbel::bytes>("blob"));
    REQUIRE((blob && *blob));
    CHECK((**blob).view() == std::string(100'000, 'b'));
    auto const list = here.wait(db.command<std::vector<std::string>>("LRANGE", umbel::key("l"), 0, -1));
    REQUIRE(list);
    CHECK(*list == std::vector<std::string>{"a", "bb", "ccc"});
    auto const array = here.wait(db.get("array"));
    CHECK(code_of(array) == "unexpected_type");
    CHECK(delivery_of(array) == "executed");
    CHECK(shown(here.wait(db.incr("still"))) == "1");
    CHECK(here.server.accepted() == 1);
    here.db.reset();
    at_home::settle(here.io);
    CHECK((**blob).view().back() == 'b');
}

TEST_CASE("a server's error is a result with its code and its line, never an exception", "[client]") {
    backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "INCR")
            return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
        if (said[0] == "APPEND") return "-ERR something else\r\n";
        return std::nullopt;
    }};
    auto const wrong = here.wait(here.db->incr("list"));
    REQUIRE(code_of(wrong) == "wrong_type");
    CHECK(wrong.error().message() == "WRONGTYPE Operation against a key holding the wrong kind of value");
    CHECK(wrong.error().node() == here.server.address());
    CHECK(code_of(here.wait(here.db->append("k", "v"))) == "server_error");
    CHECK(shown(here.wait(here.db->get("k"))) == "nil");
}

TEST_CASE("a caller's mistake was not executed; from a script or a module nobody can say", "[client]") {
    backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return std::nullopt;
        return "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    }};
    umbel::client& db = *here.db;
    auto const typed = here.wait(db.incr("list"));
    CHECK(code_of(typed) == "wrong_type");
    CHECK(delivery_of(typed) == "not_executed");
    CHECK_FALSE(typed.error().may_have_executed());
    CHECK(delivery_of(here.wait(db.command<std::int64_t>("LPUSH", umbel::key("k"), "v"))) == "not_executed");
    CHECK(delivery_of(here.wait(db.command<umbel::reply>("EVAL", "return 1", 1, umbel::key("k")))) ==
          "unknown");
    CHECK(delivery_of(here.wait(db.command<umbel::reply>("FCALL", "f", 1, umbel::key("k")))) == "unknown");
    CHECK(delivery_of(here.wait(db.command<umbel::reply>("JSON.SET", umbel::key("k"), "$", "1"))) ==
          "unknown");
}

TEST_CASE("a missing hash is nullopt, and a hash is decoded", "[client]") {
    backend here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] != "HGETALL") return std::nullopt;
        return said[1] == "ada" ? "*2\r\n$3\r\nage\r\n$2\r\n36\r\n" : "*0\r\n";
    }};
    using hash = std::optional<std::map<std::string, int>>;
    auto const ada = here.wait(here.db->command<hash>("HGETALL", umbel::key("ada")));
    REQUIRE(ada);
    CHECK(*ada == hash{{{"age", 36}}});
    auto const nobody = here.wait(here.db->command<hash>("HGETALL", umbel::key("bob")));
    REQUIRE(nobody);
    CHECK(*nobody == std::nullopt);
}

TEST_CASE("a borrowed argument goes out from where it stands, whole", "[client]") {
    backend here;
    std::string const large(8 << 20, 'L');
    std::string const second(100'000, 'S');
    auto first = here.db->set("large", umbel::borrow(large));
    auto pair = here.db->command<umbel::ok>("MSET", umbel::key("{k}1"), second, umbel::key("{k}2"), "small");
    std::vector<std::string> told;
    std::move(first)([&](auto value) { told.push_back(shown(value)); });
    std::move(pair)([&](auto value) { told.push_back(shown(value)); });
    CHECK(here.until([&] { return told.size() == 2; }));
    CHECK(told == std::vector<std::string>{"written", "ok"});
    CHECK(shown(here.wait(here.db->get("large"))) == large);
    CHECK(shown(here.wait(here.db->get("{k}1"))) == second);
    CHECK(shown(here.wait(here.db->get("{k}2"))) == "small");
}

TEST_CASE(
    "a borrowed argument may go as soon as its operation has been given up, also when half of it is written",
    "[client]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    here.server.freeze(true);
    static_cast<void>(here.wait(here.db->with(10ms).ping()));
    auto lent = std::make_unique<std::string>(64 << 20, 'L');
    auto const given_up = here.wait(here.db->with(30ms).set("large", umbel::borrow(*lent)));
    lent.reset();
    REQUIRE(code_of(given_up) == "deadline_exceeded");
    CHECK(delivery_of(given_up) == "unknown");
    here.server.freeze(false);
    CHECK(shown(here.wait(here.db->incr("n"))) == "1");
    CHECK(shown(here.wait(here.db->command<std::int64_t>("EXISTS", umbel::key("large")))) == "1");
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("a late reply after a deadline reaches nobody else", "[client]") {
    backend here{holds_gets};
    auto const first = here.wait(here.db->with(20ms).get("one"));
    CHECK(code_of(first) == "deadline_exceeded");
    CHECK(delivery_of(first) == "unknown");
    std::vector<std::string> told;
    here.db->get("two")([&](auto value) { told.push_back(shown(value)); });
    here.db->incr("n")([&](auto value) { told.push_back(shown(value)); });
    CHECK(here.until([&] { return here.server.count("INCR") == 1; }));
    here.server.release();
    CHECK(here.until([&] { return told.size() == 2; }));
    CHECK(told == std::vector<std::string>{"late two", "1"});
    auto const counted = here.wait(here.db->statistics());
    REQUIRE(counted);
    CHECK(counted->late_replies == 1);
    CHECK(here.server.accepted() == 1);
}

TEST_CASE("past the bound on commands a command fails at once, unsent", "[client][bad]") {
    backend here{holds_gets, [](std::string const& seed) {
                     umbel::options made = plain(seed);
                     made.in_flight_max = 3;
                     return made;
                 }};
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    std::vector<std::string> told;
    for (int i = 0; i < 5; ++i) {
        here.db->get(std::to_string(i))([&](auto value) {
            told.push_back(shown(value));
            if (value) return;
            CHECK(value.error().node() == here.server.address());
            CHECK(value.error().message() ==
                  "options.in_flight_max is reached: 3 commands are queued or in flight on this connection");
        });
    }
    CHECK(here.until([&] { return told.size() == 2; }));
    CHECK(told == std::vector<std::string>{"overloaded", "overloaded"});
    CHECK(here.until([&] { return here.server.count("GET") == 3; }));
    here.server.release();
    CHECK(here.until([&] { return told.size() == 5; }));
    CHECK(told[4] == "late 2");
}

TEST_CASE("when no seed answers, ready and commands fail at their deadline with a clear error",
          "[client][bad]") {
    asio::io_context io{1};
    std::string const seed = "127.0.0.1:1";
    umbel::options chosen = plain(seed);
    chosen.deadline = 100ms;
    umbel::client const db{io.get_executor(), chosen};
    auto const ready = at_home::wait(io, db.ready());
    CHECK(code_of(ready) == "no_reachable_node");
    CHECK_FALSE(ready.error().message().empty());
    auto const got = at_home::wait(io, db.get("k"));
    CHECK(code_of(got) == "no_reachable_node");
    CHECK(delivery_of(got) == "not_sent");
}

TEST_CASE("close lets commands under way finish, and refuses those that come later", "[client]") {
    backend here{holds_gets};
    std::vector<std::string> told;
    REQUIRE(shown(here.wait(here.db->ready())) == "ok");
    here.db->get("k")([&](auto value) { told.push_back("get " + shown(value)); });
    here.db->close()([&](auto value) { told.push_back("close " + shown(value)); });
    auto const after = here.wait(here.db->get("k"));
    CHECK(code_of(after) == "cancelled");
    CHECK(here.until([&] { return here.server.count("GET") == 1; }));
    at_home::settle(here.io);
    CHECK(told.empty());
    here.server.release();
    CHECK(here.until([&] { return told.size() == 2; }));
    CHECK(told == std::vector<std::string>{"get late k", "close ok"});
    CHECK(code_of(here.wait(here.db->close())) == "cancelled");
    CHECK(code_of(here.wait(here.db->statistics())) == "cancelled");
}

TEST_CASE("a client may be moved while commands are under way", "[client]") {
    backend here{holds_gets};
    std::string told;
    here.db->get("k")([&](auto value) { told = shown(value); });
    umbel::client other = std::move(*here.db);
    here.db.reset();
    CHECK(here.until([&] { return here.server.count("GET") == 1; }));
    here.server.release();
    CHECK(here.until([&] { return !told.empty(); }));
    CHECK(told == "late k");
    umbel::client third{here.io.get_executor(), plain(here.seed)};
    third = std::move(other);
    CHECK(shown(here.wait(third.incr("n"))) == "1");
}

TEST_CASE("a client tells its nodes, its topology and what it counted", "[client]") {
    backend here;
    REQUIRE(shown(here.wait(here.db->set("k", "v"))) == "written");
    auto const nodes = here.wait(here.db->nodes());
    REQUIRE(nodes);
    REQUIRE(nodes->size() == 1);
    CHECK(nodes->front().address == here.server.address());
    CHECK(nodes->front().member);
    CHECK(nodes->front().primary_link.commands == 2);
    CHECK((nodes->front().breaker == umbel::engine::circuit_breaker::state::closed));
    CHECK(nodes->front().failures == 0);
    auto const topology = here.wait(here.db->topology());
    REQUIRE(topology);
    CHECK(topology->nodes.size() == 1);
    auto const counted = here.wait(here.db->statistics());
    REQUIRE(counted);
    CHECK(counted->connects == 1);
    CHECK(counted->topology_queries == 1);
    CHECK(counted->commands == 2);
    CHECK(counted->waiting == 0);
}

TEST_CASE("an observer sees connections come and go", "[client]") {
    struct watcher : umbel::observer {
        int up = 0;
        int down = 0;
        int topologies = 0;
        void connected(umbel::engine::node_connected const&) override { ++up; }
        void disconnected(umbel::engine::node_disconnected const&) override { ++down; }
        void topology_changed(umbel::engine::topology_changed const&) override { ++topologies; }
    };
    asio::io_context io{1};
    scripted::server server{io};
    auto const watching = std::make_shared<watcher>();
    std::string const seed = server.address();
    umbel::client const db{io.get_executor(), plain(seed), {}, watching};
    CHECK(shown(at_home::wait(io, db.incr("n"))) == "1");
    CHECK(at_home::until(io, [&] { return watching->up == 1 && watching->topologies == 1; }));
    server.cut();
    CHECK(at_home::until(io, [&] { return watching->up == 2; }));
    CHECK(watching->down == 1);
    CHECK(shown(at_home::wait(io, db.incr("n"))) == "2");
}
