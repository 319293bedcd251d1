// Tests of client/route_words.hpp: what is known of a command given word by word, without a client.
#include <umbel/client/cmd.hpp>
#include <umbel/client/route_words.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <span>
#include <string_view>

using umbel::errc;
using umbel::calling::row_of_encoded;
using umbel::calling::site;
using umbel::calling::unlearned;
using umbel::cluster::command_flags;

namespace {

/// Looks the row up, too.
template <class... Rest>
auto route_words(site const& from, std::span<std::string_view const> words, Rest... rest) {
    return umbel::calling::route_words(from, umbel::calling::row_of(from, words), words, rest...);
}

}  // namespace

TEST_CASE("an encoded command is found in the table by its first words", "[route_words]") {
    site const nowhere;
    CHECK(row_of_encoded(nowhere, umbel::cmd.dbsize().bytes())->name == "dbsize");
    CHECK(row_of_encoded(nowhere, umbel::cmd.config_set("hz", "1").bytes())->name == "config|set");
    CHECK(row_of_encoded(nowhere, umbel::cmd.command<umbel::reply>("script", "flush").bytes())->name ==
          "script|flush");
    CHECK(row_of_encoded(nowhere, "*1\r\n$7\r\nNOTHING\r\n") == nullptr);
    CHECK(row_of_encoded(nowhere, "*2\r\n$4\r\nECHO\r\n$5\r\n\r\n")->name == "echo");
    CHECK(row_of_encoded(nowhere, {}) == nullptr);
}

TEST_CASE("flags, slot and refusals come from the table", "[route_words]") {
    site const nowhere;
    auto const of = [&](auto... words) {
        std::array<std::string_view, sizeof...(words)> const all{std::string_view{words}...};
        return route_words(nowhere, all, false);
    };
    auto const read = of("get", "foo");
    REQUIRE(read);
    CHECK(has(read->flags, command_flags::read_only));
    CHECK(read->slot.slot().value() == 12182);
    CHECK_FALSE(has(of("vadd", "k", "FP32", "x", "e")->flags, command_flags::foreign));
    CHECK(has(of("evalsha", "x", "0")->flags, command_flags::scripted));
    CHECK(of("ping")->slot.is_any());
    auto const several = of("mget", "foo", "bar");
    REQUIRE(several);
    CHECK(several->slot.is_several());
    CHECK(several->several.find("bar") != std::string::npos);
    CHECK(of("blpop", "k", "0").error() == errc::needs_lease);
    CHECK(of("get").error() == errc::bad_argument);
    CHECK(of("").error() == errc::bad_argument);
    CHECK(of().error() == errc::bad_argument);
}

TEST_CASE("of an unknown command the first argument is the key, or it is reported", "[route_words]") {
    site where;
    std::array<std::string_view, 2> const words{"x.do", "foo"};
    auto const guessed = route_words(where, words, false);
    REQUIRE(guessed);
    CHECK(guessed->flags == command_flags::foreign);
    CHECK(guessed->slot.slot().value() == 12182);
    // Who may not ask guesses.
    CHECK(route_words(where, words, false, unlearned::reported)->slot.is_one());
    where.learns = true;
    auto const reported = route_words(where, words, false, unlearned::reported);
    REQUIRE(reported);
    CHECK(reported->slot.is_several());
    CHECK(reported->several.empty());
    CHECK(route_words(where, words, false)->slot.is_one());
}
