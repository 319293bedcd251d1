// scripted_modules.hpp: a client and two scripted nodes that describe commands of modules, and answer them by
// the node's name, for the tests of what a client learns.
#pragma once

#include "two_nodes.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace at_home {

using scripted::words;

inline void learning(umbel::options& chosen) { chosen.handshake = umbel::handshake::full; }

inline std::string bulks(std::vector<std::string> const& all) {
    std::string made = "*" + std::to_string(all.size()) + "\r\n";
    for (std::string const& each : all) made += scripted::bulk(each);
    return made;
}
/// What a server says of a command with keys from `first` to `last`, as Redis 7 does.
inline std::string described(std::string const& name, std::vector<std::string> const& flags, int first,
                             int last, std::vector<std::string> const& tips = {}) {
    using scripted::bulk;
    using scripted::integer;
    std::string specs = "*0\r\n";
    if (first != 0)
        specs = "*1\r\n*6\r\n" + bulk("flags") + "*1\r\n+RW\r\n" + bulk("begin_search") + "*4\r\n" +
                bulk("type") + bulk("index") + bulk("spec") + "*2\r\n" + bulk("index") + integer(first) +
                bulk("find_keys") + "*4\r\n" + bulk("type") + bulk("range") + bulk("spec") + "*6\r\n" +
                bulk("lastkey") + integer(last < 0 ? last : last - first) + bulk("keystep") + integer(1) +
                bulk("limit") + integer(0);
    return "*1\r\n*10\r\n" + bulk(name) + integer(-1) + bulks(flags) + integer(first) + integer(last) +
           integer(first == 0 ? 0 : 1) + "*0\r\n" + bulks(tips) + specs + "*0\r\n";
}

/// What servers say that do not know "x.do" any more, or find its keys elsewhere.
inline std::vector<std::string> contradictions() {
    return {"-ERR unknown command 'x.do', with args beginning with: 'foo' \r\n",
            "-CROSSSLOT Keys in request don't hash to the same slot\r\n"};
}

/// Both nodes describe their commands, and answer them by the node's name.
struct modules : two_nodes {
    std::string info = "*1\r\n*-1\r\n";
    std::string low_line = "$3\r\nlow\r\n";
    std::string high_line = "$4\r\nhigh\r\n";
    bool holds = false;

    explicit modules(std::string description = {}, void (*change)(umbel::options&) = &learning)
        : two_nodes{change} {
        if (!description.empty()) info = std::move(description);
        low_says = [this](words const& said) { return says(said, low_line); };
        high_says = [this](words const& said) { return says(said, high_line); };
    }
    std::optional<scripted::answer> says(words const& said, std::string const& line) const {
        if (said[0] == "COMMAND") return holds ? scripted::answer::hold(info) : scripted::answer{info};
        if (said[0] == "READONLY") return scripted::ok;
        if (said[0].starts_with("x.") || said[0].starts_with("X.")) return scripted::answer{line};
        return std::nullopt;
    }
    std::size_t questions() const { return low.count("COMMAND") + high.count("COMMAND"); }
    std::vector<words> said(scripted::server const& server) const {
        std::vector<words> found;
        for (words const& command : server.seen())
            if (command[0].starts_with("x.")) found.push_back(command);
        return found;
    }
};

}  // namespace at_home
