// turn.hpp: what a thread is at while it serves a connection: where, what time it is, and where it gathers what completes elsewhere.
// It knows no connection.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/net/departures.hpp>

#include <asio/execution_context.hpp>

#include <chrono>

namespace umbel::net {

/// What is declared of the threads that serve a connection.
struct threading {
    bool single_threaded = false;  ///< One thread serves all connections, and all commands come from it.
    bool gathers = false;          ///< One thread runs each io_context: what is settled for another one goes there many at a time …
    bool alone = false;            ///< … and what comes from its own needs neither a strand nor the inbox.
};

/// The engine's clock: nothing left of net/ reads one.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

/// What this thread is serving right now, if anything.
struct turn {
    void const* place = nullptr;  ///< Where nothing else happens meanwhile: the connection, or its context where one thread runs that.
    engine::instant now{0};
    departures* leaving = nullptr;  ///< Null where calls leave one by one.
    asio::execution_context const* context = nullptr;  ///< Busy for as long as the turn lasts.
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of one, the clock's.
inline engine::instant turn_time() noexcept { return current_turn.place ? current_turn.now : read_clock(); }

}  // namespace umbel::net
