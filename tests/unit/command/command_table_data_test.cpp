// Tests of command/command_table_data.hpp: its rows against what the servers themselves answer to COMMAND,
// and against the reasons for what no server says.
#include <umbel/command/command_table.hpp>

#include "../../support/json.hpp"
#include "command_table_reasons.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <functional>
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

std::string lower(std::string_view text) {
    std::string hushed{text};
    for (char& letter : hushed)
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
    return hushed;
}

row_map rows_of(std::string const& name) {
    row_map rows;
    for (json& row : support::json_lines(UMBEL_TEST_DATA_DIR "/command/data/" + name)) {
        std::string key = lower(row["name"].string());
        rows.emplace(std::move(key), std::move(row));
    }
    return rows;
}

/// The servers' own answers to COMMAND; of two that have a command, the later knows its tips better.
std::vector<row_map> const& servers() {
    static std::vector<row_map> const all{rows_of("commands_redis7.jsonl"), rows_of("commands_redis8.jsonl"),
                                          rows_of("commands_valkey8.jsonl"),
                                          rows_of("commands_valkey9.jsonl")};
    return all;
}

/// Every command of every server, with what each server that has it says of it.
std::map<std::string, std::vector<json>, std::less<>> const& known() {
    static auto const all = [] {
        std::map<std::string, std::vector<json>, std::less<>> found;
        for (row_map const& rows : servers())
            for (auto const& [name, row] : rows) found[name].push_back(row);
        return found;
    }();
    return all;
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
    {"module", command_flag::module},
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
            CHECK(counted["find_keys"]["spec"]["keystep"].number() == keys.step);
            CHECK(specifications.size() == (keys.destination == 0 ? 1U : 2U));
            if (keys.destination != 0)
                CHECK(specifications[0]["begin_search"]["spec"]["index"].number() == keys.destination);
            return;
        }
        case key_search::streams:
        case key_search::sort:
        case key_search::georadius:
        case key_search::migrate: CHECK(traits.movable_keys()); return;
        // Only a learned row has these.
        case key_search::specified: FAIL_CHECK("the table has a row without a form of its own"); return;
    }
}

}  // namespace

TEST_CASE("every command of Redis 7 and 8 and of Valkey 8 and 9 is found, with its keys where each has them",
          "[command_table_data]") {
    for (auto const& [name, rows] : known()) {
        INFO(name);
        command_traits const* const traits = find_full(name);
        REQUIRE(traits != nullptr);
        CHECK(traits->name == name);
        for (json const& row : rows) check_keys_against(row, *traits);
    }
}

TEST_CASE("the table has nothing that the servers do not have, but for the newer versions' commands",
          "[command_table_data]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        CHECK(known().contains(row.name) != beyond_the_files.contains(row.name));
        CHECK(find_full(row.name) == &row);
    }
    CHECK(known().size() == 411);
    CHECK(all_commands().size() == known().size() + beyond_the_files.size());
}

TEST_CASE("flags are those of all servers together", "[command_table_data]") {
    for (auto const& [name, rows] : known()) {
        INFO(name);
        command_traits const& traits = *find_full(name);
        std::set<std::string> expected;
        for (json const& row : rows) expected.merge(texts(row["flags"]));
        if (expected.erase("skip_commandlog") == 1) expected.insert("skip_slowlog");  // Valkey's new name
        for (auto const& [flag_name, flag] : flag_names) {
            INFO(flag_name);
            CHECK(traits.has(flag) == (expected.erase(std::string{flag_name}) == 1));
        }
        CHECK(expected.empty());
        CHECK_FALSE((traits.read_only() && traits.write()));
    }
}

TEST_CASE("arity is the widest of the servers', and a module's is the documentation's",
          "[command_table_data]") {
    for (auto const& [name, rows] : known()) {
        INFO(name);
        command_traits const& traits = *find_full(name);
        std::set<std::int64_t> arities;
        for (json const& row : rows) arities.insert(row["arity"].number());
        if (traits.has(command_flag::module)) {
            CHECK(arities == std::set<std::int64_t>{-1});  // It counts its arguments itself.
            CHECK_FALSE(traits.takes(1));
            continue;
        }
        if (arities.size() == 1) CHECK(traits.arity == *arities.begin());
        for (std::int64_t const arity : arities) {
            if (arity < 0) CHECK(traits.arity < 0);
            CHECK(traits.takes(static_cast<std::size_t>(arity < 0 ? -arity : arity)));
        }
        CHECK((arities.contains(traits.arity) || arities.contains(-traits.arity)));
    }
}

TEST_CASE("tips are the newest Valkey's, or the newest Redis' where Valkey lacks the command",
          "[command_table_data]") {
    for (auto const& [name, rows] : known()) {
        INFO(name);
        command_traits const& traits = *find_full(name);
        std::set<std::string> const tips = texts(rows.back()["tips"]);
        for (auto const& [tip, policy] : request_names)
            CHECK(tips.contains(std::string{tip}) == (traits.request == policy));
        for (auto const& [tip, policy] : response_names)
            CHECK(tips.contains(std::string{tip}) == (traits.response == policy));
    }
}

TEST_CASE("what needs a connection of its own follows from the server's flags and a list with reasons",
          "[command_table_data]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        bool const by_flags = flags_ask_for_lease(row) && !shared_against_flags.contains(row.name);
        CHECK((row.shares != sharing::shared) == (by_flags || leased_by_hand.contains(row.name)));
        if (leased_by_hand.contains(row.name)) CHECK_FALSE(flags_ask_for_lease(row));
        if (shared_against_flags.contains(row.name)) CHECK(flags_ask_for_lease(row));
    }
}

TEST_CASE("what may run twice is what reads, and a list with reasons", "[command_table_data]") {
    for (command_traits const& row : all_commands()) {
        INFO(row.name);
        bool const named = repeatable_writes.contains(row.name) || only_look.contains(row.name);
        CHECK(row.idempotent() == (row.read_only() || named));
        if (repeatable_writes.contains(row.name)) CHECK(row.write());
        if (only_look.contains(row.name)) CHECK_FALSE((row.write() || row.read_only()));
    }
}
