// peak_memory.hpp: how much memory this process has, and has touched at most since a moment, by the kernel's
// count; and how much of it is allocated.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace umbel::test {

/// Bytes of a line of /proc/self/status, for example "VmHWM:"; 0 where there is none.
inline std::size_t status_bytes(std::string const& name) {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        std::size_t kilobytes = 0;
        if (word == name && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
}

/// Resident bytes of this process.
inline std::size_t resident_bytes() { return status_bytes("VmRSS:"); }
/// Bytes that were allocated and not freed, as the C library counts them; 0 where it does not.
inline std::size_t allocated_bytes() {
#if defined(__GLIBC__)
    struct mallinfo2 const heap = ::mallinfo2();
    return heap.uordblks + heap.hblkhd;
#else
    return 0;
#endif
}
/// The most bytes that were resident since forget_peak().
inline std::size_t peak_bytes() { return status_bytes("VmHWM:"); }

/// Lets the peak begin anew. False where the kernel does not allow it.
inline bool forget_peak() {
    std::ofstream{"/proc/self/clear_refs"} << 5;
    return peak_bytes() != 0 && peak_bytes() <= resident_bytes() + 1024 * 1024;
}

}  // namespace umbel::test
