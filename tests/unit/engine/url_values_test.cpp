// Tests of engine/url_values.hpp: how a parameter of a URL writes a value.
#include <umbel/engine/url_values.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace umbel::engine::url_values;
using std::chrono::milliseconds;

namespace {

template <class Value>
std::optional<Value> value_of(std::string_view text) {
    Value read_value{};
    return read(text, read_value) ? std::optional<Value>{read_value} : std::nullopt;
}
std::optional<std::uint64_t> bytes_of(std::string_view text) {
    std::uint64_t count = 0;
    return read_bytes(text, count) ? std::optional{count} : std::nullopt;
}

// A value that is added to one of these makes the compiler ask for a word here.
std::string_view name_of(umbel::read_from value) {
    switch (value) {
        case umbel::read_from::primary: return "primary";
        case umbel::read_from::replica: return "replica";
        case umbel::read_from::prefer_replica: return "prefer_replica";
        case umbel::read_from::any: return "any";
        case umbel::read_from::lowest_latency: return "lowest_latency";
        case umbel::read_from::same_zone: return "same_zone";
    }
    return {};
}
std::string_view name_of(umbel::retry_unknown value) {
    switch (value) {
        case umbel::retry_unknown::never: return "never";
        case umbel::retry_unknown::reads: return "reads";
        case umbel::retry_unknown::idempotent: return "idempotent";
        case umbel::retry_unknown::always: return "always";
    }
    return {};
}
std::string_view name_of(umbel::protocol value) {
    switch (value) {
        case umbel::protocol::automatic: return "automatic";
        case umbel::protocol::resp2: return "resp2";
        case umbel::protocol::resp3: return "resp3";
    }
    return {};
}
std::string_view name_of(umbel::handshake value) {
    switch (value) {
        case umbel::handshake::full: return "full";
        case umbel::handshake::minimal: return "minimal";
    }
    return {};
}
std::string_view name_of(umbel::topology_source value) {
    switch (value) {
        case umbel::topology_source::automatic: return "automatic";
        case umbel::topology_source::shards: return "shards";
        case umbel::topology_source::slots: return "slots";
        case umbel::topology_source::nodes: return "nodes";
    }
    return {};
}
std::string_view name_of(umbel::deployment value) {
    switch (value) {
        case umbel::deployment::automatic: return "automatic";
        case umbel::deployment::cluster: return "cluster";
        case umbel::deployment::standalone: return "standalone";
    }
    return {};
}

/// Every value up to the last one has a word.
template <class Value>
bool all_have_words(Value last) {
    bool good = true;
    for (int i = 0; i <= static_cast<int>(last); ++i) {
        auto const value = static_cast<Value>(i);
        good = good && value_of<Value>(name_of(value)) == value;
    }
    return good && name_of(static_cast<Value>(static_cast<int>(last) + 1)).empty();
}

}  // namespace

TEST_CASE("durations are numbers of milliseconds, or have a unit", "[url]") {
    CHECK(value_of<milliseconds>("0") == 0ms);
    CHECK(value_of<milliseconds>("1500") == 1500ms);
    CHECK(value_of<milliseconds>("150ms") == 150ms);
    CHECK(value_of<milliseconds>("2s") == 2s);
    CHECK(value_of<milliseconds>("5m") == 5min);
    CHECK(value_of<milliseconds>("1h") == 1h);
    CHECK(value_of<milliseconds>("1d") == 24h);
    CHECK(value_of<milliseconds>("9223372036854775807") == milliseconds::max());
    for (std::string_view const none :
         {"", "s", "none", "2 s", "2x", "-1", "+1", "1.5s", "0x10", "9223372036854775808",
          "18446744073709551616", "9223372036854775807s", "2ss", "2S"})
        CHECK_FALSE(value_of<milliseconds>(none));
}

TEST_CASE("a deadline may be none", "[url]") {
    milliseconds deadline{};
    CHECK((read_deadline("none", deadline) && deadline == milliseconds::max()));
    CHECK((read_deadline("2s", deadline) && deadline == 2s));
    CHECK_FALSE(read_deadline("None", deadline));
    CHECK(form_of_deadline().ends_with("1d, or none"));
}

TEST_CASE("sizes have the units of redis.conf", "[url]") {
    CHECK(bytes_of("65536") == 65536u);
    CHECK(bytes_of("7b") == 7u);
    CHECK(bytes_of("1k") == 1000u);
    CHECK(bytes_of("1kb") == 1024u);
    CHECK(bytes_of("64MB") == std::uint64_t{64} << 20);
    CHECK(bytes_of("2m") == 2'000'000u);
    CHECK(bytes_of("1g") == 1'000'000'000u);
    CHECK(bytes_of("1Gb") == std::uint64_t{1} << 30);
    for (std::string_view const none : {"", "mb", "1 mb", "1tb", "-1", "1.5mb", "18446744073709551615kb"})
        CHECK_FALSE(bytes_of(none));
}

TEST_CASE("numbers keep to the range of their option", "[url]") {
    CHECK(value_of<std::uint16_t>("65535") == 65535);
    CHECK_FALSE(value_of<std::uint16_t>("65536"));
    CHECK(value_of<std::uint32_t>("4294967295") == std::numeric_limits<std::uint32_t>::max());
    CHECK_FALSE(value_of<std::uint32_t>("4294967296"));
    for (std::string_view const none : {"", "x", "1x", "-1", " 1", "1 "})
        CHECK_FALSE(value_of<std::uint32_t>(none));
}

TEST_CASE("a switch is written in four ways", "[url]") {
    for (std::string_view const word : {"true", "yes", "on", "1"}) CHECK(value_of<bool>(word) == true);
    for (std::string_view const word : {"false", "no", "off", "0"}) CHECK(value_of<bool>(word) == false);
    CHECK_FALSE(value_of<bool>("maybe"));
    CHECK_FALSE(value_of<bool>(""));
}

TEST_CASE("every value of an enumeration has its name", "[url]") {
    CHECK(all_have_words(umbel::read_from::same_zone));
    CHECK(all_have_words(umbel::retry_unknown::always));
    CHECK(all_have_words(umbel::protocol::resp3));
    CHECK(all_have_words(umbel::handshake::minimal));
    CHECK(all_have_words(umbel::topology_source::nodes));
    CHECK(all_have_words(umbel::deployment::standalone));
    CHECK(value_of<umbel::protocol>("2") == umbel::protocol::resp2);
    CHECK(value_of<umbel::protocol>("3") == umbel::protocol::resp3);
    CHECK_FALSE(value_of<umbel::protocol>("4"));
    CHECK_FALSE(value_of<umbel::read_from>("PRIMARY"));
}

TEST_CASE("pairs stand in a list", "[url]") {
    auto const pairs = value_of<std::vector<umbel::address_pair>>("10.0.0.1:1=[::1]:2,10.0.0.2=gate");
    REQUIRE(pairs);
    REQUIRE(pairs->size() == 2);
    CHECK((*pairs)[0].announced == "10.0.0.1:1");
    CHECK((*pairs)[0].reached == "[::1]:2");
    CHECK((*pairs)[1].announced == "10.0.0.2");
    CHECK((*pairs)[1].reached == "gate");
    for (std::string_view const none : {"", "a", "a=", "=b", "a=b,", ",a=b", "a=b,c"})
        CHECK_FALSE(value_of<std::vector<umbel::node_zone>>(none));
}

TEST_CASE("pairs are the same where all their texts are", "[url]") {
    auto const zones = [](std::string_view text) { return *value_of<std::vector<umbel::node_zone>>(text); };
    CHECK(same(zones("a=b,c=d"), zones("a=b,c=d")));
    CHECK_FALSE(same(zones("a=b,c=d"), zones("a=b")));
    CHECK_FALSE(same(zones("a=b"), zones("a=c")));
    CHECK_FALSE(same(zones("a=b"), zones("c=b")));
}

TEST_CASE("what a value looks like can be said of every type", "[url]") {
    CHECK(form_of(umbel::handshake::full) == "one of full, minimal");
    CHECK(form_of(std::uint16_t{0}) == "a number from 0 to 65535");
    CHECK(form_of(milliseconds{}).find("150ms") != std::string::npos);
    CHECK(form_of_bytes().find("64kb") != std::string::npos);
}
