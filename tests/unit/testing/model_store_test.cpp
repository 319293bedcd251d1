// model_store_test: commands on the store of a model node answer as redis-server 7 does, bytes and all.
#include <umbel/testing/model_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string>

using namespace umbel::testing;

namespace {

struct node {
    model_store store;
    std::vector<std::string> changed;

    std::string run(model_words const& words, bool resp3 = false) {
        auto const command = std::find_if(model_commands.begin(), model_commands.end(),
                                          [&](model_command const& known) { return known.name == words[0]; });
        REQUIRE(command != model_commands.end());
        model_outcome outcome = model_executor{store, resp3}.run(*command, words);
        changed = outcome.changed;
        return outcome.reply;
    }
};

}  // namespace

TEST_CASE("a value that was set is read back, and a missing one is null in either protocol",
          "[model_store]") {
    node n;
    CHECK(n.run({"get", "k"}) == "$-1\r\n");
    CHECK(n.run({"get", "k"}, true) == "_\r\n");
    CHECK(n.run({"set", "k", "v"}) == "+OK\r\n");
    CHECK(n.changed == std::vector<std::string>{"k"});
    CHECK(n.run({"get", "k"}) == "$1\r\nv\r\n");
    CHECK(n.changed.empty());
    CHECK(n.run({"set", "k", "w", "NX"}) == "$-1\r\n");
    CHECK(n.changed.empty());
}

TEST_CASE("counters count, and refuse what is no number", "[model_store]") {
    node n;
    CHECK(n.run({"incr", "n"}) == ":1\r\n");
    CHECK(n.run({"incrby", "n", "41"}) == ":42\r\n");
    CHECK(n.run({"decr", "n"}) == ":41\r\n");
    n.run({"set", "k", "text"});
    CHECK(n.run({"incr", "k"}).starts_with("-ERR value is not an integer"));
}

TEST_CASE("commands over several keys count or list them in order", "[model_store]") {
    node n;
    n.run({"mset", "a", "1", "b", "2"});
    CHECK(n.run({"mget", "a", "x", "b"}) == "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
    CHECK(n.run({"exists", "a", "b", "x"}) == ":2\r\n");
    CHECK(n.run({"del", "a", "x"}) == ":1\r\n");
    CHECK(n.changed == std::vector<std::string>{"a"});
}

TEST_CASE("a list is no string", "[model_store]") {
    node n;
    CHECK(n.run({"rpush", "l", "x", "y"}) == ":2\r\n");
    CHECK(n.run({"lrange", "l", "0", "-1"}) == "*2\r\n$1\r\nx\r\n$1\r\ny\r\n");
    CHECK(n.run({"get", "l"}).starts_with("-WRONGTYPE"));
}

TEST_CASE("a set has each member once, and is neither a list nor a string", "[model_store]") {
    node n;
    CHECK(n.run({"sadd", "s", "x", "y", "x"}) == ":2\r\n");
    CHECK(n.run({"sadd", "s", "y", "z"}) == ":1\r\n");
    CHECK(n.store.at("s").items == std::vector<std::string>{"x", "y", "z"});
    CHECK(n.run({"type", "s"}) == "+set\r\n");
    n.run({"set", "k", "v"});
    n.run({"rpush", "l", "x"});
    for (model_words const& words :
         {model_words{"get", "s"}, {"llen", "s"}, {"sadd", "k", "x"}, {"sadd", "l", "x"}})
        CHECK(n.run(words).starts_with("-WRONGTYPE"));
}

TEST_CASE("a pop takes the head of a list, and one that blocks says that it must wait", "[model_store]") {
    node n;
    CHECK(n.run({"blpop", "l", "0"}).empty());
    CHECK(n.run({"lpop", "l"}) == "$-1\r\n");
    n.run({"rpush", "l", "x", "y"});
    CHECK(n.run({"blpop", "k", "l", "0"}) == "*2\r\n$1\r\nl\r\n$1\r\nx\r\n");
    CHECK(n.changed == std::vector<std::string>{"l"});
    CHECK(n.run({"lpop", "l"}) == "$1\r\ny\r\n");
    CHECK_FALSE(n.store.contains("l"));
}

TEST_CASE("the keys of a command are found as COMMAND INFO tells them", "[model_store]") {
    auto const& mset = *std::find_if(model_commands.begin(), model_commands.end(),
                                     [](model_command const& known) { return known.name == "mset"; });
    CHECK(keys_in(mset, {"mset", "a", "1", "b", "2"}) == std::vector<std::size_t>{1, 3});
}
