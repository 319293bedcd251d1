// contender.hpp: what takes part in a comparison: something that sends commands, so many at a time, and is
// measured meanwhile. It knows neither client nor server.
#pragma once

#include <support/clock.hpp>
#include <support/statistics.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace bench {

/// The thread's heap allocations so far; null in a program that does not count them.
inline std::uint64_t const* allocation_counter = nullptr;
/// Called where a round's clocks are read: at its beginning and at its end.
inline void (*at_mark)() = [] {};

[[noreturn]] inline void die(std::string_view who, std::string_view what) {
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(who.size()), who.data(),
                 static_cast<int>(what.size()), what.data());
    std::exit(1);
}

enum class command_kind : std::uint8_t { get, set };

/// One round: `outstanding` commands at a time, `warm` of them before the clock starts, `operations` while it
/// runs.
struct job {
    command_kind kind = command_kind::get;
    unsigned outstanding = 1;
    std::uint64_t warm = 0;
    std::uint64_t operations = 0;
    bool latencies = false;
};

/// What one round has shown.
struct measured {
    double cpu_ns = 0;   ///< CPU time of the client's thread for each command.
    double wall_ns = 0;  ///< Elapsed time for each command.
    double allocations = 0;
    histogram latency;
};

/// Counts the commands of one round and reads the clocks at its two marks, so that beginning and end of the
/// round cost nothing.
class meter {
public:
    explicit meter(job const& what, measured& out) noexcept
        : out_{out},
          mark_{what.warm},
          operations_{what.operations},
          left_{what.warm + what.operations + what.outstanding} {
        stride_ = !what.latencies ? 0 : what.outstanding >= 50 ? 31 : 1;
    }

    /// Whether one more command shall be sent.
    bool take() noexcept {
        if (left_ == 0) return false;
        --left_;
        return true;
    }
    void done(std::uint64_t count = 1) noexcept {
        done_ += count;
        if (done_ >= mark_) [[unlikely]]
            reached();
    }

    /// When the command about to be sent is one of the few that are timed: now; otherwise 0.
    std::int64_t sample() noexcept {
        if (stride_ == 0 || ++turn_ < stride_) return 0;
        turn_ = 0;
        return wall_ns();
    }
    void sampled(std::int64_t since) noexcept {
        if (since != 0 && running_) out_.latency.add(wall_ns() - since);
    }

private:
    void reached() noexcept {
        std::int64_t const cpu = thread_cpu_ns(), wall = wall_ns();
        std::uint64_t const allocations = allocation_counter ? *allocation_counter : 0;
        at_mark();
        if (!running_ && !over_) {
            running_ = true;
            mark_ = done_ + operations_;
            first_ = done_, cpu_ = cpu, wall_ = wall, allocations_ = allocations;
            return;
        }
        running_ = false;
        over_ = true;
        mark_ = ~std::uint64_t{0};
        auto const count = static_cast<double>(done_ - first_);
        out_.cpu_ns = static_cast<double>(cpu - cpu_) / count;
        out_.wall_ns = static_cast<double>(wall - wall_) / count;
        out_.allocations = static_cast<double>(allocations - allocations_) / count;
    }

    measured& out_;
    std::uint64_t mark_;
    std::uint64_t const operations_;
    std::uint64_t left_;
    std::uint64_t done_ = 0, first_ = 0, allocations_ = 0;
    std::int64_t cpu_ = 0, wall_ = 0;
    unsigned stride_ = 0, turn_ = 0;
    bool running_ = false, over_ = false;
};

/// A way to send commands. It stays connected between rounds.
class contender {
public:
    explicit contender(std::string name) : name_{std::move(name)} {}
    contender(contender const&) = delete;
    contender& operator=(contender const&) = delete;
    virtual ~contender() = default;

    std::string const& name() const noexcept { return name_; }
    /// One round; returns when all its commands are answered. Every answer is checked, at least for its size.
    virtual void run(job const& what, measured& out) = 0;

private:
    std::string name_;
};

}  // namespace bench
