// Which commands of the server under test have no typed function, by its own COMMAND: what a user would miss
// is printed by name. The list of typed functions is read from the headers, where each command's name stands
// once.
#include "../support/typed.hpp"

#include <umbel/command/command_table.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>

using namespace umbel;
using namespace umbel::test;

namespace {

/// Names of commands as they stand in include/umbel: `command_spec name{"OBJECT FREQ", …}`, as "object|freq".
std::set<std::string> typed_commands() {
    std::set<std::string> names;
    std::regex const spec{R"raw(command_spec \w+\{\s*"([A-Z_ -]+)")raw"};
    for (auto const& file :
         std::filesystem::recursive_directory_iterator{UMBEL_SOURCE_DIR "/include/umbel"}) {
        if (file.path().extension() != ".hpp") continue;
        std::ifstream in{file.path()};
        std::string const text{std::istreambuf_iterator<char>{in}, {}};
        for (std::sregex_iterator at{text.begin(), text.end(), spec}, end; at != end; ++at) {
            std::string name = (*at)[1];
            for (char& letter : name) {
                if (letter == ' ') letter = '|';
                if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
            }
            names.insert(name);
        }
    }
    return names;
}

/// Commands with a key that have no typed function of their own, each with its reason.
std::map<std::string, std::string> const untyped{
    {"brpoplpush", "BLMOVE"},
    {"clusterscan", "a scan of the whole cluster is no single command"},
    {"expire", "PEXPIRE"},
    {"expireat", "PEXPIREAT"},
    {"expiretime", "PEXPIRETIME"},
    {"georadius", "GEOSEARCH"},
    {"georadius_ro", "GEOSEARCH"},
    {"georadiusbymember", "GEOSEARCH"},
    {"georadiusbymember_ro", "GEOSEARCH"},
    {"getset", "SET … GET"},
    {"hexpire", "HPEXPIRE"},
    {"hexpireat", "HPEXPIREAT"},
    {"hexpiretime", "HPEXPIRETIME"},
    {"hmset", "HSET"},
    {"httl", "HPTTL"},
    {"migrate", "moves keys between servers, as tools do"},
    {"move", "a cluster has one database"},
    {"pfdebug", "internal"},
    {"psetex", "SET … PX"},
    {"restore-asking", "internal"},
    {"rpoplpush", "LMOVE"},
    {"setex", "SET … EX"},
    {"setnx", "SET … NX"},
    {"substr", "GETRANGE"},
    {"ttl", "PTTL"},
    {"xidmprecord", "internal"},
    {"zrangebylex", "ZRANGE … BYLEX"},
    {"zrangebyscore", "ZRANGE … BYSCORE"},
    {"zrevrange", "ZRANGE … REV"},
    {"zrevrangebylex", "ZRANGE … BYLEX REV"},
    {"zrevrangebyscore", "ZRANGE … BYSCORE REV"},
};

/// Commands without a typed function, by what they are.
struct untyped_commands {
    std::set<std::string> keyed;    ///< They have a key, and there is no reason for it.
    std::set<std::string> leased;   ///< They need a connection of their own.
    std::set<std::string> keyless;  ///< They concern a server.
    std::set<std::string> unknown;  ///< The command table does not have them.

    explicit untyped_commands(std::set<std::string> const& names) {
        std::set<std::string> const typed = typed_commands();
        REQUIRE(typed.size() > 100);
        for (std::string const& name : names)
            if (!typed.contains(name) && !untyped.contains(name)) add(name);
    }

private:
    void add(std::string const& name) {
        std::size_t const bar = name.find('|');
        std::string const subcommand = bar == name.npos ? "" : name.substr(bar + 1);
        auto const* const traits = command::find_command(name.substr(0, bar), subcommand);
        if (!traits) {
            unknown.insert(name);
        } else if (!traits->is_container()) {
            auto const search = traits->keys.search;
            bool const has_key =
                search != command::key_search::none && search != command::key_search::channels;
            bool const is_leased = traits->shares != command::sharing::shared;
            (has_key ? keyed : is_leased ? leased : keyless).insert(name);
        }
    }
};

void print(char const* what, std::set<std::string> const& names) {
    std::printf("%s, %s, %zu:", version_of_server().text.c_str(), what, names.size());
    for (auto const& name : names) std::printf(" %s", name.c_str());
    std::printf("\n");
}

}  // namespace

TEST_CASE("every command of the server with a key has a typed function, or a reason why not",
          "[typed][coverage]") {
    untyped_commands const found{commands_of_server()};
    print("without a typed function, they need a connection of their own", found.leased);
    print("without a typed function, they concern a server", found.keyless);
    CHECK(found.keyed == std::set<std::string>{});
    CHECK(found.unknown == std::set<std::string>{});
}

// The table has newer commands than the servers that stand here: those of Redis 8.10 and Valkey 9.1.
TEST_CASE("every command of the table with a key has a typed function, or a reason why not",
          "[typed][coverage]") {
    std::set<std::string> names;
    for (auto const& row : command::all_commands()) names.emplace(row.name);
    CHECK(untyped_commands{names}.keyed == std::set<std::string>{});
    std::set<std::string> const typed = typed_commands();
    for (auto const& [name, reason] : untyped) {
        INFO(name);
        CHECK(names.contains(name));
        CHECK_FALSE(typed.contains(name));
    }
}
