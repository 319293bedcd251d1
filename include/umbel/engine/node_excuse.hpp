// node_excuse.hpp: until when a node may be silent on all its connections, because it makes a large reply.
// A value that these share; it knows none of them.
#pragma once

#include <umbel/engine/instant.hpp>

#include <atomic>

namespace umbel::engine {

/// The excuse of one node. Where several connections tell one, the latest word counts.
/// Threading: any.
class node_excuse {
public:
    /// Zero: there is none.
    instant until() const noexcept { return instant{until_.load(std::memory_order_relaxed)}; }
    void set(instant until) noexcept { until_.store(until.count(), std::memory_order_relaxed); }

private:
    std::atomic<instant::rep> until_{0};
};

}  // namespace umbel::engine
