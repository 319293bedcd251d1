// ports.hpp: finds a port of the runtime that has grown logic: a function of session or runtime that stands
// again, or a look into what they decide. It knows C++ by its looks only: a definition is a name before
// parentheses and a brace.
#pragma once

#include "source_text.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace architecture {

/// The names of all functions that `text` defines or declares with a body, and how often each stands.
inline std::map<std::string, std::size_t> functions_in(std::string const& text) {
    static std::regex const definition{
        R"((?:^|\n)[ \t]*(?:[\w:<>,&*\[\].]+[ &*]+)+(?:\w+::)*([a-z_]\w*)\([^;{}()]*(?:\([^;{}()]*\)[^;{}()]*)*\)[ \w>:.-]*\{)"};
    static std::set<std::string> const keywords{"if",    "for",    "while", "switch",   "return",
                                                "catch", "sizeof", "else",  "requires", "do"};
    std::map<std::string, std::size_t> found;
    std::string const code = code_only{text}.text();
    for (std::sregex_iterator at{code.begin(), code.end(), definition}, end; at != end; ++at)
        if (!keywords.contains((*at)[1])) ++found[(*at)[1]];
    return found;
}

/// What a port may not look into: how a link fares, what becomes of a call, when something is due.
inline constexpr std::array<std::string_view, 12> decisions{
    "connection_phase", "unopened(", ".settle(", ".settle<", "pipe().lose", "pipe().fail_all",
    "next_due",         "judge(",    "verdict",  "backoff(", "silent()",    "doubts("};

/// What is wrong with a port. `logic`: the names of the functions of session and runtime. `forwards`: those
/// among them that the port may have, too, since it only looks after threads, or hands on under another
/// signature.
inline std::vector<std::string> judge_port(std::string const& text, std::set<std::string> const& logic,
                                           std::set<std::string> const& forwards) {
    std::vector<std::string> wrong;
    for (auto const& [name, count] : functions_in(text))
        if (logic.contains(name) && !forwards.contains(name))
            wrong.push_back("defines " + name + "(), as session or runtime does");
    std::string const code = code_only{text}.text();
    for (std::string_view const decision : decisions)
        if (code.find(decision) != std::string::npos) wrong.push_back("looks at " + std::string{decision});
    return wrong;
}

}  // namespace architecture
