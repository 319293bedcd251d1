// pages.hpp: memory whose addresses are reserved at once and which becomes accessible piece by piece, where
// the system offers that. It knows neither chunks nor replies; chunk.hpp decides what stands in such memory.
#pragma once

#include <umbel/config.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>

#if !defined(UMBEL_NO_MMAP) && (defined(__unix__) || defined(__APPLE__))
#define UMBEL_HAS_PAGES 1
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#else
#define UMBEL_HAS_PAGES 0
#endif

// Under the address sanitizer no run is used again: so a use after free is noticed.
#if defined(__SANITIZE_ADDRESS__)
#define UMBEL_KEEPS_PAGES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UMBEL_KEEPS_PAGES 0
#endif
#endif
#if !defined(UMBEL_KEEPS_PAGES)
#define UMBEL_KEEPS_PAGES 1
#endif

namespace umbel::resp {

/// Reserved addresses, accessible up to a point. Reserved pages that are not accessible are neither memory
/// nor counted as such, also under strict overcommit: Linux charges a private mapping once it becomes
/// writable.
/// Rule: Linux, Documentation/mm/overcommit-accounting.
struct page_run {
    char* data = nullptr;
    std::size_t reserved = 0;    ///< Bytes, whole pages.
    std::size_t accessible = 0;  ///< Bytes from the front, whole pages.

    explicit operator bool() const noexcept { return data != nullptr; }
};

namespace pages {

#if UMBEL_HAS_PAGES

inline std::size_t page_bytes() noexcept {
    static std::size_t const bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

/// Reserves addresses only. Empty where the system gives none, and where it limits the addresses of a
/// process: reserving them is then as costly as memory.
inline page_run reserve(std::size_t bytes) noexcept {
    rlimit addresses{};
    if (::getrlimit(RLIMIT_AS, &addresses) != 0 || addresses.rlim_cur != RLIM_INFINITY) return {};
    void* const data = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? page_run{} : page_run{static_cast<char*>(data), bytes, 0};
}

/// Makes the first `bytes` bytes accessible. False: memory has run out, and nothing has changed.
/// Cost: a system call, and where the system can, a second one instead of a fault for each page.
inline bool open(page_run& run, std::size_t bytes) noexcept {
    if (bytes <= run.accessible) return true;
    char* const from = run.data + run.accessible;
    std::size_t const more = bytes - run.accessible;
    if (::mprotect(from, more, PROT_READ | PROT_WRITE) != 0) return false;
#if defined(MADV_POPULATE_WRITE)
    ::madvise(from, more, MADV_POPULATE_WRITE);  // An older kernel refuses, and the pages come one by one.
#endif
    run.accessible = bytes;
    return true;
}

inline void release(page_run const& run) noexcept { ::munmap(run.data, run.reserved); }

/// Lets the system take the contents when it needs memory.
inline void lend([[maybe_unused]] page_run const& run) noexcept {
#if defined(MADV_FREE)
    ::madvise(run.data, run.accessible, MADV_FREE);
#endif
}

#else

inline std::size_t page_bytes() noexcept { return 4096; }
inline page_run reserve(std::size_t) noexcept { return {}; }
inline bool open(page_run&, std::size_t) noexcept { return false; }
inline void release(page_run const&) noexcept {}
inline void lend(page_run const&) noexcept {}

#endif

/// The size of a run for `bytes` bytes: a quarter more at most, so that runs for values of similar size serve
/// one another.
inline std::size_t run_bytes(std::size_t bytes) noexcept {
    std::size_t const step = std::max(page_bytes(), std::bit_floor(bytes) / 4);
    return (bytes + step - 1) / step * step;
}

}  // namespace pages

/// Keeps a few runs that are no longer used, because a page that is accessible already costs a fraction of a
/// fresh one: for values of 1 MiB, read and dropped in turn, a sixth of the whole read; for those of 16 MiB a
/// third.
/// Threading: any thread; lock-free. One for the whole program.
class page_store {
public:
    /// Units: bytes. Larger runs go back to the system at once, and so does what exceeds the sum.
    static constexpr std::size_t run_bytes_max = std::size_t{32} << 20;
    static constexpr std::size_t kept_bytes_max = std::size_t{32} << 20;
    /// From this size on the system may take the contents of what is kept; for smaller ones asking costs more
    /// than it gives.
    static constexpr std::size_t lent_bytes_min = std::size_t{2} << 20;

    static page_store& shared() noexcept {
        static constinit page_store shared;
        return shared;
    }

    /// A run for `bytes` bytes, kept or new; empty where there is none.
    page_run take(std::size_t bytes) noexcept {
        std::size_t const wanted = pages::run_bytes(bytes);
        for (place& at : places_) {
            if (at.reserved.load(std::memory_order_relaxed) != wanted) continue;
            page_run const found = empty(at);
            if (found.reserved == wanted) return found;
            if (found) pages::release(found);  // Another thread was quicker, twice.
        }
        return pages::reserve(wanted);
    }

    /// Takes back a run that nobody uses any more.
    void give(page_run run) noexcept {
        if (!UMBEL_KEEPS_PAGES || run.reserved > run_bytes_max) return pages::release(run);
        if (run.reserved >= lent_bytes_min) pages::lend(run);
        if (kept_.fetch_add(run.reserved, std::memory_order_relaxed) + run.reserved <= kept_bytes_max) {
            for (place& at : places_) {
                if (fill(at, run)) return;
            }
        }
        kept_.fetch_sub(run.reserved, std::memory_order_relaxed);
        pages::release(run);
    }

    /// Gives all kept runs back to the system.
    void clear() noexcept {
        for (place& at : places_) {
            if (page_run const found = empty(at)) pages::release(found);
        }
    }
    std::size_t kept_bytes() const noexcept { return kept_.load(std::memory_order_relaxed); }

private:
    enum class state : unsigned char { empty, busy, full };
    struct place {
        std::atomic<state> is{state::empty};
        std::atomic<std::size_t> reserved{0};  // For a look from outside; 0 when empty.
        page_run run{};
    };

    constexpr page_store() noexcept = default;

    page_run empty(place& at) noexcept {
        state expected = state::full;
        if (!at.is.compare_exchange_strong(expected, state::busy, std::memory_order_acquire,
                                           std::memory_order_relaxed))
            return {};
        page_run const found = at.run;
        at.reserved.store(0, std::memory_order_relaxed);
        at.is.store(state::empty, std::memory_order_release);
        kept_.fetch_sub(found.reserved, std::memory_order_relaxed);
        return found;
    }
    static bool fill(place& at, page_run run) noexcept {
        state expected = state::empty;
        if (!at.is.compare_exchange_strong(expected, state::busy, std::memory_order_acquire,
                                           std::memory_order_relaxed))
            return false;
        at.run = run;
        at.reserved.store(run.reserved, std::memory_order_relaxed);
        at.is.store(state::full, std::memory_order_release);
        return true;
    }

    std::array<place, 8> places_{};
    std::atomic<std::size_t> kept_{0};
};

}  // namespace umbel::resp
