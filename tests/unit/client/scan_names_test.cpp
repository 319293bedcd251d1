// Tests of client/scan_names.hpp: filters and processes are told apart.
#include <umbel/client/scan_names.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string_view>

using namespace umbel::calling;

TEST_CASE("a value of INFO is found by its whole name", "[scan]") {
    std::string_view const info = "# Server\r\nredis_version:7\r\nrun_id:abc\r\nx_run_id:no\r\nlast:1";
    CHECK(info_value(info, "run_id") == "abc");
    CHECK(info_value(info, "last") == "1");
    CHECK(info_value(info, "run").empty());
    CHECK(info_value(info, "server").empty());
}

TEST_CASE("a process has the name of its run and of its replication history", "[scan]") {
    CHECK(process_of("run_id:abc\r\nmaster_replid:x\r\n") == "abc/x");
    CHECK(process_of("run_id:abc") == "abc/");
    CHECK(process_of("# Server\r\nmaster_replid:x\r\n").empty());
}

TEST_CASE("texts and their order have a number", "[scan]") {
    CHECK(fingerprint("a*", "string") != fingerprint("a*", "hash"));
    CHECK(fingerprint("a", "b") != fingerprint("ab", ""));
    CHECK(fingerprint("a", "b") == fingerprint("a", "b"));
    CHECK(fingerprint("a") != fingerprint("a", ""));
}
