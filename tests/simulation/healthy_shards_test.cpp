// One shard in trouble, in virtual time: the others do not notice, and the client's memory stays bounded.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <functional>
#include <string_view>

using namespace simulation;

namespace {

constexpr std::uint32_t bound = 200;

/// Three shards of which the first comes to a standstill for good: its failure is not noticed within the run.
struct standstill {
    scene on{{.in_flight_max = bound, .waiting_max = bound}, {3, 1}, 1, {}, quiet()};
    std::size_t in_flight = 0;
    std::size_t waiting = 0;
    std::size_t pending = 0;

    static model_options quiet() {
        model_options made;
        made.node_timeout = 60s;
        return made;
    }
    standstill() {
        on.ready();
        on.time.after_every_step([this] {
            for (auto const& session : on.db.runtime().sessions())
                in_flight = std::max(in_flight, session->link().pipe().in_flight());
            waiting = std::max(waiting, on.db.control().waiting());
            pending = std::max(pending, on.db.pending());
        });
    }
    /// One command a millisecond for each shard, and `burst` more for the first.
    heartbeat load(duration span, int burst) {
        auto keys = keys_each(on, 3);
        for (int i = 0; i < burst; ++i) keys.push_back(keys[0]);
        return {on, keys, 1ms, on.time.now() + span, 300ms};
    }
};

}  // namespace

TEST_CASE("with one primary frozen or unreachable, p99 on the other shards stays within 1.5 times of before",
          "[simulation]") {
    struct {
        std::string_view what;
        std::function<void(model_cluster&)> strike;
    } const troubles[] = {
        {"frozen", [](model_cluster& all) { all.freeze(0); }},
        {"unreachable", [](model_cluster& all) { all.cut_from_clients(0, true); }},
        {"frozen, and refuses connections after a while",
         [](model_cluster& all) { all.freeze(0), all.net().leave(all.where(0)); }},
    };
    for (auto const& one : troubles) {
        INFO(one.what);
        standstill stage;
        heartbeat before = stage.load(1s, 0);
        before.start();
        stage.on.time.run_for(1100ms);
        one.strike(stage.on.cluster);
        heartbeat during = stage.load(5s, 4);
        during.start();
        stage.on.time.run_for(6s);
        CHECK(during.good[0].empty());
        for (std::size_t const shard : {1u, 2u}) {
            CHECK(during.good[shard].size() == 5000);
            CHECK(during.p99(shard) * 2 <= before.p99(shard) * 3);
        }
    }
}

TEST_CASE("client memory is bounded while commands for a frozen or unreachable primary pile up and fail",
          "[simulation]") {
    for (bool const frozen : {true, false}) {
        INFO((frozen ? "frozen" : "unreachable"));
        standstill stage;
        frozen ? stage.on.cluster.freeze(0) : stage.on.cluster.cut_from_clients(0, true);
        heartbeat users = stage.load(5s, 4);
        users.start();
        stage.on.time.run_for(6s);
        // 25,000 came for it, 300 ms each: without bounds 1,500 would be pending at any time.
        CHECK(users.errors.size() == 2);
        CHECK(users.errors[errc::overloaded] > 10000);
        CHECK(users.errors[errc::deadline_exceeded] > 500);
        CHECK(stage.in_flight <= bound + 1);
        CHECK(stage.waiting <= bound);
        CHECK(stage.pending <= 2 * bound + 50);
        CHECK(stage.on.db.pending() == 0);
    }
}
