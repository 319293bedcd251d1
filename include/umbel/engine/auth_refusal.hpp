// auth_refusal.hpp: what may be shown of a server's refusal of AUTH, or of HELLO with credentials. It decides
// nothing.
#pragma once

#include <umbel/cluster/redirect.hpp>

#include <string>
#include <string_view>

namespace umbel::engine {

/// How servers refuse credentials in words of their own. Rule: acl.c (authCommand, addAuthErrReply),
/// networking.c (helloCommand, clientAcceptHandler), server.c (commandCheckExistence); before Redis 6
/// server.c (authCommand).
inline constexpr std::string_view auth_refusals[]{
    "WRONGPASS invalid username-password pair or user is disabled.",
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
    "configuration is correct?",
    "ERR Client sent AUTH, but no password is set",
    "ERR invalid password",
    "NOAUTH HELLO must be called with the client already authenticated",
    "NOPROTO unsupported protocol version",
    "ERR max number of clients reached",
    "DENIED Redis is running in protected mode",
    "DENIED Running in protected mode",
    "ERR unknown command",
};

/// The beginning of a refusal that is known to hold nothing of what was sent, and a remark where more came:
/// servers and proxies repeat arguments cut short, or with other line breaks, where no search finds them.
/// Errors: throws std::bad_alloc.
inline std::string auth_refusal(std::string_view line) {
    std::string_view shown;
    for (std::string_view const known : auth_refusals)
        if (line.starts_with(known)) shown = known;
    if (shown.empty()) {
        std::string_view const word = line.substr(0, line.find(' '));
        bool const is_code = word == "ERR" || cluster::parse_error(word).code != errc::server_error;
        shown = is_code ? word : std::string_view{"ERR"};
    }
    std::string text{shown};
    if (line != shown) text += " (what else the server says is not shown: it may repeat the password)";
    return text;
}

}  // namespace umbel::engine
