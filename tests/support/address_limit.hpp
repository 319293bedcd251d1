// address_limit.hpp: lets memory run out: bounds the addresses of this process for as long as it lives
// (RLIMIT_AS).
#pragma once

#include "support/peak_memory.hpp"

#include <cstddef>

#if defined(__linux__)
#include <sys/resource.h>
#endif

namespace umbel::test {

// Sanitizers end the process when memory runs out, and keep memory of their own for each byte.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_is_plain = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
inline constexpr bool memory_is_plain = false;
#else
inline constexpr bool memory_is_plain = true;
#endif
#else
inline constexpr bool memory_is_plain = true;
#endif

class address_limit {
public:
    /// Leaves `beside` bytes beside what the process has.
    explicit address_limit(std::size_t beside) {
#if defined(__linux__)
        if (!memory_is_plain || ::getrlimit(RLIMIT_AS, &before_) != 0) return;
        rlimit bounded = before_;
        bounded.rlim_cur = status_bytes("VmSize:") + beside;
        holds_ = ::setrlimit(RLIMIT_AS, &bounded) == 0;
#else
        static_cast<void>(beside);
#endif
    }
    address_limit(address_limit const&) = delete;
    address_limit& operator=(address_limit const&) = delete;
    ~address_limit() { lift(); }

    /// False where the system or a sanitizer does not let a test do this.
    bool holds() const { return holds_; }
    void lift() {
#if defined(__linux__)
        if (holds_) ::setrlimit(RLIMIT_AS, &before_);
#endif
        holds_ = false;
    }

private:
    bool holds_ = false;
#if defined(__linux__)
    rlimit before_{};
#endif
};

}  // namespace umbel::test
