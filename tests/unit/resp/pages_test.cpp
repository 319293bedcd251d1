// Tests of resp/pages.hpp: reserved addresses become memory piece by piece, and a few runs of pages are kept
// for the next value.
#include <umbel/resp/pages.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstring>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

using namespace umbel::resp;

#if UMBEL_HAS_PAGES

TEST_CASE("a run of pages is accessible as far as it was opened", "[pages]") {
    std::size_t const page = pages::page_bytes();
    page_run run = pages::reserve(256 * page);
    if (!run) SKIP("addresses are limited here");
    CHECK(run.accessible == 0);
    REQUIRE(pages::open(run, 3 * page));
    CHECK(run.accessible == 3 * page);
    std::memset(run.data, 'x', 3 * page);
    REQUIRE(pages::open(run, 2 * page));
    CHECK(run.accessible == 3 * page);
    REQUIRE(pages::open(run, 256 * page));
    CHECK(run.data[3 * page - 1] == 'x');
    CHECK(run.data[3 * page] == '\0');
    pages::release(run);
}

TEST_CASE("runs come in sizes that differ by a quarter at most", "[pages]") {
    for (std::size_t bytes = 70'000; bytes < (std::size_t{1} << 32); bytes += bytes / 7) {
        std::size_t const size = pages::run_bytes(bytes);
        CHECK(size >= bytes);
        CHECK(size <= bytes + bytes / 4 + pages::page_bytes());
        CHECK(size % pages::page_bytes() == 0);
    }
}

TEST_CASE("a run of the same size is used again, a larger or a smaller one is not", "[pages]") {
    if (!UMBEL_KEEPS_PAGES) SKIP("nothing is kept under a sanitizer");
    page_store& store = page_store::shared();
    store.clear();
    page_run first = store.take(1'000'000);
    if (!first) SKIP("addresses are limited here");
    REQUIRE(pages::open(first, 8 * pages::page_bytes()));
    store.give(first);
    CHECK(store.kept_bytes() == first.reserved);
    page_run const larger = store.take(3'000'000), smaller = store.take(300'000);
    CHECK(larger.data != first.data);
    CHECK(smaller.data != first.data);
    page_run const same = store.take(1'000'100);
    CHECK((same.data == first.data));
    CHECK(same.accessible == 8 * pages::page_bytes());
    CHECK(store.kept_bytes() == 0);
    for (page_run const& run : {larger, smaller, same}) pages::release(run);
}

TEST_CASE("what is kept is bounded in size and in sum", "[pages]") {
    page_store& store = page_store::shared();
    store.clear();
    page_run const huge = store.take(page_store::run_bytes_max + 1);
    if (!huge) SKIP("addresses are limited here");
    store.give(huge);
    CHECK(store.kept_bytes() == 0);
    std::vector<page_run> all;
    for (int at = 0; at != 12; ++at) all.push_back(store.take(3 << 20));
    for (page_run const& run : all) store.give(run);
    CHECK(store.kept_bytes() <= page_store::kept_bytes_max);
    if (UMBEL_KEEPS_PAGES) CHECK(store.kept_bytes() > page_store::kept_bytes_max / 2);
    all.clear();
    for (int at = 0; at != 40; ++at) all.push_back(store.take(100'000));
    for (page_run const& run : all) store.give(run);
    CHECK(store.kept_bytes() <= page_store::kept_bytes_max);
    store.clear();
    CHECK(store.kept_bytes() == 0);
}

TEST_CASE("threads that take and give runs never share one", "[pages]") {
    page_store& store = page_store::shared();
    auto const work = [&store](char mine) {
        for (int round = 0; round != 400; ++round) {
            page_run run = store.take(static_cast<std::size_t>(70'000) << (round % 3));
            if (!run || !pages::open(run, 4 * pages::page_bytes())) return false;
            std::memset(run.data, mine, 4 * pages::page_bytes());
            std::this_thread::yield();
            for (std::size_t at = 0; at < 4 * pages::page_bytes(); at += 512)
                if (run.data[at] != mine) return false;
            store.give(run);
        }
        return true;
    };
    bool good[4] = {};
    std::vector<std::thread> threads;
    for (int at = 0; at != 4; ++at)
        threads.emplace_back([&, at] { good[at] = work(static_cast<char>('a' + at)); });
    for (auto& thread : threads) thread.join();
    for (bool const one : good) CHECK(one);
    store.clear();
}

#endif
