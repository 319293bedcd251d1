// link_status.hpp: the control plane's record of one connection. Values only.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/engine/link_state.hpp>
#include <umbel/error.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace umbel::engine {

/// The engine's side of one connection.
struct link_status {
    link_state state = link_state::idle;
    std::uint32_t generation = 0;  ///< Counts the attempts to connect; an event of an older one is ignored.
    unsigned failures = 0;         ///< In a row; decides the back-off.
    instant begun_at{0};           ///< When the latest attempt to connect was made.
    instant retry_at{0};
    instant up_since{0};
    instant replaced_at{std::chrono::hours{-1}};  ///< When it was last closed because it was not let in.
    duration renewal_pause{};  ///< So long it lives at least before it is made anew for a MOVED, see renewal.
    std::uint32_t identity = 0;  ///< The credentials it has said, see credential_keeper.
    duration pause{};            ///< How long the latest attempt had to wait for its turn.
    std::string node_id;         ///< What the server at the other end says that it is; empty while unknown.
    bool was_up = false;         ///< It has served since it was last opened.
    bool renews = false;         ///< It closes in order to be opened anew.
    errc last_failure{};
    std::string last_message;
    instant released_at{0};
    unsigned released = 0;  ///< Calls that have waited, and went to it at that moment.

    /// A call that has waited goes to it. True: more than `most` do at this moment.
    bool takes_released(instant now, unsigned most) noexcept {
        if (std::exchange(released_at, now) != now) released = 0;
        return ++released > most;
    }
};

inline bool is_up(link_status const& link) noexcept { return link.state == link_state::up; }

}  // namespace umbel::engine
