// The promise of client::scan(): a key that exists throughout is seen at least once, although slots move key
// by key and primaries fail over meanwhile. The real client against a model cluster on virtual time; and a
// scan that knows nothing of clusters, which the same checker convicts.
#include <umbel/client/key_scan.hpp>
#include <umbel/client/node_client.hpp>

#include "disturbed_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

using namespace disturbed;
using umbel::errc;

namespace {

std::vector<watched> many_keys() {
    std::vector<watched> all;
    for (int at = 0; at < 80; ++at) all.push_back({"key:" + std::to_string(at)});
    return all;
}

/// Scans page by page, with pauses; resumes from its text now and then.
asio::awaitable<bool> scan_all(disturbed_cluster& at, std::set<std::string>& seen, unsigned& rounds) {
    timeline& time = at.here().time();
    auto scan = at.db().with(2s).scan({.count = 5});
    for (int failures = 0; failures < 60;) {
        auto page = co_await scan.next();
        if (page) {
            seen.insert(page->begin(), page->end());
            co_await at.here().sleep(time.between(0ms, 12ms));
        } else if (scan.done()) {
            rounds = scan.rounds();
            co_return page.error() == errc::end_of_range;
        } else {
            ++failures;
        }
        if (time.chance(10)) {
            std::string const text = scan.cursor();
            scan = at.db().with(2s).scan({.count = 5, .resume = text});
        }
    }
    co_return false;
}

/// What people write: SCAN on each primary of the moment, to the end.
asio::awaitable<bool> scan_naively(disturbed_cluster& at, std::set<std::string>& seen, unsigned&) {
    using page = umbel::scan_page<std::string>;
    auto const nodes = co_await at.db().nodes();
    for (auto const& node : *nodes) {
        if (!node.member || node.role != umbel::cluster::node_role::primary) continue;
        std::string cursor = "0";
        int failures = 0;
        do {
            auto told = co_await at.db().with(2s).on(node).command<page>("SCAN", cursor, "COUNT", 5);
            if (!told && ++failures < 5) continue;
            if (!told) break;
            seen.insert(told->items.begin(), told->items.end());
            cursor = told->cursor;
            co_await at.here().sleep(at.here().time().between(0ms, 12ms));
        } while (cursor != "0");
    }
    co_return true;
}

}  // namespace

TEST_CASE("a key that exists throughout is seen, though slots move and primaries fail over", "[scan]") {
    unsigned const seeds = seeds_wanted(60);
    verdict_of_seeds const found = try_seeds(seeds, many_keys(), &scan_all);
    INFO(found.first << "; " << found.unfinished << " unfinished, " << found.rounds << " rounds, "
                     << found.lasting << " lasting keys");
    CHECK(found.convicted == 0);
    CHECK(found.unfinished == 0);
    CHECK(found.rounds > seeds / 2);                 // Something moved.
    CHECK(found.lasting > std::size_t{seeds} * 20);  // Something was promised.
}

TEST_CASE("a loop over the nodes misses keys, and is convicted", "[scan]") {
    verdict_of_seeds const found = try_seeds(seeds_wanted(60), many_keys(), &scan_naively);
    INFO(found.first);
    CHECK(found.convicted > 0);
}
