// server.hpp: commands that concern the keys, scripts and functions of whole servers, as typed functions. To
// which nodes they go, and how replies are joined, is the business of who submits them.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/script.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reply.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace umbel::command {

/// Whether memory is freed before the reply, or behind it.
enum class flush_mode : std::uint8_t {
    configured,  ///< As the server's lazyfree-lazy-user-flush says.
    sync,        ///< SYNC: before the reply.
    async,       ///< ASYNC: in the background.
};

/// What FUNCTION RESTORE does with the libraries that are there. Rule: FUNCTION RESTORE command.
enum class function_policy : std::uint8_t {
    append,   ///< APPEND: fails where one of the same name is there.
    flush,    ///< FLUSH: all of them go first.
    replace,  ///< REPLACE: those of the same name go.
};

}  // namespace umbel::command

namespace umbel {
using command::flush_mode;
using command::function_policy;
}  // namespace umbel

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec dbsize{"DBSIZE", read_only};
inline constexpr command_spec flushall{"FLUSHALL", none};
inline constexpr command_spec flushdb{"FLUSHDB", none};
inline constexpr command_spec function_delete{"FUNCTION DELETE", none};
inline constexpr command_spec function_dump{"FUNCTION DUMP", idempotent};
inline constexpr command_spec function_flush{"FUNCTION FLUSH", none};
inline constexpr command_spec function_kill{"FUNCTION KILL", none};
inline constexpr command_spec function_list{"FUNCTION LIST", idempotent};
inline constexpr command_spec function_load{"FUNCTION LOAD", none};
inline constexpr command_spec function_restore{"FUNCTION RESTORE", none};
inline constexpr command_spec function_stats{"FUNCTION STATS", idempotent};
inline constexpr command_spec keys{"KEYS", read_only};
inline constexpr command_spec memory_usage{"MEMORY USAGE", read_only};
inline constexpr command_spec randomkey{"RANDOMKEY", read_only};
inline constexpr command_spec scan{"SCAN", read_only};
inline constexpr command_spec script_exists{"SCRIPT EXISTS", idempotent};
inline constexpr command_spec script_flush{"SCRIPT FLUSH", none};
inline constexpr command_spec script_kill{"SCRIPT KILL", none};
inline constexpr command_spec script_load{"SCRIPT LOAD", idempotent};
}  // namespace specs

/// Commands on whole servers for whatever can submit an invocation.
///
/// On a client each goes to all nodes that it concerns, and the replies are joined: what follows says how. On
/// client::on() it goes to that node, on client::on_each_primary() and client::on_each_node() to each with a
/// result for each. The parts are not atomic together. "All nodes" leaves out those that the cluster holds
/// for failed, and those that join later; "all primaries" are as on client::on_each_primary().
/// Errors of each: those of every command, listed at umbel::client; the first node's that fails, with the
/// delivery unknown when another may have executed it. Cancellation: as of every command, for each part.
/// Rule: Redis documentation, "Command tips".
template <class Self>
class server_commands {
public:
    // ---- Keys -----------------------------------------------------------------------------------

    /// DBSIZE: the number of keys, of all primaries together. Since 1.0.0. Complexity: O(1).
    auto dbsize() const { return run_on_servers<std::int64_t>(*this, specs::dbsize); }
    /// FLUSHALL: deletes every key on all primaries. Since 1.0.0. Complexity: O(keys).
    auto flushall(flush_mode mode = flush_mode::configured) const { return flush(specs::flushall, mode); }
    /// FLUSHDB: deletes every key of the client's database, on all primaries. Since 1.0.0. Complexity:
    /// O(keys).
    auto flushdb(flush_mode mode = flush_mode::configured) const { return flush(specs::flushdb, mode); }
    /// KEYS: all keys that match, of all primaries, in no order. It holds up each server for as long as it
    /// looks at its keys: client::scan() does not. Since 1.0.0. Complexity: O(keys).
    auto keys(std::string_view pattern) const {
        return run_on_servers<std::vector<std::string>>(*this, specs::keys, pattern);
    }
    /// RANDOMKEY: a key of any primary that has some, each primary in its turn; nullopt where none has.
    /// Since 1.0.0. Complexity: O(1).
    auto randomkey() const { return run_on_servers<std::optional<std::string>>(*this, specs::randomkey); }
    /// MEMORY USAGE: bytes that the key and its value take; nullopt when the key does not exist. `samples`:
    /// how many elements of an aggregate are looked at, 0 for all. Since 4.0.0. Complexity: O(samples).
    auto memory_usage(std::string_view name, std::optional<std::uint64_t> samples = std::nullopt) const {
        word_list list{umbel::key{name}};
        if (samples) list.add("SAMPLES", *samples);
        return run<std::optional<std::int64_t>>(*this, specs::memory_usage, list);
    }

    // ---- Scripts --------------------------------------------------------------------------------

    /// SCRIPT LOAD: loads a script on all nodes; its SHA1 in hexadecimal digits, for evalsha(). A node that
    /// has failed is left out, and has nothing when it is back; nor has one that joins later. Since 2.6.0.
    /// Complexity: O(length).
    auto script_load(std::string_view script) const {
        return run_on_servers<std::string>(*this, specs::script_load, script);
    }
    /// The same for a umbel::script: before a rush, since run() brings it to each node by itself.
    auto script_load(script const& which) const { return script_load(which.text()); }
    /// SCRIPT EXISTS: for each SHA1 whether all primaries have the script. Since 2.6.0. Complexity: O(given).
    template <word... Shas>
        requires(sizeof...(Shas) >= 1)
    auto script_exists(Shas const&... sha1) const {
        return run_on_servers<std::vector<bool>>(*this, specs::script_exists, sha1...);
    }
    template <word_range Shas>
    auto script_exists(Shas const& sha1) const {
        return run_on_servers<std::vector<bool>>(*this, specs::script_exists, word_list{}.add_each(sha1),
                                                 specs::script_exists.flags());
    }
    /// SCRIPT FLUSH: all nodes forget their scripts; one that has failed is left out. Since 2.6.0 (a mode
    /// 6.2.0). Complexity: O(scripts).
    auto script_flush(flush_mode mode = flush_mode::configured) const {
        return flush(specs::script_flush, mode);
    }
    /// SCRIPT KILL: ends the scripts that run, one on a primary at most, and have not written yet. Errors:
    /// server_error (NOTBUSY) when none runs anywhere, or one has written (UNKILLABLE). Since 2.6.0.
    /// Complexity: O(1).
    auto script_kill() const { return run_on_servers<ok>(*this, specs::script_kill); }

    // ---- Functions ------------------------------------------------------------------------------

    /// FUNCTION LOAD: loads a library on all primaries; its name. Errors: server_error when it is there and
    /// is not to be replaced, or the code is wrong. Since 7.0.0. Complexity: O(length).
    auto function_load(std::string_view code, bool replace = false) const {
        word_list list;
        list.add_if(replace, "REPLACE").add(code);
        return run_on_servers<std::string>(*this, specs::function_load, list, idempotent_if(replace));
    }
    /// The same with REPLACE for a umbel::function_library: before a rush, and to hear what is wrong with it,
    /// since run() brings it to each primary by itself.
    auto function_load(function_library const& library) const { return function_load(library.text(), true); }
    /// FUNCTION DELETE: deletes a library on all primaries. Errors: server_error when there is none. Since
    /// 7.0.0. Complexity: O(1).
    auto function_delete(std::string_view library) const {
        return run_on_servers<ok>(*this, specs::function_delete, library);
    }
    /// FUNCTION FLUSH: deletes all libraries on all primaries. Since 7.0.0. Complexity: O(libraries).
    auto function_flush(flush_mode mode = flush_mode::configured) const {
        return flush(specs::function_flush, mode);
    }
    /// FUNCTION KILL: as script_kill(), of a function. Since 7.0.0. Complexity: O(1).
    auto function_kill() const { return run_on_servers<ok>(*this, specs::function_kill); }
    /// FUNCTION DUMP: all libraries of one node, in the server's own form, for function_restore(). Since
    /// 7.0.0. Complexity: O(libraries).
    auto function_dump() const { return run_on_servers<std::string>(*this, specs::function_dump); }
    /// FUNCTION RESTORE: loads on all primaries what function_dump() gave. Since 7.0.0. Complexity:
    /// O(libraries).
    auto function_restore(argument const& dumped, function_policy policy = function_policy::append) const {
        constexpr std::string_view spellings[]{"APPEND", "FLUSH", "REPLACE"};
        return run_on_servers<ok>(*this, specs::function_restore, dumped,
                                  spellings[static_cast<std::size_t>(policy)]);
    }
    /// FUNCTION LIST: the libraries of one node, as the server tells them. Since 7.0.0. Complexity:
    /// O(libraries).
    auto function_list() const { return run_on_servers<reply>(*this, specs::function_list); }
    /// FUNCTION STATS: of a primary that runs a function now; where none does, of any. Since 7.0.0.
    /// Complexity: O(1).
    auto function_stats() const { return run_on_servers<reply>(*this, specs::function_stats); }

private:
    auto flush(command_spec const& name, flush_mode mode) const {
        word_list list;
        list.add_if(mode != flush_mode::configured, mode == flush_mode::sync ? "SYNC" : "ASYNC");
        return run_on_servers<ok>(*this, name, list, name.flags());
    }
};

}  // namespace umbel::command
