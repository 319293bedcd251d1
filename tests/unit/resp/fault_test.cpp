// Tests of resp/fault.hpp: the sentence behind each fault.
#include <umbel/resp/fault.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using umbel::resp::fault;
using umbel::resp::fault_kind;

TEST_CASE("every fault has a sentence of its own", "[fault]") {
    for (int left = 0; left <= static_cast<int>(fault_kind::attribute_without_value); ++left) {
        std::string_view const sentence = text_of(static_cast<fault_kind>(left));
        CHECK(sentence != "unnamed");
        for (int right = 0; right != left; ++right)
            CHECK(sentence != text_of(static_cast<fault_kind>(right)));
    }
}

TEST_CASE("a fault becomes a protocol error that names the place and the byte", "[fault]") {
    umbel::error const shown = to_error(fault{fault_kind::unknown_type, 'H', 0});
    CHECK(shown == umbel::errc::protocol_error);
    CHECK(shown.delivery() == umbel::delivery::unknown);
    CHECK(shown.message() == "malformed reply: no type of value starts with this byte (byte 0, 0x48 'H')");
    umbel::error const hidden = to_error(fault{fault_kind::line_feed_missing, '\n', 4294967295});
    CHECK(hidden.message() ==
          "malformed reply: CR inside a line is not followed by LF (byte 4294967295, 0x0a)");
    umbel::error const longest = to_error(fault{fault_kind::verbatim_without_format, '\xff', UINT64_MAX});
    CHECK(longest.message() ==
          "malformed reply: a verbatim string does not start with a format of three bytes and a colon (byte "
          "18446744073709551615, 0xff)");
}
