#include <umbel/cluster/redirect.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <string_view>
#include <utility>

using namespace umbel;
using namespace umbel::cluster;

TEST_CASE("MOVED names slot, host and port, and proves that nothing was executed", "[redirect]") {
    // redis-server 7.0.15: GET foo at the wrong node.
    parsed_error const read = parse_error("MOVED 12182 127.0.0.1:27312");
    CHECK(read.code == errc::moved);
    CHECK(read.delivered == delivery::not_executed);
    CHECK(read.slot == 12182);
    CHECK(read.host == "127.0.0.1");
    CHECK(read.port == 27312);
    CHECK(read.names_node());
}

TEST_CASE("redirects are split at the last colon", "[redirect]") {
    // As redis-server 7.0.15 prints them, bound to ::1; announced by host name; and with brackets, as proxies
    // do.
    CHECK(parse_error("MOVED 12182 ::1:27511") ==
          parsed_error{errc::moved, delivery::not_executed, 12182, "::1", 27511});
    CHECK(parse_error("MOVED 12182 node-2.example:27312") ==
          parsed_error{errc::moved, delivery::not_executed, 12182, "node-2.example", 27312});
    CHECK(parse_error("ASK 0 [2001:db8::7]:7000") ==
          parsed_error{errc::ask, delivery::not_executed, 0, "2001:db8::7", 7000});
    CHECK(parse_error("ASK 16383 2001:db8::7:65535") ==
          parsed_error{errc::ask, delivery::not_executed, 16383, "2001:db8::7", 65535});
}

TEST_CASE("an empty host means the node that replied", "[redirect]") {
    // redis-server 7.0.15 with cluster-preferred-endpoint-type unknown-endpoint.
    parsed_error const read = parse_error("MOVED 12182 :27312");
    CHECK(read.code == errc::moved);
    CHECK(read.host.empty());
    CHECK(read.port == 27312);
    CHECK(read.names_node());
}

TEST_CASE("a question mark names nobody who could be followed", "[redirect]") {
    parsed_error const read = parse_error("MOVED 3999 ?:6381");
    CHECK(read.code == errc::moved);
    CHECK(read.host_unknown);
    CHECK_FALSE(read.names_node());
    CHECK(read.slot == 3999);
}

TEST_CASE("a redirect that cannot be read is a protocol error that proves nothing", "[redirect]") {
    for (auto const* line : {"MOVED",
                             "MOVED ",
                             "MOVED 3999",
                             "MOVED 3999 ",
                             "MOVED 3999 127.0.0.1",
                             "MOVED 3999 127.0.0.1:",
                             "MOVED 3999 127.0.0.1:0",
                             "MOVED 3999 127.0.0.1:65536",
                             "MOVED 16384 127.0.0.1:6381",
                             "MOVED 70000 127.0.0.1:6381",
                             "MOVED -1 127.0.0.1:6381",
                             "MOVED x 127.0.0.1:6381",
                             "MOVED  3999 127.0.0.1:6381",
                             "MOVED 3999 127.0.0.1:6381 ",
                             "MOVED 3999 127.0.0.1:6381 x",
                             "MOVED 3999 a b:6381",
                             "MOVED 3999 127.0.0.1:+6381",
                             "MOVED 3999 1:2:3:6381",
                             "ASK",
                             "ASK 3999 h:99999999999999999999",
                             "ASK 999999999999 h:1",
                             "MOVED 3999 [::1:6381",
                             "MOVED 3999\t127.0.0.1:6381"}) {
        INFO(line);
        CHECK(parse_error(line) == parsed_error{errc::protocol_error, delivery::unknown});
    }
    CHECK(parse_error("MOVED 3999 " + std::string(256, 'h') + ":6381").code == errc::protocol_error);
}

TEST_CASE("every refusal that servers raise before execution is known by its first word", "[redirect]") {
    // Lines of redis-server 7.0.15 and valkey-server 8.0.1.
    std::pair<std::string_view, errc> const lines[] = {
        {"TRYAGAIN Multiple keys request during rehashing of slot", errc::try_again},
        {"CLUSTERDOWN The cluster is down", errc::cluster_down},
        {"CLUSTERDOWN Hash slot not served", errc::cluster_down},
        {"CROSSSLOT Keys in request don't hash to the same slot", errc::cross_slot_reply},
        {"LOADING Redis is loading the dataset in memory", errc::loading},
        {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
         errc::master_down},
        {"READONLY You can't write against a read only replica.", errc::read_only},
        {"NOAUTH Authentication required.", errc::no_auth},
        {"WRONGPASS invalid username-password pair or user is disabled.", errc::wrong_password},
        {"NOPERM User default has no permissions to run the 'set' command", errc::no_permission},
        {"NOSCRIPT No matching script. Please use EVAL.", errc::no_script},
        {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
         errc::busy_script},
        {"OOM command not allowed when used memory > 'maxmemory'.", errc::out_of_memory},
        {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
         errc::misconfigured},
        {"NOREPLICAS Not enough good replicas to write.", errc::no_replicas},
        {"EXECABORT Transaction discarded because of previous errors.", errc::exec_aborted},
        {"NOPROTO unsupported protocol version", errc::no_protocol},
    };
    for (auto const& [line, code] : lines) {
        INFO(line);
        parsed_error const read = parse_error(line);
        CHECK(read.code == code);
        CHECK(read.delivered == delivery::not_executed);
        CHECK(read.slot == -1);
        CHECK_FALSE(read.names_node());
    }
    CHECK(parse_error("CLUSTERDOWN Hash slot not served").says == hint::slot_not_served);
    CHECK(parse_error("CLUSTERDOWN The cluster is down").says == hint::none);
}

TEST_CASE("from a script only errors that no inner command raises prove that nothing was executed",
          "[redirect]") {
    for (auto const* line :
         {"MOVED 1 h:1", "ASK 1 h:1", "TRYAGAIN Multiple keys request during rehashing of slot",
          "CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served",
          "CROSSSLOT Keys in request don't hash to the same slot",
          "LOADING Redis is loading the dataset in memory", "NOAUTH Authentication required.",
          "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
          "NOSCRIPT No matching script.", "EXECABORT Transaction discarded because of previous errors."}) {
        INFO(line);
        CHECK(parse_error(line, command_flags::scripted).delivered == delivery::not_executed);
    }
    for (auto const* line :
         {"READONLY x", "OOM x", "MISCONF x", "NOREPLICAS x", "NOPERM x", "MASTERDOWN x", "WRONGTYPE x",
          "ERR unknown command x",
          // Seen from scripts that had written before, redis-server 7.0.15 and valkey-server 8.0.1.
          "ERR Script attempted to access a non local key in a cluster node script: 3cf9, on @user_script:1.",
          "ERR Script attempted to access a slot not served script: 3cf9, on @user_script:1.",
          "OOM command not allowed when used memory > 'maxmemory'. script: bb41, on @user_script:1.",
          "NOREPLICAS Not enough good replicas to write. script: beef, on @user_script:1."}) {
        INFO(line);
        CHECK(parse_error(line, command_flags::scripted).delivered == delivery::unknown);
    }
}

TEST_CASE("words count whole and in upper case only", "[redirect]") {
    for (auto const* line :
         {"moved 3999 127.0.0.1:6381", "MOVEDX 3999 127.0.0.1:6381", "MOVE 3999 127.0.0.1:6381",
          " MOVED 3999 127.0.0.1:6381", "LOADING: x", "OOMX", "BUSYX"}) {
        INFO(line);
        CHECK(parse_error(line).code == errc::server_error);
    }
    CHECK(parse_error("OOM").code == errc::out_of_memory);
}

TEST_CASE("an EXECABORT tells the error inside it", "[redirect]") {
    parsed_error const moved = parse_error(
        "EXECABORT Transaction discarded because of: MOVED 3999 10.0.0.7:6379", command_flags::scripted);
    CHECK(moved.code == errc::exec_aborted);
    CHECK(moved.delivered == delivery::not_executed);
    CHECK(moved.inner == errc::moved);
    CHECK(moved.slot == 3999);
    CHECK(moved.host == "10.0.0.7");
    CHECK(moved.port == 6379);
    // redis-server 7.0.15 and valkey-server 8.0.1: EXEC of a queued SET when min-replicas-to-write was raised
    // meanwhile.
    parsed_error const replicas = parse_error(
        "EXECABORT Transaction discarded because of: NOREPLICAS Not enough good replicas to write.");
    CHECK(replicas.inner == errc::no_replicas);
    CHECK(replicas.delivered == delivery::not_executed);
    CHECK(parse_error("EXECABORT Transaction discarded because of: -READONLY x").inner == errc::read_only);
    CHECK_FALSE(parse_error("EXECABORT Transaction discarded because of previous errors.").inner);
    // No way down without end.
    CHECK(parse_error("EXECABORT because of: EXECABORT because of: MOVED 1 h:1").inner == errc::exec_aborted);
}

TEST_CASE("what the library must understand of plain errors is a remark", "[redirect]") {
    CHECK(parse_error("ERR max number of clients reached").says == hint::max_clients);
    CHECK(parse_error("ERR max number of clients reached").delivered == delivery::not_executed);
    CHECK(parse_error("ERR max number of clients + cluster connections reached").says == hint::max_clients);
    CHECK(parse_error("DENIED Redis is running in protected mode because protected mode is enabled").says ==
          hint::protected_mode);
    CHECK(parse_error("ERR unknown command 'HELLO', with args beginning with: '3' ").says ==
          hint::unknown_command);
    CHECK(parse_error("ERR unknown command `HELLO`, with args beginning with: `3`, ").delivered ==
          delivery::not_executed);
    CHECK(parse_error("ERR unknown subcommand 'SHARDS'. Try CLUSTER HELP.").says == hint::unknown_command);
    CHECK(parse_error("ERR Unknown subcommand or wrong number of arguments for 'SHARDS'. Try CLUSTER HELP.")
              .says == hint::unknown_command);
    CHECK(parse_error("ERR This instance has cluster support disabled").says == hint::cluster_disabled);
    CHECK(parse_error("ERR This instance has cluster support disabled").code == errc::server_error);
}

TEST_CASE("error lines are read at compile time", "[redirect]") {
    STATIC_CHECK(parse_error("MOVED 3999 127.0.0.1:6381").port == 6381);
    STATIC_CHECK(parse_error("ERR no").code == errc::server_error);
}

TEST_CASE("REDIRECT is a MOVED of everything, and proves that nothing was executed", "[redirect]") {
    parsed_error const read = parse_error("REDIRECT 10.0.0.2:6379");
    CHECK(read.code == errc::moved);
    CHECK(read.slot == -1);
    CHECK(read.host == "10.0.0.2");
    CHECK(read.port == 6379);
    CHECK(read.names_node());
    CHECK(read.delivered == umbel::delivery::not_executed);
    CHECK(parse_error("REDIRECT fe80::1:6379").host == "fe80::1");
    for (auto const* line : {"REDIRECT", "REDIRECT ", "REDIRECT 10.0.0.2", "REDIRECT 10.0.0.2:0",
                             "REDIRECT a b:1", "REDIRECT 3999 10.0.0.2:6379", "REDIRECT 10.0.0.2:65536"})
        CHECK(parse_error(line).code == errc::protocol_error);
}
