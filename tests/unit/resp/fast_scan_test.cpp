// Tests of resp/fast_scan.hpp: how far it goes through common values, and that it stops in front of all else.
// That it reads what the parser reads is tested with the parser.
#include <umbel/resp/fast_scan.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>

using namespace umbel::resp;

namespace {

/// Scans `text` once, with room for 64 values. Returns what is left of it.
std::string rest_of(std::string text, tape_builder& built, limits const& bounds = {}) {
    cursor bytes{bounds};
    bytes.start();
    bytes.look_at(text);
    built.start();
    built.make_room();
    scan_ahead(bytes, built);
    return text.substr(bytes.position());
}
std::string rest_of(std::string text) {
    tape_builder built{limits{}};
    return rest_of(std::move(text), built);
}

// Behind the values, so that eight bytes are readable everywhere in them.
constexpr std::string_view behind = "........";
std::string with_more(std::string_view text) { return std::string{text}.append(behind); }

}  // namespace

TEST_CASE("an array of common values is read in one go, and closed", "[fast_scan]") {
    tape_builder built{limits{}};
    std::string const text =
        "*9\r\n$3\r\nabc\r\n:42\r\n+OK\r\n-ERR no\r\n,1.5\r\n#t\r\n_\r\n$-1\r\n*1\r\n:7\r\n";
    CHECK(rest_of(with_more(text), built) == behind);
    CHECK(built.is_finished());
    CHECK(built.nodes().size() == 11);
    CHECK(built.root()->span == 11);
    CHECK(built.root()->length() == 9);
}

TEST_CASE("maps, sets and arrays inside one another are opened and closed", "[fast_scan]") {
    tape_builder built{limits{}};
    CHECK(rest_of(with_more("%1\r\n+key\r\n~2\r\n:1\r\n*1\r\n:2\r\n"), built) == behind);
    CHECK(built.is_finished());
    REQUIRE(built.nodes().size() == 6);
    CHECK(built.nodes()[0] == node{type::map, 0, 0, 6, std::uint64_t{2} << 32});
    CHECK(built.nodes()[2] == node{type::set, 0, 0, 4, std::uint64_t{2} << 32});
    CHECK(built.nodes()[4] == node{type::array, 0, 0, 2, std::uint64_t{1} << 32});
}

TEST_CASE("the scan stops in front of a value that is rare, not whole, or wrong", "[fast_scan]") {
    for (std::string_view const left :
         {"(123\r\n", "=7\r\ntxt:abc\r\n", "$?\r\n", "!3\r\nERR\r\n", ">1\r\n", "|1\r\n", "*0\r\n", "*-1\r\n",
          "*?\r\n", "$3\r\nab", "$3\r\nabcd\r\n", "+OK\n", "#x\r\n", ":\r\n", ":9223372036854775807\r\n",
          "_x\r\n", "$10000\r\n"}) {
        INFO(left);
        std::string const more = with_more(left);
        CHECK(rest_of("*2\r\n:1\r\n" + more) == more);
    }
}

TEST_CASE("the end of an attribute is left to the parser", "[fast_scan]") {
    tape_builder built{limits{}};
    built.start();
    built.make_room();
    built.open(type::attribute, 1, false);
    std::string text = with_more(":1\r\n:2\r\n");
    cursor bytes{limits{}};
    bytes.start();
    bytes.look_at(text);
    scan_ahead(bytes, built);
    CHECK(bytes.position() == 4);
    CHECK(built.is_finished());
    CHECK(built.in_aggregate());
}

TEST_CASE("the scan keeps the bounds on values and on depth", "[fast_scan]") {
    limits const bounds{.depth_max = 2, .elements_max = 4};
    tape_builder built{bounds};
    CHECK(rest_of(with_more("*4\r\n:1\r\n"), built, bounds) == with_more("*4\r\n:1\r\n"));
    CHECK(rest_of(with_more("*1\r\n*1\r\n*1\r\n"), built, bounds) == with_more("*1\r\n"));
    CHECK(rest_of(with_more("*3\r\n:1\r\n:2\r\n:3\r\n"), built, bounds) == behind);
    CHECK(built.is_finished());
}

TEST_CASE("the scan stops where the tape is full", "[fast_scan]") {
    tape_builder built{limits{}};
    std::string text{"*99\r\n"};
    for (int value = 0; value != 99; ++value) text += "+v\r\n";
    std::string const left = rest_of(text, built);
    CHECK(built.nodes().size() == 64);
    CHECK(left.size() == (99 - 63) * 4);
}
