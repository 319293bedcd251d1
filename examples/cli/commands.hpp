// commands.hpp: what umbel's table of commands tells a person: completions, the shape of a command, and what
// a client does with it. It asks no server.
#pragma once

#include <umbel/command/command_table.hpp>
#include <umbel/command/lease_cure.hpp>

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

using umbel::command::command_traits;

inline std::string upper(std::string_view text) {
    std::string out{text};
    for (char& letter : out) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return out;
}
inline std::string lower(std::string_view text) {
    std::string out{text};
    for (char& letter : out) letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    return out;
}

inline bool begins_with(std::string_view name, std::string_view prefix) noexcept {
    return name.size() >= prefix.size() &&
           umbel::command::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
}

/// The row of the command that a line calls: one word, or two where the first is a container. Null: none.
inline command_traits const* row_of(std::vector<std::string> const& words) noexcept {
    if (words.empty()) return nullptr;
    std::string_view const argv[] = {words[0],
                                     words.size() > 1 ? std::string_view{words[1]} : std::string_view{}};
    return umbel::command::find_command({argv, words.size() > 1 ? 2U : 1U});
}

/// The words that may stand in place of the last of `words`: names of commands, or of a command's
/// subcommands. In upper case, unless the last word begins in lower case.
inline std::vector<std::string> completions(std::vector<std::string> const& words) {
    std::vector<std::string> found;
    if (words.empty() || words.size() > 2) return found;
    std::string const container = words.size() == 2 ? words[0] + '|' : std::string{};
    std::string_view const prefix = words.back();
    bool const in_lower_case = !prefix.empty() && std::islower(static_cast<unsigned char>(prefix[0])) != 0;
    for (command_traits const& row : umbel::command::all_commands()) {
        if (!begins_with(row.name, container)) continue;
        std::string_view const word = row.name.substr(container.size());
        if (word.find('|') != word.npos || !begins_with(word, prefix)) continue;
        found.push_back(in_lower_case ? std::string{word} : upper(word));
    }
    return found;
}

/// "CLIENT KILL" for "client|kill".
inline std::string title_of(command_traits const& row) {
    std::string title = upper(row.name);
    if (auto const bar = title.find('|'); bar != title.npos) title[bar] = ' ';
    return title;
}

/// How many words the name has.
inline std::size_t name_words(command_traits const& row) noexcept {
    return row.name.find('|') == row.name.npos ? 1 : 2;
}

/// The arguments as far as the table knows them: "key arg [arg …]".
inline std::string shape_of(command_traits const& row) {
    if (row.is_container()) return "subcommand";
    using search = umbel::command::key_search;
    std::size_t const least = static_cast<std::size_t>(row.arity < 0 ? -row.arity : row.arity);
    bool const keyed = row.keys.search == search::range && row.keys.first != 0;
    std::string shape;
    for (std::size_t i = name_words(row); i < least; ++i) {
        bool const in_first_key = keyed && i == row.keys.first;
        bool const in_last_key = keyed && row.keys.last > 0 && i > row.keys.first &&
                                 i <= static_cast<std::size_t>(row.keys.last) &&
                                 (i - row.keys.first) % row.keys.step == 0;
        shape.append(shape.empty() ? "" : " ").append(in_first_key || in_last_key ? "key" : "arg");
    }
    if (row.arity < 0) shape.append(shape.empty() ? "" : " ").append("[arg …]");
    return shape;
}

/// What a client of a cluster must know of a command, in lines of text.
inline std::string rules_of(command_traits const& row) {
    using umbel::command::request_policy;
    std::string out;
    out.append(row.write()       ? "  writes"
               : row.read_only() ? "  reads, so replicas may serve it"
                                 : "  touches no data");
    if (row.idempotent()) out.append("; may run twice");
    if (row.keys.search == umbel::command::key_search::none) out.append("; has no key");
    if (row.request == request_policy::all_nodes) out.append("; concerns every node");
    if (row.request == request_policy::all_shards) out.append("; concerns every shard");
    if (row.request == request_policy::multi_shard) out.append("; may be split over shards");
    if (row.leased())
        out.append("\n  needs a connection of its own: ").append(umbel::command::lease_cure_of(row.name));
    return out;
}

}  // namespace cli
