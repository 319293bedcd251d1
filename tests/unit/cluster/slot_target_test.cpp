// Tests of cluster/slot_target.hpp: one slot, none in particular, several.
#include <umbel/cluster/slot_target.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace umbel::cluster;

TEST_CASE("a command without keys may go to any slot", "[slot_target]") {
    STATIC_CHECK(slot_target{}.is_any());
    STATIC_CHECK(slot_target::any() == slot_target{});
    STATIC_CHECK_FALSE(slot_target{}.is_one());
    STATIC_CHECK(slot_target{}.number() == -1);
}

TEST_CASE("a command of one key needs its slot, the lowest and the highest, too", "[slot_target]") {
    for (std::uint16_t const value : {std::uint16_t{0}, std::uint16_t{12182}, std::uint16_t{16383}}) {
        slot_target const target = slot{value};
        CHECK(target.is_one());
        CHECK(target.slot() == slot{value});
        CHECK(target.number() == value);
    }
}

TEST_CASE("keys of several slots are noticed once, where the first of them is met", "[slot_target]") {
    slot_target target;
    CHECK_FALSE(target.add(slot{5}));
    CHECK_FALSE(target.add(slot{5}));
    CHECK(target == slot{5});
    CHECK(target.add(slot{6}));
    CHECK(target == slot_target::several());
    CHECK_FALSE(target.add(slot{5}));
    CHECK_FALSE(target.add(slot{7}));
    CHECK(target.is_several());
    CHECK_FALSE(target.is_one());
    CHECK(target.number() == -1);
}

TEST_CASE("a command for a node of its own choice has no slot that leads there", "[slot_target]") {
    slot_target const named = slot_target::named_node();
    CHECK(named.is_named_node());
    CHECK(named.is_unroutable());
    CHECK(slot_target::several().is_unroutable());
    CHECK_FALSE(slot_target::several().is_named_node());
    CHECK_FALSE(slot_target::any().is_unroutable());
    CHECK_FALSE(slot_target{slot{7}}.is_unroutable());
    CHECK_FALSE((named.is_one() || named.is_any() || named.is_several()));
    CHECK(named.number() == -1);
}
