// client_handle.hpp: who is still alive: operations find their client by an anchor.
#pragma once

#include <umbel/async/backend.hpp>

namespace umbel::async {

/// The home behind an anchor, or null when its client is gone.
inline backend* backend_of(client_handle const* owner, std::uint32_t generation) noexcept {
    if (!owner || owner->generation.load(std::memory_order_acquire) != generation) return nullptr;
    return owner->backend.load(std::memory_order_acquire);
}
/// The home that a call was made for, or null when its client is gone.
inline backend* backend_of(pooled_call const& call) noexcept {
    return backend_of(call.owner, call.generation);
}

}  // namespace umbel::async
