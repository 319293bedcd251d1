// Many nodes are connected to a few at a time, in virtual time: at the beginning, after an outage of all of
// them, and while some of them are silent.
#include "scene.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>

using namespace simulation;

namespace {

constexpr node_number nodes = 12;

/// A client of many nodes, and how many attempts to connect were under way at one time.
struct crowd {
    scene on;
    std::size_t attempts_max = 0;
    unsigned good = 0;
    unsigned failed = 0;
    unsigned pending = 0;
    std::vector<std::string> keys;

    explicit crowd(std::uint64_t seed, std::uint32_t connects_max)
        : on{asking(connects_max), {nodes, 0}, seed} {
        on.ready();
        for (node_number node = 0; node < nodes; ++node) keys.push_back(on.key_of(node));
        on.time.after_every_step([this] { look(); });
    }
    static umbel::options asking(std::uint32_t connects_max) {
        umbel::options chosen;
        chosen.connects_max = connects_max;
        chosen.seeds = {"10.0.0.1:6379"};
        chosen.deadline = 5s;
        return chosen;
    }
    /// Attempts that began less than the pacer's patience ago, and did not wait for their turn: their streams
    /// are being opened.
    void look() {
        std::size_t attempts = 0;
        for (auto const& session : on.db.runtime().sessions())
            attempts += session->link().is_connecting() ? 1u : 0u;
        attempts_max = std::max(attempts_max, attempts);
    }
    void ask_all() {
        for (std::string const& key : keys) {
            ++pending;
            on.db.call({"GET", key}, [this](umbel::result<umbel::reply> told) {
                --pending;
                ++(told ? good : failed);
            });
        }
    }
    void ask_for(duration span) {
        for (instant const end = on.time.now() + span; on.time.now() < end; on.time.run_for(5ms)) ask_all();
    }
};

}  // namespace

TEST_CASE("a client opens as many connections at one time as it may, and every command is served",
          "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        crowd here{seed, 2};
        here.ask_for(200ms);
        here.on.time.run_for(2s);
        CHECK(here.pending == 0);
        CHECK(here.failed == 0);
        CHECK(here.attempts_max == 2);
        // All connections end at one moment, under load.
        for (int round = 0; round < 5; ++round) {
            for (node_number node = 0; node < nodes; ++node) here.on.cluster.reset_connections(node);
            here.ask_for(200ms);
        }
        here.on.time.run_for(5s);
        CHECK(here.pending == 0);
        CHECK(here.failed == 0);
        CHECK(here.attempts_max == 2);
    }
}

TEST_CASE("without a bound as many are opened as there are nodes: a negative control", "[simulation]") {
    crowd here{1, 64};
    here.ask_for(100ms);
    here.on.time.run_for(1s);
    CHECK(here.attempts_max >= nodes / 2);
}

TEST_CASE("nodes that meet silence keep no living node waiting for long", "[simulation]") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        crowd here{seed, 2};
        for (node_number node = 4; node < nodes; ++node) here.on.cluster.freeze(node);
        instant const asked = here.on.time.now();
        here.keys.resize(4);
        here.ask_all();
        here.on.time.run_while_not([&] { return here.pending == 0; }, 5s);
        CHECK(here.failed == 0);
        CHECK(here.on.time.now() - asked < 1s);
    }
}
