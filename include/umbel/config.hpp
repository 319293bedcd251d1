// config.hpp: version, assertion macro and the few compile-time facts every layer shares.
// It knows no protocol, no cluster and no I/O.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <new>

#define UMBEL_VERSION_MAJOR 0
#define UMBEL_VERSION_MINOR 1
#define UMBEL_VERSION_PATCH 0
#define UMBEL_VERSION "0.1.0"

// UMBEL_ASSERT states what a programmer must keep: arguments at the door, invariants after a transition.
// It is never used for anything a server or the network can cause. Define UMBEL_NO_ASSERT to remove it.
#if defined(UMBEL_NO_ASSERT)
#define UMBEL_ASSERT(condition) static_cast<void>(0)
#else
#define UMBEL_ASSERT(condition)                          \
    (static_cast<bool>(condition) ? static_cast<void>(0) \
                                  : ::umbel::assertion_failed(#condition, __FILE__, __LINE__))
#endif

// Without optimisation nothing is inlined by force: it would take longer to compile, and hide the function
// from a debugger.
#if (defined(__GNUC__) || defined(__clang__)) && defined(__OPTIMIZE__)
#define UMBEL_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define UMBEL_ALWAYS_INLINE inline
#endif
#if defined(__GNUC__) || defined(__clang__)
#define UMBEL_NEVER_INLINE [[gnu::noinline]]
#else
#define UMBEL_NEVER_INLINE
#endif

// The library catches what its steps, users' observers and users' from_reply<T> throw, and nothing of it
// leaves the library. Without exceptions (-fno-exceptions) there is nothing to catch: where memory runs out,
// the program ends, as it does everywhere there.
#if defined(__cpp_exceptions)
#define UMBEL_TRY try
#define UMBEL_CATCH(...) catch (__VA_ARGS__)
#define UMBEL_RETHROW throw
#else
#define UMBEL_TRY if constexpr (true)
#define UMBEL_CATCH(...) else if constexpr (false)
#define UMBEL_RETHROW static_cast<void>(0)
#endif

// std::is_trivially_destructible_v for a type that is complete: the standard's takes thirty templates a type.
#if defined(__clang__)
#define UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(...) __is_trivially_destructible(__VA_ARGS__)
#elif defined(__GNUC__)
#define UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(...) __has_trivial_destructor(__VA_ARGS__)
#else
#define UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(...) std::is_trivially_destructible_v<__VA_ARGS__>
#include <type_traits>
#endif

// A function that nobody may call, and what to write instead: in C++26 a compiler prints the text itself,
// before that the line it stands in.
#if defined(__cpp_deleted_function) && __cpp_deleted_function >= 202403L && __cplusplus > 202302L
#define UMBEL_DELETED(instead) delete (instead)
#else
#define UMBEL_DELETED(instead) delete
#endif

namespace umbel {

/// Prints the broken precondition and ends the process: a programmer's mistake is never turned into a wrong
/// answer.
[[noreturn]] UMBEL_NEVER_INLINE inline void assertion_failed(char const* condition, char const* file,
                                                             int line) noexcept {
    std::fprintf(stderr, "umbel: precondition broken: %s (%s:%d)\n", condition, file, line);
    std::abort();
}

/// Says that there is no memory, as operator new does. Errors: throws std::bad_alloc; without exceptions it
/// ends the process.
[[noreturn]] UMBEL_NEVER_INLINE inline void throw_bad_alloc() {
#if defined(__cpp_exceptions)
    throw std::bad_alloc{};
#else
    std::fputs("umbel: out of memory, and the program is compiled without exceptions\n", stderr);
    std::abort();
#endif
}

}  // namespace umbel
