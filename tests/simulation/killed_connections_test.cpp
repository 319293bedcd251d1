// A healthy node whose connections are closed again and again, in virtual time.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace simulation;

namespace {

/// What a client and its users saw while somebody closed all connections every 250 ms for ten seconds.
struct killed {
    unsigned asked = 0;
    unsigned good = 0;
    unsigned failures_max = 0;  ///< In a row, as any link or breaker counted them.
    duration slowest{};

    explicit killed(scene& on) {
        auto const keys = keys_each(on.ready(), 3);
        on.time.after_every_step([&] {
            umbel::engine::node_table const& nodes = on.db.control().nodes();
            for (std::uint16_t number = 0; number < nodes.size(); ++number) {
                failures_max = std::max(failures_max, nodes[number].breaker.failures());
                for (auto const& link : nodes[number].links)
                    failures_max = std::max(failures_max, link.failures);
            }
        });
        for (int tick = 0; tick < 10000; ++tick) {
            if (tick % 250 == 249)
                for (node_number node = 0; node < 3; ++node) on.cluster.reset_connections(node);
            for (auto const& key : keys) ask(on, key);
            on.time.run_for(1ms);
        }
        on.time.run_for(1s);
    }

private:
    void ask(scene& on, std::string const& key) {
        ++asked;
        on.db.call({"GET", key}, [this, &on, asked_at = on.time.now()](umbel::result<umbel::reply> told) {
            good += told ? 1u : 0u;
            slowest = std::max(slowest, on.time.now() - asked_at);
        });
    }
};

}  // namespace

TEST_CASE(
    "a node that serves, and whose connections are killed every 250 ms, is never taken for one that cannot "
    "be reached",
    "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        INFO("seed " << seed);
        scene on{{}, {3, 0}, seed};
        killed const seen{on};
        CHECK(on.db.counters().breakers_opened == 0);
        CHECK(seen.failures_max == 0);
        CHECK(seen.good == seen.asked);
        // The pause before it is opened again stays the first one.
        CHECK(seen.slowest <= 60ms);
    }
}
