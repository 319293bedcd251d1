// turn.hpp: what a thread notes while it serves a connection: whose connection it is, the time, and where
// completions for other threads are gathered. It knows no connection.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/completion_batch.hpp>
#include <umbel/engine/instant.hpp>

#include UMBEL_ASIO_HEADER(execution_context.hpp)

#include <chrono>

namespace umbel::async {

/// Reads the steady clock. Layers to the left of this one never read a clock; they are told the time.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

/// An object that a thread owns until its next batch of completions, besides the one that it serves. A chain
/// of them hangs on the turn.
struct owned_until_batch {
    owned_until_batch* next_owned = nullptr;
};

/// The present turn of this thread: one visit of a connection, from taking ownership to letting go.
struct turn {
    void const* client = nullptr;  ///< The client that the connection belongs to; null outside of a turn.
    engine::instant now{0};
    completion_batch* leaving = nullptr;               ///< Null if completions are posted one by one.
    asio::execution_context const* context = nullptr;  ///< The connection's context. The turn keeps it busy.
    owned_until_batch* owned = nullptr;  ///< Other connections of the client that this thread owns.
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of a turn the clock's.
inline engine::instant turn_time() noexcept { return current_turn.client ? current_turn.now : read_clock(); }

}  // namespace umbel::async
