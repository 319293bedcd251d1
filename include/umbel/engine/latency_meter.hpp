// latency_meter.hpp: how long a node takes to reply, as its connections see it, for reads that go to the
// quickest. It reads no clock and knows no node: a connection notes what it knows anyway.
#pragma once

#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// A connection's handle on its node's average.
/// Threading: any; when two connections note at the same moment, one of the two may be lost.
/// Cost: one relaxed load for each read from the socket while no command reads by latency, whatever the
/// number of replies.
struct latency_meter {
    std::atomic<bool> const* wanted = nullptr;         ///< Null: it never measures.
    std::atomic<std::int64_t>* nanoseconds = nullptr;  ///< Zero: not measured yet.

    /// True once a read has gone by latency.
    bool on() const noexcept { return wanted && wanted->load(std::memory_order_relaxed); }

    /// Adds one sample to the average, of which it makes an eighth: about the last ten replies count.
    void note(duration took) const noexcept {
        std::int64_t const fresh = std::max<std::int64_t>(took.count(), 1);
        std::int64_t const before = nanoseconds->load(std::memory_order_relaxed);
        nanoseconds->store(before == 0 ? fresh : std::max<std::int64_t>(before + (fresh - before) / 8, 1),
                           std::memory_order_relaxed);
    }
};

}  // namespace umbel::engine
