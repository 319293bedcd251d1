#include <umbel/command/command_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

using namespace umbel::command;

namespace {

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

}  // namespace

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
    CHECK(leases({"BLMOVEM", "a", "b", "LEFT", "LEFT", "0"}));
    CHECK(leases({"HIMPORT", "SET", "k", "fields", "v"}));
    CHECK(leases({"CLUSTER", "SYNCSLOTS", "SYNC"}));
    CHECK_FALSE(leases({"GET", "BLOCK"}));
    CHECK_FALSE(leases({"FT.SEARCH", "i", "*"}));
    CHECK_FALSE(leases({}));
}

TEST_CASE("a command that answers otherwise the second time is not idempotent, though the state be the same",
          "[command_table]") {
    for (std::string_view const name : {"DEL", "UNLINK", "INCR", "PERSIST", "GETDEL", "LPOP", "SPOP"})
        CHECK_FALSE(repeats({name, "k"}));
    for (std::string_view const name :
         {"SADD", "SREM", "HDEL", "APPEND", "SETNX", "GETSET", "LPUSH", "EXPIRE", "PFADD", "DELIFEQ", "VREM"})
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
