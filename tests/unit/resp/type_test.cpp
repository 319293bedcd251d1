// Tests of resp/type.hpp: kinds, names and nodes.
#include <umbel/resp/type.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <string_view>

using namespace umbel::resp;

TEST_CASE("every kind has a name, and is text, aggregate or neither", "[type]") {
    int texts = 0, aggregates = 0;
    for (int at = 0; at <= static_cast<int>(type::attribute); ++at) {
        type const kind = static_cast<type>(at);
        CHECK(name_of(kind) != "unnamed");
        CHECK_FALSE((is_text(kind) && is_aggregate(kind)));
        texts += is_text(kind);
        aggregates += is_aggregate(kind);
    }
    CHECK(texts == 6);
    CHECK(aggregates == 5);
}

TEST_CASE("a node holds an offset and a length, an integer or a double", "[type]") {
    node const text = node::text(type::bulk_string, 4294967295, 4294967290);
    CHECK(text.offset() == 4294967295);
    CHECK(text.length() == 4294967290);
    CHECK(text.span == 1);
    CHECK(node::scalar(type::integer, static_cast<std::uint64_t>(-5)).integer() == -5);
    CHECK(node::scalar(type::real, std::bit_cast<std::uint64_t>(2.5)).real() == 2.5);
}
