// refresher.hpp: when the topology is asked for, and of whom: single flight, throttled, staggered over
// candidates. It sends nothing and reads no topology.
#pragma once

#include <umbel/config.hpp>
#include <umbel/engine/backoff.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace umbel::engine {

/// Timings of the refresher.
struct refresher_options {
    duration interval_min{};  ///< Between two refreshes.
    duration interval{};      ///< Without any cause; zero: never.
    duration unwell =
        std::chrono::seconds{1};  ///< While a node is not well: first, doubling up to the interval.
    duration stagger =
        std::chrono::milliseconds{250};  ///< Before the next candidate is asked beside a silent one.
    duration delay{};                    ///< After a refresh that nobody answered: first …
    duration delay_max{};                ///< … and largest, doubling.
};

/// Decides when a refresh begins, when it asks a further node, and when it has failed.
class refresher {
public:
    refresher(refresher_options const& options, std::uint64_t seed) : options_{options}, random_{seed} {}

    bool running() const noexcept { return running_; }
    unsigned failures() const noexcept { return failures_; }

    /// A newer topology is needed. A running refresh serves this need, too.
    void want(instant now) noexcept {
        if (running_) return;
        instant const earliest = failures_ > 0 ? blocked_until_ : std::max(now, blocked_until_);
        due_ = std::min(due_, std::max(earliest, now));
    }

    /// When tick() has something to do.
    instant next_due() const noexcept {
        if (!running_) return due_;
        return next_candidate_ < candidates_.size() ? next_ask_ : never;
    }

    bool should_begin(instant now) const noexcept { return !running_ && due_ <= now; }

    /// Begins with nodes in the order in which they are to be asked.
    void begin(std::vector<std::uint16_t> candidates, instant now) noexcept {
        running_ = true;
        due_ = never;
        candidates_ = std::move(candidates);
        next_candidate_ = 0;
        next_ask_ = now;
    }

    /// True when a further node should be asked now: the first, or one more because the others are silent.
    bool should_ask(instant now) const noexcept {
        return running_ && next_candidate_ < candidates_.size() && next_ask_ <= now;
    }
    std::uint16_t take_candidate(instant now) noexcept {
        UMBEL_ASSERT(!exhausted());
        next_ask_ = after(now, options_.stagger);
        return candidates_[next_candidate_++];
    }
    /// As many candidates as may be asked at one time are silent: the next one is asked when one of them has
    /// answered or timed out.
    void hold() noexcept { next_ask_ = never; }
    /// A candidate has not helped: the next one is asked at once.
    void hurry(instant now) noexcept { next_ask_ = now; }
    bool exhausted() const noexcept { return next_candidate_ >= candidates_.size(); }

    /// A node that was not well may be so again: it is looked at soon, and often at first.
    void look_soon(instant now) noexcept {
        looks_ = 0;
        if (options_.interval > duration{0}) want(now);
    }

    /// The refresh has ended with a topology. If it lists an unhealthy node (`well` is false), the next
    /// refresh comes soon: reads avoid that node, so no command would notice its recovery.
    void succeeded(instant now, bool well = true) noexcept {
        running_ = false;
        duration const again =
            well ? options_.interval
                 : std::min(options_.interval, options_.unwell * (std::int64_t{1} << looks_));
        looks_ = well ? 0 : std::min(looks_ + 1, 20u);
        failures_ = 0;
        duration const jitter{static_cast<std::int64_t>(
            random_.below(static_cast<std::uint64_t>(options_.interval_min.count() / 4 + 1)))};
        blocked_until_ = after(now, options_.interval_min + jitter);
        if (options_.interval > duration{0}) due_ = after(now, again + jitter);
    }
    /// No node has answered: the next refresh begins by itself after a growing delay.
    void failed(instant now) noexcept {
        running_ = false;
        blocked_until_ = after(now, backoff(options_.delay, options_.delay_max, failures_, random_));
        due_ = blocked_until_;
        ++failures_;
    }

    random_source& random() noexcept { return random_; }

private:
    refresher_options options_;
    random_source random_;
    bool running_ = false;
    unsigned failures_ = 0;
    unsigned looks_ = 0;  ///< In a row that found a node not well.
    instant due_ = never;
    instant blocked_until_{0};
    instant next_ask_ = never;
    std::vector<std::uint16_t> candidates_;
    std::size_t next_candidate_ = 0;
};

}  // namespace umbel::engine
