// Tests of command/popped.hpp: what LMPOP and ZMPOP answer.
#include <umbel/command/popped.hpp>

#include "decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using umbel::popped;
using umbel::test::decoded;
using umbel::test::survives_odd_replies;

TEST_CASE("popped elements come with their key", "[popped]") {
    popped<std::string> const both{"k", {"a", "b"}};
    CHECK(decoded<popped<std::string>>("*2\r\n$1\r\nk\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n") == both);
    popped<int> const numbers{"k", {1, 2}};
    CHECK(decoded<popped<int>>("*2\r\n$1\r\nk\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n") == numbers);
}

TEST_CASE("popped members come with their scores, in RESP2 and RESP3", "[popped]") {
    using members = popped<std::pair<std::string, double>>;
    members const both{"k", {{"a", 1.5}, {"b", 2}}};
    CHECK(decoded<members>(
              "*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$1\r\na\r\n$3\r\n1.5\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n") == both);
    CHECK(decoded<members>("*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,2\r\n") ==
          both);
}

TEST_CASE("null says that there was nothing to pop", "[popped]") {
    using maybe = std::optional<popped<std::string>>;
    for (std::string_view const null : {"*-1\r\n", "$-1\r\n", "_\r\n"})
        CHECK(decoded<maybe>(null).value() == maybe{});
    CHECK(decoded<maybe>("*0\r\n").error().code() == umbel::errc::unexpected_type);
}

TEST_CASE("odd replies in place of popped elements give an error or a value", "[popped]") {
    CHECK(survives_odd_replies<popped<std::string>>() == 2);
    CHECK(survives_odd_replies<popped<std::pair<std::string, double>>>() == 1);
}
