// layers.hpp: the table of allowed edges between the layers of include/umbel, and the check of one header
// against it. It knows names and text only; reading the tree is the test's part.
#pragma once

#include "source_text.hpp"

#include <cstddef>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace architecture {

struct layer_rule {
    std::string_view layer;
    std::vector<std::string_view> may_include;  // besides itself
    bool asio = false;                          // may name Asio, clocks, threads and locks
};

/// One rule: a directory may include itself and what stands to its left. `base` are the headers left of
/// everything, `client` is its folder and src.hpp, which holds what is no template, `testing` is what the
/// library offers to tests without sockets, and `testing/service` joins the two.
inline std::vector<layer_rule> const& layer_rules() {
    static std::vector<layer_rule> const rules{
        {"base", {}},
        {"resp", {"base"}},
        {"cluster", {"base", "resp"}},
        {"command", {"base", "resp", "cluster"}},
        {"engine", {"base", "resp", "cluster"}},
        {"testing", {"base", "resp", "cluster", "command", "engine"}},
        {"async", {"base", "resp", "cluster", "engine"}, true},
        {"net", {"base", "resp", "cluster", "engine", "async"}, true},
        {"client", {"base", "resp", "cluster", "command", "engine", "async", "net"}, true},
        {"testing/service",
         {"base", "resp", "cluster", "command", "engine", "async", "net", "client", "testing"},
         true},
    };
    return rules;
}

inline layer_rule const* rule_of(std::string_view layer) {
    for (auto const& rule : layer_rules()) {
        if (rule.layer == layer) return &rule;
    }
    return nullptr;
}

/// The layer of a header, given by its path below include/umbel: "resp/type.hpp" is in resp, "error.hpp" in
/// base. A folder in a folder is a layer of its own.
inline std::string_view layer_of(std::string_view path) {
    if (auto const slash = path.rfind('/'); slash != std::string_view::npos) return path.substr(0, slash);
    for (std::string_view const name : {"config.hpp", "credentials.hpp", "durations.hpp", "encryption.hpp",
                                        "error.hpp", "options.hpp", "secret.hpp", "seed_list.hpp"}) {
        if (path == name) return "base";
    }
    return "client";
}

struct violation {
    std::string where;  // "resp/type.hpp:12"
    std::string line;
    std::string why;
};

namespace detail {

struct forbidden {
    std::string_view
        hint;  // stands in every line that matches: most lines are passed over without the slow search
    std::regex pattern;
    std::string_view why;
};

/// What no header may say, Asio or not.
inline std::vector<forbidden> const& forbidden_everywhere() {
    static std::vector<forbidden> const list{
        {"asio", std::regex{R"(\basio\s*::\s*detail\b)"}, "names from asio::detail are Asio's own business"},
        {"ASIO", std::regex{R"(\bUMBEL_ASIO_DETAIL_HEADER|\bUMBEL_ASIO_\w*HEADER\(detail)"},
         "names from asio::detail are Asio's own business"},
        {"using", std::regex{R"(^using\s+namespace\b)"}, "a header opens no namespace for its includers"},
    };
    return list;
}

/// What only error.hpp may say: it knows which expected results are made of.
inline std::vector<forbidden> const& forbidden_without_expected() {
    static std::vector<forbidden> const list{
        {"expected", std::regex{R"(<tl/|<expected>|\bstd\s*::\s*(un)?expected\b|(^|[^:\w])::\s*tl\b)"},
         "inside umbel, tl:: names the chosen expected; error.hpp knows which"},
    };
    return list;
}

/// What only async/asio.hpp may say: it knows which Asio it is.
inline std::vector<forbidden> const& forbidden_without_choice() {
    static std::vector<forbidden> const list{
        {"asio", std::regex{R"(<asio[./])"}, "Asio's headers are included by UMBEL_ASIO_HEADER"},
        {"boost", std::regex{R"(<boost/|\bboost\s*::)"}, "Boost is named by async/asio.hpp only"},
        {"error_code", std::regex{R"(\basio\s*::\s*error_code\b)"},
         "Boost.Asio has no error_code of its own: async::error_code"},
    };
    return list;
}

/// What only the headers for TLS may say.
inline std::vector<forbidden> const& forbidden_without_tls() {
    static std::vector<forbidden> const list{
        {"ssl", std::regex{R"(<openssl/|\bUMBEL_ASIO_\w*HEADER\(ssl|\basio\s*::\s*ssl\b)"},
         "OpenSSL is needed by tls.hpp and net/tls_*.hpp only"},
    };
    return list;
}

/// What only the layers that do input and output may say.
inline std::vector<forbidden> const& forbidden_in_core() {
    static std::vector<forbidden> const list{
        {"asio", std::regex{R"(\basio\s*::)"}, "Asio is named only in async, net and client"},
        {"ASIO_", std::regex{R"(\b(UMBEL_)?ASIO_)"}, "Asio is named only in async, net and client"},
        {"_clock", std::regex{R"(\w*_clock\s*::\s*now\b)"},
         "time comes in as an argument; no clock is read here"},
        {"random_device", std::regex{R"(\brandom_device\b)"}, "randomness comes in as a seed"},
        {"#",
         std::regex{
             R"(<(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token)>)"},
         "no threads and no locks here"},
        {"std", std::regex{R"(\bstd\s*::\s*(jthread|thread|mutex)\b)"}, "no threads and no locks here"},
        {"pthread_", std::regex{R"(\bpthread_\w)"}, "no threads and no locks here"},
        {"#",
         std::regex{R"(<(sys/(socket|epoll|select|poll)|netinet/\w+|arpa/inet|netdb|poll|unistd|time)\.h>)"},
         "no sockets and no system calls here"},
    };
    return list;
}

inline void judge_words(std::string const& line, std::vector<forbidden> const& list, std::string const& where,
                        std::string const& shown, std::vector<violation>& found) {
    for (auto const& rule : list) {
        if (line.find(rule.hint) == std::string::npos || !std::regex_search(line, rule.pattern)) continue;
        found.push_back({where, shown, std::string{rule.why}});
    }
}

inline void judge_include(std::string const& line, layer_rule const& rule, std::string const& where,
                          std::vector<violation>& found) {
    static std::regex const directive{R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])"};
    std::smatch match;
    if (line.find('#') == std::string::npos || !std::regex_search(line, match, directive)) return;
    std::string const target = match[2];
    if (match[1] == "\"") {
        found.push_back({where, line, "own headers are included as <umbel/…>"});
        return;
    }
    if (target == "umbel.hpp") {
        found.push_back({where, line, "the umbrella is for users; a header includes what it needs"});
        return;
    }
    if (!target.starts_with("umbel/")) return;
    auto const layer = layer_of(std::string_view{target}.substr(6));
    if (layer == rule.layer) return;
    for (auto const allowed : rule.may_include) {
        if (layer == allowed) return;
    }
    found.push_back({where, line, std::string{rule.layer} + " must not know " + std::string{layer}});
}

}  // namespace detail

/// Everything in one header that breaks the rules; `path` is relative to include/umbel.
inline std::vector<violation> judge_header(std::string const& path, std::string const& text) {
    std::vector<violation> found;
    auto const* rule = rule_of(layer_of(path));
    if (rule == nullptr) {
        found.push_back({path + ":1", "", "the folder stands for no layer of the table"});
        return found;
    }
    auto const shown = lines_of(text);
    auto const code = lines_of(code_only{text}.text());
    for (std::size_t index = 0; index < code.size(); ++index) {
        auto const where = path + ":" + std::to_string(index + 1);
        detail::judge_include(code[index], *rule, where, found);
        detail::judge_words(code[index], detail::forbidden_everywhere(), where, shown[index], found);
        if (path != "error.hpp")
            detail::judge_words(code[index], detail::forbidden_without_expected(), where, shown[index],
                                found);
        if (path != "async/asio.hpp")
            detail::judge_words(code[index], detail::forbidden_without_choice(), where, shown[index], found);
        bool const speaks_tls = path == "tls.hpp" || path.starts_with("net/tls_");
        if (!speaks_tls)
            detail::judge_words(code[index], detail::forbidden_without_tls(), where, shown[index], found);
        // Memory that is reserved first and made accessible later is the system's to give: pages.hpp asks for
        // its page size, and for no I/O.
        bool const asks_page_size =
            path == "resp/pages.hpp" && code[index].find("<unistd.h>") != std::string::npos;
        if (!rule->asio && !asks_page_size)
            detail::judge_words(code[index], detail::forbidden_in_core(), where, shown[index], found);
    }
    return found;
}

/// The walls of the house style: length, pragma, an opening comment, no line too long, nothing left open.
inline std::vector<violation> judge_shape(std::string const& path, std::string const& text,
                                          std::size_t lines_max = 400) {
    std::vector<violation> found;
    auto const lines = lines_of(text);
    bool const is_data = path.find("command_table_data") != std::string::npos;
    if (lines.size() > lines_max && !is_data) {
        found.push_back({path + ":" + std::to_string(lines.size()), "",
                         "longer than " + std::to_string(lines_max) + " lines"});
    }
    if (lines.empty() || !lines.front().starts_with("//"))
        found.push_back({path + ":1", "", "no opening comment that states what it is for"});
    if (code_only{text}.text().find("#pragma once") == std::string::npos)
        found.push_back({path + ":1", "", "no #pragma once"});
    for (std::size_t index = 0; index < lines.size(); ++index) {
        auto const where = path + ":" + std::to_string(index + 1);
        for (auto const word : {"TO"
                                "DO",
                                "FIX"
                                "ME",
                                "X"
                                "XX"}) {  // Split, so that a search of the tree finds only open ends.
            if (lines[index].find(word) != std::string::npos)
                found.push_back({where, lines[index], "nothing is left open on main"});
        }
    }
    return found;
}

inline std::string describe(std::vector<violation> const& found) {
    std::string text;
    for (auto const& one : found)
        text += "include/umbel/" + one.where + ": " + one.why + "\n    " + one.line + "\n";
    return text;
}

}  // namespace architecture
