// setup_commands.hpp: the user's own commands for new connections: read from their texts, and refused where
// they would break the client. It knows no connection.
#pragma once

#include <umbel/error.hpp>
#include <umbel/options.hpp>
#include <umbel/resp/letter_case.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::engine {

/// One command of options::setup_commands. Owns its texts.
struct setup_words {
    std::string text;  ///< As the user has written it.
    std::vector<std::string> words;
    bool optional = false;
};

/// More than these are an error.
inline constexpr std::size_t setup_commands_max = 32;

namespace setup {

/// Commands that change what a connection is, that the client sends itself, that are not answered by one
/// reply, or that wait. Rule: the command references of Redis and Valkey, group "connection"; "Pub/sub";
/// "Transactions"; the blocking commands.
inline constexpr std::string_view refused[]{
    "AUTH",       "HELLO",      "SELECT",     "RESET",       "QUIT",         "READONLY",     "READWRITE",
    "ASKING",     "MULTI",      "EXEC",       "DISCARD",     "WATCH",        "UNWATCH",      "MONITOR",
    "SUBSCRIBE",  "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "SYNC",
    "PSYNC",      "REPLCONF",   "SHUTDOWN",   "WAIT",        "WAITAOF",      "BLPOP",        "BRPOP",
    "BRPOPLPUSH", "BLMOVE",     "BLMPOP",     "BZPOPMIN",    "BZPOPMAX",     "BZMPOP",       "XREAD",
    "XREADGROUP", "FAILOVER"};
/// The same of the subcommands of CLIENT.
inline constexpr std::string_view refused_of_client[]{"REPLY", "TRACKING", "CACHING", "KILL", "PAUSE"};

inline bool breaks_client(std::vector<std::string> const& words) noexcept {
    for (std::string_view const name : refused)
        if (resp::equal_ignoring_case(words[0], name)) return true;
    if (words.size() < 2 || !resp::equal_ignoring_case(words[0], "CLIENT")) return false;
    for (std::string_view const name : refused_of_client)
        if (resp::equal_ignoring_case(words[1], name)) return true;
    return false;
}

}  // namespace setup

/// Reads one command. Errors: bad_argument, naming it: no word in it, a line break, or a command that would
/// break the client.
inline result<setup_words> read_setup_command(setup_command const& given) {
    auto const bad = [&](std::string_view why) {
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.setup_commands: \"" + given.text + "\" " + std::string{why});
    };
    setup_words read{given.text, {}, given.optional};
    if (given.text.find_first_of("\r\n") != std::string::npos)
        return fail(errc::bad_argument, delivery::not_sent,
                    "options.setup_commands: a text has a line break");
    for (std::size_t at = 0; at < given.text.size();) {
        std::size_t const end = std::min(given.text.find(' ', at), given.text.size());
        if (end != at) read.words.push_back(given.text.substr(at, end - at));
        at = end + 1;
    }
    if (read.words.empty()) return bad("has no word");
    if (setup::breaks_client(read.words)) return bad("would break the client");
    return read;
}

/// Reads all of them. Errors: as of each, and bad_argument where there are too many.
inline result<std::vector<setup_words>> read_setup_commands(std::vector<setup_command> const& all) {
    if (all.size() > setup_commands_max)
        return fail(errc::bad_argument, delivery::not_sent, "options.setup_commands: more than 32");
    std::vector<setup_words> read;
    for (setup_command const& given : all) {
        result<setup_words> command = read_setup_command(given);
        if (!command) return tl::unexpected<error>{command.error()};
        read.push_back(std::move(*command));
    }
    return read;
}

}  // namespace umbel::engine
