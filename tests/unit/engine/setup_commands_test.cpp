#include <umbel/engine/setup_commands.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::engine;

TEST_CASE("a set-up command is read word by word", "[setup_commands]") {
    auto const read = read_setup_command({"CLIENT  NO-EVICT on ", true});
    REQUIRE(read);
    CHECK(read->words == std::vector<std::string>{"CLIENT", "NO-EVICT", "on"});
    CHECK(read->text == "CLIENT  NO-EVICT on ");
    CHECK(read->optional);
    CHECK(read_setup_command({"CLIENT NO-TOUCH on"}));
    CHECK(read_setup_command({"CLIENT CAPA redirect"}));
    CHECK(read_setup_command({"CLIENT SETINFO LIB-NAME mine"}));
}

TEST_CASE("commands that would break the client are refused by name, in any case", "[setup_commands]") {
    for (char const* const text :
         {"SUBSCRIBE news", "psubscribe n*", "Monitor", "MULTI", "select 1", "READONLY", "HELLO 2",
          "auth a b", "RESET", "QUIT", "CLIENT REPLY OFF", "client tracking on", "CLIENT KILL ID 3",
          "BLPOP q 0", "XREAD BLOCK 0 STREAMS s $", "WAIT 1 0", "ASKING", "WATCH k", "SHUTDOWN"}) {
        auto const read = read_setup_command({text});
        REQUIRE_FALSE(read);
        CHECK(read.error() == errc::bad_argument);
        CHECK(read.error().message() ==
              "options.setup_commands: \"" + std::string{text} + "\" would break the client");
    }
}

TEST_CASE("texts without a word, with a line break, and too many of them are refused", "[setup_commands]") {
    CHECK(read_setup_command({""}).error().message() == "options.setup_commands: \"\" has no word");
    CHECK(read_setup_command({"  "}).error() == errc::bad_argument);
    CHECK(read_setup_command({"PING\r\nQUIT"}).error() == errc::bad_argument);
    std::vector<setup_command> const many(setup_commands_max + 1, {"PING"});
    CHECK(read_setup_commands(many).error() == errc::bad_argument);
    std::vector<setup_command> const some(setup_commands_max, {"PING"});
    REQUIRE(read_setup_commands(some));
    CHECK(read_setup_commands(some)->size() == setup_commands_max);
    CHECK(read_setup_commands({{"PING"}, {"QUIT"}}).error() == errc::bad_argument);
}
