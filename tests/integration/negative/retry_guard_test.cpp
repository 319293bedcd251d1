// Negative control: this client does without its retry guard. A checker that finds it clean finds
// nothing.
#include "integration/support/cutter.hpp"

using namespace umbel;
using namespace umbel::test;

TEST_CASE("without the retry guard, a write whose reply was cut runs twice, and the checker convicts",
          "[negative]") {
    defects::chosen = "retry_guard";
    cutter c{"no retry guard"};
    for (std::uint32_t const key : {c.counter, c.list})
        for (std::size_t at = 0; at < 3; ++at)
            CHECK(c.cut(key, 0, 0, {.where = ambush::side::reply, .at = at}) == "acknowledged");
    auto const found = c.reckon();
    figure("negative: no retry guard: %s", found.to_string().c_str());
    CHECK(found[guilt::doubled] >= 4);
}
