// lease_token.hpp: a lease that a caller holds, as the control plane and its holder both see it. It knows
// neither of them.
#pragma once

#include <umbel/engine/call.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// One lease that is held. The control plane writes `link` before the lease is told to its holder; the
/// holder keeps the token until it has given the lease back.
/// Threading: `lost` and `clean` from any thread; `link` is not written again once the holder has it.
struct lease_token {
    link_id link{};
    /// The connection has ended. Every command on it fails, and no other connection takes its place.
    std::atomic<bool> lost{false};
    /// The connection is as it was lent: it may be lent again. Written by the holder.
    std::atomic<bool> clean{true};
};

}  // namespace umbel::engine
