// maintenance_watch.hpp: what the server of one connection has announced of maintenance: notices that wait to
// be told to the control plane, and the time during which it is given more patience. It asks for nothing and
// decides no hand-over.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/counters.hpp>
#include <umbel/engine/maintenance_notice.hpp>
#include <umbel/engine/pipeline_options.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace umbel::engine {

/// Listens to the pushes of one connection. Threading: the connection's owner.
class maintenance_watch {
public:
    /// At most so many notices wait; further ones are lost, and counted.
    static constexpr std::size_t notices_max = 16;

    explicit maintenance_watch(maintenance_options const& options) noexcept : options_{options} {}

    /// A push has come: keeps it if it is a notice.
    UMBEL_NEVER_INLINE void take(resp::view const& push, pipeline_counters& counters) noexcept {
        notices::name const* const known = options_.listens ? notices::find(push) : nullptr;
        if (!known) return;
        bool kept = false;
        static_cast<void>(try_alloc([&] {
            if (waiting_.size() >= notices_max) return;
            auto read = notices::read(push, *known);
            if (read) waiting_.push_back(std::move(*read));
            kept = read.has_value();
        }));
        kept ? ++counters.notices : ++counters.notices_ignored;
    }
    bool has_notices() const noexcept { return !waiting_.empty(); }
    /// The notices since this was last called; more patience begins, or ends, with them.
    std::vector<maintenance_notice> take_notices(instant now) noexcept {
        for (maintenance_notice const& notice : waiting_) follow(notice, now);
        return std::exchange(waiting_, {});
    }

    /// Until when silence means nothing.
    instant relaxed_until() const noexcept { return relaxed_until_; }
    /// The deadline of a command passes: until when it may wait all the same. `now` where it may not: its
    /// caller has chosen the deadline, or nothing was announced. Commands that block have their own time, and
    /// so have the engine's own.
    instant patience_for(call const& late, instant now) const noexcept {
        bool const usual = late.timeout == options_.usual_timeout && !late.form.blocks;
        if (relaxed_until_ <= now || !usual || late.is_internal()) return now;
        return std::max(after(late.accepted, options_.timeout), now);
    }
    /// The connection is gone, with what it was told.
    void reset() noexcept {
        waiting_.clear();
        relaxed_until_ = instant{0};
        windows_ = {};
    }

private:
    /// The time during which one kind of maintenance is under way.
    struct window {
        std::int64_t number = -1;  ///< The highest that was heard of its beginning.
        instant until{0};
    };

    void follow(maintenance_notice const& notice, instant now) noexcept {
        switch (notice.what) {
            case maintenance_kind::moving: begin(windows_[0], notice, now); break;
            case maintenance_kind::migrating: begin(windows_[1], notice, now); break;
            case maintenance_kind::migrated: end(windows_[1], notice); break;
            case maintenance_kind::failing_over: begin(windows_[2], notice, now); break;
            case maintenance_kind::failed_over: end(windows_[2], notice); break;
            case maintenance_kind::slots_migrating: begin(windows_[3], notice, now); break;
            case maintenance_kind::slots_migrated: end(windows_[3], notice); break;
        }
        relaxed_until_ = instant{0};
        for (window const& open : windows_) relaxed_until_ = std::max(relaxed_until_, open.until);
    }
    /// A notice that is told twice, or comes late, gives no more time.
    void begin(window& of, maintenance_notice const& notice, instant now) const noexcept {
        if (notice.number <= of.number || options_.timeout <= duration{0}) return;
        of.number = notice.number;
        // What takes longer than announced is waited for as long again; what names no time has all there is.
        duration const announced = notice.within > duration{0} ? 2 * notice.within : options_.window_max;
        of.until = after(now, std::min(announced, options_.window_max));
    }
    /// The end of an older one is passed over: another one has begun since.
    static void end(window& of, maintenance_notice const& notice) noexcept {
        if (notice.number >= of.number) of.until = instant{0};
    }

    maintenance_options const options_;
    std::vector<maintenance_notice> waiting_;
    std::array<window, 4> windows_;
    instant relaxed_until_{0};  ///< The latest end of a window.
};

}  // namespace umbel::engine
