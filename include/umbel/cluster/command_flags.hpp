// command_flags.hpp: the facts about a command that decide where it may go and whether it may be sent again.
// It knows neither the arguments nor the type of the reply.
#pragma once

#include <cstdint>

namespace umbel::cluster {

/// Facts about a command.
enum class command_flags : std::uint8_t {
    none = 0,
    read_only = 1,  ///< Changes nothing; may go to a replica and may always be sent again.
    /// Run twice in a row it leaves the same state and gives the same reply. When another write comes
    /// between, the second run undoes that write: so it is sent again only where retry_unknown::idempotent or
    /// always says so.
    idempotent = 2,
    scripted = 4,   ///< A script or function: an error reply does not prove that nothing was executed.
    foreign = 8,    ///< Not in the table of commands, so perhaps a module's: an error of a running command
                    ///< proves nothing.
    prefixed = 16,  ///< Its keys were sent with a prefix, which is to be taken from those in its reply.
};

constexpr command_flags operator|(command_flags left, command_flags right) noexcept {
    return static_cast<command_flags>(static_cast<unsigned>(left) | static_cast<unsigned>(right));
}

/// True when `flags` contains `flag`.
constexpr bool has(command_flags flags, command_flags flag) noexcept {
    return (static_cast<unsigned>(flags) & static_cast<unsigned>(flag)) != 0;
}

}  // namespace umbel::cluster
