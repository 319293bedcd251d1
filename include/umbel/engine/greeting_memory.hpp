// greeting_memory.hpp: what earlier connections to one address tell about how to greet the next one. It sends
// nothing.
#pragma once

#include <umbel/engine/handshake.hpp>
#include <umbel/options.hpp>

namespace umbel::engine {

/// Some proxies and old servers close a connection that says HELLO, or any command that they do not know,
/// without a word. After two such ends in a row the next connection says only what it must, in RESP2. When
/// one that did so has ended, HELLO is tried again: the server may be another by then.
///
/// Notices of maintenance are worth no connection. When one has ended while only the question for them was
/// unanswered (closed by the server, or given up because it is silent), or without a word, the next one does
/// not ask. When that has helped twice in a row, none asks any more.
class greeting_memory {
public:
    /// Ends without a word before HELLO is left out.
    static constexpr unsigned closed_max = 2;
    /// So often a connection must have served that did not ask for notices, after one that did was closed.
    static constexpr unsigned blamed_max = 2;

    /// A connection is begun with this plan.
    void adapt(handshake_plan& plan) noexcept {
        spared_ = plan.ask_notices && (suspect_ || closed_ != 0 || blamed_ >= blamed_max);
        if (spared_) plan.ask_notices = false;
        adapted_ = closed_ >= closed_max && plan.protocol == protocol::automatic &&
                   plan.extent == umbel::handshake::full;
        if (!adapted_) return;
        plan.protocol = protocol::resp2;
        plan.extent = umbel::handshake::minimal;
    }
    /// How a connection has ended.
    struct ending {
        bool served = false;
        bool closed_on_hello = false;   ///< By the peer, which had said nothing.
        bool ended_on_notices = false;  ///< By either side; the peer had answered everything else.
    };
    void ended(ending const& how) noexcept {
        suspect_ = how.ended_on_notices || (suspect_ && !how.served);
        if (how.served && !adapted_) blamed_ = spared_ ? blamed_ + 1 : 0;
        if (how.closed_on_hello)
            ++closed_;
        else if (how.served || adapted_)
            closed_ = 0;
    }

private:
    unsigned closed_ = 0;  ///< In a row.
    bool adapted_ = false;
    bool spared_ = false;   ///< The present connection has not asked for notices, though it was to.
    bool suspect_ = false;  ///< One has been closed for the question, and none has served since.
    unsigned blamed_ = 0;   ///< In a row.
};

}  // namespace umbel::engine
