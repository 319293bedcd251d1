// Leases that users hold on virtual time, while random faults befall a model cluster: no element of a queue
// is gone without somebody who knows, nobody overwrites what was not read, and no lease leaks. Users who do
// not watch, who do not hear that an element may be lost, or who hoard leases are convicted.
#include "lease_run.hpp"
#include "support/number_from.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

using namespace umbel::test;

namespace {

/// UMBEL_SEEDS asks for more seeds, UMBEL_FIRST_SEED for others, UMBEL_TRACE shows the end of those that
/// fail.
lease_verdict judge_all(holders how, std::uint64_t count) {
    lease_verdict all;
    std::uint64_t const first = number_from("UMBEL_FIRST_SEED", 1);
    for (std::uint64_t seed = first; seed < first + count && all.faults.size() < 5; ++seed) {
        lease_run run{seed, how, number_from("UMBEL_TRACE", 0)};
        lease_verdict const told = run.judge();
        for (std::string const& text : told.faults)
            all.faults.push_back("seed " + std::to_string(seed) + ": " + text);
        if (how == holders::sound && !told.faults.empty())
            for (std::string const& line : run.lines()) std::printf("    %s\n", line.c_str());
        all.popped += told.popped, all.unknown += told.unknown, all.cancelled += told.cancelled;
        all.late += told.late, all.swapped += told.swapped, all.refused += told.refused;
        all.doubtful += told.doubtful, all.lost += told.lost;
    }
    auto const number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "leases: %llu seeds: %llu popped, %llu unknown, %llu cancelled, %llu came late, %llu swapped, "
        "%llu refused, %llu doubtful, %llu leases lost\n",
        number(count), number(all.popped), number(all.unknown), number(all.cancelled), number(all.late),
        number(all.swapped), number(all.refused), number(all.doubtful), number(all.lost));
    return all;
}
std::string shown(std::vector<std::string> const& faults) {
    std::string text;
    for (std::string const& fault : faults) text += fault + "\n";
    return text;
}
/// True when some fault has these words.
bool convicted(lease_verdict const& told, std::string_view words) {
    for (std::string const& fault : told.faults)
        if (fault.find(words) != fault.npos) return true;
    return false;
}

}  // namespace

TEST_CASE("leases that users hold lose nothing and leak nothing, whatever befalls the cluster", "[lease]") {
    lease_verdict const told = judge_all(holders::sound, number_from("UMBEL_SEEDS", 20));
    CHECK(shown(told.faults) == "");
    // There was something to see.
    CHECK(told.popped > 1000);
    CHECK(told.unknown > 0);
    CHECK(told.late > 0);
    CHECK(told.swapped > 100);
    CHECK(told.refused > 0);
    CHECK(told.lost > 0);
}

TEST_CASE("who does not watch overwrites what others wrote, and is convicted", "[lease]") {
    CHECK(convicted(judge_all(holders::blind, 3), "which its user had not read"));
}

TEST_CASE("who does not hear that an element may be lost, loses it silently, and is convicted", "[lease]") {
    CHECK(convicted(judge_all(holders::deaf, 20), "callers know of one"));
}

TEST_CASE("who keeps leases leaks them, and is convicted", "[lease]") {
    CHECK(convicted(judge_all(holders::hoarding, 5), "a lease has leaked"));
}
