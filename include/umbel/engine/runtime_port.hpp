// runtime_port.hpp: what a client's runtime needs of the threads, timers and connections around it.
// It knows no runtime.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/cancel_share.hpp>
#include <umbel/engine/event.hpp>
#include <umbel/engine/link.hpp>
#include <umbel/engine/notice.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

namespace umbel::engine {

/// End everything of a session at once.
struct shut_link {};
/// What the control plane wants of a session.
using session_order =
    std::variant<open_link, connect_now, credentials_given, close_link, wait_told, shut_link, cancel_share>;

/// What a runtime needs of its surroundings. A port derives from runtime<Port, Session>.
/// What is told to happen later must never happen inside the call.
template <class Port, class Session>
concept runtime_port =
    requires(Port& port, Session& there, session_order&& order, call& call, instant when, duration span,
             link_id id, pipeline_options const& pipe, link_options const& link, cancel_share&& share,
             node_connected& notice, event&& happened, std::shared_ptr<void>&& alive) {
        /// The time.
        { port.clock() } noexcept -> std::same_as<instant>;
        /// Makes a session. Throws std::bad_alloc.
        { port.make_session(id, pipe, link) } -> std::same_as<std::unique_ptr<Session>>;
        // ---- To sessions, by whoever owns them.
        { port.order(there, std::move(order)) } noexcept;
        // ---- To the control plane's own owner.
        /// Has turn() called soon. Threading: any.
        { port.wake() } noexcept;
        /// The same from a thread that may go on when the client's executors go away. What has kept the port
        /// alive there is let go of by one of the client's own threads, where there is one.
        { Port::wake_from_outside(port, std::move(alive)) } noexcept;
        /// Holds the runtime, where another thread may end the last of what holds it. Threading: any.
        port.keep_alive();
        port.cancel_in_engine(std::move(share));
        /// Has time_passed() called at `when`, or later if an earlier call arms it anew. False: no memory.
        { port.arm(when) } noexcept -> std::same_as<bool>;
        /// Has check_idle() called after a while. False: no memory.
        { port.check_idle_in(span) } noexcept -> std::same_as<bool>;
        /// Everything has been told to close.
        { port.closes() } noexcept;
        // ---- About calls.
        /// A call leaves the sessions: whatever they kept for it ends.
        { port.leaves_sessions(call) } noexcept;
        /// Answers a question to the control plane.
        port.answer_question(call);
        /// Completes a call whose result is stored; may throw what its handler throws.
        port.complete(call);
        /// For observers; may throw what they throw.
        port.notice(notice);
        /// Around the engine's handling of an event, for those who check it.
        { port.before_handling(std::as_const(happened)) } noexcept;
        { port.after_handling(std::as_const(happened)) } noexcept;
        /// Tells happened(), now or later.
        port.report(std::move(happened));
    };

/// What a port need not do: it inherits these and hides those that it does.
struct quiet_runtime_port {
    std::shared_ptr<void> keep_alive() const noexcept { return nullptr; }
    template <class Port>
    static void wake_from_outside(Port& port, std::shared_ptr<void>&&) noexcept {
        port.wake();
    }
    void closes() noexcept {}
    void leaves_sessions(call&) noexcept {}
    void complete(call& settled) { settled.kind->complete(settled); }
    void before_handling(event const&) noexcept {}
    void after_handling(event const&) noexcept {}
};

}  // namespace umbel::engine
