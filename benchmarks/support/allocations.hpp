// allocations.hpp: counts every heap allocation of the calling thread, whoever makes it: operator new,
// malloc, a C library. To be included by exactly one translation unit of a program. It knows glibc, whose
// allocator it stands in front of.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {
inline constinit thread_local std::uint64_t allocations_here = 0;
}

extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_calloc(std::size_t, std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void* __libc_memalign(std::size_t, std::size_t) noexcept;

void* malloc(std::size_t bytes) noexcept {
    ++bench::allocations_here;
    return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
    ++bench::allocations_here;
    return __libc_calloc(count, bytes);
}
void* realloc(void* old, std::size_t bytes) noexcept {
    ++bench::allocations_here;
    return __libc_realloc(old, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    ++bench::allocations_here;
    return __libc_memalign(alignment, bytes);
}
}
