// request.hpp: what routing and retrying must know of a command, once its arguments are bytes.
// It knows neither the arguments nor the type of the reply.
#pragma once

#include <umbel/cluster/slot.hpp>

#include <cstdint>
#include <optional>

namespace umbel::cluster {

/// Facts about a command that decide where it may go and whether it may be sent again.
enum class command_flags : std::uint8_t {
    none = 0,
    read_only = 1,  ///< Changes nothing; may go to a replica and may always be sent again.
    /// Run twice in a row it leaves the same state and gives the same reply. When another write comes
    /// between, it undoes that: so it is sent again only where retry_unknown::idempotent or always says so.
    idempotent = 2,
    scripted = 4,  ///< A script or function: an error reply does not prove that nothing was executed.
    foreign = 8,   ///< Not in the table of commands, so a module's perhaps: an error of a running command
                   ///< proves nothing.
};
constexpr command_flags operator|(command_flags left, command_flags right) noexcept {
    return static_cast<command_flags>(static_cast<unsigned>(left) | static_cast<unsigned>(right));
}
constexpr bool has(command_flags flags, command_flags flag) noexcept {
    return (static_cast<unsigned>(flags) & static_cast<unsigned>(flag)) != 0;
}

/// A command as routing sees it. Without a slot any node may serve it.
struct request {
    std::optional<slot> where;
    command_flags flags = command_flags::none;

    /// True when running it a second time at once does no harm.
    constexpr bool repeatable() const noexcept {
        return has(flags, command_flags::read_only) || has(flags, command_flags::idempotent);
    }
};

}  // namespace umbel::cluster
