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

// Two switches choose what umbel is made of. Both are off; all source files of a program agree on each.
//
// | UMBEL_USE_BOOST_ASIO   | Boost.Asio and boost::system::error_code, nothing else of Boost, instead of    |
// |                        | standalone Asio: for a program whose other parts, as Beast, use Boost.Asio.    |
// |                        | It takes the headers of Boost 1.82 or newer, whose Asio is 1.28.               |
// | UMBEL_USE_STD_EXPECTED | std::expected instead of tl::expected: a result is std::expected<T, error>.    |
// |                        | It takes C++23, as -std=c++23 gives it from g++ 12 on.                         |
//
// A program defines them for its compiler (-DUMBEL_USE_BOOST_ASIO), or sets the CMake variables of these
// names before find_package(umbel) or add_subdirectory. What is to compile either way says umbel::asio for
// the namespace, umbel::result<T> for a result and umbel::fail(…) for its error side.
//
// Source files that differ in a switch do not link: each has a symbol of the switch's name, in one of two
// kinds of storage, which GNU ld, gold and link-time optimisation refuse to join; mold warns. Besides, and
// with every linker, functions that take a client have the switches in their linker names, and
// client/open_site.hpp asks by name for code with the same switches.
#if defined(__ELF__) && defined(__GNUC__)
#define UMBEL_LINK_ONLY_IF_ALIKE(storage, name)                                        \
    extern constinit storage char const name [[gnu::weak, gnu::visibility("hidden")]]; \
    constinit storage char const name = 0;
#else
#define UMBEL_LINK_ONLY_IF_ALIKE(storage, name)
#endif
#if !defined(__GNUC__) || !(defined(UMBEL_USE_BOOST_ASIO) || defined(UMBEL_USE_STD_EXPECTED))
#define UMBEL_SWITCHED
#elif !defined(UMBEL_USE_STD_EXPECTED)
#define UMBEL_SWITCHED [[gnu::abi_tag("UMBEL_USE_BOOST_ASIO")]]
#elif !defined(UMBEL_USE_BOOST_ASIO)
#define UMBEL_SWITCHED [[gnu::abi_tag("UMBEL_USE_STD_EXPECTED")]]
#else
#define UMBEL_SWITCHED [[gnu::abi_tag("UMBEL_USE_BOOST_ASIO", "UMBEL_USE_STD_EXPECTED")]]
#endif

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
