// Negative control: this client does without aborts, and repeats SET as it once did by default. A checker
// that finds it clean finds nothing.
#include "integration/support/flaps.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE(
    "without aborts a repeated SET undoes a newer one when a cable is put in again, and the checker convicts",
    "[negative]") {
    defects::chosen = "abort";
    private_network const net;
    if (!net.obstacle().empty()) SKIP(net.obstacle());
    cables here;
    auto const found = here.flap("negative: no aborts", retry_unknown::idempotent, 12,
                                 [](sentence const& so_far) { return !so_far.clean(); });
    INFO(found.to_string());
    CHECK(found[guilt::not_linearizable] > 0);
}
