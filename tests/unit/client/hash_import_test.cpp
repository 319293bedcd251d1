// Tests of what client/lease.hpp has for HIMPORT, against scripted nodes: names of fields that belong to one
// connection. Words and replies are those of Redis' table of commands.
#include "two_nodes.hpp"

#include <umbel/client/lease.hpp>

#include <array>
#include <string>
#include <vector>

using at_home::code_of;
using at_home::two_nodes;
using at_home::wait;
using scripted::words;

namespace {

/// The node of "foo" knows HIMPORT.
struct importing : two_nodes {
    importing() {
        high_says = [](words const& said) -> std::optional<scripted::answer> {
            if (said[0] != "HIMPORT") return std::nullopt;
            if (said[1] == "DISCARD") return ":1\r\n";
            if (said[1] == "DISCARDALL") return ":2\r\n";
            return scripted::ok;
        };
    }
    std::vector<words> imports() const {
        std::vector<words> found;
        for (words const& said : high.seen())
            if (said[0] == "HIMPORT") found.push_back(said);
        return found;
    }
};

}  // namespace

TEST_CASE("hashes are written by the name that their fields have on a lease", "[lease]") {
    importing here;
    auto const mine = wait(here.io, here.db->lease("foo"));
    REQUIRE(mine);
    std::array const fields{"name", "age"};
    CHECK(wait(here.io, mine->himport_prepare("u", fields)));
    CHECK(wait(here.io, mine->himport_set("foo", "u", "ada", 36)));
    CHECK(wait(here.io, mine->himport_set("foo", "u", std::vector<std::string>{"bob", "25"})));
    CHECK(wait(here.io, mine->himport_discard("u")) == true);
    CHECK(wait(here.io, mine->himport_discardall()) == 2);
    CHECK(here.imports() == std::vector<words>{{"HIMPORT", "PREPARE", "u", "name", "age"},
                                               {"HIMPORT", "SET", "foo", "u", "ada", "36"},
                                               {"HIMPORT", "SET", "foo", "u", "bob", "25"},
                                               {"HIMPORT", "DISCARD", "u"},
                                               {"HIMPORT", "DISCARDALL"}});
    std::vector<std::string> const none;
    CHECK(code_of(wait(here.io, mine->himport_prepare("u", none))) == "bad_argument");
    CHECK(code_of(wait(here.io, mine->himport_set("foo", "u", none))) == "bad_argument");
    CHECK(here.imports().size() == 5);
}

TEST_CASE("a connection on which fields have a name is closed when it is given back", "[lease]") {
    importing here;
    auto const connections = [&](bool prepares) {
        {
            auto const mine = wait(here.io, here.db->lease("foo"));
            REQUIRE(mine);
            if (prepares) CHECK(wait(here.io, mine->himport_prepare("u", std::array{"name"})));
            CHECK(wait(here.io, mine->himport_set("foo", "u", "ada")));
        }
        at_home::settle(here.io);
        return here.high.accepted();
    };
    auto const first = connections(false);
    CHECK(connections(false) == first);
    CHECK(connections(true) == first);
    CHECK(connections(false) == first + 1);
}

TEST_CASE("HIMPORT needs a lease, and its error says which", "[lease]") {
    importing here;
    auto const told =
        wait(here.io, here.db->command<umbel::ok>("HIMPORT", "SET", umbel::key{"foo"}, "u", "ada"));
    REQUIRE(code_of(told) == "needs_lease");
    CHECK(told.error().message().find("lease::himport_set()") != std::string_view::npos);
}
