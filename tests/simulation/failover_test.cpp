// Failover in virtual time: how soon writes flow again, and what it costs.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

using namespace simulation;

namespace {

/// A cluster under steady writes, on which something falls. Each key has one value, so that what may have run
/// may run again. What two frozen nodes had in flight is more than a usual budget lets repeat.
struct struck {
    scene on;
    heartbeat users;
    std::uint64_t moved_before = 0;

    struck(std::uint64_t seed, cluster_shape shape, int keys_of_each, duration pace,
           std::function<void(model_cluster&)> const& strike)
        : on{{.retry_unknown = umbel::retry_unknown::idempotent, .retry_budget_percent = 100}, shape, seed},
          users{on.ready(), keys_each(on, shape.primaries, keys_of_each), pace, on.time.now() + 4s} {
        users.start();
        on.time.run_for(300ms);
        moved_before = on.db.counters().moved;
        strike(on.cluster);
    }
    bool recovers(std::uint64_t promotions) {
        return on.time.run_while_not(
            [&] { return on.cluster.promotions() == promotions && on.cluster.serves_writes(); }, 6s);
    }
    std::uint64_t moved() { return on.db.counters().moved - moved_before; }
    void all_is_well() {
        on.time.run_for(8s);
        for (auto const& [code, count] : users.errors)
            FAIL_CHECK(count << " writes failed: " << name_of(code));
        CHECK(on.db.pending() == 0);
    }
};

}  // namespace

TEST_CASE("writes flow again within 200 ms of the cluster's own recovery", "[simulation]") {
    struct {
        std::string_view what;
        std::size_t shards;  ///< So many shards fail over, the first ones.
        std::function<void(model_cluster&)> strike;
    } const failovers[] = {
        {"crash", 1, [](model_cluster& all) { all.crash(0); }},
        {"freeze", 1, [](model_cluster& all) { all.freeze(0); }},
        {"CLUSTER FAILOVER", 1, [](model_cluster& all) { all.fail_over(5); }},
        {"CLUSTER FAILOVER FORCE", 1, [](model_cluster& all) { all.fail_over(5, true); }},
        {"CLUSTER FAILOVER TAKEOVER", 1, [](model_cluster& all) { all.fail_over(5, false, true); }},
        {"two crashes at once", 2, [](model_cluster& all) { all.crash(0), all.crash(1); }},
        {"a crash and a freeze at once", 2, [](model_cluster& all) { all.crash(0), all.freeze(1); }},
        {"a crash of a primary whose slots are on their way", 1,
         [](model_cluster& all) {
             for (std::uint16_t slot = 0; slot < 400; ++slot) all.move_slot(slot, 2);
             all.crash(0);
         }},
    };
    for (auto const& one : failovers) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            INFO(one.what << ", seed " << seed);
            struck run{seed, {5, 1}, 1, 5ms, one.strike};
            REQUIRE(run.recovers(one.shards));
            instant const recovered = run.on.time.now();
            run.all_is_well();
            for (std::size_t shard = 0; shard < one.shards; ++shard) {
                std::vector<heartbeat::beat> const& good = run.users.good[shard];
                auto const first = std::find_if(good.begin(), good.end(),
                                                [&](auto const& beat) { return beat.came >= recovered; });
                REQUIRE(first != good.end());
                CHECK(first->came - recovered <= 200ms);
                // They flow: nobody who asks later waits any more.
                for (heartbeat::beat const& beat : good)
                    if (beat.asked >= recovered + 200ms && beat.asked < recovered + 2s)
                        CHECK(beat.came - beat.asked <= 20ms);
            }
        }
    }
}

TEST_CASE("a crash failover costs at most one MOVED per shard beyond what was in flight", "[simulation]") {
    for (int const shards : {1, 2}) {
        for (bool const frozen : {false, true}) {
            for (std::uint64_t seed = 1; seed <= 3; ++seed) {
                INFO(shards << (frozen ? " frozen" : " crashed") << ", seed " << seed);
                struck run{seed, {5, 1}, 10, 4ms, [&](model_cluster& all) {
                               for (int i = 0; i < shards; ++i) frozen ? all.freeze(i) : all.crash(i);
                           }};
                REQUIRE(run.recovers(static_cast<std::uint64_t>(shards)));
                run.all_is_well();
                // What was in flight died with its connection: nothing of it can come back as a MOVED.
                CHECK(run.moved() <= static_cast<std::uint64_t>(shards));
            }
        }
    }
}

TEST_CASE("a failover that was asked for costs a MOVED for what the old primary held back, and one more",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        struck run{seed, {3, 1}, 1, 2ms, [](model_cluster& all) { all.fail_over(3); }};
        instant const asked = run.on.time.now();
        REQUIRE(run.recovers(1));
        auto const held_back = static_cast<std::uint64_t>((run.on.time.now() - asked) / 2ms) + 5;
        run.all_is_well();
        CHECK(run.moved() <= held_back + 1);
    }
}
