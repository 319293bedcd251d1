// Tests of resp/tape.hpp: growth by what arrives, and giving back what one large reply took.
#include <umbel/resp/tape.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::resp;

TEST_CASE("a tape keeps its values while it grows", "[tape]") {
    tape values;
    CHECK(values.full());
    for (std::uint64_t at = 0; at != 1000; ++at) {
        if (values.full()) values.grow();
        values.push(node::scalar(type::integer, at));
    }
    CHECK(values.size() == 1000);
    CHECK(values.capacity() == 1024);
    for (std::uint32_t at = 0; at != 1000; ++at) CHECK(values[at].value == at);
    CHECK(values.back().value == 999);
}

TEST_CASE("a tape keeps ordinary room for the next reply and gives back unusual room", "[tape]") {
    tape values;
    while (values.capacity() < 64 * 1024) values.grow();
    values.clear();
    CHECK(values.capacity() == 64 * 1024);
    values.grow();
    values.clear();
    CHECK(values.capacity() == 0);
    CHECK(values.full());
}
