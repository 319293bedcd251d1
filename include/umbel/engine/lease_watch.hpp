// lease_watch.hpp: what a session that is a lease does besides: it tells the control plane when the call that
// it was lent for has ended, and when the server must be told that a wait was given up. It knows no pool.
#pragma once

#include <umbel/engine/event.hpp>
#include <umbel/engine/link.hpp>

#include <cstdint>

namespace umbel::engine {

/// Watches one link that is a lease, at the end of each turn of its session.
class lease_watch {
public:
    explicit lease_watch(link_id id) noexcept : on_{is_leased(id.mode)} {}

    bool on() const noexcept { return on_; }

    /// The lease is to end: its waits are given up. True: the link must be lost at once, for the node is dead
    /// or cannot be told; not if it has ended already.
    static bool gives_up(link& leased, errc why) noexcept {
        if (why == errc::connection_lost) return !leased.unopened();
        leased.pipe().give_up_blocked(why);
        return false;
    }
    /// What the control plane must be told now; `report(lease_told)`. False: the wait that was given up
    /// cannot be ended by telling the server, so the link must be lost.
    template <class Report>
    bool tend(link& leased, link_id id, std::uint32_t generation, instant now, Report&& report) {
        pipeline& pipe = leased.pipe();
        if (leased.phase() != connection_phase::ready) return true;
        if (pipe.waits().take_wish()) {
            if (leased.handshake().client_id() == 0) return false;
            pipe.waits().await_end(after(now, leased.unblock_timeout()));
            report(lease_told{id, generation, lease_told::news::unblock_wanted});
        }
        // A holder's commands tell nothing: by now the lease may be lent to a call that is still on its way.
        if (!pipe.idle() || !pipe.waits().take_lent()) return true;
        report(lease_told{id, generation, lease_told::news::idle});
        return true;
    }

private:
    bool const on_;
};

}  // namespace umbel::engine
