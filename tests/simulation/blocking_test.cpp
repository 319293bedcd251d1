// Queues under random faults: every element that was taken off a list is in somebody's hands, or somebody was
// told that it may be lost. And controls: clients that break this are caught.
#include "queue_book.hpp"
#include "scenario.hpp"
#include "support/number_from.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace {

using namespace simulation;

struct queue_run {
    bool drops_values = false;  ///< A control: the user forgets what was given to it after it had cancelled.
    umbel::retry_unknown unknown = umbel::retry_unknown::reads;
    std::size_t delivered = 0;
    unsigned told_unknown = 0;
    unsigned cancelled_with_value = 0;
    std::vector<std::string> failures{};

    void run(std::uint64_t seed) {
        plan drawn = draw(seed);
        drawn.client.retry_unknown = unknown;
        drawn.client.leases_max = 3;
        drawn.client.retry_budget_floor = 1000;
        drawn.servers.knows_hello = true;
        timeline time{seed};
        model_cluster cluster{time, drawn.shape, drawn.servers, drawn.wires};
        drawn.client.seeds = umbel::seed_list{cluster.where(0).to_string()};
        drawn.client.in_flight_max = 131072;
        drawn.client.waiting_max = 131072;
        queue_book book;
        cluster.book().watch([&](execution const& what) { book.executed(what); });
        sim_client db{time, cluster.net(), drawn.client, seed, {}, drawn.contexts};
        std::vector<std::string> keys;
        std::vector<std::uint16_t> slots;
        for (int at = 0; at < 4; ++at) {
            keys.push_back("{q" + std::to_string(at) + "}");
            slots.push_back(umbel::cluster::slot_of(keys.back()).value());
        }
        std::uint64_t number = 0;
        bool stopped = false;
        std::function<void()> push = [&] {
            if (stopped) return;
            std::string const& key = keys[time.pick(keys.size())];
            db.call({"RPUSH", key, key + "#" + std::to_string(++number)}, [](auto const&) {},
                    {.deadline = duration{500ms}});
            time.in(time.between(0ms, 15ms), push);
        };
        std::function<void()> pop = [&] {
            if (stopped) return;
            std::string const key = keys[time.pick(keys.size())];
            bool const cancels = time.chance(30);
            std::string const span = time.chance(50) ? "0" : "0.1";
            auto const call = db.call({"BLPOP", key, span},
                                      [&, key, cancels](umbel::result<umbel::reply> answer) {
                                          if (answer) {
                                              cancelled_with_value += cancels && !answer->is_null() ? 1u : 0u;
                                              if (!cancels || !drops_values) book.told_value(key, *answer);
                                          } else if (answer.error().may_have_executed()) {
                                              book.told_unknown(key);
                                          }
                                          time.in(time.between(0ms, 5ms), pop);
                                      },
                                      {.deadline = duration{time.between(50ms, 1500ms)},
                                       .context = static_cast<unsigned>(time.pick(4)),
                                       .blocks = true});
            if (cancels) time.in(time.between(0ms, 40ms), [&, call] { db.cancel(call); });
        };
        for (int at = 0; at < 3; ++at) push();
        for (int at = 0; at < 14; ++at) pop();
        fault_plan faults{time, cluster, slots};
        faults.schedule(drawn.faults + 3, drawn.troubled);
        faults.schedule_flaps(drawn.flaps, drawn.troubled);
        faults.schedule_maintenance(drawn.maintenance, drawn.troubled);
        time.run_for(drawn.troubled);
        faults.stop();
        time.run_while_not([&] { return cluster.settled(); }, 8s);
        time.run_for(2500ms);
        stopped = true;
        // Every wait has a deadline, and is over soon after it.
        if (!time.run_while_not([&] { return db.pending() == 0; }, 8s))
            failures.push_back(std::to_string(db.pending()) + " calls are still pending");
        std::size_t blocked = 0;
        for (std::size_t node = 0; node < cluster.size(); ++node)
            blocked += cluster[static_cast<node_number>(node)].blocked_count();
        // A server that was cut off when a connection was aborted does not know it: see TCP keepalive.
        if (blocked > book.unknown()) failures.push_back(std::to_string(blocked) + " clients still wait");
        db.end();
        time.run_for(10ms);
        book.conclude([&](std::string const& key) {
            return cluster.book().may_be_lost(key) || cluster.book().parted().contains(key);
        });
        delivered += book.delivered();
        told_unknown += book.unknown();
        failures.insert(failures.end(), book.failures.begin(), book.failures.end());
    }
};

std::uint64_t seeds_wanted(std::uint64_t otherwise) {
    return umbel::test::number_from("UMBEL_SEEDS", otherwise);
}

}  // namespace

TEST_CASE("random faults take no element off a queue without somebody who has it, or knows", "[simulation]") {
    queue_run all;
    for (std::uint64_t seed = 1; seed <= seeds_wanted(40); ++seed) {
        INFO("seed " << seed);
        all.failures.clear();
        all.run(seed);
        for (std::string const& text : all.failures) FAIL_CHECK(text);
    }
    std::printf(
        "queues: %zu elements delivered, %u callers told unknown, %u values came after a cancellation\n",
        all.delivered, all.told_unknown, all.cancelled_with_value);
    CHECK(all.delivered > 1000);
    CHECK(all.told_unknown > 0);
    CHECK(all.cancelled_with_value > 0);
}

TEST_CASE("a client that repeats pops of which nobody knows, and a user who drops what came late, are caught",
          "[simulation]") {
    queue_run repeating{.unknown = umbel::retry_unknown::always};
    queue_run dropping{.drops_values = true};
    for (std::uint64_t seed = 1; seed <= 40 && (repeating.failures.empty() || dropping.failures.empty());
         ++seed) {
        if (repeating.failures.empty()) repeating.run(seed);
        if (dropping.failures.empty()) dropping.run(seed);
    }
    CHECK_FALSE(repeating.failures.empty());
    CHECK_FALSE(dropping.failures.empty());
}
