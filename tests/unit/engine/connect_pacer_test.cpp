#include <umbel/engine/connect_pacer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

using namespace umbel::engine;
using namespace std::chrono_literals;

namespace {

link_id link(std::uint16_t node) { return {node, link_mode::primary}; }
constexpr instant start{1000s};

}  // namespace

TEST_CASE("attempts begin at once while there is room, and then in their order", "[connect_pacer]") {
    connect_pacer pacer{2};
    CHECK(pacer.begins({link(1), 1}, start));
    CHECK(pacer.begins({link(2), 1}, start));
    CHECK(pacer.next_due() == never);
    CHECK_FALSE(pacer.begins({link(3), 7}, start));
    CHECK_FALSE(pacer.begins({link(4), 1}, start));
    CHECK_FALSE(pacer.take_due(start));
    pacer.ended(link(1));
    auto const next = pacer.take_due(start);
    REQUIRE(next);
    CHECK(next->link == link(3));
    CHECK(next->generation == 7);
    CHECK_FALSE(pacer.take_due(start));
    // Nobody passes by who waits.
    pacer.ended(link(2));
    CHECK_FALSE(pacer.begins({link(5), 1}, start));
    CHECK(pacer.take_due(start)->link == link(4));
    CHECK_FALSE(pacer.take_due(start));
    CHECK(pacer.under_way() == 2);
    CHECK(pacer.waiting() == 1);
}

TEST_CASE("an attempt that meets silence counts no more after a while", "[connect_pacer]") {
    connect_pacer pacer{1};
    CHECK(pacer.begins({link(1), 1}, start));
    CHECK_FALSE(pacer.begins({link(2), 1}, start + 10ms));
    CHECK(pacer.next_due() == start + connect_pacer::patience);
    CHECK_FALSE(pacer.take_due(start + connect_pacer::patience - 1ns));
    CHECK(pacer.take_due(start + connect_pacer::patience)->link == link(2));
    CHECK(pacer.next_due() == never);
}

TEST_CASE("one that is called off while it waits never begins", "[connect_pacer]") {
    connect_pacer pacer{1};
    CHECK(pacer.begins({link(1), 1}, start));
    CHECK_FALSE(pacer.begins({link(2), 1}, start));
    CHECK_FALSE(pacer.begins({link(3), 1}, start));
    pacer.ended(link(2));
    pacer.ended(link(1));
    CHECK(pacer.take_due(start)->link == link(3));
    CHECK(pacer.waiting() == 0);
}
