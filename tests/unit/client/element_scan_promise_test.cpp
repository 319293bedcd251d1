// The promise of client::scan_set() and its like: an element that is there throughout is seen at least once,
// although its slot moves and its primary fails over or restarts meanwhile. The real client against a model
// cluster on virtual time; and a loop with a bare cursor, which the same checker convicts.
#include <umbel/client/element_scan.hpp>

#include "disturbed_cluster.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <vector>

using namespace disturbed;
using umbel::errc;

namespace {

std::string set_name(int nth) { return "set:" + std::to_string(nth); }
constexpr int sets = 4;

std::vector<watched> some_sets() {
    std::vector<watched> all;
    for (int nth = 0; nth < sets; ++nth)
        for (int at = 0; at < 24; ++at)
            all.push_back({set_name(nth), set_name(nth) + ':' + std::to_string(at)});
    return all;
}

/// Scans one set page by page, with pauses; resumes from its text now and then.
asio::awaitable<bool> scan_set(disturbed_cluster& at, std::string name, std::set<std::string>& seen,
                               unsigned& restarts) {
    timeline& time = at.here().time();
    auto scan = at.db().with(2s).scan_set(name, {.count = 2});
    for (int failures = 0; failures < 60;) {
        auto page = co_await scan.next();
        if (page) {
            seen.insert(page->begin(), page->end());
            co_await at.here().sleep(time.between(0ms, 12ms));
        } else if (scan.done()) {
            restarts += scan.restarts();
            co_return page.error() == errc::end_of_range;
        } else {
            ++failures;
        }
        if (time.chance(10)) {
            restarts += scan.restarts();
            std::string const text = scan.cursor();
            scan = at.db().with(2s).scan_set(name, {.count = 2, .resume = text});
        }
    }
    co_return false;
}
asio::awaitable<bool> scan_sets(disturbed_cluster& at, std::set<std::string>& seen, unsigned& restarts) {
    for (int nth = 0; nth < sets; ++nth)
        if (!co_await scan_set(at, set_name(nth), seen, restarts)) co_return false;
    co_return true;
}

/// What people write: SSCAN from cursor to cursor, wherever the key is.
asio::awaitable<bool> scan_naively(disturbed_cluster& at, std::set<std::string>& seen, unsigned&) {
    for (int nth = 0; nth < sets; ++nth) {
        std::string cursor = "0";
        int failures = 0;
        do {
            auto told = co_await at.db().with(2s).sscan(set_name(nth), cursor, {.count = 2});
            if (!told && ++failures < 60) continue;
            if (!told) co_return false;
            seen.insert(told->items.begin(), told->items.end());
            cursor = told->cursor;
            co_await at.here().sleep(at.here().time().between(0ms, 12ms));
        } while (cursor != "0");
    }
    co_return true;
}

}  // namespace

TEST_CASE("an element that is there throughout is seen, though its slot moves and its primary fails over",
          "[scan]") {
    unsigned const seeds = seeds_wanted(60);
    verdict_of_seeds const found = try_seeds(seeds, some_sets(), &scan_sets);
    INFO(found.first << "; " << found.unfinished << " unfinished, " << found.rounds << " restarts, "
                     << found.lasting << " lasting elements");
    CHECK(found.convicted == 0);
    CHECK(found.unfinished == 0);
    CHECK(found.rounds > seeds / 2);                 // The process changed.
    CHECK(found.lasting > std::size_t{seeds} * 20);  // Something was promised.
}

TEST_CASE("a loop from cursor to cursor misses elements, and is convicted", "[scan]") {
    verdict_of_seeds const found = try_seeds(seeds_wanted(60), some_sets(), &scan_naively);
    INFO(found.first);
    CHECK(found.convicted > 0);
}
