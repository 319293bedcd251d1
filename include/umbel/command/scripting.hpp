// scripting.hpp: scripts and functions that run on the server, as typed functions.
#pragma once

#include <umbel/command/family.hpp>
#include <umbel/command/script.hpp>
#include <umbel/resp/decode.hpp>
#include <umbel/resp/reply.hpp>

#include <concepts>
#include <cstddef>
#include <iterator>
#include <string_view>

namespace umbel::command {

namespace specs {
using enum cluster::command_flags;
inline constexpr command_spec eval{"EVAL", scripted};
inline constexpr command_spec eval_ro{"EVAL_RO", read_only | scripted};
inline constexpr command_spec evalsha{"EVALSHA", scripted};
inline constexpr command_spec evalsha_ro{"EVALSHA_RO", read_only | scripted};
inline constexpr command_spec fcall{"FCALL", scripted};
inline constexpr command_spec fcall_ro{"FCALL_RO", read_only | scripted};
}  // namespace specs

/// How many arguments in front are keys.
template <class... Words>
constexpr std::size_t leading_keys() noexcept {
    constexpr bool marks[]{std::same_as<Words, umbel::key>..., false};
    std::size_t count = 0;
    while (marks[count]) ++count;
    return count;
}
template <class... Words>
inline constexpr bool are_script_ranges = false;
template <key_range_of_texts Keys, word_range Arguments>
inline constexpr bool are_script_ranges<Keys, Arguments> = true;

/// What a script is given: first its keys, each marked by umbel::key, then its arguments; or a range of keys
/// and a range of arguments.
template <class... Words>
concept script_words =
    are_script_ranges<Words...> ||
    ((word<Words> && ...) &&
     (std::size_t{0} + ... + (std::same_as<Words, umbel::key> ? 1 : 0)) == leading_keys<Words...>());

/// Commands that run scripts and functions, for whatever can submit an invocation.
///
/// Each takes keys and arguments as words, the keys marked and in front:
/// `eval<std::int64_t>(script, umbel::key("a"), umbel::key("b"), 5)`, or as two ranges:
/// `eval<std::int64_t>(script, keys, arguments)`; either range may be empty. `Value` is what the script
/// returns, any type that from_reply knows; without it an umbel::reply. All keys lie in one slot; without a
/// key the script runs on any node.
///
/// Errors of each: those of every command, listed at umbel::client; server_error for what the script or
/// function itself raises, with the delivery unknown: it may have written before. Cancellation: as of every
/// command; what writes may have written then, as the delivery tells. Complexity: that of the script.
template <class Self>
class scripting_commands {
public:
    /// EVAL: runs a script in Lua. Since 2.6.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto eval(std::string_view script, Words const&... words) const {
        return calling<Value>(specs::eval, script, words...);
    }
    /// EVAL_RO: as eval(), for a script that only reads: also on a replica, and again by itself where the
    /// connection is lost. Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto eval_ro(std::string_view script, Words const&... words) const {
        return calling<Value>(specs::eval_ro, script, words...);
    }
    /// EVALSHA: runs a script that the node has, by the SHA1 of its text. Errors: no_script when
    /// the node does not have it; bad_argument when `sha1` has not 40 digits. Since 2.6.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto evalsha(std::string_view sha1, Words const&... words) const {
        return calling<Value>(specs::evalsha, sha1, words...);
    }
    /// EVALSHA_RO: as evalsha(), for a script that only reads. Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto evalsha_ro(std::string_view sha1, Words const&... words) const {
        return calling<Value>(specs::evalsha_ro, sha1, words...);
    }
    /// Runs a script by its SHA1, and where the node does not have it, once more by its text: EVALSHA, then
    /// EVAL to the same node. So a script reaches each node when it is needed there, also one that joins
    /// later, fails over, or forgets its scripts. In a batch (umbel::cmd.run) likewise; in a transaction it
    /// is EVAL at once, for NOSCRIPT would come inside EXEC, and so it is where the caller has chosen the
    /// nodes: client::on(), on_each_primary(), on_each_node(). Lifetime: see umbel::script.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto run(script const& which, Words const&... words) const {
        return running<Value>(specs::evalsha, specs::eval, which, words...);
    }
    /// As run(), for a script that only reads: EVALSHA_RO and EVAL_RO, also on a replica. Not hedged: see
    /// umbel::hedge_after. Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto run_ro(script const& which, Words const&... words) const {
        return running<Value>(specs::evalsha_ro, specs::eval_ro, which, words...);
    }
    /// FCALL of a function of a library; where the node does not have it, FUNCTION LOAD of the library and
    /// then FCALL again, both to the same node. So a library reaches each primary when it is needed there,
    /// and by replication its replicas. A connection loads a library once for all calls that lack it; a load
    /// that has not helped it repeats after a second at the earliest. A library of the same name stays, see
    /// umbel::if_library_exists. Errors: server_error ("ERR Function not found") where the library cannot be
    /// loaded, or has no such function; overloaded where it finds no room on the connection. In a batch
    /// (umbel::cmd.run) likewise; in a transaction, and where the caller has chosen the nodes, nothing is
    /// loaded: server_commands::function_load() does it beforehand. Lifetime: see umbel::function_library.
    /// Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto run(library_function which, Words const&... words) const {
        return running<Value>(specs::fcall, which, words...);
    }
    /// As run(), for a function with the flag no-writes. A replica cannot load: there it is found only once
    /// its primary has it.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto run_ro(library_function which, Words const&... words) const {
        return running<Value>(specs::fcall_ro, which, words...);
    }
    template <decodable Value = reply, class... Words>
    void run(script const&&, Words const&...) const = delete;  // The script must outlive the operation.
    template <decodable Value = reply, class... Words>
    void run_ro(script const&&, Words const&...) const = delete;

    /// FCALL: calls a function of a loaded library. Errors: server_error when there is none of this name.
    /// Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto fcall(std::string_view function, Words const&... words) const {
        return calling<Value>(specs::fcall, function, words...);
    }
    /// FCALL_RO: as fcall(), for a function with the flag no-writes. Since 7.0.0.
    template <decodable Value = reply, class... Words>
        requires script_words<Words...>
    auto fcall_ro(std::string_view function, Words const&... words) const {
        return calling<Value>(specs::fcall_ro, function, words...);
    }

private:
    static void check(word_list& list, command_spec const& spec, std::string_view script) noexcept {
        bool const by_sha1 = &spec == &specs::evalsha || &spec == &specs::evalsha_ro;
        list.refuse_if(by_sha1 && script.size() != 40, "the SHA1 of a script has 40 hexadecimal digits");
    }
    template <class Value, class... Words>
    auto calling(command_spec const& spec, std::string_view script, Words const&... words) const {
        word_list list{script};
        check(list, spec, script);
        add_words(list, words...);
        return command::run<Value>(*this, spec, list);
    }
    template <class Value, class... Words>
    auto running(command_spec const& by_sha1, command_spec const& by_text, script const& which,
                 Words const&... words) const {
        if constexpr (loads_scripts<Self, Value>) {
            word_list list{which.sha1()};
            add_words(list, words...);
            return self_of(*this).submit(
                loaded_invocation<Value>{by_sha1, list.words(), list.refusal(), {.script = &which}});
        } else {
            return calling<Value>(by_text, which.text(), words...);
        }
    }
    template <class Value, class... Words>
    auto running(command_spec const& spec, library_function which, Words const&... words) const {
        if constexpr (loads_scripts<Self, Value>) {
            word_list list{which.name()};
            add_words(list, words...);
            return self_of(*this).submit(
                loaded_invocation<Value>{spec, list.words(), list.refusal(), {.library = &which.library()}});
        } else {
            return calling<Value>(spec, which.name(), words...);
        }
    }
    template <class... Words>
    static void add_words(word_list& list, Words const&... words) {
        if constexpr (are_script_ranges<Words...>) {
            add_ranges(list, words...);
        } else {
            list.add(leading_keys<Words...>(), words...);
        }
    }
    template <class Keys, class Arguments>
    static void add_ranges(word_list& list, Keys const& keys, Arguments const& arguments) {
        list.add(static_cast<std::size_t>(std::distance(std::begin(keys), std::end(keys))));
        for (auto&& name : keys) list.add(umbel::key{std::string_view{name}});
        for (auto&& argument : arguments) list.add(argument);
    }
};

}  // namespace umbel::command
