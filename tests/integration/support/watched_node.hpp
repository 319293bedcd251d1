// watched_node.hpp: everything that one node has executed, connection by connection, as MONITOR tells it.
// What a node refuses (MOVED, LOADING) is not executed and does not show.
#pragma once

#include "cluster.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::test {

class watched_node {
public:
    explicit watched_node(real_cluster const& servers, real_cluster::node const& which)
        : marker_{servers.talk(which)}, lines_{servers.talk(which)} {
        lines_.must({"MONITOR"});
    }

    /// The commands of each connection so far, by the address of its other end; each as `"GET" "key"`.
    std::map<std::string, std::vector<std::string>> const& read() {
        std::string const mark = "mark " + std::to_string(++marks_);
        marker_.must({"ECHO", mark});
        for (;;) {
            // 1700000000.123456 [0 127.0.0.1:50000] "GET" "key"
            std::string const line = lines_.next().text;
            auto const open = line.find(" [");
            auto const close = line.find("] ", open);
            if (open == std::string::npos || close == std::string::npos) continue;
            std::string const command = line.substr(close + 2);
            if (command.find("\"" + mark + "\"") != std::string::npos) return seen_;
            auto const from = line.find(' ', open + 2) + 1;
            seen_[line.substr(from, close - from)].push_back(command);
        }
    }

private:
    wire marker_;
    wire lines_;
    int marks_ = 0;
    std::map<std::string, std::vector<std::string>> seen_;
};

}  // namespace umbel::test
