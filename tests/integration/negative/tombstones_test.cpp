// Negative control: this client does without tombstones. A checker that finds it clean finds nothing.
#include "integration/support/spoiled.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("without tombstones, late replies reach those who ask next, and the checker convicts",
          "[negative]") {
    defects::chosen = "tombstones";
    spoiled here{"negative: no tombstones", impatient()};
    deliver_late(here, 8);
    auto const found = here.d.reckon();
    INFO(found.to_string());
    CHECK(found[guilt::crossed] > 0);
    CHECK_FALSE(found.clean());
}
