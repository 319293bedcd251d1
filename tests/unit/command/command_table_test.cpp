#include <umbel/command/command_table.hpp>

#include "../../support/json.hpp"
#include "command_table_reasons.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace umbel::command;
using support::json;

namespace {

using row_map = std::map<std::string, json, std::less<>>;

row_map rows_of(std::string const& name) {
    std::ifstream file{UMBEL_TEST_DATA_DIR "/command/data/" + name};
    REQUIRE(file);
    row_map rows;
    for (std::string line; std::getline(file, line);) {
        json row = json::parse(line);
        std::string key = row["name"].string();
        rows.emplace(std::move(key), std::move(row));
    }
    return rows;
}

row_map const& redis() {
    static row_map const rows = rows_of("commands_redis7.jsonl");
    return rows;
}
row_map const& valkey() {
    static row_map const rows = rows_of("commands_valkey8.jsonl");
    return rows;
}

std::set<std::string> texts(json const& list) {
    std::set<std::string> found;
    for (json const& item : list.items()) found.insert(item.string());
    return found;
}

command_traits const* find_full(std::string_view full_name) {
    std::size_t const bar = full_name.find('|');
    return bar == full_name.npos ? find_command(full_name, {})
                                 : find_command(full_name.substr(0, bar), full_name.substr(bar + 1));
}

std::string upper(std::string_view text) {
    std::string shouted{text};
    for (char& letter : shouted)
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 32);
    return shouted;
}

bool leases(std::initializer_list<std::string_view> argv) {
    return needs_lease(argv_view{argv.begin(), argv.size()});
}
bool repeats(std::initializer_list<std::string_view> argv) {
    return is_idempotent(argv_view{argv.begin(), argv.size()});
}

std::pair<std::string_view, command_flag> const flag_names[] = {
    {"write", command_flag::write},
    {"readonly", command_flag::read_only},
    {"denyoom", command_flag::deny_oom},
    {"admin", command_flag::admin},
    {"pubsub", command_flag::pubsub},
    {"noscript", command_flag::no_script},
    {"blocking", command_flag::blocking},
    {"loading", command_flag::loading},
    {"stale", command_flag::stale},
    {"skip_monitor", command_flag::skip_monitor},
    {"skip_slowlog", command_flag::skip_slowlog},
    {"asking", command_flag::asking},
    {"fast", command_flag::fast},
    {"no_auth", command_flag::no_auth},
    {"no_mandatory_keys", command_flag::no_mandatory_keys},
    {"no_async_loading", command_flag::no_async_loading},
    {"no_multi", command_flag::no_multi},
    {"movablekeys", command_flag::movable_keys},
    {"allow_busy", command_flag::allow_busy},
};

std::pair<std::string_view, request_policy> const request_names[] = {
    {"request_policy:all_nodes", request_policy::all_nodes},
    {"request_policy:all_shards", request_policy::all_shards},
    {"request_policy:multi_shard", request_policy::multi_shard},
    {"request_policy:special", request_policy::special},
};

std::pair<std::string_view, response_policy> const response_names[] = {
    {"response_policy:one_succeeded", response_policy::one_succeeded},
    {"response_policy:all_succeeded", response_policy::all_succeeded},
    {"response_policy:agg_logical_and", response_policy::agg_logical_and},
    {"response_policy:agg_logical_or", response_policy::agg_logical_or},
    {"response_policy:agg_min", response_policy::agg_min},
    {"response_policy:agg_max", response_policy::agg_max},
    {"response_policy:agg_sum", response_policy::agg_sum},
    {"response_policy:special", response_policy::special},
};

/// What a server's flags say of sharing: it marks what blocks, subscribes, may come before authentication or
/// not in a transaction.
bool flags_ask_for_lease(command_traits const& row) {
    return row.has(command_flag::blocking) || row.has(command_flag::pubsub) ||
           row.has(command_flag::no_auth) || row.has(command_flag::no_multi);
}

void check_keys_against(json const& row, command_traits const& traits) {
    auto const& specifications = row["key_specs"].items();
    key_spec const& keys = traits.keys;
    CHECK((keys.search == key_search::none) == specifications.empty());
    switch (keys.search) {
        case key_search::none: return;
        case key_search::range:
        case key_search::channels:
            CHECK(keys.first == row["first_key"].number());
            CHECK(keys.last == row["last_key"].number());
            CHECK(keys.step == row["step"].number());
            CHECK(texts(specifications[0]["flags"]).contains("not_key") ==
                  (keys.search == key_search::channels));
            return;
        case key_search::counted: {
            json const& counted = specifications.back();
            CHECK(counted["begin_search"]["spec"]["index"].number() == keys.first);
            CHECK(counted["find_keys"]["type"].string() == "keynum");
            CHECK(specifications.size() == (keys.destination == 0 ? 1U : 2U));
            if (keys.destination != 0)
                CHECK(specifications[0]["begin_search"]["spec"]["index"].number() == keys.destination);
            return;
        }
        case key_search::streams:
        case key_search::sort:
        case key_search::georadius:
        case key_search::migrate: CHECK(traits.movable_keys()); return;
    }
}

}  // namespace

TEST_CASE("every command of Redis 7 and Valkey 8 is found, with its keys where the server has them",
          "[command_table]") {
    for (row_map const* rows : {&redis(), &valkey()}) {
        for (auto const& [name, row] : *rows) {
            INFO(name);
            command_traits const* const traits = find_full(name);
            REQUIRE(traits != nullptr);
            CHECK(traits->name == name);
            check_keys_against(row, *traits);
        }
    }
}

TEST_CASE("the table has nothing that the servers do not have, but for the newer versions' commands",
          "[command_table]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        CHECK((redis().contains(row.name) || valkey().contains(row.name)) !=
              beyond_the_files.contains(row.name));
        CHECK(find_full(row.name) == &row);
    }
    CHECK(all_commands().size() == 373 + beyond_the_files.size());
}

TEST_CASE("the table is sorted, and a container stands before its subcommands", "[command_table]") {
    auto const rows = all_commands();
    CHECK(std::is_sorted(rows.begin(), rows.end(),
                         [](auto const& left, auto const& right) { return left.name < right.name; }));
    for (command_traits const& row : rows) {
        INFO(row.name);
        std::string const prefix = std::string{row.name} + "|";
        CHECK(row.is_container() == std::any_of(rows.begin(), rows.end(), [&](auto const& other) {
                  return other.name.starts_with(prefix);
              }));
    }
}

TEST_CASE("flags are those of both servers together", "[command_table]") {
    for (command_traits const& row : all_commands()) {
        if (beyond_the_files.contains(row.name)) continue;
        INFO(row.name);
        std::set<std::string> expected;
        for (row_map const* rows : {&redis(), &valkey()})
            if (auto const found = rows->find(row.name); found != rows->end())
                expected.merge(texts(found->second["flags"]));
        for (auto const& [name, flag] : flag_names) {
            INFO(name);
            CHECK(row.has(flag) == (expected.erase(std::string{name}) == 1));
        }
        CHECK(expected.empty());
        CHECK_FALSE((row.read_only() && row.write()));
    }
}

TEST_CASE("arity is the wider of the two servers' and tips are Valkey's", "[command_table]") {
    for (row_map const* rows : {&redis(), &valkey()}) {
        for (auto const& [name, row] : *rows) {
            INFO(name);
            command_traits const& traits = *find_full(name);
            std::int64_t const arity = row["arity"].number();
            if (arity < 0) CHECK(traits.arity < 0);
            CHECK(traits.takes(static_cast<std::size_t>(arity < 0 ? -arity : arity)));
            auto const other = rows == &redis() ? valkey().find(name) : redis().find(name);
            if (other == (rows == &redis() ? valkey() : redis()).end() ||
                other->second["arity"].number() == arity)
                CHECK(traits.arity == arity);
            if (rows == &redis() && valkey().contains(name)) continue;
            std::set<std::string> const tips = texts(row["tips"]);
            for (auto const& [tip, policy] : request_names)
                CHECK(tips.contains(std::string{tip}) == (traits.request == policy));
            for (auto const& [tip, policy] : response_names)
                CHECK(tips.contains(std::string{tip}) == (traits.response == policy));
        }
    }
}

TEST_CASE("names are found in any case, and nothing else is found", "[command_table]") {
    for (command_traits const& row : all_commands()) {
        std::string const shouted = upper(row.name);
        INFO(shouted);
        CHECK(find_full(shouted) == &row);
        std::string mixed = shouted;
        mixed[0] = row.name[0];
        CHECK(find_full(mixed) == &row);
        CHECK(find_full(shouted + "\x01") == nullptr);
        CHECK(find_full(shouted.substr(0, shouted.size() - 1) + "\xff") == nullptr);
        if (shouted.find('|') != shouted.npos) CHECK(find_command(shouted, {}) == nullptr);
        for (std::size_t i = 0; i < shouted.size(); ++i) {
            std::string wrong{row.name};
            wrong[i] = static_cast<char>(wrong[i] ^ 0x40);
            CHECK(find_full(wrong) != &row);
            wrong[i] = static_cast<char>(wrong[i] ^ 0xC0);
            CHECK(find_full(wrong) != &row);
        }
    }
    for (std::string_view const name : {"", "G", "GETT", "STRALGO", "FT.SEARCH", "\0\0\0", "|", "object|"})
        CHECK(find_command(name, {}) == nullptr);
    CHECK(find_command(std::string(100'000, 'g'), {}) == nullptr);
}

TEST_CASE("a subcommand counts only where the command has some", "[command_table]") {
    CHECK(find_command("GET", "anything") == find_command("get", {}));
    CHECK(find_command("object", {})->is_container());
    CHECK(find_command("Object", "Encoding")->name == "object|encoding");
    CHECK(find_command("object", "nothing") == nullptr);
    CHECK(find_command(argv_view{}) == nullptr);
    std::string_view const bare[] = {"COMMAND"};
    CHECK(find_command(bare)->name == "command");
    std::string_view const empty[] = {"OBJECT", "", "k"};
    CHECK(find_command(empty) == nullptr);
    std::string_view const usage[] = {"memory", "USAGE", "k"};
    CHECK(find_command(usage)->name == "memory|usage");
}

TEST_CASE("the table is read at compile time as well", "[command_table]") {
    static_assert(find_command("GET", {})->read_only());
    static_assert(find_command("geosearchSTORE", {})->write());
    static_assert(find_command("config", "GET")->admin());
    static_assert(find_command("nothing", {}) == nullptr);
    static_assert(find_command("EVAL", {})->scripted() && find_command("fcall_ro", {})->scripted());
    static_assert(!find_command("EXEC", {})->scripted());
    SUCCEED();
}

TEST_CASE("what needs a connection of its own follows from the server's flags and a list with reasons",
          "[command_table]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        bool const by_flags = flags_ask_for_lease(row) && !shared_against_flags.contains(row.name);
        CHECK((row.shares != sharing::shared) == (by_flags || leased_by_hand.contains(row.name)));
        if (leased_by_hand.contains(row.name)) CHECK_FALSE(flags_ask_for_lease(row));
        if (shared_against_flags.contains(row.name)) CHECK(flags_ask_for_lease(row));
    }
}

TEST_CASE("XREAD needs a connection of its own only when it blocks", "[command_table]") {
    CHECK(leases({"XREAD", "BLOCK", "0", "STREAMS", "k", "$"}));
    CHECK(leases({"xread", "count", "1", "block", "0", "streams", "k", "$"}));
    CHECK(leases({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "k", ">"}));
    CHECK_FALSE(leases({"XREAD", "STREAMS", "BLOCK", "0"}));
    CHECK_FALSE(leases({"XREADGROUP", "GROUP", "BLOCK", "BLOCK", "STREAMS", "k", ">"}));
    CHECK_FALSE(leases({"XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "NOACK", "STREAMS", "k", ">"}));
    CHECK_FALSE(leases({"XREAD"}));
}

TEST_CASE("a lease is asked for whatever the case, and not for what the table does not have",
          "[command_table]") {
    for (std::string_view const name :
         {"subscribe", "MONITOR", "Multi", "WATCH", "SELECT", "HELLO", "RESET", "BLPOP", "WAIT"})
        CHECK(leases({name, "x", "0"}));
    CHECK(leases({"CLIENT", "reply", "OFF"}));
    CHECK(leases({"client", "TRACKING", "ON"}));
    CHECK(leases({"CLIENT", "SOMETHING-NEW"}));
    CHECK_FALSE(leases({"CLIENT", "ID"}));
    CHECK_FALSE(leases({"CLIENT"}));
    CHECK_FALSE(leases({"GET", "BLOCK"}));
    CHECK_FALSE(leases({"FT.SEARCH", "i", "*"}));
    CHECK_FALSE(leases({}));
}

TEST_CASE("what may run twice is what reads, and a list with reasons", "[command_table]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        bool const named = repeatable_writes.contains(row.name) || only_look.contains(row.name);
        CHECK(row.idempotent() == (row.read_only() || named));
        if (repeatable_writes.contains(row.name)) CHECK(row.write());
        if (only_look.contains(row.name)) CHECK_FALSE((row.write() || row.read_only()));
    }
}

TEST_CASE("a command that answers otherwise the second time is not idempotent, though the state be the same",
          "[command_table]") {
    for (std::string_view const name : {"DEL", "UNLINK", "INCR", "PERSIST", "GETDEL", "LPOP", "SPOP"})
        CHECK_FALSE(repeats({name, "k"}));
    for (std::string_view const name :
         {"SADD", "SREM", "HDEL", "APPEND", "SETNX", "GETSET", "LPUSH", "EXPIRE", "PFADD"})
        CHECK_FALSE(repeats({name, "k", "1"}));
    for (std::string_view const name : {"HSET", "ZADD", "HSETNX", "SETBIT", "LREM"})
        CHECK_FALSE(repeats({name, "k", "1", "v"}));
    CHECK_FALSE(repeats({"PUBLISH", "ch", "m"}));
    CHECK_FALSE(repeats({"EVAL", "s", "0"}));
    CHECK(repeats({"EVAL_RO", "s", "0"}));
    CHECK(repeats({"FCALL_RO", "f", "0"}));
}

TEST_CASE("SET is idempotent plain and with an expiry, not with options that look at what is there",
          "[command_table]") {
    CHECK(repeats({"SET", "k", "v"}));
    CHECK(repeats({"SET", "k", "v", "EX", "10"}));
    CHECK(repeats({"set", "k", "v", "pxat", "1"}));
    for (std::string_view const option : {"NX", "XX", "GET", "KEEPTTL"}) {
        CHECK_FALSE(repeats({"SET", "k", "v", option}));
        CHECK_FALSE(repeats({"SET", "k", "v", "EX", "10", option}));
        CHECK_FALSE(repeats({"SET", "k", "v", option, "EX", "10"}));
    }
    CHECK_FALSE(repeats({"SET", "k", "v", "IFEQ", "old"}));
    CHECK_FALSE(repeats({"SET", "k"}));
    CHECK(repeats({"SET", "k", "NX"}));
}

TEST_CASE("other commands are idempotent as far as their arguments make them so", "[command_table]") {
    CHECK(repeats({"GETEX", "k"}));
    CHECK(repeats({"GETEX", "k", "persist"}));
    CHECK_FALSE(repeats({"GETEX", "k", "EX", "10"}));
    CHECK(repeats({"COPY", "a", "b", "replace"}));
    CHECK_FALSE(repeats({"COPY", "a", "REPLACE"}));
    CHECK(repeats({"RESTORE", "k", "0", "bytes", "REPLACE"}));
    CHECK_FALSE(repeats({"RESTORE", "k", "0", "REPLACE"}));
    CHECK(repeats({"FUNCTION", "LOAD", "REPLACE", "code"}));
    CHECK_FALSE(repeats({"FUNCTION", "LOAD", "code"}));
    CHECK(repeats({"SORT", "k", "DESC"}));
    CHECK_FALSE(repeats({"SORT", "k", "STORE", "d"}));
    CHECK(repeats({"GEORADIUS", "k", "1", "2", "3", "km"}));
    CHECK_FALSE(repeats({"GEORADIUS", "k", "1", "2", "3", "km", "StoreDist", "d"}));
    CHECK(repeats({"SDIFFSTORE", "d", "a", "b"}));
    CHECK_FALSE(repeats({"SDIFFSTORE", "d", "a", "d"}));
    CHECK(repeats({"ZUNIONSTORE", "d", "2", "a", "b"}));
    CHECK_FALSE(repeats({"ZUNIONSTORE", "d", "2", "a", "d"}));
    CHECK(repeats({"BITOP", "XOR", "d", "a", "b"}));
    CHECK_FALSE(repeats({"BITOP", "XOR", "d", "a", "d"}));
    CHECK_FALSE(repeats({}));
    CHECK_FALSE(repeats({"NOTHING", "k"}));
    CHECK_FALSE(repeats({"GET"}));
}

TEST_CASE("texts are equal but for the case of letters, at every length", "[command_table]") {
    for (std::size_t size = 0; size < 40; ++size) {
        std::string const low(size, 'k');
        CHECK(equal_ignoring_case(low, std::string(size, 'K')));
        CHECK_FALSE(equal_ignoring_case(low, std::string(size + 1, 'K')));
        for (std::size_t i = 0; i < size; ++i) {
            std::string other(size, 'K');
            other[i] = 'j';
            CHECK_FALSE(equal_ignoring_case(low, other));
        }
    }
    for (int left = 0; left < 256; ++left) {
        for (int right = 0; right < 256; ++right) {
            auto const low = [](int c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
            char const one[] = {static_cast<char>(left)};
            char const other[] = {static_cast<char>(right)};
            if (equal_ignoring_case({one, 1}, {other, 1}) != (low(left) == low(right)))
                FAIL("bytes " << left << " and " << right);
        }
    }
}
