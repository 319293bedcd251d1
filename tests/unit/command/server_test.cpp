// Tests of command/server.hpp and command/server_admin.hpp: words, flags and replies of the commands on
// servers.
#include <umbel/command/server.hpp>
#include <umbel/command/server_admin.hpp>

#include "decoded.hpp"
#include "recorder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using umbel::test::mismatch;
using umbel::test::replies;

namespace {

constexpr umbel::test::recorder<umbel::command::server_commands, umbel::command::server_admin_commands> db;
using umbel::flush_mode;

}  // namespace

TEST_CASE("commands on keys, scripts and functions send their words", "[server]") {
    CHECK(mismatch(db.dbsize(), "DBSIZE") == "");
    CHECK(mismatch(db.flushall(), "FLUSHALL") == "");
    CHECK(mismatch(db.flushall(flush_mode::sync), "FLUSHALL SYNC") == "");
    CHECK(mismatch(db.flushdb(flush_mode::async), "FLUSHDB ASYNC") == "");
    CHECK(mismatch(db.keys("a*"), "KEYS a*") == "");
    CHECK(mismatch(db.randomkey(), "RANDOMKEY") == "");
    CHECK(mismatch(db.memory_usage("k"), "MEMORY USAGE k") == "");
    CHECK(mismatch(db.memory_usage("k", 0), "MEMORY USAGE k SAMPLES 0") == "");
    CHECK(mismatch(db.script_load("return 1"), "SCRIPT LOAD return 1") == "");
    CHECK(mismatch(db.script_exists("a", "b"), "SCRIPT EXISTS a b") == "");
    CHECK(mismatch(db.script_exists(std::vector<std::string>{"a", "b"}), "SCRIPT EXISTS a b") == "");
    CHECK_FALSE(db.script_exists(std::vector<std::string>{}).refusal.empty());
    CHECK(mismatch(db.script_flush(flush_mode::sync), "SCRIPT FLUSH SYNC") == "");
    CHECK(mismatch(db.script_kill(), "SCRIPT KILL") == "");
    CHECK(mismatch(db.function_load("#!lua"), "FUNCTION LOAD #!lua") == "");
    CHECK(mismatch(db.function_load("#!lua", true), "FUNCTION LOAD REPLACE #!lua") == "");
    CHECK(mismatch(db.function_delete("lib"), "FUNCTION DELETE lib") == "");
    CHECK(mismatch(db.function_flush(), "FUNCTION FLUSH") == "");
    CHECK(mismatch(db.function_kill(), "FUNCTION KILL") == "");
    CHECK(mismatch(db.function_dump(), "FUNCTION DUMP") == "");
    CHECK(mismatch(db.function_restore("x", umbel::function_policy::flush), "FUNCTION RESTORE x FLUSH") ==
          "");
    CHECK(mismatch(db.function_list(), "FUNCTION LIST") == "");
    CHECK(mismatch(db.function_stats(), "FUNCTION STATS") == "");
    CHECK(replies<std::int64_t>(db.dbsize()));
    CHECK(replies<std::optional<std::string>>(db.randomkey()));
    CHECK(replies<std::vector<bool>>(db.script_exists("a")));
}

TEST_CASE("commands that look after servers send their words", "[server_admin]") {
    CHECK(mismatch(db.config_set("hz", 10, "timeout", 5), "CONFIG SET hz 10 timeout 5") == "");
    CHECK(mismatch(db.config_set(std::map<std::string, int>{{"hz", 10}}), "CONFIG SET hz 10") == "");
    CHECK(mismatch(db.config_get("hz", "max*"), "CONFIG GET hz max*") == "");
    CHECK(mismatch(db.config_resetstat(), "CONFIG RESETSTAT") == "");
    CHECK(mismatch(db.config_rewrite(), "CONFIG REWRITE") == "");
    CHECK(mismatch(db.slowlog_len(), "SLOWLOG LEN") == "");
    CHECK(mismatch(db.slowlog_reset(), "SLOWLOG RESET") == "");
    CHECK(mismatch(db.latency_reset("fork"), "LATENCY RESET fork") == "");
    CHECK(mismatch(db.memory_purge(), "MEMORY PURGE") == "");
    CHECK(mismatch(db.acl_setuser("ada", "on", "+@read"), "ACL SETUSER ada on +@read") == "");
    CHECK(mismatch(db.acl_deluser("ada"), "ACL DELUSER ada") == "");
    CHECK(mismatch(db.info(), "INFO") == "");
    CHECK(mismatch(db.info("server", "memory"), "INFO server memory") == "");
    CHECK(mismatch(db.time(), "TIME") == "");
    CHECK(mismatch(db.lastsave(), "LASTSAVE") == "");
    CHECK(mismatch(db.bgsave(), "BGSAVE") == "");
    CHECK(mismatch(db.bgrewriteaof(), "BGREWRITEAOF") == "");
    CHECK(mismatch(db.role(), "ROLE") == "");
    CHECK(mismatch(db.echo("x"), "ECHO x") == "");
    CHECK(mismatch(db.command_count(), "COMMAND COUNT") == "");
    CHECK(mismatch(db.client_list(), "CLIENT LIST") == "");
    CHECK(mismatch(db.client_info(), "CLIENT INFO") == "");
    CHECK(mismatch(db.client_id(), "CLIENT ID") == "");
    CHECK(mismatch(db.client_kill("ID", 12), "CLIENT KILL ID 12") == "");
    CHECK(mismatch(db.client_pause(50ms), "CLIENT PAUSE 50") == "");
    CHECK(mismatch(db.client_pause(50ms, umbel::pause_mode::write), "CLIENT PAUSE 50 WRITE") == "");
    CHECK_FALSE(db.client_pause(-1ms).refusal.empty());
    CHECK(mismatch(db.client_unpause(), "CLIENT UNPAUSE") == "");
    CHECK(mismatch(db.acl_whoami(), "ACL WHOAMI") == "");
    CHECK(mismatch(db.acl_list(), "ACL LIST") == "");
    CHECK(mismatch(db.cluster_info(), "CLUSTER INFO") == "");
    CHECK(mismatch(db.cluster_nodes(), "CLUSTER NODES") == "");
    CHECK(mismatch(db.cluster_myid(), "CLUSTER MYID") == "");
    CHECK(mismatch(db.cluster_keyslot("k"), "CLUSTER KEYSLOT k") == "");
}

TEST_CASE("TIME and LASTSAVE are moments", "[server_admin]") {
    using umbel::server_time;
    using umbel::test::decoded;
    server_time const then{std::chrono::sys_time<std::chrono::microseconds>{1'700'000'000'000'123us}};
    CHECK(decoded<server_time>("*2\r\n$10\r\n1700000000\r\n$3\r\n123\r\n") == then);
    CHECK(decoded<server_time>("*2\r\n:1700000000\r\n:123\r\n") == then);
    CHECK(decoded<server_time>(":1700000000\r\n") == server_time{then.at - 123us});
    for (std::string_view const odd : {":-1\r\n", "*2\r\n:1\r\n:1000000\r\n",
                                       "*2\r\n:9223372036854775807\r\n:0\r\n", "$1\r\nx\r\n", "*1\r\n:1\r\n"})
        CHECK_FALSE(decoded<server_time>(odd));
}
