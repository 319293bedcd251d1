#include <umbel/cluster/endpoint.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <unordered_set>

using namespace umbel;
using namespace umbel::cluster;

namespace {

endpoint parsed(std::string_view text) {
    auto const read = endpoint::parse(text, 6379);
    INFO(text);
    REQUIRE(read);
    return *read;
}

std::string refused(std::string_view text) {
    auto const read = endpoint::parse(text, 6379);
    INFO(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code() == errc::bad_argument);
    CHECK(read.error().delivery() == delivery::not_sent);
    return std::string{read.error().message()};
}

}  // namespace

TEST_CASE("host and port are split at the last colon", "[endpoint]") {
    CHECK(parsed("10.0.0.7:6380") == endpoint{"10.0.0.7", 6380});
    CHECK(parsed("db.example:1") == endpoint{"db.example", 1});
    CHECK(parsed("::1:7000") == endpoint{"::1", 7000});
    CHECK(parsed("2001:db8::7:65535") == endpoint{"2001:db8::7", 65535});
    CHECK(parsed("2001:db8:0:0:0:0:0:1:7000") == endpoint{"2001:db8:0:0:0:0:0:1", 7000});
}

TEST_CASE("brackets around a host are optional", "[endpoint]") {
    CHECK(parsed("[::1]:7000") == endpoint{"::1", 7000});
    CHECK(parsed("[2001:db8::7]") == endpoint{"2001:db8::7", 6379});
    CHECK(parsed("[fe80::1%eth0]:7000") == endpoint{"fe80::1%eth0", 7000});
    for (auto const* text : {"[db.example]:7000", "[db.example]", "[10.0.0.7]:7000"})
        CHECK(refused(text).find("brackets stand around an IPv6 address only") != std::string::npos);
}

TEST_CASE("without a port the default stands in", "[endpoint]") {
    CHECK(parsed("10.0.0.7") == endpoint{"10.0.0.7", 6379});
    CHECK(parsed("redis") == endpoint{"redis", 6379});
    CHECK(parsed("::1") == endpoint{"::1", 6379});
    CHECK(parsed("fe80::1") == endpoint{"fe80::1", 6379});
    CHECK(parsed("2001:db8:0:0:0:0:0:1") == endpoint{"2001:db8:0:0:0:0:0:1", 6379});
    CHECK(parsed("::ffff:10.0.0.7") == endpoint{"::ffff:10.0.0.7", 6379});
}

TEST_CASE("a Unix socket is an endpoint without a port", "[endpoint]") {
    CHECK(parsed("unix:/run/redis.sock") == endpoint{"/run/redis.sock", 0});
    CHECK(parsed("/run/redis.sock").is_unix());
    CHECK_FALSE(parsed("10.0.0.7").is_unix());
    // Found by redirect_fuzz: a host of that name.
    CHECK(parsed("unix") == endpoint{"unix", 6379});
    CHECK(parsed("unix:7000") == endpoint{"unix", 7000});
    CHECK(refused("unix:redis.sock").find("absolute path") != std::string::npos);
    CHECK(refused("unix:").find("absolute path") != std::string::npos);
    refused("unix:/" + std::string(300, 'x'));
}

TEST_CASE("what to_string writes, parse reads", "[endpoint]") {
    CHECK(endpoint{"10.0.0.7", 6379}.to_string() == "10.0.0.7:6379");
    CHECK(endpoint{"::1", 7000}.to_string() == "[::1]:7000");
    CHECK(endpoint{"/run/redis.sock", 0}.to_string() == "unix:/run/redis.sock");
    for (auto const* text :
         {"10.0.0.7:1", "db.example:65535", "[2001:db8::7]:7000", "unix:/run/redis.sock"}) {
        CHECK(parsed(text).to_string() == text);
    }
}

TEST_CASE("a malformed address says what is wrong with it", "[endpoint]") {
    CHECK(refused("") == "address \"\": it is empty; give host:port");
    CHECK(refused(":6379") == "address \":6379\": the host is missing");
    CHECK(refused("redis://10.0.0.7:6379") ==
          "address \"redis://10.0.0.7:6379\": give host:port without a scheme");
    CHECK(refused("10.0.0.7:") == "address \"10.0.0.7:\": the port must be a number from 1 to 65535");
    for (auto const* text : {"h:0", "h:65536", "h:99999999999", "h:-1", "h:6379x", "h: 6379"}) {
        CHECK(refused(text).find("the port must be") != std::string::npos);
    }
    for (auto const* text : {"a b:6379", "user@host:6379", "host/0:6379", "[::1:7000", "::1]:7000", "1:2:3:4",
                             "a,b:1", "[]:1", "::g:1"}) {
        refused(text);
    }
    refused(std::string(256, 'h') + ":6379");
    refused(std::string_view{"h\0:6379", 7});
    // Found by redirect_fuzz: a zone of control bytes.
    refused("::%\xff\x7f");
}

TEST_CASE("IPv6 addresses are told from other texts with colons", "[endpoint]") {
    for (auto const* text : {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "::ffff:1.2.3.4", "fe80::1%eth0",
                             "1:2:3:4:5:6:1.2.3.4"}) {
        INFO(text);
        CHECK(detail::is_ipv6(text));
    }
    for (auto const* text :
         {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "1::2::3", "::1%", ":1",
          "1:", "::1.2.3", "::1.2.3.256", "1.2.3.4", "::1.2.3.4:1", "1:2:3:4:5:6:7::8:9"}) {
        INFO(text);
        CHECK_FALSE(detail::is_ipv6(text));
    }
}

TEST_CASE("endpoints can be keys and are ordered by host and port", "[endpoint]") {
    std::unordered_set<endpoint> const known{{"a", 1}, {"a", 2}, {"b", 1}, {"a", 1}};
    CHECK(known.size() == 3);
    CHECK(endpoint{"a", 2} < endpoint{"b", 1});
    CHECK(endpoint{"a", 1} < endpoint{"a", 2});
}
