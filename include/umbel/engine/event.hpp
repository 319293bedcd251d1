// event.hpp: what the driver reports to the engine. Values; calls are handed over with them.
#pragma once

#include <umbel/credentials.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/link_state.hpp>
#include <umbel/engine/maintenance_notice.hpp>

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace umbel::engine {

/// A link has finished its handshake.
struct link_opened {
    link_id link;
    std::uint32_t generation = 0;
    std::string node_id;
    std::string zone;
    server_mode mode = server_mode::unknown;
    std::int64_t client_id = 0;  ///< Of a lease: what the server calls it; 0 where that was not told.
};

/// A link could not be opened, or was lost. Its calls have been judged and come as calls_returned.
struct link_lost {
    link_id link;
    std::uint32_t generation = 0;
    errc why{};
    std::string message;
    link_loss how = link_loss::refused;
};

/// A link that was told to close has drained and is closed.
struct link_closed {
    link_id link;
    std::uint32_t generation = 0;
};

/// Calls whose retry states say how they go on.
struct calls_returned {
    call_list calls;
};

/// Calls that found no link: no route, or a connection that is not opened yet.
struct calls_parked {
    call_list calls;
};

/// One of the engine's own calls has its answer.
struct query_settled {
    engine::call* answered = nullptr;
};

/// A newer topology is wanted.
struct refresh_wanted {
    link_id silent{};  ///< The link whose silence is the reason, if any: its node is asked last.
};

/// A lease tells how its command fares.
struct lease_told {
    enum class news : std::uint8_t {
        idle,           ///< Nothing is under way on it any more.
        unblock_wanted  ///< A command that blocks was given up: the server is to be told so.
    };
    link_id link;
    std::uint32_t generation = 0;
    news what = news::idle;
};

/// Credentials have come.
struct credentials_told {
    std::uint32_t question = 0;  ///< What they answer; 0: nobody has asked.
    std::shared_ptr<credentials const> given{};
    std::optional<error> why{};  ///< Where none are given. Neither: the present ones are to be said again.
};

/// The server at the other end has announced maintenance.
struct maintenance_told {
    link_id link;
    std::uint32_t generation = 0;
    maintenance_notice notice;
};

/// Another client serves from now on: what waits here without being sent is to end.
struct waits_given_up {
    std::string why;
};

using event = std::variant<link_opened, link_lost, link_closed, calls_returned, calls_parked, query_settled,
                           refresh_wanted, lease_told, credentials_told, maintenance_told, waits_given_up>;

/// The calls that an event hands over, if any.
inline call_list* calls_of(event& happened) noexcept {
    if (auto* const returned = std::get_if<calls_returned>(&happened)) return &returned->calls;
    auto* const parked = std::get_if<calls_parked>(&happened);
    return parked ? &parked->calls : nullptr;
}

}  // namespace umbel::engine
