// A cable that is pulled for less than a second and put in again: the client has given its connection up
// meanwhile, and its kernel and the node's know nothing of that. Skipped where the machine lets nobody make
// network namespaces.
#include "integration/support/flaps.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("a cable is pulled for 0.8 to 0.95 s, again and again: no acknowledged value is undone",
          "[drill]") {
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    cables here;
    auto const never_enough = [](sentence const&) { return false; };
    SECTION("by default") {
        auto const found = here.flap("flap, reads", retry_unknown::reads, short_or_long(3, 16), never_enough);
        INFO(found.to_string());
        CHECK(found.clean());
        CHECK(found.unknown > 0);
    }
    SECTION("nor with idempotent and one writer a key: what was given up is dropped") {
        auto const found =
            here.flap("flap, idempotent", retry_unknown::idempotent, short_or_long(3, 16), never_enough);
        INFO(found.to_string());
        CHECK(found.clean());
    }
}
