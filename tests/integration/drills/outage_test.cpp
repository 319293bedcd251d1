// Clusters that are not all there: no majority, a slot that nobody owns, a dataset that is being loaded, a
// replica without a primary. Commands are told so within their deadlines, and everything mends by itself when
// the cluster does.
#include "integration/support/drill.hpp"

using namespace umbel;
using namespace umbel::test;

namespace {

std::string beyond_an_outage(drill const& d, std::size_t at) {
    return d.surprises(
        at, {errc::cluster_down, errc::deadline_exceeded, errc::connection_lost, errc::connect_failed});
}

}  // namespace

TEST_CASE("two of three primaries stand still: no majority, no writes, and recovery by itself", "[drill]") {
    drill d{"quorum loss", {.deadline = 600ms}};
    d.disturb([&] {
        d.servers.freeze(d[0].primary.name);
        d.servers.freeze(d[1].primary.name);
        // The third, which is well, learns that it is alone and stops serving.
        wire third = d.servers.talk(d[2].primary);
        REQUIRE(eventually([&] {
            return third.must({"CLUSTER", "INFO"}).text.find("cluster_state:fail") != std::string::npos;
        }));
        auto const failed = d.users.failed(2);
        REQUIRE(eventually([&] { return d.users.failed(2) > failed + 10; }, 60s));
        auto const told = d.s(d.s.db().with(300ms).incr(real_cluster::key_in(d[2].slots[0]) + ":alone"));
        REQUIRE_FALSE(told);
        CAPTURE(told.error().to_string());
        CHECK((told.error() == errc::cluster_down || told.error() == errc::deadline_exceeded));
        CHECK(told.error().delivery() == delivery::not_executed);
        d.servers.thaw(d[0].primary.name);
        d.servers.thaw(d[1].primary.name);
    });
    REQUIRE(d.users.all_go_on(200));
    // As soon as there is a majority, replicas of those that stood still may be elected.
    d.servers.heal();
    REQUIRE(d.users.all_go_on(200));
    d.forgive(0);
    d.forgive(1);
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    for (std::size_t at : {0u, 1u, 2u}) CHECK(beyond_an_outage(d, at) == "");
}

TEST_CASE("a slot that nobody owns is told as such, costs the others nothing, and comes back", "[drill]") {
    drill d{"uncovered slot", {.elections = false}};
    std::uint16_t const slot = static_cast<std::uint16_t>(d[0].slots.back() + 500);
    std::string const key = real_cluster::key_in(slot) + ":uncovered";
    REQUIRE(d.s(d.s.db().set(key, "before")) == set_outcome::written);
    d.disturb([&] {
        for (auto const& node : d.servers.nodes())
            d.servers.talk(node).must({"CONFIG", "SET", "cluster-require-full-coverage", "no"});
        for (auto const& node : d.servers.nodes())
            d.servers.talk(node).must({"CLUSTER", "DELSLOTS", std::to_string(slot)});
        for (int i = 0; i < 5; ++i) {
            auto const told = d.s(d.s.db().with(2s).incr(key));
            REQUIRE_FALSE(told);
            CAPTURE(told.error().to_string());
            CHECK((told.error() == errc::slot_uncovered || told.error() == errc::cluster_down ||
                   told.error() == errc::deadline_exceeded));
            CHECK_FALSE(told.error().may_have_executed());
            CHECK(told.error().slot() == slot);
        }
        REQUIRE(d.users.all_go_on(100));
        // One that is patient gets its answer when the slot has an owner again.
        auto const patient = d.s.begin(d.s.db().with(50s).get(key));
        d.servers.talk(d[0].primary).must({"CLUSTER", "ADDSLOTS", std::to_string(slot)});
        auto const told = d.s.finish(patient);
        CAPTURE(told[0] ? "" : told[0].error().to_string());
        CHECK((told[0] == "before" || told[0].error() == errc::slot_uncovered));
        CHECK(eventually([&] { return d.s(d.s.db().get(key)) == "before"; }));
        for (auto const& node : d.servers.nodes())
            d.servers.talk(node).must({"CONFIG", "SET", "cluster-require-full-coverage", "yes"});
    });
    REQUIRE(d.users.all_go_on(100));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(found.clean());
    for (std::size_t at : {0u, 1u, 2u}) CHECK(d.surprises(at, {}) == "");
}

TEST_CASE("a primary loads its dataset again: its callers wait, and nobody else notices", "[drill]") {
    drill d{"LOADING", {.elections = false}};
    wire talk = d.servers.talk(d[0].primary);
    for (int i = 0; i < 2000; ++i)
        talk.must({"SET", real_cluster::key_in(d[0].slots[0]) + ":bulk" + std::to_string(i), "x"});
    // Half a millisecond for each key, and a look at the clients every now and then.
    talk.must({"CONFIG", "SET", "loading-process-events-interval-bytes", "1024"});
    talk.must({"CONFIG", "SET", "key-load-delay", "400"});
    talk.must({"CONFIG", "RESETSTAT"});
    d.disturb([&] { talk.must({"DEBUG", "RELOAD"}); });
    talk.must({"CONFIG", "SET", "key-load-delay", "0"});
    auto const refused = d.servers.errors("LOADING");
    REQUIRE(d.users.all_go_on(200));
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(refused > 0);
    CHECK(found.clean());
    CHECK(found.unknown == 0);
    for (std::size_t at : {0u, 1u, 2u}) CHECK(d.surprises(at, {}) == "");
    figure("LOADING: said %lld times", refused);
}

TEST_CASE("reads from a replica that has lost its primary go elsewhere, or wait until it is one itself",
          "[drill]") {
    drill d{"MASTERDOWN"};
    std::string const key = real_cluster::key_in(d[0].slots[0]) + ":read";
    REQUIRE(d.s(d.s.db().set(key, "here")) == set_outcome::written);
    d.servers.settle_replication();
    auto const reader = d.s.db().with(read_from::prefer_replica).with(50s);
    REQUIRE(d.s(reader.get(key)) == "here");
    wire replica = d.servers.talk(d[0].replica);
    replica.must({"CONFIG", "SET", "replica-serve-stale-data", "no"});
    replica.must({"CONFIG", "RESETSTAT"});
    d.disturb([&] { d.servers.kill(d[0].primary.name); });
    int reads = 0;
    REQUIRE(eventually([&] {
        // It answers, however long that takes, with what was written.
        CHECK(d.s(reader.get(key)) == "here");
        return ++reads > 10 && d.serves(0, d[0].replica, 0s);
    }));
    replica.must({"CONFIG", "SET", "replica-serve-stale-data", "yes"});
    auto const refused =
        replica.must({"INFO", "errorstats"}).text.find("errorstat_MASTERDOWN") != std::string::npos;
    REQUIRE(d.users.all_go_on(100));
    d.forgive(0);
    d.servers.restart(d[0].primary.name);
    auto const found = d.reckon();
    INFO(found.to_string());
    CHECK(refused);
    CHECK(found.clean());
    CHECK(beyond_an_outage(d, 0) == "");
    for (std::size_t at : {1u, 2u}) CHECK(d.surprises(at, {}) == "");
}
