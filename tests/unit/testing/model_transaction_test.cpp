// Tests of testing/model_transaction.hpp, and of how a model node serves MULTI and EXEC.
#include <umbel/testing/model_cluster.hpp>
#include <umbel/testing/sim_client.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <vector>

using namespace umbel;
using namespace umbel::testing;
using namespace std::chrono_literals;

namespace {

using commands = std::vector<std::vector<std::string>>;

struct three_primaries {
    timeline time{1};
    model_cluster cluster{time, {3, 0}};
    sim_client db{time, cluster.net(), {.seeds = {"10.0.0.1:6379"}}, 1};

    result<reply> transaction(commands const& all, sim_call_options const& wanted = {}) {
        std::optional<result<reply>> told;
        db.transaction(all, [&](result<reply> answer) { told.emplace(std::move(answer)); }, wanted);
        time.run_while_not([&] { return told.has_value(); }, 20s);
        REQUIRE(told.has_value());
        return std::move(*told);
    }
};

}  // namespace

TEST_CASE("the keys of a transaction are those of all its commands", "[model]") {
    model_keys keys;
    keys.add(*find_model_command("get"), {"GET", "{k}a"});
    CHECK_FALSE(keys.several());
    CHECK_FALSE(keys.write);
    keys.add(*find_model_command("mset"), {"MSET", "{k}b", "1", "{k}c", "2"});
    CHECK(keys.names == std::vector<std::string>{"{k}a", "{k}b", "{k}c"});
    CHECK(keys.several());
    CHECK(keys.write);
    CHECK(keys.in_one_slot());
    model_store store;
    store["{k}b"];
    CHECK(keys.missing_in(store) == 2);
    keys.add(*find_model_command("get"), {"GET", "foo"});
    CHECK_FALSE(keys.in_one_slot());
    CHECK_FALSE(keys.stale);
    CHECK(model_keys{}.stale);
}

TEST_CASE("what is watched has changed when another write has left it, or none", "[model]") {
    model_store store;
    store["a"].history = 3;
    model_transaction watching;
    watching.watch({"a", "b"}, store);
    CHECK_FALSE(watching.has_changed(store));
    store["a"].history = 4;
    CHECK(watching.has_changed(store));
    // The first WATCH of a key counts, until EXEC.
    watching.watch({"a"}, store);
    CHECK(watching.has_changed(store));
    CHECK(watching.take().has_changed(store));
    CHECK_FALSE(watching.has_changed(store));
    watching.watch({"b"}, store);
    store["b"].history = 5;
    CHECK(watching.has_changed(store));
}

TEST_CASE("a model node queues between MULTI and EXEC, and runs all of it at once", "[model]") {
    three_primaries here;
    auto const done = here.transaction({{"RPUSH", "{k}a", "x"}, {"INCR", "{k}a"}, {"LLEN", "{k}a"}});
    REQUIRE(done);
    REQUIRE(done->children_count() == 3);
    CHECK((*done)[0].integer() == 1);
    CHECK((*done)[1].is_error());
    CHECK((*done)[2].integer() == 1);
}

TEST_CASE("a model node gives a transaction up for one refused command", "[model]") {
    three_primaries here;
    auto const done = here.transaction({{"INCR", "{k}n"}, {"SORT", "{k}n"}});
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::exec_aborted);
    CHECK(done.error().delivery() == delivery::not_executed);
    auto const after = here.transaction({{"INCR", "{k}n"}});
    REQUIRE(after);
    CHECK((*after)[0].integer() == 1);
}

TEST_CASE("a transaction of several slots is not sent", "[model]") {
    three_primaries here;
    auto const done = here.transaction({{"INCR", "foo"}, {"INCR", "bar"}});
    REQUIRE_FALSE(done);
    CHECK(done.error() == errc::cross_slot);
    CHECK(done.error().delivery() == delivery::not_sent);
}

TEST_CASE("a node that forbids MULTI runs the commands behind it one by one, and the caller is told",
          "[model]") {
    three_primaries here;
    for (auto const& node : here.cluster.nodes()) node->forbids_multi = true;
    bool queued = true;
    here.cluster.book().watch([&](execution const& what) { queued = queued && what.queued; });
    auto const done = here.transaction({{"INCR", "{k}n"}, {"INCR", "{k}n"}});
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == errc::no_permission);
    CHECK(done.error().delivery() == delivery::unknown);
    CHECK_FALSE(queued);
    here.cluster.heal();
    auto const again = here.transaction({{"INCR", "{k}n"}, {"INCR", "{k}n"}});
    REQUIRE(again);
    CHECK((*again)[1].integer() == 4);
}
