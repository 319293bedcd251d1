// Tests of client::database(): clients of other databases, made by a client.
#include "at_home.hpp"

#include <asio/strand.hpp>

#include <optional>
#include <string>

using at_home::backend;
using at_home::shown;
using scripted::words;

namespace {

std::optional<scripted::answer> tells_values(words const& said) {
    if (said[0] == "GET") return "$5\r\nvalue\r\n";
    if (said[0] == "SELECT") return said[1] == "9" ? "-ERR DB index is out of range\r\n" : "+OK\r\n";
    return std::nullopt;
}

}  // namespace

TEST_CASE("a client of another database selects it, on connections of its own", "[databases]") {
    backend here{&tells_values};
    CHECK(shown(here.wait(here.db->get("k"))) == "value");
    CHECK(here.server.count("SELECT") == 0);
    std::optional<umbel::client> third{here.db->database(3)};
    CHECK(shown(here.wait(third->get("k"))) == "value");
    CHECK(here.server.count("SELECT") == 1);
    CHECK((third->site().options.deadline == here.db->site().options.deadline));
    umbel::client const fourth = third->database(4);
    CHECK(shown(here.wait(fourth.get("k"))) == "value");
    CHECK(here.server.count("SELECT") == 2);
    // Each lives by itself.
    here.db.reset();
    CHECK(shown(here.wait(third->get("k"))) == "value");
    third.reset();
    CHECK(shown(here.wait(fourth.get("k"))) == "value");
    CHECK(here.server.count("SELECT") == 2);
}

TEST_CASE("a database that the server has not is told by every command", "[databases]") {
    backend here{&tells_values};
    umbel::client const ninth = here.db->database(9);
    auto const told = here.wait(ninth.get("k"));
    REQUIRE_FALSE(told);
    CHECK((told.error() == umbel::errc::server_error));
    CHECK(told.error().message().find("options.database is 9") != std::string_view::npos);
    CHECK(shown(here.wait(here.db->get("k"))) == "value");
}

TEST_CASE("a client with bad options gives clients that say the same", "[databases]") {
    asio::io_context io{1};
    umbel::options chosen;
    chosen.seeds = {"127.0.0.1:1"};
    chosen.in_flight_max = 0;
    umbel::client const db{io.get_executor(), chosen};
    umbel::client const third = db.database(3);
    auto const told = at_home::wait(io, third.get("k"));
    REQUIRE_FALSE(told);
    CHECK(told.error().message() == "options.in_flight_max must not be 0");
}

TEST_CASE("an executor may go before the clients of its databases", "[databases]") {
    std::optional<umbel::client> first, second;
    {
        asio::io_context io{1};
        first.emplace(asio::make_strand(io), at_home::plain("127.0.0.1:1"));
        second.emplace(first->database(2));
        first->get("k")([](auto) {});
        second->get("k")([](auto) {});
        io.poll();
    }
    first.reset();
    second.reset();
    SUCCEED();
}
