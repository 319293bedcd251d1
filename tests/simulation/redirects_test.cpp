// Redirects in virtual time: storms of MOVED, half-moved slots, nodes that know less than others.
#include "scene.hpp"
#include "witness.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace simulation;

TEST_CASE("ten thousand MOVED at once cost at most two topology queries and no connection", "[simulation]") {
    scene on;
    on.ready();
    for (int i = 0; i < 3; ++i) REQUIRE(on.ask({"SET", on.key_of(i), "x"}).good());
    on.time.run_for(500ms);
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < 10000; ++i) {
        std::string key = "key:" + std::to_string(i);
        if (on.cluster.truth(umbel::cluster::slot_of(key).value()) == 0) keys.push_back(std::move(key));
    }
    auto const before = on.db.counters();
    auto const connects = on.cluster.net().connects();
    on.cluster.drain(0, 1);
    std::size_t good = 0;
    for (std::string const& key : keys)
        on.db.call({"SET", key, "x"},
                   [&](umbel::result<umbel::reply> told) { good += told.has_value() ? 1 : 0; });
    on.time.run_for(500ms);
    CHECK(good == keys.size());
    CHECK(on.db.counters().moved - before.moved >= keys.size() - 10);
    CHECK(on.db.counters().topology_queries - before.topology_queries <= 2);
    CHECK(on.cluster.net().connects() == connects);
}

TEST_CASE("a multi-key command on a half-moved slot waits and succeeds", "[simulation]") {
    scene on;
    on.ready();
    REQUIRE(on.ask({"MSET", "{t}a", "1", "{t}b", "2"}).good());
    auto const slot = umbel::cluster::slot_of("{t}a").value();
    node_number const from = on.cluster.truth(slot);
    node_number const to = (from + 1) % 3;
    on.cluster.key_pace = 300ms;
    on.cluster.move_slot(slot, to);
    on.time.run_while_not([&] { return on.cluster[from].store.size() < 2; }, 2s);
    REQUIRE(on.cluster.moving());
    answer const& both = on.call({"MGET", "{t}a", "{t}b"});
    answer const& moved = on.call({"GET", "{t}a"});
    answer const& fresh = on.call({"SET", "{t}new", "3"});
    on.time.run_for(5ms);
    CHECK_FALSE(both.done());
    CHECK(moved.text() == "\"1\"");
    CHECK(fresh.good());
    CHECK(on.db.counters().asked >= 1);
    CHECK(on.db.owner_of(umbel::cluster::slot{slot}) == on.cluster.where(from));
    on.time.run_for(3s);
    REQUIRE(both.good());
    CHECK((*both.told)->root().child(0).text() == "1");
    CHECK((*both.told)->root().child(1).text() == "2");
    CHECK_FALSE(on.cluster.moving());
}

TEST_CASE("one node with an old view does not make the table flap", "[simulation]") {
    scene on{{.refresh_interval_min = 10ms, .refresh_interval = 50ms}};
    on.ready();
    on.cluster.partition(5, 1);
    on.cluster.fail_over(3, false, true);
    on.time.run_while_not([&] { return on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3); }, 5s);
    REQUIRE(on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3));
    on.time.run_for(300ms);
    auto const changes = on.db.counters().topology_changes;
    auto const asked = on.cluster[5].counted("cluster");
    unsigned flaps = 0;
    on.time.after_every_step(
        [&] { flaps += on.db.owner_of(umbel::cluster::slot{0}) == on.cluster.where(3) ? 0u : 1u; });
    // The stale node is asked too: it is the only seed, and the others are asked less often.
    for (int i = 0; i < 40; ++i) {
        on.cluster.reset_connections(i % 3 == 0 ? 3 : i % 3);
        on.time.run_for(50ms);
    }
    CHECK(flaps == 0);
    CHECK(on.db.counters().topology_changes - changes <= 2);
    CHECK(on.cluster[5].counted("cluster") >= asked);
}

namespace {

/// The errors of a counter's callers, while its slot goes to another node, and the two nodes contradict each
/// other at the end of that.
std::vector<std::string> errors_of_a_move(umbel::cluster::policy const& policy) {
    scene on{{}, {3, 1}, 1, policy};
    on.ready();
    std::string key;
    for (int i = 0; key.empty() || umbel::cluster::slot_of(key).value() % 4 != 0; ++i)
        key = on.key_of(0, "c" + std::to_string(i) + ":");
    REQUIRE(on.ask({"INCR", key}).good());
    std::vector<std::string> errors;
    on.cluster.move_slot(umbel::cluster::slot_of(key).value(), 1);
    do {
        on.db.call({"INCR", key}, [&](umbel::result<umbel::reply> told) {
            if (!told) errors.push_back(told.error().to_string());
        });
        on.time.run_for(1ms);
    } while (on.cluster.moving());
    on.time.run_for(2s);
    CHECK(on.db.pending() == 0);
    return errors;
}

}  // namespace

TEST_CASE("an end of a move that one node knows of before the other costs nobody an error", "[simulation]") {
    CHECK(errors_of_a_move(umbel::cluster::follow_redirects{}) == std::vector<std::string>{});
}

TEST_CASE("a client that follows each redirect at once is caught where two nodes contradict each other",
          "[simulation][control]") {
    auto const impatient = [](umbel::cluster::attempt const& met) noexcept {
        umbel::cluster::attempt first = met;
        if (met.redirects < met.redirects_max) first.redirects = 0;
        return umbel::cluster::follow_redirects{}(first);
    };
    auto const errors = errors_of_a_move(impatient);
    REQUIRE_FALSE(errors.empty());
    CHECK(errors.front().starts_with("too_many_redirects (not_executed)"));
}

namespace {

/// Users of twenty slots of node 0: counters, and pairs of keys that are always written together.
class slot_users {
public:
    explicit slot_users(scene& on) : on_{on}, seen{on.time} {
        for (int i = 0; i < 20; ++i) tags.push_back("{" + on.key_of(0, "t" + std::to_string(i) + ":") + "}");
    }
    /// Everybody works a millisecond long, again and again, as long as slots are on their way.
    void work_while_moving() {
        do {
            ++round_;
            for (std::string const& tag : tags) all_kinds(tag, std::to_string(round_));
            on_.time.run_for(1ms);
        } while (on_.cluster.moving());
    }
    std::vector<std::uint16_t> slots() const {
        std::vector<std::uint16_t> found;
        for (std::string const& tag : tags) found.push_back(umbel::cluster::slot_of(tag).value());
        return found;
    }

private:
    template <class Done>
    void call(std::initializer_list<std::string_view> words, Done done) {
        on_.db.call(words, [this, done](umbel::result<umbel::reply> told) {
            failed += told ? 0u : 1u;
            done(told);
        });
    }
    void all_kinds(std::string const& tag, std::string const& value) {
        std::string const count = tag + "count", x = tag + "x", y = tag + "y";
        std::size_t const number = seen.begin(count, history::kind::incr);
        call({"INCR", count}, [this, number](auto const& told) { seen.ended(number, told); });
        call({"MSET", x, value, y, value}, [](auto const&) {});
        // Both keys are always written together, so they are never seen apart, on whichever nodes they stand.
        call({"MGET", x, y},
             [this](auto const& told) { torn += told && (*told)[0].text() == (*told)[1].text() ? 0u : 1u; });
    }

    scene& on_;
    unsigned round_ = 0;

public:
    witness seen;
    std::vector<std::string> tags;
    unsigned failed = 0, torn = 0;
};

}  // namespace

TEST_CASE(
    "slots that move forth and back with keys in them, while thousands of commands run, cost nobody an error",
    "[simulation]") {
    scene on;
    on.ready();
    slot_users users{on};
    for (node_number const to : {1, 0, 2, 0}) {
        for (std::uint16_t const slot : users.slots()) on.cluster.move_slot(slot, to);
        users.work_while_moving();
    }
    on.time.run_for(2s);
    auto const found = users.seen.judged(on.cluster);
    INFO(found.to_string());
    CHECK(users.failed == 0);
    CHECK(users.torn == 0);
    CHECK(found.clean());
    CHECK(found.acknowledged > 500);
    CHECK(on.db.counters().asked > 50);
    CHECK(on.db.counters().moved > 50);
    CHECK(on.db.counters().retried > 0);
    CHECK(on.db.pending() == 0);
}

TEST_CASE("slots that change hands at one instant, forth and back, cost nobody an error and no ASK",
          "[simulation]") {
    scene on;
    on.ready();
    slot_users users{on};
    for (node_number const to : {1, 0, 2, 0, 1, 2}) {
        on.cluster.move_at_once(users.slots(), to);
        users.work_while_moving();
        for (std::uint16_t const slot : users.slots()) REQUIRE(on.cluster.truth(slot) == to);
    }
    on.time.run_for(2s);
    auto const found = users.seen.judged(on.cluster);
    INFO(found.to_string());
    CHECK(users.failed == 0);
    CHECK(users.torn == 0);
    CHECK(found.clean());
    CHECK(found.acknowledged > 500);
    CHECK(on.db.counters().asked == 0);
    CHECK(on.db.counters().moved >= users.tags.size());
    CHECK(on.db.counters().retried == 0);
    CHECK(on.db.pending() == 0);
}

TEST_CASE("a server that hands over an early copy of its slots is convicted", "[simulation][control]") {
    scene on;
    on.ready();
    slot_users users{on};
    users.work_while_moving();
    on.time.run_for(100ms);
    auto const early = on.cluster[0].store;
    on.cluster.move_at_once(users.slots(), 1);
    users.work_while_moving();
    for (auto const& [key, value] : early) on.cluster[1].store[key] = value;
    on.time.run_for(2s);
    auto const found = users.seen.judged(on.cluster);
    INFO(found.to_string());
    CHECK_FALSE(found.clean());
}
