// The list of errors that prove a refusal, held against real servers: each error is provoked, and nothing may
// have changed.
#include "support/session.hpp"

#include <map>

using namespace umbel;
using namespace umbel::test;

namespace {

using words = std::vector<std::string>;

/// Everything that a server keeps, as it would be saved.
std::map<std::string, std::string> content(wire& told) {
    std::map<std::string, std::string> all;
    for (wire_value const& key : told.must({"KEYS", "*"}).items)
        all[key.text] = told.must({"DUMP", key.text}).text + " " + told.must({"PEXPIRETIME", key.text}).text;
    return all;
}

/// One key of each type.
void fill(wire& told) {
    for (words const& command : std::vector<words>{{"SET", "text", "some"},
                                                   {"SET", "most", "9223372036854775807"},
                                                   {"RPUSH", "list", "a", "b"},
                                                   {"HSET", "hash", "field", "some"},
                                                   {"SADD", "set", "a", "b"},
                                                   {"ZADD", "zset", "1", "a", "+inf", "top"},
                                                   {"XADD", "stream", "5-0", "f", "v"},
                                                   {"XGROUP", "CREATE", "stream", "group", "0"},
                                                   {"PFADD", "log", "a"},
                                                   {"GEOADD", "geo", "1", "1", "a"}})
        told.must(command);
}

struct refusal {
    std::string_view begins;
    words command;
};

std::vector<refusal> const refusals{
    {"WRONGTYPE", {"LPUSH", "text", "v"}},
    {"WRONGTYPE", {"SMOVE", "set", "list", "a"}},
    {"WRONGTYPE", {"RPOPLPUSH", "list", "text"}},
    {"WRONGTYPE", {"LMOVE", "list", "text", "LEFT", "LEFT"}},
    {"WRONGTYPE", {"SINTERSTORE", "fresh", "set", "list"}},
    {"WRONGTYPE", {"ZUNIONSTORE", "fresh", "2", "zset", "list"}},
    {"WRONGTYPE", {"BITOP", "AND", "fresh", "text", "list"}},
    {"WRONGTYPE", {"SET", "list", "v", "GET"}},
    {"WRONGTYPE", {"LMPOP", "2", "none", "text", "LEFT"}},
    {"WRONGTYPE", {"PFADD", "text", "e"}},
    {"WRONGTYPE", {"PFMERGE", "log", "text"}},
    {"ERR syntax error", {"SET", "text", "v", "NX", "XX"}},
    {"ERR wrong number of arguments", {"HSET", "hash", "a", "1", "b"}},
    {"ERR unknown command", {"NOSUCH", "text"}},
    {"ERR unknown subcommand", {"OBJECT", "NOSUCH", "text"}},
    {"ERR value is not an integer or out of range", {"INCR", "text"}},
    {"ERR value is out of range", {"SPOP", "set", "-1"}},
    {"ERR value is not a valid float", {"INCRBYFLOAT", "text", "1"}},
    {"ERR value is not a valid float", {"ZADD", "zset", "1", "new", "no number", "newer"}},
    {"ERR increment or decrement would overflow", {"INCR", "most"}},
    {"ERR decrement would overflow", {"DECRBY", "most", "-9223372036854775808"}},
    {"ERR string exceeds maximum allowed size", {"SETRANGE", "text", "536870912", "v"}},
    {"ERR offset is out of range", {"SETRANGE", "text", "-1", "v"}},
    {"ERR invalid expire time", {"SET", "text", "v", "EX", "0"}},
    {"ERR no such key", {"RENAME", "none", "text"}},
    {"ERR index out of range", {"LSET", "list", "99", "v"}},
    {"ERR source and destination objects are the same", {"COPY", "text", "text"}},
    {"ERR NX and XX, GT or LT options", {"EXPIRE", "text", "10", "NX", "XX"}},
    {"ERR GT and LT options", {"EXPIRE", "text", "10", "GT", "LT"}},
    {"ERR XX and NX options", {"ZADD", "zset", "NX", "XX", "1", "new"}},
    {"ERR GT, LT, and/or NX options", {"ZADD", "zset", "GT", "LT", "1", "new"}},
    {"ERR resulting score is not a number", {"ZINCRBY", "zset", "-inf", "top"}},
    {"ERR min or max", {"ZREMRANGEBYSCORE", "zset", "a", "b"}},
    {"ERR min or max", {"ZREMRANGEBYLEX", "zset", "a", "b"}},
    {"ERR weight value is not a float", {"ZUNIONSTORE", "fresh", "1", "zset", "WEIGHTS", "x"}},
    {"ERR hash value is not an integer", {"HINCRBY", "hash", "field", "1"}},
    {"ERR hash value is not a float", {"HINCRBYFLOAT", "hash", "field", "1"}},
    {"ERR bit offset is not an integer", {"SETBIT", "text", "-1", "1"}},
    {"ERR bit is not an integer", {"SETBIT", "text", "1", "2"}},
    {"ERR Invalid bitfield type", {"BITFIELD", "text", "SET", "u8", "0", "1", "SET", "u65", "0", "1"}},
    {"ERR invalid cursor", {"SSCAN", "set", "no cursor"}},
    {"ERR invalid longitude,latitude pair", {"GEOADD", "geo", "2", "2", "b", "200", "200", "c"}},
    {"ERR unsupported unit provided",
     {"GEOSEARCHSTORE", "fresh", "geo", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "ell"}},
    {"ERR Invalid stream ID specified", {"XDEL", "stream", "5-0", "no id"}},
    {"ERR Invalid stream ID specified", {"XGROUP", "CREATE", "fresh", "group", "no id", "MKSTREAM"}},
    {"ERR The ID specified in X", {"XADD", "stream", "1-0", "f", "v"}},
    {"ERR The ID specified in X", {"XADD", "fresh", "0-0", "f", "v"}},
    {"ERR The ID specified in X", {"XSETID", "stream", "1-0"}},
    {"NOGROUP", {"XREADGROUP", "GROUP", "none", "me", "STREAMS", "stream", ">"}},
    {"NOGROUP", {"XCLAIM", "stream", "none", "me", "0", "5-0"}},
    {"BUSYGROUP", {"XGROUP", "CREATE", "stream", "group", "0", "MKSTREAM"}},
    {"BUSYKEY", {"RESTORE", "text", "0", "junk"}},
    {"ERR DUMP payload version or checksum are wrong", {"RESTORE", "fresh", "0", "junk"}},
    {"NOTBUSY", {"SCRIPT", "KILL"}},
    {"NOSCRIPT", {"EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "1", "text"}},
};

}  // namespace

TEST_CASE("an error that is said to prove a refusal leaves everything as it was", "[error_replies]") {
    real_cluster server{{.standalone = true}};
    wire told = server.talk("n1");
    fill(told);
    auto const before = content(told);
    REQUIRE(before.size() == 9);
    session s{server.address("n1")};
    for (refusal const& row : refusals) {
        std::string shown;
        for (std::string const& word : row.command) shown += word + " ";
        INFO(shown);
        auto const answer = s(s.db().execute(row.command));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().message().starts_with(row.begins));
        CHECK(answer.error().delivery() == delivery::not_executed);
        REQUIRE(content(told) == before);
    }
}

TEST_CASE("the same error from a script that has written proves nothing", "[error_replies]") {
    real_cluster server{{.standalone = true}};
    session s{server.address("n1")};
    words const script{"EVAL", "redis.call('set', KEYS[1], 'changed'); return redis.call('incr', KEYS[1])",
                       "1", "k"};
    auto const answer = s(s.db().execute(script));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message().starts_with("ERR value is not an integer or out of range"));
    CHECK(answer.error().delivery() == delivery::unknown);
    CHECK(s(s.db().get("k")) == "changed");
}
