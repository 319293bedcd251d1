// descriptors.hpp: what is told where no file descriptor is left, and how that is found out where the system
// says something else. It knows no connection.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>

#include UMBEL_ASIO_HEADER(error.hpp)

#include <cerrno>
#include <string>
#include <string_view>

#if defined(__linux__)
#include <sys/socket.h>
#include <unistd.h>
#endif

namespace umbel::net {

/// What a problem means for the descriptors of process and system; empty where it means nothing.
inline std::string_view words_of_descriptors(async::error_code problem) noexcept {
    if (problem.category() != asio::error::get_system_category()) return {};
    if (problem.value() == EMFILE)
        return " (EMFILE: this process has no file descriptor left; RLIMIT_NOFILE is their number)";
    if (problem.value() == ENFILE) return " (ENFILE: the system has no file descriptor left)";
    return {};
}

/// The text of a problem, with what it means where descriptors have run out. Empty where memory has run out.
inline std::string text_of_transport(async::error_code problem) noexcept {
    std::string text = async::text_of(problem);
    static_cast<void>(async::try_alloc([&] { text += words_of_descriptors(problem); }));
    return text;
}

/// A name was not resolved because of `problem`: what is wrong in truth. getaddrinfo(3) needs descriptors,
/// and tells their lack in many ways: that a name server cannot be asked at present, or that there is no such
/// name.
inline async::error_code reason_beneath(async::error_code problem) noexcept {
#if defined(__linux__)
    int const probe = problem ? ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (probe >= 0)
        ::close(probe);
    else if (problem && (errno == EMFILE || errno == ENFILE))
        return {errno, asio::error::get_system_category()};
#endif
    return problem;
}

}  // namespace umbel::net
