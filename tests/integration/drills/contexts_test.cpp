// A client that runs on several contexts, each with a thread and connections of its own, under load from all
// of them: a primary dies, slots move, connections are killed. What holds on one thread holds on many.
#include "integration/support/drill.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("over three contexts: connections are killed, slots move, a primary dies", "[drill]") {
    for (int round = 0; round < short_or_long(2, 4); ++round) {
        umbel::options chosen{.probe_timeout = std::chrono::milliseconds{20000}};
        chosen.one_thread_per_context = round % 2 == 1;
        drill d{"three contexts", {.slots = 4, .contexts = 3, .options = chosen}};
        d.disturb([&] {
            for (int kill = 0; kill < 5; ++kill) {
                for (std::size_t at : {0u, 1u, 2u})
                    d.servers.talk(d[at].primary).must({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
                REQUIRE(d.users.all_go_on(20));
            }
            for (std::uint16_t const slot : d[1].slots) d.servers.move_slot(slot, d[1].primary, d[2].primary);
            REQUIRE(d.users.all_go_on(100));
            for (std::uint16_t const slot : d[1].slots) d.servers.move_slot(slot, d[2].primary, d[1].primary);
            REQUIRE(d.users.all_go_on(100));
            d.servers.kill(d[0].primary.name);
        });
        REQUIRE(d.serves(0, d[0].replica));
        REQUIRE(d.users.all_go_on(200));
        d.forgive(0);
        d.servers.restart(d[0].primary.name);
        d.servers.heal();
        REQUIRE(d.users.all_go_on(100));
        auto const found = d.reckon();
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(d.s.counted().asked + d.s.counted().moved > 0);
        for (std::size_t at : {0u, 1u, 2u})
            CHECK(d.surprises(at, {errc::connection_lost, errc::connect_failed, errc::deadline_exceeded,
                                   errc::cluster_down}) == "");
    }
}
