// turn.hpp: what a thread is at while it serves a connection: for whom, what time it is, and where it gathers
// what completes elsewhere. It knows no connection.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/net/departures.hpp>

#include <asio/execution_context.hpp>

#include <chrono>

namespace umbel::net {

class connection;

/// The engine's clock: nothing left of net/ reads one.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

/// What this thread is serving right now, if anything.
struct turn {
    void const* client = nullptr;  ///< Whose connection it is; null outside of a turn.
    engine::instant now{0};
    departures* leaving = nullptr;                     ///< Null where calls leave one by one.
    asio::execution_context const* context = nullptr;  ///< Busy for as long as the turn lasts.
    connection* held =
        nullptr;  ///< Other connections of the client that this thread owns until its next batch, in a chain.
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of one, the clock's.
inline engine::instant turn_time() noexcept { return current_turn.client ? current_turn.now : read_clock(); }

}  // namespace umbel::net
