// query_port.hpp: what the engine's own questions have in common: how they begin, and where they go when they
// have settled. It knows no command.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstdint>
#include <string_view>

namespace umbel::engine {

/// Where settled calls of the engine's own are handed to: the driver brings them to the engine's owner.
struct query_port {
    void* to = nullptr;
    void (*settled)(void* to, call& call) = nullptr;
};

/// Makes a call a question of the engine's own to whatever server it is sent to: it reads, and concerns no
/// slot. Lifetime: `bytes` and `kind` outlive the call.
inline void make_question(call& asked, call_kind const& kind, std::string_view bytes,
                          duration timeout) noexcept {
    asked.kind = &kind;
    asked.bytes = bytes.data();
    asked.size = static_cast<std::uint32_t>(bytes.size());
    asked.flags = cluster::command_flags::read_only;
    asked.issued_by = issuer::engine;
    asked.slot = cluster::slot_target::any();
    asked.timeout = timeout;
    asked.accepted = call::not_begun;
    asked.at = call::stage::fresh;
}

}  // namespace umbel::engine
