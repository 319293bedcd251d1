// cmd.hpp: every command of one slot as a bare one, for batches and transactions: umbel::cmd.
#pragma once

#include <umbel/client/bare_command.hpp>
#include <umbel/client/scoped_client.hpp>

#include <span>
#include <string_view>

namespace umbel {

/// Gives commands that belong to no client yet: `umbel::cmd.get("a")`. They have the arguments, the replies
/// and the errors of the client's own, and are sent by a batch or a transaction. These send each command to
/// one node, so what concerns several nodes of a cluster (FLUSHALL, DBSIZE, KEYS, SCRIPT LOAD and the like),
/// and SCAN, fails there with bad_argument.
class bare_commands : public one_slot_commands<bare_commands> {
public:
    template <decodable Value>
    bare_command<Value> submit(command::invocation<Value> const& wanted) const noexcept {
        return bare_command<Value>{wanted.name, wanted.words, wanted.flags, wanted.refusal};
    }
    template <decodable Value>
    bare_command<Value> submit(command::key_invocation<Value> const& wanted) const noexcept {
        return bare_command<Value>{wanted.name, wanted.key};
    }
    template <decodable Value>
    bare_command<Value> submit(command::loaded_invocation<Value> const& wanted) const noexcept {
        bare_command<Value> made{wanted.name, wanted.words, wanted.name.flags(), wanted.refusal};
        made.names(wanted.named);
        return made;
    }
    template <decodable Value>
    bare_command<Value> submit(std::span<std::string_view const> words,
                               std::span<bool const> marked_keys) const noexcept {
        return bare_command<Value>{words, marked_keys};
    }
};

inline constexpr bare_commands cmd{};

}  // namespace umbel
