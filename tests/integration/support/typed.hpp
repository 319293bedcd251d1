// typed.hpp: a client of the shared cluster for the tests of typed commands, in RESP2 or RESP3, and what the
// server under test has. It knows no family of commands.
#pragma once

#include "session.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <cstdio>
#include <set>
#include <string>
#include <string_view>

namespace umbel::test {

/// The server's version as one number, 80006 for 8.0.6. Valkey's own, not the Redis that it is compatible
/// with.
struct server_version {
    bool is_valkey = false;
    long number = 0;
    std::string text;
};

inline server_version const& version_of_server() {
    static server_version const found = [] {
        std::string const info = real_cluster::shared().talk("n1").must({"INFO", "server"}).text;
        server_version made;
        std::size_t at = info.find("valkey_version:");
        made.is_valkey = at != std::string::npos;
        if (!made.is_valkey) at = info.find("redis_version:");
        std::string const number =
            info.substr(info.find(':', at) + 1, info.find('\r', at) - info.find(':', at) - 1);
        int parts[3]{};
        std::sscanf(number.c_str(), "%d.%d.%d", &parts[0], &parts[1], &parts[2]);
        made.number = parts[0] * 10'000L + parts[1] * 100L + parts[2];
        made.text = (made.is_valkey ? "Valkey " : "Redis ") + number;
        return made;
    }();
    return found;
}

/// All commands and subcommands of the server, as COMMAND names them, in lower case: "get", "object|freq".
inline std::set<std::string> const& commands_of_server() {
    static std::set<std::string> const all = [] {
        std::set<std::string> names;
        for (wire_value const& row : real_cluster::shared().talk("n1").must({"COMMAND"}).items) {
            std::string name = row.items.at(0).text;
            for (char& letter : name)
                if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter + 32);
            names.insert(name);
            if (row.items.size() < 10) continue;
            for (wire_value const& inner : row.items[9].items) names.insert(inner.items.at(0).text);
        }
        return names;
    }();
    return all;
}

/// A client of the shared cluster that speaks RESP2 in the test's first run and RESP3 in its second; nothing
/// is in the cluster when it begins.
class typed_session {
public:
    typed_session() : session_{options_for(GENERATE(protocol::resp2, protocol::resp3))} {
        // Tests before this one may have handed primaries over, or not quite yet.
        auto& servers = real_cluster::shared();
        for (auto const& node : servers.nodes())
            REQUIRE(eventually([&] {
                return servers.role_of(node) != "primary" ||
                       !servers.talk(node).ask({"FLUSHALL", "SYNC"}).is_error();
            }));
    }

    client& db() noexcept { return session_.db(); }
    template <class Value>
    result<Value> operator()(operation<Value> what) {
        return session_(std::move(what));
    }
    session& underneath() noexcept { return session_; }

    /// True when the server has the command; where it has not, what follows is skipped and the output says
    /// so.
    static bool has(std::string_view name) {
        if (commands_of_server().contains(std::string{name})) return true;
        say_skipped(std::string{name});
        return false;
    }
    /// True when the server is that new: for options of commands, of which COMMAND says nothing. 0: never.
    static bool has_option(std::string_view option, long redis, long valkey) {
        server_version const& server = version_of_server();
        long const since = server.is_valkey ? valkey : redis;
        if (since != 0 && server.number >= since) return true;
        say_skipped(std::string{option});
        return false;
    }

private:
    static options options_for(protocol spoken) {
        return options{.seeds = {real_cluster::shared().address("n1")}, .protocol = spoken};
    }
    static void say_skipped(std::string const& what) {
        static std::set<std::string> said;
        if (said.insert(what).second)
            std::printf("skipped: %s has no %s\n", version_of_server().text.c_str(), what.c_str());
    }

    session session_;
};

}  // namespace umbel::test
