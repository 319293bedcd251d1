// Tests of examples/cli/commands.hpp and docs.hpp: what the table of commands, and COMMAND DOCS, tell a
// person.
#include <cli/commands.hpp>
#include <cli/docs.hpp>

#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace {

std::string shape(std::vector<std::string> const& words) { return cli::shape_of(*cli::row_of(words)); }

cli::command_docs docs(std::string bytes) {
    umbel::resp::parser reading;
    REQUIRE(reading.parse({bytes.data(), bytes.size()}) == umbel::resp::parser::status::complete);
    return cli::docs_in(umbel::resp::view{reading.root(), bytes.data()});
}

}  // namespace

TEST_CASE("names of commands are completed in the case in which they begin", "[cli]") {
    using words = std::vector<std::string>;
    CHECK(cli::completions({"hgeta"}) == words{"hgetall"});
    CHECK(cli::completions({"HGETA"}) == words{"HGETALL"});
    CHECK(cli::completions({"ARGE"}) == words{"ARGET", "ARGETRANGE"});
    CHECK(cli::completions({"lmove"}) == words{"lmove", "lmovem"});
    CHECK(cli::completions({"cluster", "keys"}) == words{"keyslot"});
    CHECK(cli::completions({"Cluster", "KEYS"}) == words{"KEYSLOT"});
    CHECK(cli::completions({"get", "k"}).empty());
    CHECK(cli::completions({"cluster", "keyslot", "k"}).empty());
    CHECK(cli::completions({"nothing"}).empty());
    CHECK(cli::completions({""}).size() > 200);
}

TEST_CASE("the table tells the shape of a command, keys by name", "[cli]") {
    CHECK(shape({"get"}) == "key");
    CHECK(shape({"SET"}) == "key arg [arg …]");
    CHECK(shape({"rename"}) == "key key");
    CHECK(shape({"cluster", "keyslot"}) == "arg");
    CHECK(shape({"cluster"}) == "subcommand");
    CHECK(shape({"cluster", "info"}).empty());
    CHECK(cli::row_of({"nothing"}) == nullptr);
    CHECK(cli::row_of({}) == nullptr);
}

TEST_CASE("the rules of a command say who may serve it, and what to do instead", "[cli]") {
    CHECK(cli::rules_of(*cli::row_of({"get"})).find("replicas may serve it") != std::string::npos);
    CHECK(cli::rules_of(*cli::row_of({"dbsize"})).find("concerns every shard") != std::string::npos);
    CHECK(cli::rules_of(*cli::row_of({"blpop"})).find("connection of its own") != std::string::npos);
}

TEST_CASE("arguments of COMMAND DOCS become one line, from RESP2 and RESP3 alike", "[cli]") {
    // SET key value [NX | XX] [GET] [EX seconds]: as RESP3, cut down.
    auto const told = docs(
        "%1\r\n$3\r\nset\r\n%3\r\n$7\r\nsummary\r\n$5\r\nSets.\r\n$5\r\nsince\r\n$5\r\n1.0.0\r\n$"
        "9\r\narguments\r\n*5\r\n"
        "%2\r\n$4\r\nname\r\n$3\r\nkey\r\n$4\r\ntype\r\n$3\r\nkey\r\n"
        "%2\r\n$4\r\nname\r\n$5\r\nvalue\r\n$4\r\ntype\r\n$6\r\nstring\r\n"
        "%4\r\n$4\r\nname\r\n$1\r\nc\r\n$4\r\ntype\r\n$5\r\noneof\r\n$5\r\nflags\r\n~1\r\n+optional\r\n$"
        "9\r\narguments\r\n*2\r\n"
        "%3\r\n$4\r\nname\r\n$1\r\nn\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$2\r\nNX\r\n"
        "%3\r\n$4\r\nname\r\n$1\r\nx\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$2\r\nXX\r\n"
        "%4\r\n$4\r\nname\r\n$1\r\ng\r\n$4\r\ntype\r\n$10\r\npure-token\r\n$5\r\ntoken\r\n$3\r\nGET\r\n$"
        "5\r\nflags\r\n~1\r\n+optional\r\n"
        "%4\r\n$4\r\nname\r\n$7\r\nseconds\r\n$4\r\ntype\r\n$7\r\ninteger\r\n$5\r\ntoken\r\n$2\r\nEX\r\n$"
        "5\r\nflags\r\n~1\r\n+optional\r\n");
    CHECK(told.arguments == "key value [NX | XX] [GET] [EX seconds]");
    CHECK(told.summary == "Sets.");
    CHECK(told.since == "1.0.0");
    // MGET key [key …]: as RESP2.
    CHECK(docs("*2\r\n$4\r\nmget\r\n*2\r\n$9\r\narguments\r\n*1\r\n*6\r\n$4\r\nname\r\n$3\r\nkey\r\n$"
               "4\r\ntype\r\n$3\r\nkey\r\n"
               "$5\r\nflags\r\n*1\r\n+multiple\r\n")
              .arguments == "key [key …]");
    // What tells nothing gives nothing.
    for (std::string_view const nothing :
         {"*0\r\n", "%0\r\n", "+OK\r\n", "*2\r\n+a\r\n+b\r\n", "%1\r\n+a\r\n*3\r\n+b\r\n+c\r\n+d\r\n"})
        CHECK(docs(std::string{nothing}).arguments.empty());
}
