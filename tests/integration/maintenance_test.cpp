// Notices of maintenance and servers that know none: asking costs no connection and no command.
#include "support/session.hpp"

#include <cstddef>
#include <string>

using namespace umbel;
using namespace umbel::test;

namespace {

/// How often a server has answered -ERR.
long refusals(real_cluster const& servers, real_cluster::node const& node) {
    std::string const told = servers.talk(node).must({"INFO", "errorstats"}).text;
    std::size_t const at = told.find("errorstat_ERR:count=");
    return at == told.npos ? 0 : std::stol(told.substr(at + 20));
}

}  // namespace

TEST_CASE("servers that know no notices refuse them, and serve as ever", "[maintenance]") {
    real_cluster alone{{.standalone = true}};
    for (real_cluster* const servers : {&alone, &real_cluster::shared()})
        for (auto const asks :
             {maintenance_notices::automatic, maintenance_notices::on, maintenance_notices::off})
            for (auto const spoken : {protocol::automatic, protocol::resp3, protocol::resp2}) {
                if (asks == maintenance_notices::on && spoken == protocol::resp2) continue;
                options chosen{.seeds = {servers->address("n1")}, .protocol = spoken};
                chosen.deadline = patience;
                chosen.maintenance_notices = asks;
                for (auto const& node : servers->nodes()) servers->talk(node).must({"CONFIG", "RESETSTAT"});
                session s{chosen};
                for (int i = 0; i < 50; ++i) REQUIRE(s(s.db().set("k" + std::to_string(i), "x")));
                auto const counted = s(s.db().statistics());
                REQUIRE(counted);
                CHECK(counted->disconnects == 0);
                CHECK(counted->retried == 0);
                CHECK(counted->notices == 0);
                CHECK(counted->connects > 0);
                bool const asked = asks != maintenance_notices::off && spoken != protocol::resp2;
                long all = 0;
                for (auto const& node : servers->nodes()) all += refusals(*servers, node);
                // The server may refuse other questions, too: whether it is a cluster, and how the client is
                // called.
                if (asked) CHECK(all >= static_cast<long>(counted->connects));
            }
}

TEST_CASE("a user who may say little connects all the same", "[maintenance]") {
    real_cluster server{{.standalone = true}};
    server.talk("n1").must(
        {"ACL", "SETUSER", "ada", "on", ">secret", "~*", "-@all", "+get", "+set", "+auth", "+hello"});
    options chosen{.seeds = {server.address("n1")}};
    chosen.username = "ada";
    chosen.password = "secret";
    chosen.deadline = patience;
    session s{chosen};
    REQUIRE(s(s.db().set("k", "x")));
    auto const counted = s(s.db().statistics());
    REQUIRE(counted);
    CHECK(counted->disconnects == 0);
}
