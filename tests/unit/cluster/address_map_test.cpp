#include <umbel/cluster/address_map.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel;
using namespace umbel::cluster;

namespace {

address_map table(std::initializer_list<address_pair> rows) {
    address_map made;
    for (address_pair const& one : rows) REQUIRE(made.add(one.announced, one.reached));
    return made;
}
std::string shown(address_map const& map, std::string host, std::uint16_t port) {
    return map(endpoint{std::move(host), port}).to_string();
}

}  // namespace

TEST_CASE("without rows and function every address is taken as announced", "[address_map]") {
    address_map const none;
    CHECK(none.empty());
    CHECK(shown(none, "10.0.0.1", 6379) == "10.0.0.1:6379");
}

TEST_CASE("a row for host and port counts before one for the host, which keeps the port", "[address_map]") {
    auto const map = table({{"10.0.0.1", "gate.example"},
                            {"10.0.0.1:6379", "127.0.0.1:7001"},
                            {"10.0.0.2:6379", "gate.example"},
                            {"db.example", "10.9.9.9:1"}});
    CHECK(shown(map, "10.0.0.1", 6379) == "127.0.0.1:7001");
    CHECK(shown(map, "10.0.0.1", 6380) == "gate.example:6380");
    CHECK(shown(map, "10.0.0.2", 6379) == "gate.example:6379");
    CHECK(shown(map, "10.0.0.2", 6380) == "10.0.0.2:6380");
    CHECK(shown(map, "db.example", 6380) == "10.9.9.9:1");
}

TEST_CASE("IPv6 addresses and Unix sockets are addresses too", "[address_map]") {
    auto const map =
        table({{"[fd00::1]:6379", "[::1]:7001"}, {"fd00::2", "::1"}, {"10.0.0.1", "unix:/run/redis.sock"}});
    CHECK(shown(map, "fd00::1", 6379) == "[::1]:7001");
    CHECK(shown(map, "fd00::2", 6380) == "[::1]:6380");
    CHECK(shown(map, "10.0.0.1", 6379) == "unix:/run/redis.sock");
}

TEST_CASE("the same address is mapped once, not again", "[address_map]") {
    auto const map = table({{"10.0.0.1:1", "10.0.0.2:1"}, {"10.0.0.2:1", "10.0.0.3:1"}});
    CHECK(shown(map, "10.0.0.1", 1) == "10.0.0.2:1");
}

TEST_CASE(
    "what the table does not have is asked of the function; nonsense and nothing leave the address as it is",
    "[address_map]") {
    unsigned asked = 0;
    auto map = table({{"10.0.0.1:6379", "127.0.0.1:7001"}});
    map.ask(
        [](void* count, std::string_view announced) -> std::string {
            ++*static_cast<unsigned*>(count);
            if (announced == "10.0.0.2:6379") return "127.0.0.1:7002";
            if (announced == "10.0.0.3:6379") return "gate.example";
            if (announced == "[fd00::1]:6379") return "[::1]:7003";
            return announced == "10.0.0.4:6379" ? "a b c" : "";
        },
        &asked);
    CHECK(shown(map, "10.0.0.1", 6379) == "127.0.0.1:7001");
    CHECK(asked == 0);
    CHECK(shown(map, "10.0.0.2", 6379) == "127.0.0.1:7002");
    CHECK(shown(map, "10.0.0.3", 6379) == "gate.example:6379");
    CHECK(shown(map, "fd00::1", 6379) == "[::1]:7003");
    CHECK(shown(map, "10.0.0.4", 6379) == "10.0.0.4:6379");
    CHECK(shown(map, "10.0.0.5", 6379) == "10.0.0.5:6379");
    CHECK(asked == 5);
}

TEST_CASE("a row that is no pair of addresses is refused", "[address_map]") {
    address_map map;
    for (auto const& [announced, reached] : {address_pair{"", "a"}, address_pair{"a", ""},
                                             address_pair{"a:x", "b"}, address_pair{"a", "b:70000"}}) {
        auto const told = map.add(announced, reached);
        REQUIRE_FALSE(told);
        CHECK(told.error().code() == errc::bad_argument);
    }
    CHECK(map.empty());
}
