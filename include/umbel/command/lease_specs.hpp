// lease_specs.hpp: commands that make sense on a held connection only. Names and flags.
#pragma once

#include <umbel/command/command_spec.hpp>

namespace umbel::command::specs {
inline constexpr command_spec himport_discard{"HIMPORT DISCARD", cluster::command_flags::none};
inline constexpr command_spec himport_discardall{"HIMPORT DISCARDALL", cluster::command_flags::none};
inline constexpr command_spec himport_prepare{"HIMPORT PREPARE", cluster::command_flags::none};
inline constexpr command_spec himport_set{"HIMPORT SET", cluster::command_flags::none};
inline constexpr command_spec unwatch{"UNWATCH", cluster::command_flags::none};
inline constexpr command_spec wait{"WAIT", cluster::command_flags::none};
inline constexpr command_spec waitaof{"WAITAOF", cluster::command_flags::none};
inline constexpr command_spec watch{"WATCH", cluster::command_flags::none};
}  // namespace umbel::command::specs
