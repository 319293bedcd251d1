// Tests of examples/cli/tally.hpp: what --bigkeys counts and how it is written.
#include <cli/tally.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("the biggest key of each type is kept, the first of equals", "[cli]") {
    cli::tally all;
    cli::measure const& string = *cli::measure_of("string");
    cli::measure const& hash = *cli::measure_of("hash");
    CHECK(all.add(string, "a", 0));
    CHECK(all.add(string, "b", 7));
    CHECK_FALSE(all.add(string, "c", 7));
    CHECK(all.add(hash, "h", 2));
    CHECK(all.of(string).keys == 3);
    CHECK(all.of(string).sum == 14);
    CHECK(all.of(string).name == "b");
    CHECK(all.of(hash).name == "h");
    CHECK(all.of(*cli::measure_of("zset")).keys == 0);
    CHECK(all.seen() == 4);
}

TEST_CASE("keys of modules and keys that fail are counted apart", "[cli]") {
    CHECK(cli::measure_of("ReJSON-RL") == nullptr);
    CHECK(cli::measure_of("none") == nullptr);
    cli::tally all;
    all.add_unmeasured("doc");
    all.add_failed();
    CHECK(all.seen() == 2);
    std::string const told = all.summary(cli::plain);
    CHECK(told.find("1 of them of types of modules") != std::string::npos);
    CHECK(told.find("1 more keys were not to be measured") != std::string::npos);
}

TEST_CASE("a summary names the biggest keys, and the shares of the types", "[cli]") {
    cli::tally all;
    for (int i = 0; i < 3; ++i) all.add(*cli::measure_of("string"), "key" + std::to_string(i), 1000u + i);
    all.add(*cli::measure_of("list"), "queue \x01", 1234567);
    std::string const told = all.summary(cli::plain);
    INFO(told);
    CHECK(told.starts_with("4 keys, whose names have 4.8 bytes on average\n"));
    CHECK(told.find("biggest string    \"key2\"  1,002 bytes\n") != std::string::npos);
    CHECK(told.find("biggest list      \"queue \\x01\"  1,234,567 elements\n") != std::string::npos);
    CHECK(told.find("75.00%") != std::string::npos);
    CHECK(cli::tally{}.summary(cli::plain).starts_with("0 keys"));
}

TEST_CASE("a bar of progress is never fuller than full", "[cli]") {
    CHECK(cli::progress_bar(1000, 4000, 20) == "[#####---------------]  25.0 %  1,000 of 4,000 keys");
    CHECK(cli::progress_bar(0, 10, 4) == "[----]   0.0 %  0 of 10 keys");
    CHECK(cli::progress_bar(12, 10, 4) == "[####] 100.0 %  12 of 12 keys");
    CHECK(cli::progress_bar(0, 0, 4) == "[####] 100.0 %  0 of 0 keys");
    CHECK(cli::grouped(0) == "0");
    CHECK(cli::grouped(999) == "999");
    CHECK(cli::grouped(1000) == "1,000");
    CHECK(cli::grouped(1234567) == "1,234,567");
}
