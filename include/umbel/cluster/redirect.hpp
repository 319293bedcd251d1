// cluster/redirect.hpp: a server's error line becomes a fault: a code, where it points, and whether the command may have run.
// The only file of the library that looks at the text of an error. It knows no policy: what follows from a fault is decided elsewhere.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace umbel::cluster {

/// What an error line of the code server_error says beyond it, where the library itself has a use for that.
enum class remark : std::uint8_t {
    none,
    max_clients,         ///< The server has no room for this connection and closes it; no command of it was executed.
    protected_mode,      ///< The server takes no connection from this address; no command of it was executed.
    unknown_command,     ///< The server does not know the command or subcommand (an old server, or a renamed command).
    cluster_disabled,    ///< The server runs without cluster mode.
    slot_not_served,     ///< CLUSTERDOWN only: this slot has no owner, the cluster may be well otherwise.
};

/// One error reply, understood.
/// Lifetime: `host` borrows from the line that was read.
struct fault {
    errc code = errc::server_error;
    umbel::delivery delivered = umbel::delivery::unknown;
    std::int32_t slot = -1;     ///< For moved and ask, otherwise -1.
    std::string_view host{};    ///< For moved and ask; empty means the host that replied. Brackets are taken off.
    std::uint16_t port = 0;     ///< For moved and ask.
    bool host_unknown = false;  ///< The server named "?": nobody can be followed, a refresh must tell.
    remark says = remark::none;
    std::optional<errc> inner{};  ///< For exec_aborted, where the line tells why; slot, host and port are then the inner error's.

    /// True when `host` and `port` can be followed (with the replying host where `host` is empty).
    constexpr bool names_node() const noexcept { return port != 0 && !host_unknown; }

    friend constexpr bool operator==(fault const&, fault const&) noexcept = default;
};

namespace detail {

/// How far an error code proves that nothing was executed.
enum class proof : std::uint8_t {
    always,    ///< The server raises it before execution, and never from inside a script.
    ordinary,  ///< Raised before execution; but a script may meet it half-way, at one of its inner commands.
    never,     ///< Also raised while a command runs, or by modules.
};

struct known_error {
    std::string_view word;
    errc code;
    proof refused;
};

// Judged by redis-server 7.0 and valkey-server 8.0, server.c (processCommand), script.c (scriptCall) and cluster.c (getNodeByQuery):
// - MOVED, ASK, TRYAGAIN, CROSSSLOT, CLUSTERDOWN come from getNodeByQuery ahead of execution. An inner command of a script that
//   fails the same check raises a plain "ERR Script attempted to …" instead, so the bare words are proof for scripts as well.
// - LOADING, NOAUTH, BUSY are checked for the outer command only. BUSYKEY and BUSYGROUP are other words and come from execution.
// - MASTERDOWN, READONLY, OOM, MISCONF, NOREPLICAS, NOPERM are checked ahead of execution, but for the inner commands of a script too,
//   when it may have written (or published) already.
// - NOSCRIPT means that EVALSHA found no script; EVALSHA cannot be called from inside one.
// - EXECABORT means that EXEC discarded the transaction. WRONGPASS and NOPROTO are refusals of AUTH and HELLO, which change nothing then.
// - WRONGTYPE is raised by the running command. The commands of the server itself check before they change anything, but modules
//   use the word too, so it proves nothing.
// A script can also return any line it likes with redis.error_reply; one that imitates a redirect is taken at its word.
inline constexpr std::array known_errors{
    known_error{"MOVED", errc::moved, proof::always},
    known_error{"ASK", errc::ask, proof::always},
    known_error{"TRYAGAIN", errc::try_again, proof::always},
    known_error{"CLUSTERDOWN", errc::cluster_down, proof::always},
    known_error{"CROSSSLOT", errc::cross_slot_reply, proof::always},
    known_error{"LOADING", errc::loading, proof::always},
    known_error{"NOAUTH", errc::no_auth, proof::always},
    known_error{"BUSY", errc::busy_script, proof::always},
    known_error{"NOSCRIPT", errc::no_script, proof::always},
    known_error{"EXECABORT", errc::exec_aborted, proof::always},
    known_error{"WRONGPASS", errc::wrong_password, proof::always},
    known_error{"NOPROTO", errc::no_protocol, proof::always},
    known_error{"MASTERDOWN", errc::master_down, proof::ordinary},
    known_error{"READONLY", errc::read_only, proof::ordinary},
    known_error{"OOM", errc::out_of_memory, proof::ordinary},
    known_error{"MISCONF", errc::misconfigured, proof::ordinary},
    known_error{"NOREPLICAS", errc::no_replicas, proof::ordinary},
    known_error{"NOPERM", errc::no_permission, proof::ordinary},
    known_error{"WRONGTYPE", errc::wrong_type, proof::never},
};

struct known_remark {
    std::string_view prefix;
    remark says;
    proof refused;
};

// An unknown command is refused by processCommand; a script that calls one says "ERR Unknown Redis command called from script".
inline constexpr std::array known_remarks{
    known_remark{"ERR max number of clients", remark::max_clients, proof::always},
    known_remark{"DENIED ", remark::protected_mode, proof::always},
    known_remark{"ERR unknown command", remark::unknown_command, proof::ordinary},
    known_remark{"ERR unknown subcommand", remark::unknown_command, proof::ordinary},
    known_remark{"ERR Unknown subcommand", remark::unknown_command, proof::ordinary},
    known_remark{"ERR This instance has cluster support disabled", remark::cluster_disabled, proof::ordinary},
};

constexpr umbel::delivery delivery_of(proof refused, bool scripted) noexcept {
    switch (refused) {
        case proof::always: return umbel::delivery::not_executed;
        case proof::ordinary: return scripted ? umbel::delivery::unknown : umbel::delivery::not_executed;
        case proof::never: return umbel::delivery::unknown;
    }
    return umbel::delivery::unknown;
}

constexpr bool starts_with_word(std::string_view line, std::string_view word) noexcept {
    return line.starts_with(word) && (line.size() == word.size() || line[word.size()] == ' ');
}

/// Reads "<slot> <host>:<port>", what follows MOVED and ASK; false when it is anything else.
/// Rule: Redis Cluster specification, "MOVED redirection" and "ASK redirection".
constexpr bool read_target(std::string_view text, fault& found) noexcept {
    std::size_t const space = text.find(' ');
    std::uint16_t slot_number = 0;
    if (space == std::string_view::npos || !read_port(text.substr(0, space), slot_number) || slot_number >= slot_count) return false;
    split_address const where = split_last_colon(text.substr(space + 1));
    std::uint16_t port = 0;
    if (!where.has_port || !read_port(where.port, port) || port == 0) return false;
    bool const unknown = where.host == "?";
    if (!where.host.empty() && !unknown && !is_host(where.host)) return false;
    found.slot = slot_number;
    found.host = where.host;
    found.port = port;
    found.host_unknown = unknown;
    return true;
}

constexpr fault read_other(std::string_view line, bool scripted) noexcept {
    fault found;
    for (known_remark const& known : known_remarks) {
        if (!line.starts_with(known.prefix)) continue;
        found.says = known.says;
        found.delivered = delivery_of(known.refused, scripted);
        break;
    }
    return found;
}

/// Reads a line whose first word is known or not; the cause inside an EXECABORT is not looked at.
constexpr fault read_plain(std::string_view line, bool scripted) noexcept {
    for (known_error const& known : known_errors) {
        if (!starts_with_word(line, known.word)) continue;
        fault found;
        found.code = known.code;
        found.delivered = delivery_of(known.refused, scripted);
        if (known.code == errc::cluster_down && line == "CLUSTERDOWN Hash slot not served") found.says = remark::slot_not_served;
        if (known.code != errc::moved && known.code != errc::ask) return found;
        std::string_view const target = line.substr(std::min(line.size(), known.word.size() + 1));
        // A redirect that cannot be read means that the peer broke the protocol, and then its first word proves nothing either.
        return read_target(target, found) ? found : fault{errc::protocol_error, umbel::delivery::unknown};
    }
    return read_other(line, scripted);
}

}  // namespace detail

/// Reads an error line: what stands between '-' and CR LF, or the text of a RESP3 blob error.
/// `scripted` says that the command was a script, a function or EXEC: then a refusal that can also come from an inner command
/// proves nothing, and the delivery is unknown. The delivery is never `executed`: of an error reply nobody can say that.
/// Words are matched in upper case only, as servers send them.
/// Errors: a MOVED or ASK that cannot be read gives the code protocol_error.
/// Lifetime: the host borrows from `line`. Cost: no allocation.
/// Rule: Redis Cluster specification, "Redirection and resharding"; RESP specification, "Simple errors".
constexpr fault read_fault(std::string_view line, bool scripted = false) noexcept {
    fault found = detail::read_plain(line, scripted);
    if (found.code != errc::exec_aborted) return found;
    // Redis 7 names the cause: "EXECABORT Transaction discarded because of: MOVED 3999 10.0.0.7:6379".
    constexpr std::string_view because = "because of: ";
    std::size_t const at = line.find(because);
    if (at == std::string_view::npos) return found;
    std::string_view cause = line.substr(at + because.size());
    if (cause.starts_with('-')) cause.remove_prefix(1);
    fault const inner = detail::read_plain(cause, scripted);
    found.inner = inner.code;
    found.slot = inner.slot;
    found.host = inner.host;
    found.port = inner.port;
    found.host_unknown = inner.host_unknown;
    found.says = inner.says;
    return found;
}

}  // namespace umbel::cluster
