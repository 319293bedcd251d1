// greeting_memory.hpp: what earlier connections to one address tell about how to greet the next one. It sends
// nothing.
#pragma once

#include <umbel/engine/handshake.hpp>
#include <umbel/options.hpp>

namespace umbel::engine {

/// Some proxies and old servers close a connection that says HELLO, or any command that they do not know,
/// without a word. After two such ends in a row the next connection says only what it must, in RESP2. When
/// one that did so has ended, HELLO is tried again: the server may be another by then.
class greeting_memory {
public:
    /// Ends without a word before HELLO is left out.
    static constexpr unsigned closed_max = 2;

    /// A connection is begun with this plan.
    void adapt(handshake_plan& plan) noexcept {
        adapted_ = closed_ >= closed_max && plan.protocol == protocol::automatic &&
                   plan.extent == umbel::handshake::full;
        if (!adapted_) return;
        plan.protocol = protocol::resp2;
        plan.extent = umbel::handshake::minimal;
    }
    /// A connection has ended. `closed_on_hello`: by the peer, which had said nothing.
    void ended(bool has_served, bool closed_on_hello) noexcept {
        if (closed_on_hello)
            ++closed_;
        else if (has_served || adapted_)
            closed_ = 0;
    }

private:
    unsigned closed_ = 0;  ///< In a row.
    bool adapted_ = false;
};

}  // namespace umbel::engine
