// error_reply.hpp: which error replies servers give, what each is called here, and which of them prove that
// nothing was executed. Tables and their look-up only, with the servers' sources. Where a redirect points to
// is read in redirect.hpp, which includes this.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/error_code.hpp>

#include <array>
#include <cstdint>
#include <string_view>

namespace umbel::cluster {

/// What an error line says beyond its code, as far as the library has a use for it.
enum class hint : std::uint8_t {
    none,
    max_clients,       ///< The server has no room for this connection and closes it; no command of it was
                       ///< executed.
    protected_mode,    ///< The server takes no connection from this address; no command of it was executed.
    unreadable,        ///< The server could not read the command, and closes the connection.
    unknown_command,   ///< The server does not know the command or subcommand (an old server, or a renamed
                       ///< command).
    cluster_disabled,  ///< The server runs without cluster mode.
    slot_not_served,   ///< CLUSTERDOWN only: this slot has no owner, the cluster may be well otherwise.
    no_function,       ///< The node has no library with the function that was called.
};

namespace error_replies {

/// For which commands an error reply proves that nothing was executed.
enum class proof : std::uint8_t {
    all,    ///< Of every command: the server raises it ahead of execution, for the command that was sent and
            ///< never for an inner one. Of a script's or a module's only in the server's own words.
    plain,  ///< Not of a script, a function or EXEC, which may meet it half-way, at one of their inner
            ///< commands.
    built_in,  ///< Only of the server's own plain commands, which look before they change anything. A
               ///< module's may meet it half-way.
};

/// What a replica without cluster mode says to who has said CLIENT CAPA redirect. Rule: server.c of Valkey
/// (processCommand): ahead of execution, for the outer command.
inline constexpr std::string_view redirect = "REDIRECT";

struct known_code {
    std::string_view word;  ///< The first word of the line.
    errc code;
    proof proves;
    /// How the line goes on where the server itself says it. A script, or a module, can answer with any line
    /// it likes, also after it has written: of their commands only these prove anything. None for MOVED, ASK
    /// and REDIRECT, which are held against their form.
    std::array<std::string_view, 2> own{};

    constexpr known_code(errc named, proof proven, std::array<std::string_view, 2> words = {}) noexcept
        : word{resp::word_of(named)}, code{named}, proves{proven}, own{words} {}
    /// Of a line that says the same with other words.
    constexpr known_code(std::string_view first, errc named, proof proven) noexcept
        : word{first}, code{named}, proves{proven} {}
};

// Judged by redis-server 7.0, 7.4 and valkey-server 8.0: server.c (processCommand, createSharedObjects),
// script.c (scriptCall) and cluster.c (getNodeByQuery). The servers spell the rest of a line differently:
// "BUSY Redis is busy …", "BUSY Valkey is busy …". So the first word decides.
// - MOVED, ASK, TRYAGAIN, CROSSSLOT, CLUSTERDOWN come from getNodeByQuery ahead of execution. An inner
// command of a script that
//   fails the same check raises a plain "ERR Script attempted to …" instead, so the bare words are proof for
//   scripts as well.
// - LOADING, NOAUTH, BUSY are checked for the outer command only. BUSYKEY and BUSYGROUP are other words.
// - MASTERDOWN, READONLY, OOM, MISCONF, NOREPLICAS, NOPERM are checked ahead of execution, but for the inner
// commands of a script or of a module
//   (module.c, VM_Call) too, when it may have written (or published) already.
// - NOSCRIPT means that EVALSHA found no script; EVALSHA cannot be called from inside one.
// - EXECABORT means that EXEC discarded the transaction. WRONGPASS and NOPROTO are refusals of AUTH and
// HELLO, which change nothing then.
// - WRONGTYPE comes from checkType (object.c), isHLLObjectOrReply (hyperloglog.c) and their like, which each
// command calls for all of its keys
//   before it writes: RPOPLPUSH, SMOVE, BITOP, SORT and the STORE family look at source and destination
//   first.
// A script can also return any line it likes with redis.error_reply. One that imitates a redirect, or the
// server's own words to the letter, is taken at its word; no other.
inline constexpr std::array codes{
    known_code{errc::moved, proof::all},
    known_code{errc::ask, proof::all},
    known_code{redirect, errc::moved, proof::all},
    known_code{errc::try_again, proof::all, {{"TRYAGAIN Multiple keys request"}}},
    known_code{errc::cluster_down,
               proof::all,
               {{"CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served"}}},
    known_code{errc::cross_slot_reply, proof::all, {{"CROSSSLOT Keys in request"}}},
    known_code{errc::loading, proof::all, {{"LOADING Redis is loading", "LOADING Valkey is loading"}}},
    known_code{errc::no_auth, proof::all, {{"NOAUTH Authentication required"}}},
    known_code{errc::busy_script, proof::all, {{"BUSY Redis is busy", "BUSY Valkey is busy"}}},
    known_code{errc::no_script, proof::all, {{"NOSCRIPT No matching script"}}},
    known_code{errc::exec_aborted, proof::all, {{"EXECABORT Transaction discarded"}}},
    known_code{errc::wrong_password, proof::all, {{"WRONGPASS invalid username-password"}}},
    known_code{errc::no_protocol, proof::all, {{"NOPROTO unsupported protocol"}}},
    known_code{errc::master_down, proof::built_in},
    known_code{errc::read_only, proof::built_in},
    known_code{errc::out_of_memory, proof::built_in},
    known_code{errc::misconfigured, proof::built_in},
    known_code{errc::no_replicas, proof::built_in},
    // blocked.c (disconnectAllBlockedClients): a node that becomes a replica ends the waits of its clients,
    // which have taken nothing, and closes their connections. It says what READONLY says to a command that
    // comes later.
    known_code{"UNBLOCKED force", errc::read_only, proof::built_in},
    known_code{errc::no_permission, proof::built_in},
    known_code{errc::wrong_type, proof::built_in},
};

struct known_line {
    std::string_view prefix;  ///< The code and the words that all servers have in common.
    hint says;
    proof proves;
};

// Lines of the code server_error: "ERR", whose text alone tells them apart, and codes that the library needs
// no name for. Each is raised before its command changes anything; the source of each group stands above it
// (redis-server 7.0.15, 7.4.1 and 8.0, valkey-server 8.0.1). An inner command that a script does not find is
// another line, "ERR Unknown Redis command called from script"; a module's is this one. Left out on purpose,
// because a change may have been made: "ERR Elements are too large to be stored" (XADD has created the
// stream), "ERR Target instance replied with error" and IOERR (MIGRATE), "ERR CONFIG SET failed", INVALIDOBJ
// (PFADD half-way).
inline constexpr std::array lines{
    // networking.c (clientCommand): CLIENT UNBLOCK … ERROR, by whoever looks after the server.
    known_line{"UNBLOCKED client unblocked via CLIENT UNBLOCK", hint::none, proof::built_in},
    // networking.c (acceptCommonHandler, clientAcceptHandler): the connection is closed at once.
    known_line{"ERR max number of clients", hint::max_clients, proof::all},
    known_line{"DENIED Redis is running in protected mode", hint::protected_mode, proof::all},
    known_line{"DENIED Running in protected mode", hint::protected_mode, proof::all},
    // networking.c (processMultibulkBuffer, processInlineBuffer): the command could not be read, and the
    // connection is closed.
    known_line{"ERR Protocol error", hint::unreadable, proof::all},
    // server.c (commandCheckExistence, commandCheckArity) and addReplyErrorArity, which commands call first
    // of all.
    known_line{"ERR unknown command", hint::unknown_command, proof::plain},
    known_line{"ERR unknown subcommand", hint::unknown_command, proof::plain},
    known_line{"ERR Unknown subcommand", hint::unknown_command, proof::plain},
    known_line{"ERR wrong number of arguments for ", hint::none, proof::built_in},
    // cluster.c (clusterCommand).
    known_line{"ERR This instance has cluster support disabled", hint::cluster_disabled, proof::plain},
    // server.c (createSharedObjects): shared.syntaxerr, nokeyerr, sameobjecterr, outofrangeerr, busykeyerr.
    known_line{"ERR syntax error", hint::none, proof::built_in},
    known_line{"ERR no such key", hint::none, proof::built_in},
    known_line{"ERR source and destination objects are the same", hint::none, proof::built_in},
    known_line{"ERR index out of range", hint::none, proof::built_in},
    known_line{"BUSYKEY ", hint::none, proof::built_in},
    // object.c (getLongLongFromObjectOrReply, getRangeLongFromObjectOrReply, getDoubleFromObjectOrReply):
    // arguments are read first; what INCR
    // finds in its key, too.
    known_line{"ERR value is not an integer or out of range", hint::none, proof::built_in},
    known_line{"ERR value is out of range", hint::none, proof::built_in},
    known_line{"ERR value is not a valid float", hint::none, proof::built_in},
    // t_string.c (incrDecrCommand, decrbyCommand, incrbyfloatCommand, checkStringLength, setrangeCommand).
    known_line{"ERR increment or decrement would overflow", hint::none, proof::built_in},
    known_line{"ERR decrement would overflow", hint::none, proof::built_in},
    known_line{"ERR increment would produce NaN or Infinity", hint::none, proof::built_in},
    known_line{"ERR string exceeds maximum allowed size", hint::none, proof::built_in},
    known_line{"ERR offset is out of range", hint::none, proof::built_in},
    // networking.c (addReplyErrorExpireTime): SET, GETEX, SETEX, EXPIRE and their like.
    known_line{"ERR invalid expire time", hint::none, proof::built_in},
    // expire.c (parseExtendedExpireArgumentsOrReply), t_zset.c (zaddGenericCommand): options that exclude
    // each other.
    known_line{"ERR NX and XX, GT or LT options", hint::none, proof::built_in},
    known_line{"ERR GT and LT options", hint::none, proof::built_in},
    known_line{"ERR XX and NX options", hint::none, proof::built_in},
    known_line{"ERR GT, LT, and/or NX options", hint::none, proof::built_in},
    // t_hash.c (hincrbyCommand, hincrbyfloatCommand).
    known_line{"ERR hash value is not an integer", hint::none, proof::built_in},
    known_line{"ERR hash value is not a float", hint::none, proof::built_in},
    known_line{"ERR value is NaN or Infinity", hint::none, proof::built_in},
    // t_zset.c (zslParseRange, zslParseLexRange, zunionInterDiffGenericCommand; zaddGenericCommand, which
    // only for its one INCR meets NaN).
    known_line{"ERR min or max", hint::none, proof::built_in},
    known_line{"ERR weight value is not a float", hint::none, proof::built_in},
    known_line{"ERR resulting score is not a number", hint::none, proof::built_in},
    // bitops.c (getBitOffsetFromArgument, setbitCommand, bitfieldGeneric, which reads all its operations
    // first).
    known_line{"ERR bit offset is not an integer", hint::none, proof::built_in},
    known_line{"ERR bit is not an integer", hint::none, proof::built_in},
    known_line{"ERR Invalid bitfield type", hint::none, proof::built_in},
    // db.c (parseScanCursorOrReply), geo.c (extractLongLatOrReply, extractUnitOrReply).
    known_line{"ERR invalid cursor", hint::none, proof::built_in},
    known_line{"ERR invalid longitude,latitude pair", hint::none, proof::built_in},
    known_line{"ERR unsupported unit provided", hint::none, proof::built_in},
    // t_stream.c (streamGenericParseIDOrReply, xaddCommand, xsetidCommand; the groups of XREADGROUP, XCLAIM
    // and XGROUP are looked up first, and
    // XGROUP CREATE makes no stream where the group is there already).
    known_line{"ERR Invalid stream ID specified", hint::none, proof::built_in},
    known_line{"ERR The ID specified in X", hint::none, proof::built_in},
    known_line{"NOGROUP ", hint::none, proof::built_in},
    known_line{"BUSYGROUP ", hint::none, proof::built_in},
    // cluster.c (restoreCommand) and functions.c (FUNCTION RESTORE): the payload is looked at first.
    known_line{"ERR DUMP payload version or checksum are wrong", hint::none, proof::built_in},
    known_line{"ERR Bad data format", hint::none, proof::built_in},
    // functions.c (fcallCommandGeneric): looked up first. FCALL cannot be called from inside a script.
    known_line{"ERR Function not found", hint::no_function, proof::all},
    // script.c (scriptKill).
    known_line{"NOTBUSY ", hint::none, proof::built_in},
    known_line{"UNKILLABLE ", hint::none, proof::built_in},
};

/// Returns what an error reply proves about the execution of a command with these flags. Never `executed`: no
/// error reply proves that.
constexpr umbel::delivery delivery_of(proof proves, command_flags flags) noexcept {
    bool const scripted = has(flags, command_flags::scripted);
    bool const foreign = has(flags, command_flags::foreign);
    bool proven = false;
    switch (proves) {
        case proof::all: proven = true; break;
        case proof::plain: proven = !scripted; break;
        case proof::built_in: proven = !scripted && !foreign; break;
    }
    return proven ? umbel::delivery::not_executed : umbel::delivery::unknown;
}

/// The same for a line of a known code.
constexpr umbel::delivery delivery_of(known_code const& code, std::string_view line,
                                      command_flags flags) noexcept {
    bool const may_say_anything = has(flags, command_flags::scripted) || has(flags, command_flags::foreign);
    if (!may_say_anything || code.proves != proof::all || code.own[0].empty())
        return delivery_of(code.proves, flags);
    for (std::string_view const words : code.own)
        if (!words.empty() && line.starts_with(words)) return umbel::delivery::not_executed;
    return umbel::delivery::unknown;
}

/// The row of the line's first word; null when it is none of these.
constexpr known_code const* find_code(std::string_view line) noexcept {
    for (known_code const& known : codes)
        if (resp::starts_with_word(line, known.word)) return &known;
    return nullptr;
}
/// The row of a line whose code says too little; null when it is none of these.
constexpr known_line const* find_line(std::string_view line) noexcept {
    for (known_line const& known : lines)
        if (line.starts_with(known.prefix)) return &known;
    return nullptr;
}

/// What stands behind CLUSTERDOWN when one slot has no owner (cluster.c, clusterRedirectClient).
inline constexpr std::string_view slot_not_served = "CLUSTERDOWN Hash slot not served";

}  // namespace error_replies

/// True for the error reply of a node that was to end a script or a function, and runs none. Rule: script.c
/// (scriptKill).
constexpr bool runs_nothing(std::string_view line) noexcept { return line.starts_with("NOTBUSY "); }

/// True for the error reply of a server that does not know the command, or the subcommand.
constexpr bool lacks_command(std::string_view line) noexcept {
    error_replies::known_line const* const known = error_replies::find_line(line);
    return known && known->says == hint::unknown_command;
}
/// True for the error reply to a command on a consumer group that the server does not have, or whose stream
/// was deleted while the command waited. Rule: t_stream.c (xreadCommand, xautoclaimCommand); blocked.c of
/// Redis 7.0 (unblockDeletedStreamReadgroupClients), which says it with another word.
constexpr bool lacks_group(std::string_view line) noexcept {
    return line.starts_with("NOGROUP ") || line.starts_with("UNBLOCKED the stream key");
}
/// True for the error reply of a server that was to make a consumer group, and has it. Rule: t_stream.c
/// (xgroupCommand).
constexpr bool has_group_already(std::string_view line) noexcept { return line.starts_with("BUSYGROUP "); }

}  // namespace umbel::cluster
