// counters.hpp: numbers that a connection's owner counts and any thread may read. It knows no meaning beyond
// the names.
#pragma once

#include <umbel/config.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// A number that one owner at a time counts and any thread reads. Cost: that of a plain integer.
class counter {
public:
    UMBEL_ALWAYS_INLINE counter& operator++() noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return *this;
    }
    counter& operator+=(std::uint64_t more) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
        return *this;
    }
    operator std::uint64_t() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// What is worth counting on one connection. Threading: read from any thread.
struct pipeline_counters {
    counter commands;         ///< Calls accepted.
    counter unaccepted;       ///< Calls that a bound or their cancellation kept out.
    counter replies;          ///< Replies that settled a call.
    counter late;             ///< Replies of calls that had failed early; they were skipped.
    counter redirects;        ///< MOVED and ASK followed.
    counter retries;          ///< Calls to be sent again for any other reason.
    counter pushes;           ///< RESP3 push frames that no call awaited.
    counter notices;          ///< Those of them that announce maintenance.
    counter notices_ignored;  ///< The same, but malformed, or more than are kept.

    /// Calls accepted, each counted once however often it was sent: an attempt that will be repeated is taken
    /// off again.
    std::uint64_t requests() const noexcept {
        std::uint64_t const repeated = redirects + retries;
        std::uint64_t const all = commands;
        return all > repeated ? all - repeated : 0;
    }
};

}  // namespace umbel::engine
