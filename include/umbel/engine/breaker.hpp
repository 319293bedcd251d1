// breaker.hpp: the circuit breaker of one node: after many failures in a row it is left alone, and then tried
// by one probe. It knows no connection and no call; the engine tells it what happened, and asks it before it
// opens a link.
#pragma once

#include <umbel/engine/instant.hpp>

#include <cstdint>

namespace umbel::engine {

/// What a connection attempt means to the node's circuit breaker.
enum class attempt_kind : std::uint8_t {
    usual,
    last,   ///< If it fails, the breaker opens.
    probe,  ///< The breaker is half open.
};

/// Counts a node's failures in a row: connection attempts refused or timed out, connections lost soon after
/// they were made, before anything that was asked on them had a reply, and connections lost because the node
/// was silent. Rule: M. Nygard, "Release It!", "Circuit Breaker".
class circuit_breaker {
public:
    enum class state : std::uint8_t {
        closed,     ///< Commands go there.
        open,       ///< None does until retry_at(): they fail at once, or go elsewhere, as the policy says.
        half_open,  ///< One connection attempt is under way as a probe; commands are still turned away.
    };

    state now_is() const noexcept { return state_; }
    /// True while commands are turned away.
    bool refuses() const noexcept { return state_ != state::closed; }
    unsigned failures() const noexcept { return failures_; }
    /// Open: when the next probe may begin.
    instant retry_at() const noexcept { return retry_at_; }

    /// The node has failed once more. With `failures_max` in a row it is open until `retry_at`; 0: it never
    /// opens. Returns true when it was not open before.
    bool failed(unsigned failures_max, instant retry_at) noexcept {
        ++failures_;
        if (failures_max == 0 || failures_ < failures_max) return false;
        bool const fresh = state_ == state::closed;
        state_ = state::open;
        retry_at_ = retry_at;
        return fresh;
    }
    /// A connection attempt begins; with an open breaker it is the probe.
    attempt_kind tries(unsigned failures_max) noexcept {
        if (state_ == state::open) state_ = state::half_open;
        if (state_ == state::half_open) return attempt_kind::probe;
        return failures_max != 0 && failures_ + 1 >= failures_max ? attempt_kind::last : attempt_kind::usual;
    }
    /// A probe was given up before it told anything: the next one may begin.
    void called_off() noexcept {
        if (state_ == state::half_open) state_ = state::open;
    }
    /// The node has answered: commands go there again. Failures are forgotten only when it has `proven`
    /// itself, so that one which accepts connections and drops them opens again at once.
    void answered(bool proven) noexcept {
        state_ = state::closed;
        if (proven) failures_ = 0;
    }

private:
    state state_ = state::closed;
    unsigned failures_ = 0;
    instant retry_at_{0};
};

}  // namespace umbel::engine
