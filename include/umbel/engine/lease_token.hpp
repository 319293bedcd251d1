// lease_token.hpp: a lease that a caller holds, as the control plane and its holder both see it. It knows
// neither of them.
#pragma once

#include <umbel/engine/call.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// One lease that is held. The control plane writes `link` before the lease is told to its holder; the
/// holder keeps the token until it has given the lease back.
/// Threading: all but `link` from any thread; `link` is not written again once the holder has it.
struct lease_token {
    link_id link{};
    /// The connection has ended. Every command on it fails, and no other connection takes its place.
    std::atomic<bool> lost{false};
    /// A command has changed the connection, or is answered there when nobody awaits it any more. Nothing
    /// undoes this.
    std::atomic<bool> changed{false};
    std::atomic<std::uint32_t> watches{0};  ///< WATCH commands made.
    /// How many of them had been answered, and how many of these UNWATCH had undone, when the latest reply
    /// came. Written in the order of replies, so what UNWATCH undoes has come to the server before it.
    std::atomic<std::uint32_t> watches_answered{0};
    std::atomic<std::uint32_t> watches_undone{0};

    /// True when the connection is as it was lent: it may be lent again. Precondition: no command is under
    /// way on it.
    bool is_clean() const noexcept {
        return !changed.load(std::memory_order_relaxed) &&
               watches.load(std::memory_order_relaxed) == watches_undone.load(std::memory_order_relaxed);
    }
};

}  // namespace umbel::engine
