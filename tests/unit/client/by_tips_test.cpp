// Tests of commands without keys, which go to all nodes that they concern and whose replies are joined,
// against two scripted nodes that share the slots.
#include "two_nodes.hpp"

#include <umbel/client/by_tips.hpp>

#include <set>
#include <string>
#include <vector>

using at_home::code_of;
using at_home::delivery_of;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;

namespace {

scripted::server::script answers(std::string line) {
    return [line = std::move(line)](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER" && said[1] == "SLOTS") return std::nullopt;
        return scripted::answer{line};
    };
}
/// What `low` and `high` answer to anything.
struct two_answers : two_nodes {
    two_answers(std::string low_line, std::string high_line) {
        low_says = answers(std::move(low_line));
        high_says = answers(std::move(high_line));
    }
};

}  // namespace

TEST_CASE("a command without keys goes to all nodes that it concerns, and their replies are joined",
          "[tips]") {
    two_answers sums{":3\r\n", ":5\r\n"};
    CHECK(shown(sums.wait(sums.db->dbsize())) == "8");
    CHECK(shown(sums.wait(sums.db->command<std::int64_t>("dbsize"))) == "8");
    std::vector<std::string> const argv{"DBSIZE"};
    auto const raw = sums.wait(sums.db->execute(argv));
    REQUIRE(raw);
    CHECK(raw->integer() == 8);
    auto const traced = sums.wait(sums.db->with(umbel::trail).dbsize());
    REQUIRE(traced);
    CHECK(traced->value == 8);
    CHECK(shown(sums.wait(sums.db->with(umbel::read_from::any, umbel::hedge_after{1ms}).dbsize())) == "8");

    two_answers done{"+OK\r\n", "+OK\r\n"};
    CHECK(shown(done.wait(done.db->flushall(umbel::flush_mode::async))) == "ok");
    CHECK(done.low.seen().back() == words{"FLUSHALL", "ASYNC"});
    CHECK(done.high.seen().back() == words{"FLUSHALL", "ASYNC"});
    CHECK(shown(done.wait(done.db->config_set("hz", 10))) == "ok");

    two_answers lists{"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n$1\r\nc\r\n"};
    auto const keys = lists.wait(lists.db->keys("*"));
    REQUIRE(keys);
    CHECK(std::set(keys->begin(), keys->end()) == std::set<std::string>{"a", "b", "c"});

    two_answers scripts{"*3\r\n:1\r\n:1\r\n:0\r\n", "*3\r\n:1\r\n:0\r\n:0\r\n"};
    CHECK(scripts.wait(scripts.db->script_exists("a", "b", "c")) == std::vector<bool>{true, false, false});
}

TEST_CASE("what concerns no node in particular is answered by one", "[tips]") {
    two_answers here{"$3\r\nlow\r\n", "$4\r\nhigh\r\n"};
    REQUIRE(here.wait(here.db->info("server")));
    REQUIRE(here.wait(here.db->ping()));
    std::vector<std::string> const argv{"PING"};
    REQUIRE(here.wait(here.db->execute(argv)));
    CHECK(here.low.count("INFO") + here.high.count("INFO") == 1);
    CHECK(here.low.count("PING") + here.high.count("PING") == 2);
}

TEST_CASE("one that succeeds is enough for KILL, and RANDOMKEY finds the shard that has keys", "[tips]") {
    two_answers here{"-NOTBUSY No scripts in execution right now.\r\n", "+OK\r\n"};
    CHECK(shown(here.wait(here.db->script_kill())) == "ok");
    two_answers none{"-NOTBUSY No scripts in execution right now.\r\n", "-NOTBUSY nothing here\r\n"};
    CHECK(code_of(none.wait(none.db->script_kill())) == "server_error");
    two_answers keys{"$-1\r\n", "$1\r\nk\r\n"};
    for (int turn = 0; turn < 3; ++turn) CHECK(shown(keys.wait(keys.db->randomkey())) == "k");
    two_answers empty{"$-1\r\n", "$-1\r\n"};
    CHECK(shown(empty.wait(empty.db->randomkey())) == "nil");
}

TEST_CASE("a node that fails fails the whole, and the delivery says that others may have executed it",
          "[tips]") {
    two_answers here{"-OOM command not allowed\r\n", "+OK\r\n"};
    auto const told = here.wait(here.db->flushall());
    CHECK(code_of(told) == "out_of_memory");
    CHECK(delivery_of(told) == "unknown");
    REQUIRE_FALSE(told);
    CHECK(told.error().message().find("other nodes") != std::string_view::npos);
    two_answers both{"-NOPERM no\r\n", "-NOPERM no\r\n"};
    auto const refused = both.wait(both.db->flushall());
    CHECK(code_of(refused) == "no_permission");
    CHECK(delivery_of(refused) == "not_executed");
    two_answers odd{":1\r\n", "+OK\r\n"};
    CHECK(code_of(odd.wait(odd.db->dbsize())) == "unexpected_type");
}

TEST_CASE("SCAN is refused in a cluster, and names what scans all of it", "[tips]") {
    two_answers here{"*2\r\n$1\r\n0\r\n*0\r\n", "*2\r\n$1\r\n0\r\n*0\r\n"};
    std::vector<std::string> const argv{"SCAN", "0"};
    for (auto const& told :
         {here.wait(here.db->execute(argv)), here.wait(here.db->command<umbel::reply>("scan", 0))}) {
        CHECK(code_of(told) == "bad_argument");
        CHECK(delivery_of(told) == "not_sent");
        REQUIRE_FALSE(told);
        CHECK(told.error().message().find("client::scan()") != std::string_view::npos);
    }
    CHECK(here.low.count("SCAN") + here.high.count("SCAN") == 0);
    at_home::backend alone{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "SCAN") return "*2\r\n$1\r\n0\r\n*0\r\n";
        if (said[0] == "DBSIZE") return ":4\r\n";
        return std::nullopt;
    }};
    CHECK(alone.wait(alone.db->execute(argv)));
    CHECK(shown(alone.wait(alone.db->dbsize())) == "4");
}

TEST_CASE("a batch or a transaction sends nothing to one node that concerns all of a cluster", "[tips]") {
    two_nodes here;
    auto const& db = *here.db;
    using umbel::cmd;
    auto [flushed, page, pong] = here.wait(db.batch(cmd.flushall(), cmd.command<umbel::reply>("SCAN", "0"),
                                                    cmd.command<umbel::reply>("ECHO", "x")));
    CHECK(code_of(flushed) == "bad_argument");
    CHECK(delivery_of(flushed) == "not_sent");
    CHECK(code_of(page) == "bad_argument");
    CHECK(page.error().message().find("client::scan()") != std::string_view::npos);
    CHECK(code_of(here.wait(db.prefixed("app:").transaction(cmd.dbsize(), cmd.get("{a}")))) ==
          "bad_argument");
    CHECK(code_of(here.wait(db.transaction(cmd.get("{a}"), cmd.dbsize()))) == "bad_argument");
    CHECK(here.low.count("FLUSHALL") + here.high.count("FLUSHALL") == 0);
    CHECK(here.low.count("SCAN") + here.high.count("SCAN") == 0);
    CHECK(here.low.count("ECHO") + here.high.count("ECHO") == 1);
}
