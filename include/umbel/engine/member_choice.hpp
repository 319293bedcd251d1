// member_choice.hpp: which of several deployments serves: from what health checks and commands met to the
// member that commands go to. Events and the time in, actions out. It knows no client, no socket and no
// clock.
#pragma once

#include <umbel/config.hpp>
#include <umbel/engine/breaker.hpp>
#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::engine {

/// What is known of a member of umbel::multi_client.
enum class member_health : std::uint8_t {
    unknown,  ///< It has not answered yet, nor failed often enough.
    up,
    down,  ///< It has failed too often of late.
};

/// Why another member serves.
enum class switch_reason : std::uint8_t {
    member_down,  ///< The one before is down.
    fail_back,    ///< A preferred one has been well for its grace time.
    recovered,    ///< All were down, and this one is the first that is up again.
    by_hand,
};

/// Times and bounds of the choice. See umbel::multi_options.
struct choice_options {
    duration check_interval{};
    duration check_timeout{};
    duration check_pause{};  ///< Between two checks while the member is in doubt.
    std::uint32_t failures_max = 3;
    duration failure_window{};
    std::uint32_t successes_min = 2;
    duration grace{};
    duration grace_max{};
    bool fails_back = true;
};

/// Ask this member whether it is well, and report check_ended() with this number.
struct check_member {
    std::size_t member = 0;
    std::uint32_t number = 0;
};
/// Commands go to `to` from now on.
struct switch_member {
    std::size_t from = 0;
    std::size_t to = 0;
    switch_reason why{};
};
/// For whoever watches.
struct health_change {
    std::size_t member = 0;
    member_health before{};
    member_health now{};
};
using choice_action = std::variant<check_member, switch_member, health_change>;

/// The choice between members. A failure is a check that failed or was not answered in time, or what commands
/// met: however many of them between two checks, they count once. A member with `failures_max` of them within
/// the window is down. It is up again after `successes_min` checks in a row.
///
/// The active member is left when it is down, for the heaviest that is up (of equals the first); where none
/// is, it stays. A heavier one takes over again when it has been up without any failure for its grace time.
/// That doubles each time it is left again soon after it has come back, so a member that flaps comes back
/// ever later. A member that was chosen by hand counts as heavier than all others until release().
/// Rule: M. Nygard, "Release It!", "Circuit Breaker".
class member_choice {
public:
    static constexpr std::uint32_t failures_limit = 64;
    /// After so many returns in a row that did not last, the grace time grows no more.
    static constexpr unsigned relapses_max = 16;

    /// Precondition: at least one weight; failures_max between 1 and failures_limit.
    member_choice(choice_options const& chosen, std::vector<std::uint32_t> const& weights, instant now)
        : options_{chosen} {
        UMBEL_ASSERT(!weights.empty());
        UMBEL_ASSERT(chosen.failures_max >= 1 && chosen.failures_max <= failures_limit);
        members_.resize(weights.size());
        for (std::size_t at = 0; at < weights.size(); ++at) {
            members_[at].weight = weights[at];
            members_[at].since = members_[at].check_due = now;
            members_[at].failures.reserve(chosen.failures_max);
            if (weights[at] > members_[active_].weight) active_ = at;
        }
        active_since_ = now;
    }

    // ---- Events ---------------------------------------------------------------------------------

    /// A check has ended. One that is no longer awaited says nothing.
    void check_ended(check_member const& which, bool well, instant now) {
        member& asked = members_[which.member];
        if (!asked.checking || asked.number != which.number) return;
        end_check(which.member, well, now);
        decide(now);
    }
    /// A command has met that the member cannot serve: it is checked soon.
    void command_failed(std::size_t which, instant now) {
        member& met = members_[which];
        if (!std::exchange(met.reported, true)) {
            fail(which, now);
            decide(now);
        }
        suspect(which, now);
    }
    /// A connection to the member was lost or could not be made: if it is up, it is checked soon. That alone
    /// is no failure: a cluster can do without one of its nodes.
    void suspect(std::size_t which, instant now) {
        member& met = members_[which];
        if (!met.checking && met.health == member_health::up)
            met.check_due =
                std::min(met.check_due, std::max(now, after(met.checked_at, options_.check_pause)));
    }
    /// Time has passed.
    void advance(instant now) {
        for (std::size_t at = 0; at < members_.size(); ++at) {
            if (members_[at].checking && members_[at].check_due <= now) end_check(at, false, now);
            if (!members_[at].checking && members_[at].check_due <= now) begin_check(at, now);
        }
        decide(now);
    }
    /// Chooses this member by hand. False, with nothing changed, where it is down.
    bool choose(std::size_t which, instant now) {
        if (members_[which].health == member_health::down) return false;
        by_hand_ = which;
        if (which != active_) go_to(which, switch_reason::by_hand, now);
        return true;
    }
    /// The weights alone count again.
    void release(instant now) {
        by_hand_.reset();
        decide(now);
    }

    // ---- What is to be done ---------------------------------------------------------------------

    std::vector<choice_action>& actions() noexcept { return actions_; }
    /// When advance() is to be called.
    instant next_due() const noexcept {
        instant due = never;
        for (member const& each : members_) due = std::min(due, each.check_due);
        for (std::size_t at = 0; at < members_.size(); ++at)
            if (may_take_over(at)) due = std::min(due, returns_at(members_[at]));
        return due;
    }

    // ---- Facts ----------------------------------------------------------------------------------

    std::size_t size() const noexcept { return members_.size(); }
    std::size_t active() const noexcept { return active_; }
    instant active_since() const noexcept { return active_since_; }
    std::optional<std::size_t> by_hand() const noexcept { return by_hand_; }
    member_health health(std::size_t which) const noexcept { return members_[which].health; }
    /// Since when its health is what it is.
    instant since(std::size_t which) const noexcept { return members_[which].since; }
    /// Half open: it is down, and the latest check was answered.
    circuit_breaker::state breaker(std::size_t which) const noexcept {
        member const& each = members_[which];
        if (each.health != member_health::down) return circuit_breaker::state::closed;
        return each.successes == 0 ? circuit_breaker::state::open : circuit_breaker::state::half_open;
    }
    /// Failures within the window that ends now.
    std::size_t failures(std::size_t which, instant now) const noexcept {
        auto const& all = members_[which].failures;
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](instant when) { return is_recent(when, now); }));
    }
    /// How long this member must have been well before it takes over from a lighter one.
    duration grace_of(std::size_t which) const noexcept {
        duration grace = options_.grace;
        for (unsigned i = 0; i < members_[which].relapses && grace < options_.grace_max; ++i)
            grace = after(grace, grace);
        return std::min(grace, std::max(options_.grace, options_.grace_max));
    }
    bool all_down() const noexcept {
        return std::all_of(members_.begin(), members_.end(),
                           [](member const& each) { return each.health == member_health::down; });
    }

private:
    struct member {
        std::uint32_t weight = 1;
        member_health health = member_health::unknown;
        instant since{0};
        instant well_since{0};          ///< Up, and no failure, since.
        std::vector<instant> failures;  ///< The latest ones, at most failures_max; a ring.
        std::size_t oldest = 0;
        std::uint32_t successes = 0;  ///< Checks answered in a row.
        std::uint32_t number = 0;     ///< Of the latest check.
        instant check_due{0};   ///< When a check begins, or, while one is under way, when it has failed.
        instant checked_at{0};  ///< When the latest one began.
        bool checking = false;
        bool reported = false;                 ///< Commands have failed since the latest check.
        std::optional<instant> returned_at{};  ///< When it took over again from a lighter one.
        unsigned relapses = 0;
    };

    bool is_recent(instant when, instant now) const noexcept { return now - when < options_.failure_window; }

    void begin_check(std::size_t which, instant now) {
        member& asked = members_[which];
        asked.checking = true;
        asked.reported = false;
        asked.checked_at = now;
        asked.check_due = after(now, options_.check_timeout);
        actions_.push_back(check_member{which, ++asked.number});
    }
    void end_check(std::size_t which, bool well, instant now) {
        member& asked = members_[which];
        asked.checking = false;
        well ? succeed(which, now) : fail(which, now);
        bool const in_doubt =
            asked.health == member_health::down ? asked.successes != 0 : failures(which, now) != 0;
        asked.check_due = after(now, in_doubt ? options_.check_pause : options_.check_interval);
    }
    void fail(std::size_t which, instant now) {
        member& failed = members_[which];
        failed.successes = 0;
        failed.well_since = never;
        if (failed.failures.size() < options_.failures_max) {
            failed.failures.push_back(now);
        } else {
            failed.failures[failed.oldest] = now;
            failed.oldest = (failed.oldest + 1) % failed.failures.size();
        }
        if (failures(which, now) >= options_.failures_max) become(which, member_health::down, now);
    }
    void succeed(std::size_t which, instant now) {
        member& answered = members_[which];
        answered.successes = std::min(answered.successes + 1, options_.successes_min);
        if (answered.well_since == never || answered.health == member_health::unknown)
            answered.well_since = now;
        if (answered.health == member_health::down && answered.successes < options_.successes_min) return;
        if (answered.health == member_health::down) answered.failures.clear(), answered.oldest = 0;
        become(which, member_health::up, now);
    }
    void become(std::size_t which, member_health health, instant now) {
        member& changed = members_[which];
        if (changed.health == health) return;
        actions_.push_back(health_change{which, changed.health, health});
        changed.health = health;
        changed.since = now;
    }

    /// True where this member would be preferred to the active one.
    bool is_preferred(std::size_t which) const noexcept {
        if (which == active_ || by_hand_ == active_) return false;
        return by_hand_ ? by_hand_ == which : members_[which].weight > members_[active_].weight;
    }
    bool may_take_over(std::size_t which) const noexcept {
        return options_.fails_back && members_[which].health == member_health::up && is_preferred(which) &&
               members_[which].well_since != never;
    }
    instant returns_at(member const& waiting) const noexcept {
        return after(waiting.well_since, grace_of(static_cast<std::size_t>(&waiting - members_.data())));
    }

    void decide(instant now) {
        if (members_[active_].health == member_health::down) {
            if (auto const other = heaviest_up())
                go_to(*other, all_were_down_ ? switch_reason::recovered : switch_reason::member_down, now);
        } else {
            std::optional<std::size_t> best;
            for (std::size_t at = 0; at < members_.size(); ++at)
                if (may_take_over(at) && returns_at(members_[at]) <= now &&
                    (!best || members_[at].weight > members_[*best].weight))
                    best = at;
            if (best) go_to(*best, switch_reason::fail_back, now);
        }
        all_were_down_ = all_down();
    }
    /// The member to go to where the active one is down: the one chosen by hand, else the heaviest.
    std::optional<std::size_t> heaviest_up() const noexcept {
        std::optional<std::size_t> best;
        for (std::size_t at = 0; at < members_.size(); ++at) {
            if (members_[at].health != member_health::up) continue;
            if (by_hand_ == at) return at;
            if (!best || members_[at].weight > members_[*best].weight) best = at;
        }
        return best;
    }
    void go_to(std::size_t to, switch_reason why, instant now) {
        member& left = members_[active_];
        if (left.health == member_health::down && left.returned_at) {
            bool const soon = now - *left.returned_at < std::max(options_.grace_max, options_.grace);
            left.relapses = soon ? std::min(left.relapses + 1, relapses_max) : 0;
        }
        left.returned_at.reset();
        if (why == switch_reason::fail_back) members_[to].returned_at = now;
        actions_.push_back(switch_member{active_, to, why});
        active_ = to;
        active_since_ = now;
    }

    choice_options const options_;
    std::vector<member> members_;
    std::vector<choice_action> actions_;
    std::size_t active_ = 0;
    instant active_since_{0};
    std::optional<std::size_t> by_hand_;
    bool all_were_down_ = false;
};

}  // namespace umbel::engine
