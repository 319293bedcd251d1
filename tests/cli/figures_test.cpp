// Tests of examples/cli/samples.hpp and info.hpp: what --latency and --stat compute.
#include <cli/info.hpp>
#include <cli/samples.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string_view>

using namespace std::chrono_literals;

TEST_CASE("samples tell extremes, average and percentiles", "[cli]") {
    cli::samples times;
    CHECK(times.average() == 0ns);
    CHECK(times.percentile(0.99) == 0ns);
    for (int i = 100; i >= 1; --i) times.add(i * 1ms);
    CHECK(times.count() == 100);
    CHECK(times.least() == 1ms);
    CHECK(times.most() == 100ms);
    CHECK(times.average() == 50500us);
    CHECK(times.percentile(0.5) >= 50ms);
    CHECK(times.percentile(0.5) <= 51ms);
    CHECK(times.percentile(0.99) >= 99ms);
    CHECK(times.percentile(1) == 100ms);
}

TEST_CASE("the percentile is of the latest samples, the extremes are of all", "[cli]") {
    cli::samples times;
    times.add(1s);
    for (std::size_t i = 0; i < cli::samples::kept_max; ++i) times.add(1ms);
    CHECK(times.most() == 1s);
    CHECK(times.percentile(1) == 1ms);
}

TEST_CASE("figures are read out of the text of INFO by whole names", "[cli]") {
    std::string_view const info =
        "# Memory\r\nused_memory:1024\r\nused_memory_rss:4096\r\nmax_used_memory:7\r\n"
        "# Keyspace\r\ndb0:keys=12,expires=3,avg_ttl=0\r\ndb7:keys=30,expires=0,avg_ttl=0\r\n";
    CHECK(cli::info_number(info, "used_memory:") == 1024);
    CHECK(cli::info_number(info, "used_memory_rss:") == 4096);
    CHECK(cli::info_number(info, "memory:") == 0);
    CHECK(cli::keys_in(info) == 42);
    CHECK(cli::keys_in("") == 0);
}

TEST_CASE("bytes are written in the largest unit that fits", "[cli]") {
    CHECK(cli::short_bytes(0) == "0B");
    CHECK(cli::short_bytes(1023) == "1023B");
    CHECK(cli::short_bytes(1536) == "1.50K");
    CHECK(cli::short_bytes(std::uint64_t{3} << 30) == "3.00G");
    CHECK(cli::short_bytes(~std::uint64_t{0}).ends_with('P'));
}
