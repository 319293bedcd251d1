// Slots moved one by one with keys in them, forward and back, under load: no caller notices more than a
// delay.
#include "integration/support/resharding.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("slots move forward and back with keys while commands run: no error reaches a caller", "[drill]") {
    drill d{"resharding",
            {.slots = short_or_long(2u, 8u), .callers = short_or_long(6u, 20u), .elections = false}};
    auto const [before, after] = reshard(d, short_or_long(2, 10), {":p", ":q"});
    figure("resharding: %llu ASK, %llu MOVED, %llu tried again, %llu refreshes",
           static_cast<unsigned long long>(after.asked - before.asked),
           static_cast<unsigned long long>(after.moved - before.moved),
           static_cast<unsigned long long>(after.retried - before.retried),
           static_cast<unsigned long long>(after.refreshes - before.refreshes));
}

TEST_CASE("a whole run of slots moves at once, and is moved back before the client has learned", "[drill]") {
    drill d{"resharding in bulk", {.slots = 16, .elections = false}};
    d.disturb([&] {
        for (int round = 0; round < short_or_long(4, 40); ++round) {
            auto from = d[0].primary;
            auto to = d[1].primary;
            if (round % 2 != 0) std::swap(from, to);
            for (std::uint16_t const slot : d[0].slots) d.servers.begin_migration(slot, from, to);
            for (std::uint16_t const slot : d[0].slots) d.servers.migrate_rest(slot, from, to);
            for (std::uint16_t const slot : d[0].slots) d.servers.end_migration(slot, from, to);
            // The load finds some of it; nobody waits until it has found everything.
            REQUIRE(d.users.goes_on(0, 5));
        }
    });
    REQUIRE(d.users.all_go_on(200));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.refused == 0);
    CHECK(found.unknown == 0);
    for (std::size_t at : {0u, 1u, 2u}) CHECK(d.surprises(at, {}) == "");
}
