// timeline.hpp: virtual time: what happens when, in one order that a seed decides. It knows no clock, no
// thread and no cluster.
#pragma once

#include <umbel/engine/backoff.hpp>
#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

using engine::duration;
using engine::instant;
using engine::random_source;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

/// A queue of events on virtual time. Events of one time happen in the order in which they were put in.
/// Threading: one thread. Cost: a heap operation an event.
class timeline {
public:
    using task = std::function<void()>;

    /// Virtual time does not begin at zero, so that a forgotten zero is seen as long past.
    explicit timeline(std::uint64_t seed) : random_{seed} {}
    timeline(timeline const&) = delete;
    timeline& operator=(timeline const&) = delete;

    instant now() const noexcept { return now_; }
    random_source& random() noexcept { return random_; }

    void at(instant when, task action) {
        heap_.push_back({std::max(when, now_), next_number_++, std::move(action)});
        std::push_heap(heap_.begin(), heap_.end(), later);
    }
    void in(duration delay, task action) { at(engine::after(now_, delay), std::move(action)); }
    /// At this time still, behind everything that is due now.
    void soon(task action) { at(now_, std::move(action)); }

    /// Lets the next event happen. False when there is none.
    bool step() {
        if (heap_.empty()) return false;
        std::pop_heap(heap_.begin(), heap_.end(), later);
        event next = std::move(heap_.back());
        heap_.pop_back();
        now_ = next.when;
        ++steps_;
        next.what();
        if (after_step_) after_step_();
        return true;
    }
    /// Lets everything happen that is due until `when`, which is the time then.
    void run_until(instant when) {
        while (!heap_.empty() && heap_.front().when <= when) step();
        now_ = std::max(now_, when);
    }
    void run_for(duration span) { run_until(engine::after(now_, span)); }
    /// Runs until `done()` holds, at the latest for `at_most`. Returns whether it holds.
    template <std::predicate Done>
    bool run_while_not(Done done, duration at_most) {
        instant const limit = engine::after(now_, at_most);
        while (!done()) {
            if (heap_.empty() || heap_.front().when > limit) {
                now_ = std::max(now_, limit);
                return done();
            }
            step();
        }
        return true;
    }
    std::uint64_t steps() const noexcept { return steps_; }

    /// Runs `what` after every event: the place for checks that must always hold.
    void after_every_step(task action) { after_step_ = std::move(action); }

    // ---- Chance: everything random comes from here, so a run can be repeated. -------------------

    /// True in `percent` of a hundred cases.
    bool chance(unsigned percent) noexcept { return random_.below(100) < percent; }
    std::size_t pick(std::size_t count) noexcept { return static_cast<std::size_t>(random_.below(count)); }
    duration between(duration least, duration most) noexcept {
        return least + duration{static_cast<std::int64_t>(
                           random_.below(static_cast<std::uint64_t>((most - least).count()) + 1))};
    }

    // ---- The log of the last events, for a run that failed --------------------------------------

    void trace(std::size_t lines_kept) noexcept { lines_kept_ = lines_kept; }
    bool traced() const noexcept { return lines_kept_ != 0; }
    /// Notes a line; `make()` returns it and runs only when somebody wants it.
    template <class Make>
    void note(Make&& make) {
        if (lines_kept_ == 0) return;
        char stamp[32];
        std::snprintf(stamp, sizeof stamp, "%10.3f ms  ", static_cast<double>(now_.count()) / 1e6);
        lines_.push_back(stamp + std::string{make()});
        if (lines_.size() > lines_kept_) lines_.pop_front();
    }
    std::deque<std::string> const& lines() const noexcept { return lines_; }

private:
    struct event {
        instant when;
        std::uint64_t number;
        task what;
    };
    static bool later(event const& left, event const& right) noexcept {
        return left.when != right.when ? left.when > right.when : left.number > right.number;
    }

    std::vector<event> heap_;
    std::uint64_t next_number_ = 0;
    std::uint64_t steps_ = 0;
    instant now_ = std::chrono::seconds{1000};
    random_source random_;
    task after_step_;
    std::size_t lines_kept_ = 0;
    std::deque<std::string> lines_;
};

}  // namespace umbel::testing
