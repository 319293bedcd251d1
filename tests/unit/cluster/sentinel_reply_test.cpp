#include <umbel/cluster/sentinel_reply.hpp>

#include "support/script_values.hpp"
#include "unit/cluster/read_reply.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using namespace umbel;
using umbel::test::bulk;
using umbel::test::read_reply;

namespace {

cluster::parse_context const asked{.queried_host = "10.0.0.9", .nodes_max = 2};

/// A server as sentinels tell it, in RESP2 or RESP3.
std::string entry(char kind, std::vector<std::string> const& words) {
    std::size_t const count = kind == '%' ? words.size() / 2 : words.size();
    std::string bytes = kind + std::to_string(count) + "\r\n";
    for (std::string const& word : words) bytes += bulk(word);
    return bytes;
}
result<cluster::sentinel_primary> primary_in(std::string const& bytes) {
    read_reply const reply{bytes};
    return cluster::parse_sentinel_primary(reply, asked);
}
result<std::vector<cluster::endpoint>> list_in(std::string const& bytes) {
    read_reply const reply{bytes};
    return cluster::parse_sentinel_list(reply, asked);
}

}  // namespace

TEST_CASE("a sentinel names the primary and its config epoch, as a map or as a flat array",
          "[sentinel-reply]") {
    for (char const kind : {'%', '*'}) {
        auto const told = primary_in(entry(kind, {"name", "mymaster", "ip", "10.0.0.1", "port", "6380",
                                                  "flags", "master", "config-epoch", "12", "quorum", "2"}));
        REQUIRE(told);
        CHECK(told->address == cluster::endpoint{"10.0.0.1", 6380});
        CHECK(told->config_epoch == 12);
    }
}

TEST_CASE("a sentinel lists servers, and those count to which somebody can connect", "[sentinel-reply]") {
    for (char const kind : {'%', '*'}) {
        auto const told = list_in("*2\r\n" + entry(kind, {"ip", "10.0.0.2", "port", "6379"}) +
                                  entry(kind, {"ip", "?", "port", "6379"}));
        REQUIRE(told);
        CHECK(*told == std::vector<cluster::endpoint>{{"10.0.0.2", 6379}});
    }
    CHECK(list_in("*0\r\n")->empty());
}

TEST_CASE("what no sentinel says is refused", "[sentinel-reply]") {
    for (std::string const& bytes :
         {std::string{"+OK\r\n"}, std::string{"*0\r\n"}, entry('*', {"ip", "10.0.0.1"}),
          std::string{"*1\r\n+ip\r\n"}, entry('%', {"ip", "10.0.0.1", "port", "0"}),
          entry('%', {"ip", "a b", "port", "1"})}) {
        auto const told = primary_in(bytes);
        REQUIRE_FALSE(told);
        CHECK(told.error() == errc::protocol_error);
    }
    std::string const server = entry('*', {"ip", "10.0.0.2", "port", "6379"});
    for (std::string const& bytes :
         {std::string{"+OK\r\n"}, "*3\r\n" + server + server + server, std::string{"*1\r\n:1\r\n"}})
        CHECK(list_in(bytes).error() == errc::protocol_error);
    // An epoch of any length is read without overflow.
    auto const long_epoch =
        primary_in(entry('*', {"ip", "10.0.0.1", "port", "1", "config-epoch", std::string(40, '9')}));
    REQUIRE(long_epoch);
    CHECK(long_epoch->config_epoch == 9'999'999'999'999'999'999u);
}
