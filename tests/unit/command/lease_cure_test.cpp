#include <umbel/command/lease_cure.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace umbel::command;

namespace {

std::string message(std::vector<std::string_view> const& argv) { return needs_lease_message(argv); }
bool says(std::string const& text, std::string_view what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("a command that may not share a connection is named, with what to do instead", "[lease_cure]") {
    CHECK(message({"BLPOP", "k", "0"}) ==
          "blpop changes the connection, blocks, or alters the number of replies: it may not share one with "
          "other commands; use client::blpop()");
    CHECK(says(message({"SELECT", "1"}), "options::database"));
    CHECK(says(message({"auth", "x"}), "options::password"));
    CHECK(says(message({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}), "client::xread_block()"));
    CHECK(says(message({"WAIT", "1", "0"}), "lease::wait()"));
    CHECK(says(message({"CLIENT", "NO-EVICT", "on"}), "client::lease(key)"));
    CHECK(says(message({"CLIENT", "SETNAME", "me"}), "options::client_name"));
    CHECK(says(message({"SUBSCRIBE", "c"}), "a connection of another client"));
    CHECK(says(message({"CLIENT", "SOMETHING-NEW"}), "CLIENT changes the connection"));
}

TEST_CASE("a command on a lease blocks it, or changes it, or may not go even there", "[lease_cure]") {
    CHECK(lease_use_of("blpop") == lease_use::blocks);
    CHECK(lease_use_of("blmovem") == lease_use::blocks);
    CHECK(lease_use_of("wait") == lease_use::blocks);
    CHECK(lease_use_of("select") == lease_use::changes);
    CHECK(lease_use_of("multi") == lease_use::changes);
    CHECK(lease_use_of("monitor") == lease_use::refused);
    CHECK(lease_use_of("client|reply") == lease_use::refused);
}

TEST_CASE("whatever blocks by the servers' flags is known to block a lease", "[lease_cure]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        if (row.has(command_flag::blocking)) CHECK(lease_use_of(row.name) == lease_use::blocks);
    }
}

TEST_CASE("every cure is for a command that needs a connection of its own, and no command has two",
          "[lease_cure]") {
    for (lease_cure const& cure : lease_cures) {
        INFO(cure.name);
        std::size_t const bar = cure.name.find('|');
        auto const* const traits =
            find_command(cure.name.substr(0, bar),
                         bar == std::string_view::npos ? std::string_view{} : cure.name.substr(bar + 1));
        REQUIRE(traits);
        CHECK(traits->name == cure.name);
        CHECK(traits->shares != sharing::shared);
        CHECK(lease_cure_of(cure.name) == cure.instead);
    }
}
