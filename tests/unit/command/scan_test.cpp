// Tests of command/scan.hpp: the options and the pages of the SCAN family.
#include <umbel/command/scan.hpp>

#include "decoded.hpp"
#include "shown.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using umbel::test::decoded;
using page = umbel::scan_page<std::string>;

namespace {

std::string shown(umbel::scan_options const& options) {
    umbel::command::word_list list;
    umbel::command::add_scan(list, options);
    return umbel::test::shown(list);
}

}  // namespace

TEST_CASE("a scan sends its options, and is refused with a count of zero", "[scan]") {
    CHECK(shown({}) == "");
    CHECK(shown({.match = "a*"}) == "MATCH a*");
    CHECK(shown({.match = "", .count = 10}) == "MATCH  COUNT 10");
    CHECK(shown({.count = 0}) == "a scan with a count of zero");
}

TEST_CASE("a page is the last when its cursor is where a scan begins", "[scan]") {
    CHECK(decoded<page>("*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n") == page{"17", {"a"}});
    CHECK_FALSE(decoded<page>("*2\r\n$2\r\n17\r\n*0\r\n")->last());
    CHECK(decoded<page>("*2\r\n$1\r\n0\r\n*0\r\n")->last());
    CHECK_FALSE(decoded<page>("*1\r\n$1\r\n0\r\n"));
    CHECK(umbel::test::survives_odd_replies<page>() == 2);
}
