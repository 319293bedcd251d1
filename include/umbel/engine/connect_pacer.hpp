// connect_pacer.hpp: how many connections are opened at one time, over all nodes: a client that has lost a
// thousand of them does not open a thousand at once. It opens none.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/instant.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace umbel::engine {

/// Lets attempts to connect begin, first come, first served. An attempt that has lasted for `patience` counts
/// no more: nodes that are dead do not keep the others waiting.
class connect_pacer {
public:
    /// One attempt.
    struct attempt {
        link_id link;
        std::uint32_t generation = 0;
    };
    static constexpr duration patience = std::chrono::milliseconds{150};

    explicit connect_pacer(std::size_t most) : most_{most} {
        under_way_.reserve(std::min(most, std::size_t{64}));
    }

    /// An attempt is to begin. True: now; false: when take_due() names it. Errors: throws std::bad_alloc.
    bool begins(attempt next, instant now) {
        forget_old(now);
        bool const has_room = waiting_.empty() && under_way_.size() < most_;
        if (has_room)
            under_way_.push_back({next, now});
        else
            waiting_.push_back(next);
        return has_room;
    }
    /// The latest attempt of a link has ended, or was called off.
    void ended(link_id link) noexcept {
        std::erase_if(under_way_, [&](begun const& other) { return other.what.link == link; });
        std::erase_if(waiting_, [&](attempt const& other) { return other.link == link; });
    }
    /// The next attempt that begins now, if any. Errors: throws std::bad_alloc; nothing has changed then.
    std::optional<attempt> take_due(instant now) {
        forget_old(now);
        if (waiting_.empty() || under_way_.size() >= most_) return std::nullopt;
        under_way_.push_back({waiting_.front(), now});
        waiting_.erase(waiting_.begin());
        return under_way_.back().what;
    }
    /// When take_due() should be asked at the latest; never: nobody waits.
    instant next_due() const noexcept {
        if (waiting_.empty()) return never;
        return under_way_.empty() ? instant{0} : after(under_way_.front().at, patience);
    }

    std::size_t under_way() const noexcept { return under_way_.size(); }
    std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    struct begun {
        attempt what;
        instant at;
    };
    void forget_old(instant now) noexcept {
        std::erase_if(under_way_, [&](begun const& other) { return now - other.at >= patience; });
    }

    std::size_t const most_;
    std::vector<begun> under_way_;  ///< Oldest first.
    std::vector<attempt> waiting_;  ///< Oldest first.
};

}  // namespace umbel::engine
