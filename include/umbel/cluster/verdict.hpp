// verdict.hpp: what a redirect policy is told (attempt) and what it answers (verdict). Values only.
#pragma once

#include <umbel/cluster/command_flags.hpp>
#include <umbel/error.hpp>
#include <umbel/options.hpp>

#include <chrono>
#include <cstdint>

namespace umbel::cluster {

/// Connections that one command may cost before the default policy takes it for the reason that they are
/// closed.
inline constexpr std::uint16_t connections_closed_max = 2;

/// MOVED and ASK that the default policy follows at once for one command. Each further one waits for a
/// back-off first.
inline constexpr std::uint16_t redirects_at_once = 5;

/// Repetitions of one command after which the default policy takes a NOAUTH for final.
inline constexpr std::uint16_t no_auth_retries_max = 2;

/// Everything a policy may base its verdict on: one fault of one command, and its way so far.
struct attempt {
    errc fault{};
    umbel::delivery delivery{};  ///< What is known of the execution of this attempt.
    command_flags flags{};
    bool again = false;         ///< The fault before this one was the same.
    bool from_replica = false;  ///< The attempt went over a link that serves replica reads.
    bool replica_only = false;  ///< The caller asked for replicas only.
    bool closing =
        false;  ///< The client was told to close: it takes no new commands and waits for those under way.
    bool node_open = false;        ///< The node's circuit breaker is open: it has failed many times in a row.
    bool has_credentials = false;  ///< The client has a password, or asks somebody for it.
    umbel::retry_unknown unknown =
        umbel::retry_unknown::reads;  ///< What the user wants sent again though it may have run.
    std::uint16_t redirects = 0;      ///< MOVED and ASK in a row before this fault.
    std::uint16_t retries = 0;        ///< Attempts repeated before this fault, redirects not counted.
    std::uint16_t redirects_max = 0;
    /// Connections that the peer has closed instead of answering this command: it may be what the server
    /// refuses that way.
    std::uint16_t connections_closed = 0;
    std::chrono::nanoseconds spent{};  ///< Since the command was accepted.
    std::chrono::nanoseconds left{};   ///< Until its deadline; the largest value without one.
    std::chrono::nanoseconds delay{};  ///< The jittered back-off that fits `retries`, ready to use.

    /// True when sending the command again cannot execute a write twice, or when the user has said that this
    /// may be. The table is that of umbel::retry_unknown.
    constexpr bool may_repeat() const noexcept {
        if (delivery == umbel::delivery::not_sent || delivery == umbel::delivery::not_executed) return true;
        switch (unknown) {
            case umbel::retry_unknown::never: return false;
            case umbel::retry_unknown::reads: return has(flags, command_flags::read_only);
            case umbel::retry_unknown::idempotent:
                return has(flags, command_flags::read_only) || has(flags, command_flags::idempotent);
            case umbel::retry_unknown::always: return true;
        }
        return false;
    }
};

/// What happens to the command next.
struct verdict {
    enum class step : std::uint8_t {
        fail,    ///< The caller gets the error.
        follow,  ///< Send to the node a MOVED names, and let the slot table learn it.
        ask,     ///< Send once to the node an ASK names, after ASKING; the slot table learns nothing.
        retry,   ///< Route anew from the table after `delay`.
        /// Route anew as soon as the topology has changed, at the latest after `delay`; for a slot without
        /// owner, as soon as a refresh has ended.
        refresh,
    };
    step next = step::fail;
    std::chrono::nanoseconds delay{};
    bool refresh_topology = false;  ///< Also have the topology refreshed in the background.

    static constexpr verdict fail() noexcept { return {}; }
    static constexpr verdict follow() noexcept { return {step::follow, {}, true}; }
    static constexpr verdict ask() noexcept { return {step::ask, {}, false}; }
    static constexpr verdict retry_after(std::chrono::nanoseconds delay, bool refresh = false) noexcept {
        return {step::retry, delay, refresh};
    }
    static constexpr verdict after_refresh(std::chrono::nanoseconds at_most) noexcept {
        return {step::refresh, at_most, true};
    }
};

}  // namespace umbel::cluster
