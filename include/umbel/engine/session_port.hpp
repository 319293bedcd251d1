// session_port.hpp: what a session needs of the socket, the clock, the timer and the runtime around it.
// It knows no session.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/engine/parting.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// What became of an attempt to write.
enum class write_outcome : std::uint8_t {
    wrote,        ///< The kernel took some bytes.
    blocked,      ///< It has no room now: wait until the stream is writable.
    interrupted,  ///< Nothing happened; try again.
    failed,       ///< The stream is broken; write_failure() says why.
};

/// What a session needs of its surroundings. A port derives from session<Port>; all of these are called by
/// the session's owner. What is told to happen later must never happen inside the call.
template <class Port>
concept session_port =
    requires(Port& port, open_link const& opening, std::span<write_piece const> pieces, write_outcome& how,
             std::size_t& count, std::span<char> room, event&& happened, call& call,
             std::vector<call_slow>&& slow, instant when, parting how_it_ends, std::string const& words) {
        /// The time.
        { port.clock() } noexcept -> std::same_as<instant>;
        /// Begins to connect a new stream, whose notices carry `epoch()`. Throws std::bad_alloc.
        port.connect_stream(opening);
        /// Closes or aborts the stream; what it still has to say comes too late.
        { port.end_stream(how_it_ends) } noexcept;
        /// Asks for bytes: on_bytes() or on_end() comes once. False: no memory.
        { port.read_stream(room) } noexcept -> std::same_as<bool>;
        /// Asks for on_writable(), once. False: no memory.
        { port.await_writable() } noexcept -> std::same_as<bool>;
        /// Writes without blocking.
        { port.write_stream(pieces, how) } -> std::same_as<std::size_t>;
        /// Why the last write failed.
        { port.write_failure() } noexcept -> std::same_as<std::string>;
        /// Why a stream that is silent is given up, with what the port knows of it; empty without memory.
        { port.explained(words) } noexcept -> std::same_as<std::string>;
        /// Has scheduled_turn() called soon. False: no memory.
        { port.post_turn() } noexcept -> std::same_as<bool>;
        /// Has timer_due() called at `when`, or later if an earlier call arms it anew. False: no memory.
        { port.arm(when) } noexcept -> std::same_as<bool>;
        /// True when calls may complete where their replies are read.
        { port.completes_at_once() } noexcept -> std::same_as<bool>;
        /// Calls take() with what others have left for the session, if anything.
        port.take_submitted();
        /// Completes a call whose result is stored; may throw what its handler throws.
        port.complete(call);
        /// Between two batches of completed calls: others may have waited.
        { port.between_batches() } noexcept;
        /// No more calls complete before the write.
        { port.before_write() } noexcept;
        /// The turn's work is done but for its timer; what is in flight may be told to others.
        { port.turn_served() } noexcept;
        /// Tells the runtime what happened.
        port.report(std::move(happened));
        /// Gives a call back that has come before the link was opened.
        { port.park(call) } noexcept;
        port.slowed(std::move(slow));
    };

/// What a port need not do: it inherits these and hides those that it does.
struct quiet_session_port {
    std::string explained(std::string const& silence) const noexcept { return text_of(silence); }
    bool completes_at_once() const noexcept { return true; }
    void take_submitted() noexcept {}
    void complete(call& settled) { settled.kind->complete(settled); }
    void between_batches() noexcept {}
    void before_write() noexcept {}
    void turn_served() noexcept {}
};

}  // namespace umbel::engine
