// A proxy in front of servers: it speaks RESP2 and knows few commands, no HELLO, no CLIENT, no CLUSTER. It is
// served as one server is.
#include "at_home.hpp"

#include <set>
#include <string>
#include <vector>

using at_home::backend;
using at_home::shown;
using scripted::words;

namespace {

/// What Envoy's and like proxies say of what they do not know.
std::optional<scripted::answer> knows_few(words const& said) {
    static std::set<std::string> const known{"GET", "SET", "DEL", "INCR", "MGET", "EXISTS", "EXPIRE"};
    if (known.contains(said[0])) return std::nullopt;
    return scripted::answer{"-ERR unknown command '" + said[0] + "', with args beginning with: \r\n"};
}

umbel::options telling_all(std::string const& seed) {
    umbel::options made;
    made.seeds = {seed};
    made.client_name = "behind-a-proxy";
    made.deadline = std::chrono::seconds{20};
    return made;
}
umbel::options told_of_a_proxy(std::string const& seed) {
    umbel::options made = telling_all(seed);
    made.deployment = umbel::deployment::standalone;
    return made;
}

}  // namespace

TEST_CASE("a proxy that knows neither HELLO nor CLIENT nor CLUSTER is found out, and serves what it knows",
          "[proxy]") {
    for (auto* const chosen : {&telling_all, &told_of_a_proxy, &at_home::plain}) {
        backend here{&knows_few, chosen};
        auto& db = *here.db;
        CHECK(shown(here.wait(db.set("k", "v"))) == "written");
        CHECK(shown(here.wait(db.get("k"))) == "v");
        CHECK(shown(here.wait(db.incr("n"))) == "1");
        auto const many = here.wait(db.mget("k", "elsewhere"));
        REQUIRE(many);
        CHECK(*many == std::vector<std::optional<std::string>>{"v", std::nullopt});
        // What it does not know is an error of that command, and of no other.
        auto const refused = here.wait(db.ping());
        REQUIRE_FALSE(refused);
        CHECK(refused.error() == umbel::errc::server_error);
        CHECK(refused.error().delivery() == umbel::delivery::not_executed);
        CHECK(shown(here.wait(db.get("k"))) == "v");
        CHECK(here.server.accepted() == 1);
    }
}
