// overload.hpp: the words of errc::overloaded: which bound is reached, which option sets it, and on which
// node.
#pragma once

#include <umbel/engine/call.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace umbel::engine {

/// "options.in_flight_max is reached: 131072 commands are queued or in flight on this connection". Needs no
/// memory but its own.
class overload_message {
public:
    overload_message(char const* option, std::uint64_t bound, char const* subject) noexcept {
        std::snprintf(text_, sizeof text_, "options.%s is reached: %llu %s", option,
                      static_cast<unsigned long long>(bound), subject);
    }
    operator std::string_view() const noexcept { return text_; }

    static overload_message commands(std::uint64_t bound) noexcept {
        return {"in_flight_max", bound, "commands are queued or in flight on this connection"};
    }
    static overload_message bytes(std::uint64_t bound) noexcept {
        return {"queued_bytes_max", bound, "bytes of commands are queued on this connection"};
    }
    static overload_message waiting(std::uint64_t bound) noexcept {
        return {"waiting_max", bound, "commands wait for a topology, a connection or a retry"};
    }

private:
    char text_[160];
};

/// Fails a call that does not come into a pipeline of so many calls. `room`: its bytes would have found some.
template <class Bounds, class Outcomes>
UMBEL_NEVER_INLINE void fail_unaccepted(call& call, bool room, std::size_t calls, Bounds const& bounds,
                                        Outcomes& outcomes) noexcept {
    bool const cancelled = call.cancel_wanted();
    call.owned_by(cancel_token::nobody);
    call.at = call::stage::done;
    overload_message const bound = room ? overload_message::commands(bounds.in_flight_max)
                                        : overload_message::bytes(bounds.queued_bytes_max);
    if (cancelled)
        outcomes.fail(call, errc::cancelled, delivery::not_sent, "cancelled before it was sent");
    else if (!room || calls >= bounds.in_flight_max)
        outcomes.fail(call, errc::overloaded, delivery::not_sent, bound);
    else
        outcomes.fail(call, errc::no_memory, delivery::not_sent, "no memory for the connection's queue");
}

/// Notes that a call has found no room: for a link, or without one among the parked calls.
inline call& refused_by(call& call, link_id full) noexcept {
    call.link.node = full.node;
    call.at = call::stage::refused;
    return call;
}
/// The same call. Where it has found no room on its way, its error is stored now: for its link, or without
/// one among the parked calls. Threading: the control plane, which knows the names of nodes.
template <class Settings, class Nodes>
call& told_if_refused(call& call, Settings const& bounds, Nodes const& nodes) noexcept {
    if (call.at != call::stage::refused) [[likely]]
        return call;
    call.at = call::stage::done;
    overload_message const why = call.link ? overload_message::commands(bounds.pipeline.in_flight_max)
                                           : overload_message::waiting(bounds.engine.waiting_max);
    std::string_view const node =
        call.link ? std::string_view{nodes[call.link.node].name} : std::string_view{};
    call.kind->fail(call, make_error(call, errc::overloaded, call.known(delivery::not_sent), why, node));
    return call;
}

}  // namespace umbel::engine
