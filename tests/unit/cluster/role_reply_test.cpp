#include <umbel/cluster/role_reply.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel;
using umbel::cluster::role_reply;
using umbel::test::bulk;
using umbel::test::read_reply;

namespace {

result<role_reply> read_role(std::string const& bytes, std::size_t nodes_max = 8) {
    read_reply const reply{bytes};
    return cluster::parse_role(reply, {.queried_host = "10.0.0.1", .nodes_max = nodes_max});
}
std::string replica_of_master(std::string const& host, std::string const& port) {
    return "*3\r\n" + bulk(host) + bulk(port) + bulk("42");
}

}  // namespace

TEST_CASE("ROLE of a primary names the replicas that follow it", "[role]") {
    auto const told = read_role("*3\r\n" + bulk("master") + ":42\r\n*2\r\n" +
                                replica_of_master("10.0.0.2", "6379") + replica_of_master("fe80::1", "6380"));
    REQUIRE(told);
    CHECK(told->is == role_reply::role::primary);
    CHECK(told->replicas == std::vector<cluster::endpoint>{{"10.0.0.2", 6379}, {"fe80::1", 6380}});
    CHECK(read_role("*3\r\n" + bulk("primary") + ":0\r\n*0\r\n")->replicas.empty());
}

TEST_CASE("ROLE of a replica names its primary", "[role]") {
    for (std::string const word : {"slave", "replica"}) {
        auto const told = read_role("*5\r\n" + bulk(word) + bulk("db.example") + ":6379\r\n" +
                                    bulk("connected") + ":42\r\n");
        REQUIRE(told);
        CHECK(told->is == role_reply::role::replica);
        CHECK(told->primary == cluster::endpoint{"db.example", 6379});
    }
}

TEST_CASE("ROLE of a sentinel says so", "[role]") {
    auto const told = read_role("*2\r\n" + bulk("sentinel") + "*1\r\n" + bulk("mymaster"));
    REQUIRE(told);
    CHECK(told->is == role_reply::role::sentinel);
}

TEST_CASE("an address to which nobody can connect is left out of ROLE", "[role]") {
    auto const primary = read_role("*3\r\n" + bulk("master") + ":0\r\n*4\r\n" +
                                   replica_of_master("?", "6379") + replica_of_master("10.0.0.2", "0") +
                                   replica_of_master("10.0.0.2", "x") + "*1\r\n" + bulk("10.0.0.2"));
    REQUIRE(primary);
    CHECK(primary->replicas.empty());
    auto const replica = read_role("*3\r\n" + bulk("slave") + bulk("a b") + ":6379\r\n");
    REQUIRE(replica);
    CHECK_FALSE(replica->primary);
    // Who tells no host is where who was asked is.
    CHECK(read_role("*3\r\n" + bulk("slave") + bulk("") + ":6379\r\n")->primary ==
          cluster::endpoint{"10.0.0.1", 6379});
}

TEST_CASE("what no server says is no ROLE", "[role]") {
    for (std::string const& bytes :
         {std::string{"+OK\r\n"}, std::string{"*0\r\n"}, "*2\r\n" + bulk("king") + ":1\r\n",
          std::string{"*2\r\n:1\r\n:2\r\n"}, "*2\r\n" + bulk("slave") + bulk("10.0.0.2"),
          "*3\r\n" + bulk("master") + ":0\r\n*2\r\n" + replica_of_master("h", "1") +
              replica_of_master("h", "2")}) {
        auto const told = read_role(bytes, 1);
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::protocol_error);
    }
}
