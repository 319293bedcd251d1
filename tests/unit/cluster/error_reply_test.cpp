// What error replies prove, over the lines of both servers: a code and a documented prefix decide, never the
// rest of a text.
#include <umbel/cluster/redirect.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>
#include <string_view>

using namespace umbel;
using namespace umbel::cluster;

namespace {

/// One error as redis-server 7.0 to 8.0 and as valkey-server 8.0 say it.
struct both {
    std::string_view redis;
    std::string_view valkey;
};

/// Errors that a plain command gets before it has changed anything. Copied from what the servers print.
constexpr both refusals[] = {
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
     "UNBLOCKED force unblock from blocking operation, instance state changed (primary -> replica?)"},
    {"UNBLOCKED client unblocked via CLIENT UNBLOCK", "UNBLOCKED client unblocked via CLIENT UNBLOCK"},
    {"WRONGTYPE Operation against a key holding the wrong kind of value",
     "WRONGTYPE Operation against a key holding the wrong kind of value"},
    {"WRONGTYPE Key is not a valid HyperLogLog string value.",
     "WRONGTYPE Key is not a valid HyperLogLog string value."},
    {"ERR syntax error", "ERR syntax error"},
    {"ERR wrong number of arguments for 'get' command", "ERR wrong number of arguments for 'get' command"},
    {"ERR wrong number of arguments for 'config|get' command",
     "ERR wrong number of arguments for 'config|get' command"},
    {"ERR unknown command 'GTE', with args beginning with: 'k' ",
     "ERR unknown command 'GTE', with args beginning with: 'k' "},
    {"ERR unknown subcommand 'NOPE'. Try OBJECT HELP.", "ERR unknown subcommand 'NOPE'. Try OBJECT HELP."},
    {"ERR value is not an integer or out of range", "ERR value is not an integer or out of range"},
    {"ERR value is out of range, must be positive", "ERR value is out of range, must be positive"},
    {"ERR value is out of range, value must between 0 and 10",
     "ERR value is out of range, value must between 0 and 10"},
    {"ERR value is not a valid float", "ERR value is not a valid float"},
    {"ERR increment or decrement would overflow", "ERR increment or decrement would overflow"},
    {"ERR decrement would overflow", "ERR decrement would overflow"},
    {"ERR increment would produce NaN or Infinity", "ERR increment would produce NaN or Infinity"},
    {"ERR string exceeds maximum allowed size (proto-max-bulk-len)",
     "ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
    {"ERR invalid expire time in 'set' command", "ERR invalid expire time in 'set' command"},
    {"ERR no such key", "ERR no such key"},
    {"ERR index out of range", "ERR index out of range"},
    {"ERR offset is out of range", "ERR offset is out of range"},
    {"ERR source and destination objects are the same", "ERR source and destination objects are the same"},
    {"ERR hash value is not an integer", "ERR hash value is not an integer"},
    {"ERR hash value is not a float", "ERR hash value is not a float"},
    {"ERR value is NaN or Infinity", "ERR value is NaN or Infinity"},
    {"ERR min or max is not a float", "ERR min or max is not a float"},
    {"ERR min or max not valid string range item", "ERR min or max not valid string range item"},
    {"ERR weight value is not a float", "ERR weight value is not a float"},
    {"ERR resulting score is not a number (NaN)", "ERR resulting score is not a number (NaN)"},
    {"ERR NX and XX, GT or LT options at the same time are not compatible",
     "ERR NX and XX, GT or LT options at the same time are not compatible"},
    {"ERR GT and LT options at the same time are not compatible",
     "ERR GT and LT options at the same time are not compatible"},
    {"ERR XX and NX options at the same time are not compatible",
     "ERR XX and NX options at the same time are not compatible"},
    {"ERR GT, LT, and/or NX options at the same time are not compatible",
     "ERR GT, LT, and/or NX options at the same time are not compatible"},
    {"ERR bit offset is not an integer or out of range", "ERR bit offset is not an integer or out of range"},
    {"ERR bit is not an integer or out of range", "ERR bit is not an integer or out of range"},
    {"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
     "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."},
    {"ERR invalid cursor", "ERR invalid cursor"},
    {"ERR invalid longitude,latitude pair 200.000000,0.000000",
     "ERR invalid longitude,latitude pair 200.000000,0.000000"},
    {"ERR unsupported unit provided. please use M, KM, FT, MI",
     "ERR unsupported unit provided. please use M, KM, FT, MI"},
    {"ERR Invalid stream ID specified as stream command argument",
     "ERR Invalid stream ID specified as stream command argument"},
    {"ERR The ID specified in XADD is equal or smaller than the target stream top item",
     "ERR The ID specified in XADD is equal or smaller than the target stream top item"},
    {"NOGROUP No such key 's' or consumer group 'g'", "NOGROUP No such key 's' or consumer group 'g'"},
    {"BUSYGROUP Consumer Group name already exists", "BUSYGROUP Consumer Group name already exists"},
    {"BUSYKEY Target key name already exists.", "BUSYKEY Target key name already exists."},
    {"ERR DUMP payload version or checksum are wrong", "ERR DUMP payload version or checksum are wrong"},
    {"ERR Bad data format", "ERR Bad data format"},
    {"ERR This instance has cluster support disabled", "ERR This instance has cluster support disabled"},
    {"OOM command not allowed when used memory > 'maxmemory'.",
     "OOM command not allowed when used memory > 'maxmemory'."},
    {"NOREPLICAS Not enough good replicas to write.", "NOREPLICAS Not enough good replicas to write."},
    {"NOPERM User default has no permissions to run the 'set' command",
     "NOPERM User default has no permissions to run the 'set' command"},
    {"NOTBUSY No scripts in execution right now.", "NOTBUSY No scripts in execution right now."},
    {"UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be "
     "killed.",
     "UNKILLABLE The busy script was sent by a master instance in the context of replication and cannot be "
     "killed."},
    {"READONLY You can't write against a read only replica.",
     "READONLY You can't write against a read only replica."},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."},
    // The servers name themselves.
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
     "MISCONF Valkey is configured to save RDB snapshots, but it's currently unable to persist to disk."},
    {"MISCONF Errors writing to the AOF file: No space left on device",
     "MISCONF Errors writing to the AOF file: No space left on device"},
};

/// Errors that prove the same of a script: the server raises them for the command that was sent, never for an
/// inner one.
constexpr both outer_refusals[] = {
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."},
    {"BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.",
     "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."},
    {"BUSY Redis is busy running a module command.", "BUSY Valkey is busy running a module command."},
    {"LOADING Redis is loading the dataset in memory", "LOADING Valkey is loading the dataset in memory"},
    {"DENIED Redis is running in protected mode because protected mode is enabled",
     "DENIED Running in protected mode because protected mode is enabled"},
    {"NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT No matching script."},
    {"ERR Function not found", "ERR Function not found"},
    {"NOAUTH Authentication required.", "NOAUTH Authentication required."},
    {"CLUSTERDOWN The cluster is down", "CLUSTERDOWN The cluster is down"},
    {"CLUSTERDOWN Hash slot not served", "CLUSTERDOWN Hash slot not served"},
    {"ERR max number of clients reached", "ERR max number of clients reached"},
    {"ERR Protocol error: invalid bulk length", "ERR Protocol error: invalid bulk length"},
    {"EXECABORT Transaction discarded because of previous errors.",
     "EXECABORT Transaction discarded because of previous errors."},
};

/// Errors behind which a change may stand.
constexpr std::string_view doubtful[] = {
    "",
    " ",
    "ERR",
    "ERR something that a module says",
    "IOERR error or timeout reading to target instance",
    "ERR Target instance replied with error: OOM command not allowed",
    "ERR Elements are too large to be stored",
    "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - boom",
    "INVALIDOBJ Corrupted HLL object detected",
    // Near misses: a prefix counts from the first letter on, and a code as a whole word.
    "ERR a syntax error",
    "err syntax error",
    "syntax error",
    "ERRsyntax error",
    "WRONGTYPES x",
    "BUSYGROUPS x",
    "NOGROUP",
    "ERR  no such key",
};

constexpr auto scripted = command_flags::scripted;
constexpr auto foreign = command_flags::foreign;

}  // namespace

TEST_CASE(
    "a plain command that the server refuses before it changes anything is not executed, whichever server "
    "says so",
    "[error_reply]") {
    for (auto const& [redis, valkey] : refusals) {
        for (std::string_view const line : {redis, valkey}) {
            INFO(line);
            CHECK(parse_error(line).delivered == delivery::not_executed);
            CHECK(parse_error(line, command_flags::read_only).delivered == delivery::not_executed);
            CHECK(parse_error(line, scripted).delivered == delivery::unknown);
            CHECK(parse_error(line, scripted | foreign).delivered == delivery::unknown);
        }
        CHECK(parse_error(redis).code == parse_error(valkey).code);
        CHECK(parse_error(redis).says == parse_error(valkey).says);
    }
}

TEST_CASE("what the server says to the command that was sent proves it of a script, too", "[error_reply]") {
    for (auto const& [redis, valkey] : outer_refusals) {
        for (std::string_view const line : {redis, valkey}) {
            INFO(line);
            CHECK(parse_error(line).delivered == delivery::not_executed);
            CHECK(parse_error(line, scripted).delivered == delivery::not_executed);
        }
        CHECK(parse_error(redis).code == parse_error(valkey).code);
        CHECK(parse_error(redis).says == parse_error(valkey).says);
    }
}

TEST_CASE("an error that is not on the list proves nothing", "[error_reply]") {
    for (std::string_view const line : doubtful) {
        INFO(line);
        CHECK(parse_error(line) == parsed_error{errc::server_error, delivery::unknown});
    }
}

TEST_CASE("a module's command may have met an error half-way; what comes ahead of every command still proves",
          "[error_reply]") {
    for (std::string_view const line :
         {"WRONGTYPE Operation against a key holding the wrong kind of value", "ERR syntax error",
          "ERR no such key", "ERR value is not an integer or out of range",
          "ERR wrong number of arguments for 'get' command"}) {
        INFO(line);
        CHECK(parse_error(line, foreign).delivered == delivery::unknown);
    }
    // These are checked ahead of execution, and handed on from an inner command word by word.
    for (std::string_view const line : {"READONLY You can't write against a read only replica.",
                                        "OOM command not allowed when used memory > 'maxmemory'."}) {
        INFO(line);
        CHECK(parse_error(line, foreign).delivered == delivery::unknown);
    }
    for (std::string_view const line : {"ERR unknown command 'JSON.GET', with args beginning with: 'k' ",
                                        "LOADING Valkey is loading the dataset in memory"}) {
        INFO(line);
        CHECK(parse_error(line, foreign).delivered == delivery::not_executed);
    }
}

TEST_CASE("what a script or a module says of its own proves nothing, whatever code it begins with",
          "[error_reply]") {
    for (auto const& row : error_replies::codes) {
        if (row.code == errc::moved || row.code == errc::ask)
            continue;  // Held against their form; a script must not imitate them.
        std::string const line = std::string{row.word} + " the quota is used up";
        INFO(line);
        CHECK(parse_error(line).code == row.code);
        CHECK(parse_error(line, scripted).delivered == delivery::unknown);
        CHECK(parse_error(line, foreign).delivered == delivery::unknown);
    }
    CHECK(parse_error("DENIED by a rule of ours", scripted).delivered == delivery::unknown);
}

TEST_CASE("of an error line code and documented prefix count, and no more", "[error_reply]") {
    for (auto const& row : error_replies::codes) {
        if (row.code == errc::moved || row.code == errc::ask) continue;
        INFO(row.word);
        for (std::string const& line :
             {std::string{row.word}, std::string{row.word} + " any text of any server"})
            CHECK(parse_error(line).code == row.code);
        CHECK(parse_error(std::string{row.word} + "X any text").code == errc::server_error);
    }
    for (auto const& row : error_replies::lines) {
        INFO(row.prefix);
        parsed_error const read = parse_error(std::string{row.prefix} + " and any text of any server");
        CHECK(read.code == errc::server_error);
        CHECK(read.says == row.says);
        CHECK(read.delivered == delivery::not_executed);
    }
}

TEST_CASE("no row of the list hides another one, and each is met by a line of a server", "[error_reply]") {
    std::set<std::string_view> met;
    auto const meet = [&](std::string_view line) {
        if (auto const* const row = error_replies::find_line(line)) met.insert(row->prefix);
    };
    for (both const& one : refusals) {
        meet(one.redis);
        meet(one.valkey);
    }
    for (both const& one : outer_refusals) {
        meet(one.redis);
        meet(one.valkey);
    }
    meet("ERR Unknown subcommand or wrong number of arguments for 'SHARDS'. Try CLUSTER HELP.");  // Redis 6.
    for (auto const& row : error_replies::lines) {
        INFO(row.prefix);
        CHECK(met.contains(row.prefix));
        CHECK(error_replies::find_line(row.prefix) == &row);
    }
}

TEST_CASE("what a server says of consumer groups is known by its words", "[error_reply]") {
    CHECK(lacks_group("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option"));
    CHECK(lacks_group("NOGROUP the consumer group this client was blocked on no longer exists"));
    CHECK(lacks_group("UNBLOCKED the stream key no longer exists"));
    CHECK_FALSE(lacks_group("UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    CHECK_FALSE(lacks_group("ERR NOGROUP"));
    CHECK(has_group_already("BUSYGROUP Consumer Group name already exists"));
    CHECK_FALSE(has_group_already("BUSY Redis is busy running a script."));
}

TEST_CASE("that a server does not know a command is known by its words", "[error_reply]") {
    CHECK(lacks_command("ERR unknown command 'x.do', with args beginning with: 'foo' "));
    CHECK(lacks_command("ERR unknown subcommand 'x'. Try OBJECT HELP."));
    CHECK_FALSE(lacks_command("ERR x.do: unknown command"));
    CHECK_FALSE(lacks_command("unknown command"));
    CHECK_FALSE(lacks_command("WRONGTYPE Operation against a key holding the wrong kind of value"));
}
