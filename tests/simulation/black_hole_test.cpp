// A primary that nobody hears any more, neither clients nor the other nodes, and that resets nothing: in
// virtual time.
#include "heartbeat.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

using namespace simulation;

namespace {

/// How long after the cluster's own recovery the first write to the shard succeeded, whose primary has fallen
/// into a black hole. `reset` says that its connections are reset first, so that the client meets the silence
/// while it connects.
duration first_write_after(std::uint64_t seed, duration node_timeout, bool reset, duration offset) {
    model_options servers;
    servers.node_timeout = node_timeout;
    scene on{{}, {3, 1}, seed, {}, servers};
    // Nobody asks the other shards: what they answer while the cluster is down would tell the client.
    heartbeat users{on, keys_each(on.ready(), 1), 5ms, on.time.now() + node_timeout * 3 + 6s};
    users.start();
    on.time.run_for(300ms + offset);
    on.cluster.cut_from_clients(0, true);
    on.cluster.partition(0, 1);
    if (reset)
        for (auto const& one : on.cluster.net().streams_to(on.cluster[0])) one->end(true);
    bool const promoted = on.time.run_while_not(
        [&] { return on.cluster.promotions() == 1 && on.cluster.serves_writes(); }, node_timeout * 3 + 5s);
    REQUIRE(promoted);
    instant const recovered = on.time.now();
    on.time.run_for(4s);
    auto const& good = users.good[0];
    auto const first =
        std::find_if(good.begin(), good.end(), [&](auto const& beat) { return beat.came >= recovered; });
    REQUIRE(first != good.end());
    // They flow from then on.
    for (auto const& beat : good)
        if (beat.asked >= first->came + 10ms && beat.asked < first->came + 1s)
            CHECK(beat.came - beat.asked <= 20ms);
    return first->came - recovered;
}

}  // namespace

TEST_CASE(
    "a primary in a black hole is replaced within 0.4 s of the cluster's own recovery, with default options",
    "[simulation]") {
    std::vector<duration> all;
    for (duration const node_timeout : {duration{500ms}, duration{2s}, duration{5s}}) {
        for (bool const reset : {false, true}) {
            for (std::uint64_t seed = 1; seed <= 8; ++seed) {
                INFO("node timeout " << node_timeout.count() / 1000000 << " ms, "
                                     << (reset ? "reset" : "silent") << ", seed " << seed);
                all.push_back(
                    first_write_after(seed, node_timeout, reset, duration{37ms} * static_cast<int>(seed)));
                CHECK(all.back() <= 400ms);
            }
        }
    }
    std::sort(all.begin(), all.end());
    INFO("slowest " << all.back().count() / 1000 << " us, median " << all[all.size() / 2].count() / 1000
                    << " us");
    CHECK(all[all.size() / 2] <= 250ms);
}
