// client_handle.hpp: how operations find their client, and notice that it has gone: by a handle with a
// generation number.
#pragma once

#include <umbel/async/backend.hpp>

namespace umbel::async {

/// The backend behind a handle; null if the client has gone.
inline backend* backend_of(client_handle const* owner, std::uint32_t generation) noexcept {
    if (!owner || owner->generation.load(std::memory_order_acquire) != generation) return nullptr;
    return owner->backend.load(std::memory_order_acquire);
}
/// The backend that a call was made for; null if the client has gone.
inline backend* backend_of(pooled_call const& call) noexcept {
    return backend_of(call.owner, call.generation);
}

}  // namespace umbel::async
