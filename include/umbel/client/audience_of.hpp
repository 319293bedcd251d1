// audience_of.hpp: whom a command without keys concerns, as the server's command tips say, and what is said
// where it cannot go to all of them. It sends nothing.
#pragma once

#include <umbel/async/audience.hpp>
#include <umbel/command/command_table.hpp>
#include <umbel/command/encode.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace umbel::calling {

/// Whom a command without keys concerns; nothing where any node will do. PING asks whether somebody answers,
/// which is not for all of them to say; and of replies that only a person can join, one is given.
/// Rule: Redis documentation, "Command tips", "request_policy".
inline std::optional<async::audience> audience_of(command::command_traits const& traits) noexcept {
    bool const joined_here = traits.response != command::response_policy::special ||
                             traits.name == "randomkey" || traits.name == "function|stats";
    if (traits.keys.search != command::key_search::none || traits.shares != command::sharing::shared ||
        traits.name == "ping" || !joined_here)
        return std::nullopt;
    switch (traits.request) {
        case command::request_policy::all_nodes: return async::audience::nodes;
        case command::request_policy::all_shards: return async::audience::primaries;
        case command::request_policy::none:
        case command::request_policy::multi_shard:
        case command::request_policy::special: break;
    }
    return std::nullopt;
}

/// The first two words of some, each as it is encoded; the second one may be missing, and is empty then.
inline std::array<std::string_view, 2> first_words(std::string_view wire) noexcept {
    std::array<std::string_view, 2> words;
    for (std::string_view& word : words) {
        if (wire.empty()) break;
        wire.remove_prefix(wire.find('\n') + 1);
        word = wire.substr(0, wire.find('\r'));
        wire.remove_prefix(std::min(wire.size(), word.size() + 2));
    }
    return words;
}
/// The row of a typed command; null where the table has none.
inline command::command_traits const* row_of(command::command_spec const& name) noexcept {
    auto const words = first_words(name.wire());
    return command::find_command(words[0], words[1]);
}

inline constexpr std::string_view scan_message =
    "SCAN sees the keys of one node only: client::scan() scans the whole cluster, and client::on(node) sends "
    "SCAN to one node";
/// For a command that concerns several nodes, where it would go to one. `name`: of its row, "script|load".
inline std::string divided_message(std::string_view name) {
    std::string text;
    for (char const letter : name)
        text += letter == '|'                    ? ' '
                : letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32)
                                                 : letter;
    return text +
           " concerns several nodes, and batches and transactions send it to one: call it on the client, "
           "which sends it to all, or by client::on(node)";
}

}  // namespace umbel::calling
