// Many seeds: random clusters, random users, random faults; every run is held against the checks of
// checker.hpp.
#include "replays.hpp"
#include "scenario.hpp"
#include "support/number_from.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdio>
#include <map>
#include <string>

namespace {

using namespace simulation;
using umbel::test::number_from;

/// Runs one seed; shows what went wrong and how to see it again.
bool holds(std::uint64_t seed, draws what, outcome* told = nullptr) {
    bool const shown = number_from("UMBEL_TRACE", 0) != 0;
    plan const made = draw(seed, what);
    outcome const seen = scenario{seed, made, shown ? number_from("UMBEL_TRACE_LINES", 400) : 0}.run();
    if (told) *told = seen;
    if (seen.failures.empty()) return true;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed), made.describe().c_str());
    for (std::string const& text : seen.failures) std::printf("  %s\n", text.c_str());
    if (shown)
        for (std::string const& line : seen.lines) std::printf("    %s\n", line.c_str());
    std::printf(
        "  again: %sUMBEL_SEED=%llu UMBEL_TRACE=1 <this program> \"random faults cost no caller more than he "
        "is told\"\n",
        what == draws::early ? "UMBEL_EARLY_PLANS=1 " : "", static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    return false;
}

}  // namespace

TEST_CASE("random faults cost no caller more than he is told", "[simulation]") {
    std::uint64_t const one = number_from("UMBEL_SEED", 0);
    std::uint64_t const first = one != 0 ? one : number_from("UMBEL_FIRST_SEED", 1);
    std::uint64_t const count = one != 0 ? 1 : number_from("UMBEL_SEEDS", UMBEL_DEFAULT_SEEDS);
    unsigned broken = 0;
    outcome sum;
    std::map<std::string, unsigned> codes;
    for (std::uint64_t seed = first; seed < first + count && broken < 5; ++seed) {
        outcome told;
        if (!holds(seed, number_from("UMBEL_EARLY_PLANS", 0) != 0 ? draws::early : draws::all, &told))
            ++broken;
        sum.issued += told.issued;
        sum.acknowledged += told.acknowledged;
        sum.failed += told.failed;
        sum.transactions += told.transactions;
        sum.steps += told.steps;
        sum.promotions += told.promotions;
        sum.moved += told.moved;
        sum.asked += told.asked;
        sum.hand_overs += told.hand_overs;
        sum.forgiven += told.forgiven;
        for (auto const& [code, times] : told.codes) codes[code] += times;
    }
    std::printf(
        "%llu seeds: %llu calls, %llu answered, %llu failed, %llu transactions, %llu failovers, %llu MOVED, "
        "%llu ASK, %llu hand-overs, %llu "
        "writes lost by failovers, %llu steps;",
        static_cast<unsigned long long>(count), static_cast<unsigned long long>(sum.issued),
        static_cast<unsigned long long>(sum.acknowledged), static_cast<unsigned long long>(sum.failed),
        static_cast<unsigned long long>(sum.transactions), static_cast<unsigned long long>(sum.promotions),
        static_cast<unsigned long long>(sum.moved), static_cast<unsigned long long>(sum.asked),
        static_cast<unsigned long long>(sum.hand_overs), static_cast<unsigned long long>(sum.forgiven),
        static_cast<unsigned long long>(sum.steps));
    for (auto const& [code, times] : codes) std::printf(" %s %u", code.c_str(), times);
    std::printf("\n");
    CHECK(broken == 0);
    CHECK(sum.acknowledged > sum.failed);
}

TEST_CASE("every seed that once failed holds", "[simulation]") {
    for (replay const& one : replays) {
        INFO(one.what);
        CHECK(holds(one.seed, one.how_much));
    }
}

TEST_CASE("the same seed gives the same run", "[simulation]") {
    for (std::uint64_t seed : {3u, 14u, 77u}) {
        outcome const first = scenario{seed, draw(seed), 100000}.run();
        outcome const second = scenario{seed, draw(seed), 100000}.run();
        CHECK(first.steps == second.steps);
        CHECK(first.lines == second.lines);
    }
}
