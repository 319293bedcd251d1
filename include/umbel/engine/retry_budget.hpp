// retry_budget.hpp: how much load repetition may add: tokens for what is sent again, and a gate for what was
// refused. It knows counts and times only. What is repeated, and what becomes of what is not, is the engine's
// business.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/error.hpp>

#include <algorithm>
#include <cstdint>

namespace umbel::engine {

/// Where the number of commands that a client has taken comes from: the driver adds up its connections'
/// counters, and only when asked.
struct traffic_port {
    void* backend = nullptr;
    std::uint64_t (*requests)(void* backend) = nullptr;
};

/// What sending a command again does to the cluster.
enum class repetition : std::uint8_t {
    free,   ///< It costs nothing new: it was never sent, or a healthy node says how it goes on.
    paced,  ///< It was refused unexecuted by a node that cannot serve it now: it may ask again, at a pace.
    drawn,  ///< It was sent, and the node may have worked for it: sending it again adds load, and takes a
            ///< token.
};

/// How a command that met `fault`, with this known of the delivery of that attempt, is counted when it is
/// sent again for the `nth` time. TRYAGAIN and READONLY pass in a moment, or with the next topology, and
/// NOAUTH with the next connection; a command that has been sent again before asks at the pace of all that
/// cannot be served.
constexpr repetition repetition_of(errc fault, delivery attempt, unsigned nth) noexcept {
    if (attempt == delivery::not_sent) return repetition::free;
    if (attempt != delivery::not_executed) return repetition::drawn;
    bool const guided = fault == errc::moved || fault == errc::ask;
    bool const passing = fault == errc::try_again || fault == errc::read_only || fault == errc::no_auth;
    bool const unable = fault == errc::cluster_down || fault == errc::loading || fault == errc::master_down;
    if (guided || (passing && nth <= 1)) return repetition::free;
    return unable || passing ? repetition::paced : repetition::drawn;
}

/// How much may be repeated.
struct retry_budget_options {
    std::uint32_t percent = 10;  ///< Of the commands a client sends.
    std::uint32_t floor_per_second =
        10;  ///< In any case, so that a client with little traffic can repeat at all.
    duration window = std::chrono::seconds{10};  ///< What was earned longer ago is lost.
};

/// A leaking bucket: each command earns a part of a token, each second some more, and what is not drawn leaks
/// away within about the window. So a burst of losses after quiet traffic finds tokens for a whole second of
/// it, and a lasting outage finds `percent`. Rule: Finagle, "RetryBudget": tokens from requests, a minimum
/// per second, and a time to live; gRPC proposal A6, "Throttling Retry Attempts".
class retry_budget {
public:
    explicit retry_budget(retry_budget_options const& options) noexcept
        : options_{options},
          seconds_{std::chrono::duration<double>(options.window).count()},
          tokens_{options.floor_per_second * seconds_},
          income_{tokens_} {}

    /// Earns for what has happened since the last time; `requests` is the number of commands ever taken.
    void earn(std::uint64_t requests, instant now) noexcept {
        double const passed = std::max(std::chrono::duration<double>(now - seen_at_).count(), 0.0);
        double const share = std::min(passed / seconds_, 1.0);
        double fresh = requests > requests_ ? static_cast<double>(requests - requests_) : 0.0;
        if (passed > seconds_) fresh *= seconds_ / passed;
        double const earned = fresh * options_.percent / 100.0 + options_.floor_per_second * seconds_ * share;
        tokens_ += earned - tokens_ * share;
        income_ += earned - income_ * share;
        requests_ = std::max(requests_, requests);
        seen_at_ = now;
    }
    /// When earn() was called last: no need to count again at the same moment.
    instant seen_at() const noexcept { return seen_at_; }

    /// Takes a token; false when there is none.
    bool draw() noexcept {
        if (tokens_ < 1.0) return false;
        tokens_ -= 1.0;
        return true;
    }
    /// Tokens at the last look.
    double tokens() const noexcept { return tokens_; }
    /// What is earned at present, in tokens a second.
    double per_second() const noexcept { return income_ / seconds_; }

private:
    retry_budget_options options_;
    double seconds_;
    double tokens_;
    double income_;  ///< The same bucket if nobody drew from it.
    std::uint64_t requests_ = 0;
    instant seen_at_{0};
};

/// Lets refused commands ask again: as fast as the budget earns while refusals keep coming, and twice as fast
/// each interval when none of those that were let through has come back. A cluster that is down is not asked
/// by everybody who waits for it, and one that is well again has them all back soon. Rule: RFC 5681, "Slow
/// Start", read for commands.
class refusal_gate {
public:
    static constexpr duration interval = std::chrono::milliseconds{50};
    static constexpr double factor_max = 65536;

    /// A command has come back refused.
    void refused() noexcept {
        factor_ = 1;
        passed_ = false;
        credit_ = std::min(credit_, narrow_);
    }

    /// Whether one more may ask now; `per_second` is the pace while refusals come.
    bool pass(double per_second, instant now) noexcept {
        advance(per_second, now);
        if (credit_ < 1.0) return false;
        credit_ -= 1.0;
        passed_ = true;
        return true;
    }

private:
    void advance(double per_second, instant now) noexcept {
        double const share = std::min(
            std::chrono::duration<double>(now - advanced_at_) / std::chrono::duration<double>(interval),
            20.0);
        if (share < 1.0) return;
        advanced_at_ = now;
        if (passed_) factor_ = std::min(factor_ * 2, factor_max);
        passed_ = false;
        double const usual = per_second * std::chrono::duration<double>(interval).count();
        narrow_ = std::max(usual, 1.0);
        credit_ = std::min(credit_ + usual * factor_ * share, std::max(usual * factor_ * share, 1.0));
    }

    double factor_ = 1;
    double credit_ = 1;
    double narrow_ = 1;  ///< The largest credit while refusals come.
    bool passed_ = false;
    instant advanced_at_{0};
};

}  // namespace umbel::engine
