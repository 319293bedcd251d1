// system_calls.hpp: counts the system calls that clients make through the C library, by standing in front of
// its functions. To be included by exactly one translation unit of a program. It counts calls, not their
// time.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

/// What reads or writes an eventfd counts as receive or send too.
enum class system_call : std::uint8_t { receive, send, wait, control, timer, poll };
inline constexpr std::size_t system_call_kinds = 6;
inline constexpr char const* system_call_names[system_call_kinds] = {"receive",   "send",    "epoll_wait",
                                                                     "epoll_ctl", "timerfd", "poll"};

using system_call_counts = std::array<std::uint64_t, system_call_kinds>;
inline constinit system_call_counts system_calls{};

template <class... Arguments>
long counted(system_call kind, long number, Arguments... arguments) noexcept {
    ++system_calls[static_cast<std::size_t>(kind)];
    return ::syscall(number, arguments...);
}

}  // namespace bench

// The names are the C library's; the program's own definitions come first, also for shared libraries.
extern "C" {
ssize_t recv(int socket, void* into, std::size_t size, int flags) {
    return bench::counted(bench::system_call::receive, SYS_recvfrom, socket, into, size, flags, nullptr,
                          nullptr);
}
ssize_t recvmsg(int socket, msghdr* message, int flags) {
    return bench::counted(bench::system_call::receive, SYS_recvmsg, socket, message, flags);
}
ssize_t send(int socket, void const* from, std::size_t size, int flags) {
    return bench::counted(bench::system_call::send, SYS_sendto, socket, from, size, flags, nullptr, 0);
}
ssize_t sendmsg(int socket, msghdr const* message, int flags) {
    return bench::counted(bench::system_call::send, SYS_sendmsg, socket, message, flags);
}
int epoll_wait(int poll, epoll_event* events, int count, int timeout) {
    return static_cast<int>(
        bench::counted(bench::system_call::wait, SYS_epoll_wait, poll, events, count, timeout));
}
int epoll_ctl(int poll, int what, int socket, epoll_event* event) noexcept {
    return static_cast<int>(
        bench::counted(bench::system_call::control, SYS_epoll_ctl, poll, what, socket, event));
}
int timerfd_settime(int timer, int flags, itimerspec const* next, itimerspec* before) noexcept {
    return static_cast<int>(
        bench::counted(bench::system_call::timer, SYS_timerfd_settime, timer, flags, next, before));
}
int poll(pollfd* list, nfds_t count, int timeout) {
    return static_cast<int>(bench::counted(bench::system_call::poll, SYS_poll, list, count, timeout));
}
ssize_t read(int file, void* into, std::size_t size) {
    return bench::counted(bench::system_call::receive, SYS_read, file, into, size);
}
ssize_t write(int file, void const* from, std::size_t size) {
    return bench::counted(bench::system_call::send, SYS_write, file, from, size);
}
ssize_t readv(int file, iovec const* list, int count) {
    return bench::counted(bench::system_call::receive, SYS_readv, file, list, count);
}
ssize_t writev(int file, iovec const* list, int count) {
    return bench::counted(bench::system_call::send, SYS_writev, file, list, count);
}
}
