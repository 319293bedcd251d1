// Which replies mean "nothing" to std::optional.
#include <umbel/resp/decode.hpp>
#include <umbel/resp/parser.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

using umbel::errc;
using umbel::result;
using umbel::resp::parser;
using umbel::resp::view;

namespace {

template <class T>
umbel::result<T> decode(std::string text) {
    parser reading;
    REQUIRE(reading.parse({text.data(), text.size()}) == parser::status::complete);
    return umbel::decode<T>(view{reading.root(), text.data()});
}

/// A hash as a program keeps it.
struct user {
    std::string name;
    friend bool operator==(user const&, user const&) = default;
};
/// A list as a program keeps it.
struct names {
    std::vector<std::string> all;
    friend bool operator==(names const&, names const&) = default;
};

}  // namespace

template <>
struct umbel::from_reply<user> {
    static result<user> from(resp::view const& reply) {
        auto fields = from_reply<std::map<std::string, std::string>>::from(reply);
        if (!fields || !fields->contains("name")) return unexpected("a user", reply);
        return user{fields->at("name")};
    }
};
template <>
struct umbel::from_reply<names> {
    static result<names> from(resp::view const& reply) {
        auto all = from_reply<std::vector<std::string>>::from(reply);
        if (!all) return umbel::fail(all.error());
        return names{std::move(*all)};
    }
};
template <>
inline constexpr bool umbel::empty_is_missing<names> = false;
TEST_CASE("an empty map is a missing hash, in RESP2 as in RESP3", "[decode]") {
    for (std::string const nothing : {"%0\r\n", "*0\r\n", "*-1\r\n", "_\r\n"}) {
        INFO(nothing);
        CHECK(decode<std::optional<user>>(nothing).value() == std::nullopt);
        CHECK(decode<std::optional<std::map<std::string, std::string>>>(nothing).value() == std::nullopt);
        CHECK(decode<std::optional<std::unordered_map<std::string, std::string>>>(nothing).value() ==
              std::nullopt);
    }
    for (std::string const ada : {"%1\r\n$4\r\nname\r\n$3\r\nada\r\n", "*2\r\n$4\r\nname\r\n$3\r\nada\r\n"}) {
        INFO(ada);
        CHECK(decode<std::optional<user>>(ada).value() == user{"ada"});
        CHECK(decode<std::optional<std::map<std::string, std::string>>>(ada).value() ==
              std::map<std::string, std::string>{{"name", "ada"}});
    }
    CHECK(decode<std::map<std::string, std::string>>("%0\r\n").value().empty());
    CHECK(decode<user>("%0\r\n").error() == errc::unexpected_type);
    CHECK(decode<std::optional<user>>("%1\r\n+x\r\n+y\r\n").error() == errc::unexpected_type);
}

TEST_CASE("an empty array is a missing pair, as it answers ZPOPMIN of a missing key", "[decode]") {
    using pair = std::pair<std::string, double>;
    for (std::string const nothing : {"*0\r\n", "*-1\r\n", "_\r\n"}) {
        INFO(nothing);
        CHECK(decode<std::optional<pair>>(nothing).value() == std::nullopt);
    }
    CHECK(decode<std::optional<pair>>("*2\r\n$1\r\na\r\n$3\r\n1.5\r\n").value() == pair{"a", 1.5});
    CHECK(decode<pair>("*0\r\n").error() == errc::unexpected_type);
    CHECK(decode<std::optional<pair>>("*1\r\n$1\r\na\r\n").error() == errc::unexpected_type);
}

TEST_CASE("an empty list is a list, and null is none", "[decode]") {
    CHECK(decode<std::optional<std::vector<std::string>>>("*0\r\n").value() == std::vector<std::string>{});
    CHECK(decode<std::optional<std::set<std::string>>>("~0\r\n").value() == std::set<std::string>{});
    CHECK(decode<std::optional<std::unordered_set<std::string>>>("*0\r\n").value() ==
          std::unordered_set<std::string>{});
    CHECK(decode<std::optional<names>>("*0\r\n").value() == names{});
    CHECK(decode<std::optional<std::vector<std::string>>>("*-1\r\n").value() == std::nullopt);
    CHECK(decode<std::optional<names>>("_\r\n").value() == std::nullopt);
    auto const kept = decode<std::optional<umbel::reply>>("*0\r\n");
    CHECK((kept && *kept && (*kept)->is_aggregate()));
}

TEST_CASE("an empty aggregate is no text, no number and no group, also where one may be missing",
          "[decode]") {
    for (std::string const empty : {"%0\r\n", "*0\r\n"}) {
        CHECK(decode<std::optional<std::string>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<umbel::bytes>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<int>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<bool>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<double>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<umbel::ok>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<std::tuple<std::string, int>>>(empty).error() == errc::unexpected_type);
        CHECK(decode<std::optional<std::array<int, 2>>>(empty).error() == errc::unexpected_type);
    }
}
