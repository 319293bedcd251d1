// Tests of resp/decode_chrono.hpp: durations from replies.
#include <umbel/resp/decode_chrono.hpp>

#include "../command/decoded.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <ratio>

using namespace std::chrono_literals;
using umbel::test::decoded;

TEST_CASE("a number is as many of the duration's own units", "[decode_chrono]") {
    CHECK(decoded<std::chrono::seconds>(":7\r\n") == 7s);
    CHECK(decoded<std::chrono::milliseconds>("$4\r\n1500\r\n") == 1500ms);
    CHECK(decoded<std::chrono::duration<double>>(",1.5\r\n") == std::chrono::duration<double>{1.5});
    CHECK(decoded<std::optional<std::chrono::seconds>>("_\r\n").value() == std::nullopt);
}

TEST_CASE("what is no number, or too large, is no duration", "[decode_chrono]") {
    using narrow = std::chrono::duration<std::int8_t>;
    CHECK(decoded<narrow>(":127\r\n") == narrow{127});
    CHECK(decoded<narrow>(":128\r\n").error() == umbel::errc::unexpected_type);
    CHECK(decoded<std::chrono::seconds>("$4\r\nsoon\r\n").error() == umbel::errc::unexpected_type);
    CHECK(decoded<std::optional<std::chrono::seconds>>("*0\r\n").error() == umbel::errc::unexpected_type);
    CHECK(umbel::test::survives_odd_replies<std::chrono::seconds>() == 3);
}
