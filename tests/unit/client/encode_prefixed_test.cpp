// Tests of clients whose keys have a prefix: what goes onto the wire, to which node, and what comes back.
#include "two_nodes.hpp"

#include <umbel/client/node_client.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

using at_home::code_of;
using at_home::shown;
using at_home::two_nodes;
using namespace std::chrono_literals;
using scripted::words;
using text = std::optional<std::string>;

namespace {

/// A stand-alone server that keeps what it is told, but for the question of the topology.
struct home : at_home::backend {
    using at_home::backend::backend;
    words last() {
        words const seen = server.seen().back();
        return seen;
    }
};

std::optional<scripted::answer> say_ok(words const& said) {
    if (said[0] == "CLUSTER") return std::nullopt;
    return scripted::answer{scripted::ok};
}

}  // namespace

TEST_CASE("a prefix stands in front of a key, wherever it is", "[prefixed]") {
    home here{&say_ok};
    auto const app = here.db->prefixed("app:");
    std::string const long_key(200, 'k');

    static_cast<void>(here.wait(app.get("k")));
    CHECK(here.last() == words{"GET", "app:k"});
    static_cast<void>(here.wait(app.get("a key of some length")));
    CHECK(here.last() == words{"GET", "app:a key of some length"});
    static_cast<void>(here.wait(app.get(long_key)));
    CHECK(here.last() == words{"GET", "app:" + long_key});
    static_cast<void>(here.wait(app.get("")));
    CHECK(here.last() == words{"GET", "app:"});
    static_cast<void>(here.wait(app.set("k", "v", {.expire = 30s})));
    CHECK(here.last() == words{"SET", "app:k", "v", "EX", "30"});
    static_cast<void>(here.wait(app.rename("from", "to")));
    CHECK(here.last() == words{"RENAME", "app:from", "app:to"});
    std::string const large(100'000, 'x');
    static_cast<void>(here.wait(app.set("k", umbel::borrow(large))));
    CHECK((here.last() == words{"SET", "app:k", large}));
}

TEST_CASE("scripts get their keys with the prefix, and their arguments without", "[prefixed]") {
    home here{&say_ok};
    auto const app = here.db->prefixed("app:");
    static_cast<void>(here.wait(app.command<umbel::reply>("EVAL", "return 1", "2", "a", "b", "argument")));
    CHECK(here.last() == words{"EVAL", "return 1", "2", "app:a", "app:b", "argument"});
    static_cast<void>(
        here.wait(app.eval<umbel::reply>("return 1", umbel::key{"a"}, umbel::key{"b"}, "argument")));
    CHECK(here.last() == words{"EVAL", "return 1", "2", "app:a", "app:b", "argument"});
}

TEST_CASE("a script that is kept by its SHA1 gets its keys with the prefix, also where a node lacks it",
          "[prefixed]") {
    home here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return std::nullopt;
        if (said[0] == "EVALSHA") return scripted::answer{"-NOSCRIPT No matching script.\r\n"};
        return scripted::answer{":7\r\n"};
    }};
    static constexpr umbel::script seven{"return 7"};
    auto const told = here.wait(here.db->prefixed("app:").run<int>(seven, umbel::key{"a"}, "argument"));
    REQUIRE(told);
    CHECK(*told == 7);
    CHECK(here.last() == words{"EVAL", "return 7", "1", "app:a", "argument"});
    CHECK(here.server.count("EVALSHA") == 1);
}

TEST_CASE("commands given word by word get the prefix where the table knows keys", "[prefixed]") {
    home here{&say_ok};
    auto const app = here.db->prefixed("app:");
    auto const sent = [&](std::vector<std::string> const& argv) {
        static_cast<void>(here.wait(app.execute(argv)));
        return here.last();
    };
    CHECK(sent({"GET", "k"}) == words{"GET", "app:k"});
    CHECK(sent({"MSET", "a", "1", "b", "2"}) == words{"MSET", "app:a", "1", "app:b", "2"});
    CHECK(sent({"SORT", "list", "BY", "w_*", "STORE", "to"}) ==
          words{"SORT", "app:list", "BY", "w_*", "STORE", "app:to"});
    CHECK(sent({"XREAD", "COUNT", "2", "STREAMS", "s", "t", "0", "0"}) ==
          words{"XREAD", "COUNT", "2", "STREAMS", "app:s", "app:t", "0", "0"});
    CHECK(sent({"JSON.GET", "doc", "$.a"}) == words{"JSON.GET", "app:doc", "$.a"});
    CHECK(sent({"DBSIZE"}) == words{"DBSIZE"});
    CHECK(sent({"KEYS", "app:*"}) == words{"KEYS", "app:*"});
    CHECK(sent({"SPUBLISH", "channel", "m"}) == words{"SPUBLISH", "channel", "m"});
    static_cast<void>(here.wait(app.command<umbel::reply>("JSON.SET", "$", umbel::key{"doc"}, 5)));
    CHECK(here.last() == words{"JSON.SET", "$", "app:doc", "5"});
}

TEST_CASE("prefixes add up, and go with other options of a client", "[prefixed]") {
    home here{&say_ok};
    static_cast<void>(here.wait(here.db->prefixed("app:").prefixed("eu:").get("k")));
    CHECK(here.last() == words{"GET", "app:eu:k"});
    static_cast<void>(here.wait(here.db->with(1s).prefixed("app:").get("k")));
    CHECK(here.last() == words{"GET", "app:k"});
    static_cast<void>(here.wait(here.db->prefixed("app:").with(1s, umbel::trail).get("k")));
    CHECK(here.last() == words{"GET", "app:k"});
    static_cast<void>(here.wait(here.db->prefixed("").get("k")));
    CHECK(here.last() == words{"GET", "k"});
    static_cast<void>(here.wait(here.db->get("k")));
    CHECK(here.last() == words{"GET", "k"});
}

TEST_CASE("a prefix that is too long makes every command fail", "[prefixed]") {
    home here;
    auto const most = here.db->prefixed(std::string(63, 'p'));
    CHECK(shown(here.wait(most.get("k"))) == "nil");
    auto const wrong = most.prefixed("p");
    CHECK(code_of(here.wait(wrong.get("k"))) == "bad_argument");
    CHECK(code_of(here.wait(wrong.mget("a", "b"))) == "bad_argument");
    CHECK(code_of(here.wait(wrong.with(1s).get("k"))) == "bad_argument");
}

TEST_CASE("an argument may be too long with its prefix only", "[prefixed]") {
    home here{&say_ok};
    here.db.emplace(here.io.get_executor(), [&] {
        umbel::options made = at_home::plain(here.seed);
        made.argument_bytes_max = std::uint64_t{1} << 20;
        return made;
    }());
    std::string const key((std::size_t{1} << 20) - 2, 'k');
    CHECK(code_of(here.wait(here.db->get(key))) != "bad_argument");
    CHECK(code_of(here.wait(here.db->prefixed("app:").get(key))) == "bad_argument");
    CHECK(code_of(here.wait(here.db->prefixed("app:").command<umbel::reply>("GET", key))) == "bad_argument");
}

TEST_CASE("keys in typed replies come without the prefix", "[prefixed]") {
    home here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "LMPOP") return scripted::answer{"*2\r\n$5\r\napp:l\r\n*1\r\n$1\r\nx\r\n"};
        if (said[0] == "XREAD")
            return scripted::answer{
                "*1\r\n*2\r\n$5\r\napp:s\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"};
        return std::nullopt;
    }};
    auto const app = here.db->prefixed("app:");
    std::vector<std::string> const keys{"k", "l"};
    auto const taken = here.wait(app.lmpop(keys, umbel::list_end::left));
    REQUIRE((taken && *taken));
    CHECK((**taken).key == "l");
    auto const traced = here.wait(app.with(umbel::trail).lmpop(keys, umbel::list_end::left));
    REQUIRE((traced && traced->value));
    CHECK(traced->value->key == "l");
    auto const read = here.wait(app.xread("s", "0"));
    REQUIRE(read);
    REQUIRE(read->size() == 1);
    CHECK(read->streams[0].first == "s");
    auto const whole = here.wait(here.db->xread("app:s", "0"));
    REQUIRE(whole);
    CHECK(whole->streams[0].first == "app:s");
}

TEST_CASE("keys go to the slots of their whole names, and many are split by them", "[prefixed][groups]") {
    two_nodes here;
    // {b} belongs to the first node, {a} to the second: the prefix decides.
    auto const low = here.db->prefixed("{b}:");
    CHECK(shown(here.wait(low.set("{a}1", "1"))) == "written");
    CHECK(here.low.seen().back() == words{"SET", "{b}:{a}1", "1"});
    std::map<std::string, std::string> const pairs{{"{a}1", "A"}, {"foo", "F"}, {"bar", "B"}};
    CHECK(shown(here.wait(low.mset(pairs))) == "ok");
    CHECK(here.low.count("MSET") == 1);
    CHECK(here.high.count("MSET") == 0);
    CHECK(here.wait(low.mget("foo", "none", "bar")).value() == std::vector<text>{"F", std::nullopt, "B"});
    CHECK(here.low.seen().back() == words{"MGET", "{b}:foo", "{b}:none", "{b}:bar"});
    // A tag that begins in the prefix and ends in the key.
    auto const open = here.db->prefixed("{");
    CHECK(shown(here.wait(open.set("b}x", "1"))) == "written");
    CHECK(here.low.seen().back() == words{"SET", "{b}x", "1"});
    CHECK(here.wait(open.mget("b}x", "a}x")).value() == std::vector<text>{"1", std::nullopt});
    // Without a tag, keys spread.
    auto const app = here.db->prefixed("app:");
    CHECK(shown(here.wait(app.mset(pairs))) == "ok");
    CHECK(here.wait(app.mget("foo", "bar")).value() == std::vector<text>{"F", "B"});
    CHECK(code_of(here.wait(app.rename("{a}1", "{b}1"))) == "cross_slot");
}

TEST_CASE("commands of a transaction get the prefix, with lent arguments too", "[prefixed][transaction]") {
    home here{[](words const& said) -> std::optional<scripted::answer> {
        if (said[0] == "CLUSTER") return std::nullopt;
        if (said[0] == "MULTI") return scripted::answer{scripted::ok};
        if (said[0] == "EXEC") return scripted::answer{"*3\r\n+OK\r\n$1\r\nv\r\n*2\r\n$5\r\napp:l\r\n*0\r\n"};
        return scripted::answer{"+QUEUED\r\n"};
    }};
    auto const app = here.db->prefixed("app:");
    std::string const large(20'000, 'x');
    std::vector<std::string> const lists{"l"};
    auto const done = here.wait(app.transaction(umbel::cmd.set("a", umbel::borrow(large)),
                                                umbel::cmd.command<std::string>("GET", "b"),
                                                umbel::cmd.lmpop(lists, umbel::list_end::left)));
    REQUIRE(done);
    CHECK(std::get<0>(*done));
    CHECK(std::get<1>(*done).value() == "v");
    REQUIRE(std::get<2>(*done));
    CHECK((**std::get<2>(*done)).key == "l");
    auto const seen = here.server.seen();
    REQUIRE(seen.size() > 5);
    auto const at = [&](std::size_t back) { return seen[seen.size() - back]; };
    CHECK(at(5) == words{"MULTI"});
    CHECK((at(4) == words{"SET", "app:a", large}));
    CHECK(at(3) == words{"GET", "app:b"});
    CHECK(at(2) == words{"LMPOP", "1", "app:l", "LEFT"});
    CHECK(at(1) == words{"EXEC"});
    auto const wrong =
        here.wait(app.transaction(umbel::cmd.command<umbel::reply>("JSON.SET", "$", umbel::key{"doc"}, 5)));
    CHECK(code_of(wrong) == "bad_argument");
}

TEST_CASE("hedged reads have the prefix in both attempts", "[prefixed]") {
    home here;
    auto const app = here.db->prefixed("app:").with(umbel::read_from::any, umbel::hedge_after{1s});
    REQUIRE(shown(here.wait(here.db->set("app:k", "v"))) == "written");
    CHECK(shown(here.wait(app.get("k"))) == "v");
}

TEST_CASE("a shard channel is no key: it keeps its name, typed and by its words", "[prefixed]") {
    two_nodes here;
    here.low_says = here.high_says = at_home::answering("SPUBLISH", ":1\r\n");
    auto const app = here.db->prefixed("app:");
    CHECK(here.wait(app.spublish("bar", "m")).value() == 1);  // Slot 5061.
    CHECK(here.wait(app.command<int>("SPUBLISH", "bar", "m")).value() == 1);
    CHECK(here.low.count("SPUBLISH") == 2);
    for (auto const& said : here.low.seen())
        if (said[0] == "SPUBLISH") CHECK(said[1] == "bar");
}

TEST_CASE("the primary of a key is that of the key with its prefix", "[prefixed]") {
    two_nodes here;
    here.low_says = at_home::answering("PING", "+low\r\n");
    here.high_says = at_home::answering("PING", "+high\r\n");
    auto const primary = [&](auto const& db, std::string_view key) {
        return here.wait(db.on(umbel::primary_of(key)).template command<std::string>("PING")).value();
    };
    CHECK(primary(*here.db, "bar") == "low");
    CHECK(primary(here.db->prefixed("{a}"), "bar") == "high");
    CHECK(umbel::primary_of("foo").slot().value() == 12182);
}
