// model_streams_test: streams of a model node and their groups answer as redis-server 7 does, bytes and all.
#include <umbel/testing/model_blocked.hpp>
#include <umbel/testing/model_streams.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace umbel::testing;
using namespace std::chrono_literals;

namespace {

struct node {
    model_store store;
    umbel::engine::instant now = 5ms;
    std::vector<std::string> changed;

    std::string run(model_words const& words, bool resp3 = false) {
        model_command const* const which = find_model_command(words[0]);
        REQUIRE(which);
        model_outcome outcome = stream_executor{store, resp3, now}.run(*which, words);
        changed = outcome.changed;
        return outcome.reply;
    }
    std::string fresh(std::string const& consumer, bool resp3 = false) {
        return run({"XREADGROUP", "GROUP", "g", consumer, "COUNT", "1", "STREAMS", "s", ">"}, resp3);
    }
    std::string listed(std::string const& consumer, std::string const& after = "0") {
        return run({"XREADGROUP", "GROUP", "g", consumer, "STREAMS", "s", after});
    }
};

std::string entry(std::string const& id, std::string const& value) {
    return "*2\r\n" + wire::bulk(id) + "*2\r\n$1\r\nf\r\n" + wire::bulk(value);
}

/// Two entries and a group that begins before them.
node with_two() {
    node n;
    n.run({"XADD", "s", "*", "f", "a"});
    n.run({"XADD", "s", "*", "f", "b"});
    n.run({"XGROUP", "CREATE", "s", "g", "0"});
    return n;
}

}  // namespace

TEST_CASE("ids grow, by the clock or beside it", "[model]") {
    node n;
    CHECK(n.run({"XADD", "s", "NOMKSTREAM", "*", "f", "a"}) == "$-1\r\n");
    CHECK(n.changed.empty());
    CHECK(n.run({"XADD", "s", "*", "f", "a"}) == "$3\r\n5-0\r\n");
    CHECK(n.changed == std::vector<std::string>{"s"});
    CHECK(n.run({"XADD", "s", "*", "f", "b"}) == "$3\r\n5-1\r\n");
    CHECK(n.run({"XADD", "s", "7-3", "f", "c"}) == "$3\r\n7-3\r\n");
    CHECK(n.run({"XADD", "s", "*", "f", "d"}) == "$3\r\n7-4\r\n");
    CHECK(n.run({"XADD", "s", "7-4", "f", "e"}).starts_with("-ERR The ID specified in XADD is equal or"));
    CHECK(n.run({"XADD", "s", "*", "f", "e", "g"}).starts_with("-ERR wrong number of arguments"));
    CHECK(n.run({"XLEN", "s"}) == ":4\r\n");
    CHECK(n.run({"XRANGE", "s", "5-1", "7", "COUNT", "2"}) ==
          "*2\r\n" + entry("5-1", "b") + entry("7-3", "c"));
    CHECK(n.run({"XDEL", "s", "5-1", "9-9"}) == ":1\r\n");
    CHECK(n.run({"XRANGE", "s", "-", "+"}) ==
          "*3\r\n" + entry("5-0", "a") + entry("7-3", "c") + entry("7-4", "d"));
    n.store["text"].text = "x";
    CHECK(n.run({"XADD", "text", "*", "f", "a"}).starts_with("-WRONGTYPE"));
    CHECK(type_name(&n.store["s"]) == "stream");
}

TEST_CASE("a group gives each entry once, and lists it until it is acknowledged", "[model]") {
    node n = with_two();
    CHECK(n.fresh("me") == "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" + entry("5-0", "a"));
    CHECK(n.changed == std::vector<std::string>{"s"});
    CHECK(n.fresh("you", true) == "%1\r\n$1\r\ns\r\n*1\r\n" + entry("5-1", "b"));
    CHECK(n.fresh("me") == "*-1\r\n");
    CHECK(n.fresh("me", true) == "_\r\n");
    CHECK(n.changed.empty());
    CHECK(n.listed("me") == "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" + entry("5-0", "a"));
    CHECK(n.listed("me", "5-0") == "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n");
    CHECK(n.run({"XACK", "s", "g", "5-0", "9-9"}) == ":1\r\n");
    CHECK(n.run({"XACK", "s", "g", "5-0"}) == ":0\r\n");
    CHECK(n.run({"XACK", "s", "none", "5-0"}) == ":0\r\n");
    CHECK(n.listed("me") == "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n");
    n.run({"XDEL", "s", "5-1"});
    CHECK(n.listed("you") == "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n5-1\r\n*-1\r\n");
}

TEST_CASE("a group is made once, and where it is missing that is said", "[model]") {
    node n;
    CHECK(n.fresh("me").starts_with("-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP"));
    CHECK(n.run({"XAUTOCLAIM", "s", "g", "me", "0", "0"}).starts_with("-NOGROUP No such key 's'"));
    CHECK(n.run({"XGROUP", "CREATE", "s", "g", "$"}).starts_with("-ERR The XGROUP subcommand requires"));
    CHECK(n.run({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"}) == "+OK\r\n");
    CHECK(n.run({"XGROUP", "CREATE", "s", "g", "0"}).starts_with("-BUSYGROUP"));
    CHECK(n.run({"XGROUP", "DESTROY", "s", "g"}).starts_with("-ERR "));
    CHECK(n.run({"XLEN", "s"}) == ":0\r\n");
    n.run({"XADD", "s", "*", "f", "a"});
    n.run({"XGROUP", "CREATE", "s", "late", "$"});
    CHECK(n.run({"XREADGROUP", "GROUP", "late", "me", "STREAMS", "s", ">"}) == "*-1\r\n");
}

TEST_CASE("what pends for long is claimed, and what has no entry any more is told once", "[model]") {
    node n = with_two();
    n.run({"XADD", "s", "*", "f", "c"});
    for (int at = 0; at < 3; ++at) n.fresh("dead");
    auto const claim = [&n](std::string const& start) {
        return n.run({"XAUTOCLAIM", "s", "g", "me", "10", start, "COUNT", "1"});
    };
    CHECK(claim("0-0") == "*3\r\n$3\r\n0-0\r\n*0\r\n*0\r\n");
    CHECK(n.changed.empty());
    n.now += 10ms;
    CHECK(claim("0-0") == "*3\r\n$3\r\n5-1\r\n*1\r\n" + entry("5-0", "a") + "*0\r\n");
    n.run({"XDEL", "s", "5-1"});
    CHECK(claim("5-1") == "*3\r\n$3\r\n5-2\r\n*0\r\n*1\r\n$3\r\n5-1\r\n");
    CHECK(claim("5-2") == "*3\r\n$3\r\n0-0\r\n*1\r\n" + entry("5-2", "c") + "*0\r\n");
    CHECK(n.listed("dead") == "*1\r\n*2\r\n$1\r\ns\r\n*0\r\n");
}

TEST_CASE("a read with BLOCK waits for entries of its group", "[model]") {
    node n = with_two();
    // The word STREAMS is looked for behind group and consumer.
    CHECK(keys_in(*find_model_command("xreadgroup"), {"XREADGROUP", "GROUP", "g", "streams", "STREAMS", "s",
                                                      "t", ">", ">"}) == std::vector<std::size_t>{5, 6});
    model_call const call{find_model_command("xreadgroup"),
                          {"XREADGROUP", "GROUP", "g", "me", "BLOCK", "100", "STREAMS", "s", ">"}};
    CHECK(waits_until(call, 5ms) == 105ms);
    CHECK(may_go_on(call, n.store));
    CHECK(n.run(call.words).starts_with("*1\r\n"));
    CHECK_FALSE(may_go_on(call, n.store));
    CHECK(n.run(call.words).empty());
    n.run({"XADD", "s", "*", "f", "c"});
    CHECK(may_go_on(call, n.store));
    n.run({"XDEL", "s", "5-2"});
    CHECK_FALSE(may_go_on(call, n.store));
    CHECK(may_go_on(call, {}));
    model_call const list{call.which, {"XREADGROUP", "GROUP", "g", "me", "BLOCK", "0", "STREAMS", "s", "0"}};
    CHECK(waits_until(list, 5ms) == umbel::engine::never);
    CHECK(may_go_on(list, n.store));
}

TEST_CASE("a copy of a stream is not changed with it", "[model]") {
    node n = with_two();
    model_store const copy = n.store;
    n.run({"XADD", "s", "*", "f", "c"});
    n.fresh("me");
    CHECK(copy.at("s").stream->entries.size() == 2);
    CHECK(copy.at("s").stream->find_group("g")->pending.empty());
    CHECK(n.store.at("s").stream->entries.size() == 3);
}
