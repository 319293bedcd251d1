// Consumers of groups on virtual time, while random faults befall a model cluster and consumers die: each
// entry that lasts is given at least once, and none is acknowledged that was not given. Users who acknowledge
// first are convicted, and so are consumers that forget what the lost reply of a read has taken.
#include "stream_run.hpp"
#include "support/number_from.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

using namespace umbel::test;

namespace {

/// UMBEL_SEEDS asks for more seeds, UMBEL_FIRST_SEED for others, UMBEL_TRACE shows the end of those that
/// fail.
stream_verdict judge_all(readers how, std::uint64_t count) {
    stream_verdict all;
    std::uint64_t const first = number_from("UMBEL_FIRST_SEED", 1);
    for (std::uint64_t seed = first; seed < first + count && all.faults.size() < 5; ++seed) {
        stream_run run{seed, how, number_from("UMBEL_TRACE", 0)};
        stream_verdict const told = run.judge();
        std::string const name = "seed " + std::to_string(seed) + ": ";
        for (std::string const& text : told.faults) all.faults.push_back(name + text);
        for (std::size_t at = 0; at < all.found.counts.size(); ++at)
            all.found.counts[at] += told.found.counts[at];
        if (how == readers::sound && !(told.found.clean() && told.faults.empty())) {
            all.faults.push_back(name + told.found.to_string());
            for (std::string const& line : run.lines()) std::printf("    %s\n", line.c_str());
        }
        all.found.acknowledged += told.found.acknowledged, all.found.forgiven += told.found.forgiven;
        all.found.unknown += told.found.unknown;
        all.found.given += told.found.given, all.found.again += told.found.again;
        all.claimed += told.claimed, all.pending += told.pending, all.deleted += told.deleted;
        all.deaths += told.deaths, all.promotions += told.promotions;
    }
    std::printf(
        "streams: %llu seeds: %s\n    %llu claimed, %llu from the own list, %llu deleted, %llu deaths, "
        "%llu failovers\n",
        static_cast<unsigned long long>(count), all.found.to_string().c_str(),
        static_cast<unsigned long long>(all.claimed), static_cast<unsigned long long>(all.pending),
        static_cast<unsigned long long>(all.deleted), static_cast<unsigned long long>(all.deaths),
        static_cast<unsigned long long>(all.promotions));
    return all;
}

}  // namespace

TEST_CASE("consumers are given each entry that lasts, whatever befalls the cluster and themselves",
          "[consumer]") {
    stream_verdict const told = judge_all(readers::sound, number_from("UMBEL_SEEDS", 20));
    std::string faults;
    for (std::string const& text : told.faults) faults += text + "\n";
    CHECK(faults == "");
    CHECK(told.found.clean());
    // There was something to see.
    CHECK(told.found.acknowledged > 500);
    CHECK(told.found.again > 0);
    CHECK(told.claimed > 0);
    CHECK(told.pending > 0);
    CHECK(told.deleted > 0);
    CHECK(told.deaths > 0);
    CHECK(told.promotions > 0);
}

TEST_CASE("consumers that acknowledge before they hand out swallow entries, and are convicted",
          "[consumer]") {
    stream_verdict const told = judge_all(readers::acknowledging_first, 4);
    CHECK(told.found[stream_guilt::swallowed] > 0);
    CHECK(told.found[stream_guilt::vanished] == 0);
}

TEST_CASE("consumers that forget what a lost reply has taken leave entries unseen, and are convicted",
          "[consumer]") {
    stream_verdict const told = judge_all(readers::forgetful, 15);
    CHECK(told.found[stream_guilt::unseen] > 0);
    CHECK(told.found[stream_guilt::swallowed] == 0);
    CHECK(told.found[stream_guilt::vanished] == 0);
}
