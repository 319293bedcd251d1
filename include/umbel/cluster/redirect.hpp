// cluster/redirect.hpp: a server's error line becomes a parsed_error: a code, where it points, and whether
// the command may have run. With error_reply.hpp, and resp/error_code.hpp for the first word, the only file
// of the library that looks at the text of an error. It knows no policy: what follows from an error is
// decided elsewhere.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/error_reply.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace umbel::cluster {

/// One error reply, understood.
/// Lifetime: `host` borrows from the line that was read.
struct parsed_error {
    errc code = errc::server_error;
    umbel::delivery delivered = umbel::delivery::unknown;
    std::int32_t slot = -1;  ///< For moved and ask, otherwise -1; of a REDIRECT, which moves everything, too.
    std::string_view
        host{};  ///< For moved and ask; empty means the host that replied. Brackets are taken off.
    std::uint16_t port = 0;     ///< For moved and ask.
    bool host_unknown = false;  ///< The server named "?": nobody can be followed, a refresh must tell.
    hint says = hint::none;
    std::optional<errc> inner{};  ///< For exec_aborted, where the line tells why; slot, host and port are
                                  ///< then the inner error's.

    /// True when `host` and `port` can be followed (with the replying host where `host` is empty).
    constexpr bool names_node() const noexcept { return port != 0 && !host_unknown; }

    /// The server closes the connection behind this line, and executes nothing more of it.
    constexpr bool ends_connection() const noexcept {
        return says == hint::max_clients || says == hint::protected_mode || says == hint::unreadable;
    }

    friend constexpr bool operator==(parsed_error const&, parsed_error const&) noexcept = default;
};

namespace detail {

/// Reads "<host>:<port>", what follows REDIRECT, and ends a MOVED or an ASK; false when it is anything else.
constexpr bool read_place(std::string_view text, parsed_error& found) noexcept {
    split_address const address = split_last_colon(text);
    std::uint16_t port = 0;
    if (!address.has_port || !read_port(address.port, port) || port == 0) return false;
    bool const unknown = address.host == "?";
    if (!address.host.empty() && !unknown && !is_host(address.host)) return false;
    found.host = address.host;
    found.port = port;
    found.host_unknown = unknown;
    return true;
}

/// Reads "<slot> <host>:<port>", what follows MOVED and ASK; false when it is anything else.
/// Rule: Redis Cluster specification, "MOVED redirection" and "ASK redirection".
constexpr bool read_target(std::string_view text, parsed_error& found) noexcept {
    std::size_t const space = text.find(' ');
    std::uint16_t slot_number = 0;
    if (space == std::string_view::npos || !read_port(text.substr(0, space), slot_number) ||
        slot_number >= slot_count || !read_place(text.substr(space + 1), found))
        return false;
    found.slot = slot_number;
    return true;
}

/// Reads a line whose first word is known or not; the cause inside an EXECABORT is not looked at.
constexpr parsed_error read_plain(std::string_view line, command_flags flags) noexcept {
    parsed_error found;
    error_replies::known_code const* const code = error_replies::find_code(line);
    if (!code) {
        if (error_replies::known_line const* const known = error_replies::find_line(line)) {
            found.says = known->says;
            found.delivered = error_replies::delivery_of(known->proves, flags);
        }
        return found;
    }
    found.code = code->code;
    found.delivered = error_replies::delivery_of(*code, line, flags);
    if (line.starts_with(error_replies::slot_not_served)) found.says = hint::slot_not_served;
    if (found.code != errc::moved && found.code != errc::ask) return found;
    std::string_view const target = line.substr(std::min(line.size(), code->word.size() + 1));
    // A redirect that cannot be read means that the peer broke the protocol, and then its first word proves
    // nothing either.
    bool const reads =
        code->word == error_replies::redirect ? read_place(target, found) : read_target(target, found);
    return reads ? found : parsed_error{errc::protocol_error, umbel::delivery::unknown};
}

}  // namespace detail

/// Reads an error line: what stands between '-' and CR LF, or the text of a RESP3 blob error.
/// `flags` are the command's: of a script, a function or EXEC a refusal that can also come from an inner
/// command proves nothing, and the delivery is unknown; of a module's command an error of a running command
/// proves nothing. The delivery is never `executed`. Codes are matched in upper case only, as servers send
/// them; of the text behind them only what error_reply.hpp lists. Errors: a MOVED or ASK that cannot be read
/// gives the code protocol_error. A REDIRECT is a MOVED without a slot. Lifetime: the host borrows from
/// `line`. Cost: no allocation. Rule: Redis Cluster specification, "Redirection and resharding"; RESP
/// specification, "Simple errors"; CLIENT CAPA command of Valkey, "redirect".
constexpr parsed_error parse_error(std::string_view line,
                                   command_flags flags = command_flags::none) noexcept {
    parsed_error found = detail::read_plain(line, flags);
    if (found.code != errc::exec_aborted) return found;
    // Redis 7 names the cause: "EXECABORT Transaction discarded because of: MOVED 3999 10.0.0.7:6379".
    constexpr std::string_view because = "because of: ";
    std::size_t const at = line.find(because);
    if (at == std::string_view::npos) return found;
    std::string_view cause = line.substr(at + because.size());
    if (cause.starts_with('-')) cause.remove_prefix(1);
    parsed_error const inner = detail::read_plain(cause, flags);
    found.inner = inner.code;
    found.slot = inner.slot;
    found.host = inner.host;
    found.port = inner.port;
    found.host_unknown = inner.host_unknown;
    found.says = inner.says;
    return found;
}

}  // namespace umbel::cluster
