// Slots moved one by one with keys in them, forward and back, under load: no caller notices more than a
// delay.
#include "integration/support/drill.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

/// Moves a slot key by key. In the midst of each pair that a command wants together it waits until such a
/// command was told to try again.
void move_slowly(drill& d, std::uint16_t slot, real_cluster::node const& from, real_cluster::node const& to) {
    d.servers.begin_migration(slot, from, to);
    wire told = d.servers.talk(from);
    auto const before = d.s.counted();
    for (auto const& key : told.must({"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "1000"}).items) {
        d.servers.migrate_key(key.text, from, to);
        bool const halves_a_pair = key.text.ends_with(":p") || key.text.ends_with(":q");
        if (halves_a_pair && d.s.counted().retried == before.retried)
            CHECK(eventually([&] { return d.s.counted().retried > before.retried; }));
    }
    CHECK(eventually([&] { return d.s.counted().asked > before.asked; }));
    d.servers.migrate_rest(slot, from, to);
    d.servers.end_migration(slot, from, to);
}

}  // namespace

TEST_CASE("slots move forward and back with keys while commands run: no error reaches a caller", "[drill]") {
    drill d{"resharding",
            {.slots = short_or_long(2u, 8u), .callers = short_or_long(6u, 20u), .elections = false}};
    auto const before = d.s.counted();
    d.disturb([&] {
        for (int round = 0; round < short_or_long(2, 10); ++round) {
            auto from = d[0].primary;
            auto to = d[1].primary;
            if (round % 2 != 0) std::swap(from, to);
            for (std::uint16_t const slot : d[0].slots) {
                move_slowly(d, slot, from, to);
                REQUIRE(d.users.all_go_on(100));
            }
        }
    });
    auto const after = d.s.counted();
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    CHECK(found.refused == 0);
    CHECK(found.unknown == 0);
    CHECK(found.forgiven == 0);
    for (std::size_t at : {0u, 1u, 2u}) CHECK(d.surprises(at, {}) == "");
    CHECK(after.asked > before.asked);
    CHECK(after.moved > before.moved);
    CHECK(after.retried > before.retried);
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
