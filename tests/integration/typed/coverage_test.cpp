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
    {"zrangebylex", "ZRANGE … BYLEX"},
    {"zrangebyscore", "ZRANGE … BYSCORE"},
    {"zrevrange", "ZRANGE … REV"},
    {"zrevrangebylex", "ZRANGE … BYLEX REV"},
    {"zrevrangebyscore", "ZRANGE … BYSCORE REV"},
};

void print(char const* what, std::set<std::string> const& names) {
    std::printf("%s, %s, %zu:", version_of_server().text.c_str(), what, names.size());
    for (auto const& name : names) std::printf(" %s", name.c_str());
    std::printf("\n");
}

}  // namespace

TEST_CASE("every command with a key has a typed function, or a reason why not", "[typed][coverage]") {
    std::set<std::string> const typed = typed_commands();
    REQUIRE(typed.size() > 100);
    std::set<std::string> missing, leased, keyless, unknown;
    for (std::string const& name : commands_of_server()) {
        if (typed.contains(name) || untyped.contains(name)) continue;
        std::size_t const bar = name.find('|');
        std::string const subcommand = bar == name.npos ? "" : name.substr(bar + 1);
        auto const* const traits = command::find_command(name.substr(0, bar), subcommand);
        if (!traits)
            unknown.insert(name);
        else if (traits->is_container())
            continue;
        else if (traits->shares != command::sharing::shared)
            leased.insert(name);
        else if (traits->keys.search == command::key_search::none)
            keyless.insert(name);
        else
            missing.insert(name);
    }
    print("without a typed function though they have a key", missing);
    print("without a typed function, they need a connection of their own", leased);
    print("without a typed function, they concern a server", keyless);
    print("unknown to the command table", unknown);
    CHECK(missing.empty());
    CHECK(unknown.empty());
    for (auto const& [name, reason] : untyped) {
        INFO(name);
        CHECK_FALSE(typed.contains(name));
    }
}
