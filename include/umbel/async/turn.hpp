// turn.hpp: what a thread is at while it serves a connection: for whom, what time it is, and where it gathers
// what completes elsewhere. It knows no connection.
#pragma once

#include <umbel/async/completion_batch.hpp>
#include <umbel/engine/instant.hpp>

#include <asio/execution_context.hpp>

#include <chrono>

namespace umbel::async {

/// The engine's clock: nothing left of net/ reads one.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

/// A link in the chain of what a thread owns until its next batch of completions, beside what it is serving.
struct owned_until_batch {
    owned_until_batch* next_owned = nullptr;
};

/// What this thread is serving right now, if anything.
struct turn {
    void const* client = nullptr;  ///< Whose connection it is; null outside of a turn.
    engine::instant now{0};
    completion_batch* leaving = nullptr;               ///< Null where calls leave one by one.
    asio::execution_context const* context = nullptr;  ///< Busy for as long as the turn lasts.
    owned_until_batch* owned = nullptr;  ///< Other connections of the client that this thread owns for now.
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of one, the clock's.
inline engine::instant turn_time() noexcept { return current_turn.client ? current_turn.now : read_clock(); }

}  // namespace umbel::async
