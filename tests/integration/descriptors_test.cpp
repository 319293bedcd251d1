// No file descriptor is left in this process: commands that need a new connection say so in time, nothing
// spins, and everything goes on by itself when there are descriptors again. On real servers and real sockets.
#include "support/lone_client.hpp"

#include <support/descriptor_limit.hpp>

using namespace umbel;
using namespace umbel::test;

namespace {

/// The error says what is wrong, by the name that errno(3) has for it.
bool names_the_cause(error const& told) { return told.message().find("EMFILE") != std::string_view::npos; }

real_cluster& undisturbed_server() {
    static real_cluster one{{.standalone = true}};
    return one;
}

}  // namespace

TEST_CASE("a connection that ends while no descriptor is left is told by name, and comes back",
          "[descriptors]") {
    auto& server = undisturbed_server();
    wire talk = server.talk(server.nodes()[0]);
    lone_client s{{.seeds = {server.address("n1")}, .deadline = 600ms, .reconnect_delay = 200ms}};
    REQUIRE(s(s.db.set("k", "v")) == set_outcome::written);
    descriptor_limit limit;
    talk.must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
    s.run_for(50ms);
    limit.take_all();  // That of the connection that was killed.
    auto const before = s.disconnects();
    auto const told = s(s.db.get("k"));
    REQUIRE_FALSE(told);
    INFO(told.error().to_string());
    CHECK(names_the_cause(told.error()));
    CHECK(told.error().delivery() == delivery::not_sent);
    // No tight loop: the pauses between attempts double.
    s.run_for(2s);
    CHECK(s.disconnects() - before < 20);
    limit.lift();
    CHECK(s(s.db.with(5s).get("k")) == "v");
}

TEST_CASE("a client that begins without descriptors says so for addresses and for names", "[descriptors]") {
    auto& server = undisturbed_server();
    std::string const port = std::to_string(server.nodes()[0].port);
    for (std::string const host : {"127.0.0.1:", "localhost:"}) {
        INFO(host);
        lone_client s{{.seeds = {host + port}, .deadline = 600ms}};
        descriptor_limit limit;
        auto const told = s(s.db.get("k"));
        REQUIRE_FALSE(told);
        INFO(told.error().to_string());
        CHECK(names_the_cause(told.error()));
        s.run_for(2s);
        CHECK(s.disconnects() < 20);
        limit.lift();
        CHECK(s(s.db.with(5s).set("k", "v")) == set_outcome::written);
    }
}

TEST_CASE("a lease for which no descriptor is left fails by name, and the shared connection serves on",
          "[descriptors]") {
    auto& server = undisturbed_server();
    lone_client s{{.seeds = {server.address("n1")}, .deadline = 600ms}};
    REQUIRE(s(s.db.set("k", "v")) == set_outcome::written);
    descriptor_limit limit;
    auto const told = s(s.db.with(600ms).blpop("queue", 100ms));
    REQUIRE_FALSE(told);
    INFO(told.error().to_string());
    CHECK(names_the_cause(told.error()));
    CHECK(s(s.db.get("k")) == "v");
    limit.lift();
    CHECK(s(s.db.with(5s).blpop("queue", 100ms)).has_value());
}
