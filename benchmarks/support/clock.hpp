// clock.hpp: wall time and the CPU time of the calling thread, in nanoseconds.
#pragma once

#include <cstdint>
#include <ctime>

namespace bench {

inline std::int64_t read_clock(clockid_t which) noexcept {
    timespec now{};
    ::clock_gettime(which, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline std::int64_t wall_ns() noexcept { return read_clock(CLOCK_MONOTONIC); }

/// User and system time of this thread: what other processes do on the machine does not count, what the
/// kernel does for us does.
inline std::int64_t thread_cpu_ns() noexcept { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

}  // namespace bench
