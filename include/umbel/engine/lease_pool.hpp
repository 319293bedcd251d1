// lease_pool.hpp: connections lent for one command, or to one caller: who waits for a lease of which node,
// who gets the next one, how many there are and for how long an idle one is kept. It routes no call and
// judges none; links are opened and closed through the node supervisor.
#pragma once

#include <umbel/engine/call_endings.hpp>
#include <umbel/engine/lease_queue.hpp>
#include <umbel/engine/node_supervisor.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <algorithm>
#include <string>

namespace umbel::engine {

/// The leases of all nodes. First come, first served, for each node; the bound on leases is each node's, the
/// bound on waiting calls is for all.
///
/// A lease serves one command at a time, and is lent again when its session tells that nothing is under way
/// on it. Where the wait of a command was given up, the server is told so on the node's other connection
/// (CLIENT UNBLOCK), and the lease is lent again only when that has been answered: else it might end the wait
/// of the next command. For the same reason the result of what was given up is withheld until then.
class lease_pool {
public:
    lease_pool(control_state& shared, node_supervisor& links, call_endings& endings, query_port port) noexcept
        : shared_{shared}, links_{links}, endings_{endings}, port_{port} {}

    /// Lends the call a lease of the node, or lets it wait for one. False: none is open, and none can be
    /// opened at present. Errors: throws std::bad_alloc; the call is the caller's then.
    bool place(call& call, std::uint16_t number, instant now);
    /// The failure that keeps leases of a node from being opened.
    link_status const& trouble(std::uint16_t number) const noexcept {
        return shared_.nodes[number].leases.slots.front().status;
    }
    /// Fails a call that waits here. Precondition: it does.
    void cancel(call& call) noexcept {
        queue_.leave(call, leases_of(call.link.node));
        endings_.fail(call, errc::cancelled, call_endings::delivery_of(call), "cancelled");
    }
    /// A call that was given up has its result. It ends when the server has been told.
    void withhold(call& settled) noexcept {
        lease_slot& slot = slot_of(settled.link);
        if (!slot.unblocking || shared_.closed) return endings_.take(settled);
        slot.withheld.push(settled);
    }
    /// A caller gives back the lease that it has held.
    void give_back(lease_token& token, instant now);

    // ---- What happens to leases -----------------------------------------------------------------

    void on(link_opened const& opened, instant now);
    void on(link_lost const& lost, instant now);
    void on(link_closed const& closed, instant now) { ended(closed.link, now); }
    void on(lease_told const& told, instant now);
    /// The server has been told that a wait was given up, or could not be.
    void unblocked(unblock_call const& told, instant now);
    /// The node's shared connection was opened, or is not to be had: opens the leases that have waited for
    /// it.
    void shared_link_changed(std::uint16_t number, instant now) noexcept {
        // Without memory serve() comes back to them.
        if (leases_of(number).first) static_cast<void>(try_alloc([&] { serve(number, now); }));
    }
    /// The node is dead: waits on its leases are lost.
    void node_died(std::uint16_t number, instant now) noexcept {
        close_all(number, errc::connection_lost, now);
    }
    /// The topology has changed: moves the waiting calls whose slot another node serves now to `out`.
    void routes_changed(call_list& out) noexcept;

    // ---- Time, end ------------------------------------------------------------------------------

    /// Fails the calls whose deadline has passed, closes leases that nobody has needed for long, and opens
    /// those whose pause is over.
    void advance(instant now);
    instant next_due() const noexcept { return std::min({queue_.next_due(), idle_due_, retry_due_}); }
    std::size_t waiting() const noexcept { return queue_.size(); }
    /// Moves every waiting call to `out`, and lets go of those that are withheld.
    void clear(call_list& out) noexcept;
    /// The client is to close: every wait is given up with errc::cancelled, and no lease is lent again.
    void end_waits(instant now);

    // ---- What comes of it -----------------------------------------------------------------------

    /// Calls for the link that each names.
    call_list& outgoing() noexcept { return outgoing_; }
    /// Calls of the engine's own, for the node that each names.
    call_list& questions() noexcept { return questions_; }
    /// Calls that cannot have a lease of their node at present.
    call_list& turned_away() noexcept { return turned_away_; }

private:
    static constexpr duration no_memory_pause = std::chrono::milliseconds{100};

    node_leases& leases_of(std::uint16_t number) noexcept { return shared_.nodes[number].leases; }
    lease_slot& slot_of(link_id id) noexcept { return leases_of(id.node).slots[lease_number(id.mode)]; }
    link_status const& shared_link(std::uint16_t number) noexcept {
        return shared_.nodes[number].link(link_mode::primary);
    }
    lease_slot* idle_slot(std::uint16_t number, instant now) noexcept;
    bool open_for(std::uint16_t number, std::size_t wanted, std::uint8_t context, instant now);
    void serve(std::uint16_t number, instant now);
    void lend(std::uint16_t number, lease_slot& slot, call& call);
    void freed(link_id id, lease_slot& slot, instant now);
    void ended(link_id id, instant now);
    void unblock(link_id id, lease_slot& slot, instant now);
    void tell_session(link_id id, lease_slot& slot, instant now) noexcept;
    void close(link_id id, lease_slot& slot, errc why, instant now) noexcept;
    void close_all(std::uint16_t number, errc why, instant now) noexcept;
    template <class Do>
    void for_each_slot(std::uint16_t number, Do act) {
        auto& slots = leases_of(number).slots;
        for (unsigned at = 0; at < slots.size(); ++at)
            act(link_id{number, leased_link(at), slots[at].context}, slots[at]);
    }

    control_state& shared_;
    node_supervisor& links_;
    call_endings& endings_;
    query_port port_;
    lease_queue queue_;
    bool ending_ = false;        ///< The client is to close.
    instant idle_due_ = never;   ///< A lease may have been idle for too long then.
    instant retry_due_ = never;  ///< A pause after a failed attempt is over then.
    call_list outgoing_;
    call_list questions_;
    call_list turned_away_;
};

// ---- Who gets which lease -----------------------------------------------------------------------

inline bool lease_pool::place(call& call, std::uint16_t number, instant now) {
    node_leases& all = leases_of(number);
    if (ending_) {
        endings_.fail(call, errc::cancelled, call_endings::delivery_of(call), "the client is closing");
        return true;
    }
    if (lease_slot* const idle = all.waiting == 0 ? idle_slot(number, now) : nullptr)
        return lend(number, *idle, call), true;
    if (queue_.size() >= shared_.options.leases_waiting_max) {
        endings_.fail(call, errc::overloaded, call_endings::delivery_of(call),
                      "options.leases_waiting_max commands wait for a lease already");
        return true;
    }
    if (!open_for(number, all.waiting + std::size_t{1}, call.link.context, now)) return false;
    if (queue_.enter(call, number, all, now)) cancel(call);
    return true;
}

/// A lease that can be lent. Of one that is older than the shared connection the server cannot be told, see
/// unblock(), and one may have said who it is by old credentials: these are closed.
inline lease_slot* lease_pool::idle_slot(std::uint16_t number, instant now) noexcept {
    link_status const& beside = shared_link(number);
    auto& slots = leases_of(number).slots;
    for (unsigned at = 0; at < slots.size(); ++at) {
        lease_slot& slot = slots[at];
        if (!slot.is_idle()) continue;
        bool const renewed = slot.status.identity < shared_.identity.required();
        if (!renewed && (!is_up(beside) || slot.beside == beside.generation)) return &slot;
        close({number, leased_link(at), slot.context}, slot, errc::cancelled, now);
    }
    return nullptr;
}

/// Opens leases until so many are on their way, as far as the bound allows; while the shared connection is
/// being opened, they wait for it. False: there is none, nor will there be one before the pause after the
/// latest failure is over.
inline bool lease_pool::open_for(std::uint16_t number, std::size_t wanted, std::uint8_t context,
                                 instant now) {
    node_leases& all = leases_of(number);
    link_status const& beside = shared_link(number);
    if (beside.state == link_state::opening) return true;  // See shared_link_changed().
    std::size_t opening = 0;
    for (lease_slot const& slot : all.slots) opening += slot.status.state == link_state::opening ? 1u : 0u;
    for (unsigned at = 0; at < shared_.options.leases_max && opening < wanted; ++at) {
        if (at < all.slots.size() && !all.slots[at].is_closed()) continue;
        if (now < all.retry_at) {
            retry_due_ = std::min(retry_due_, all.retry_at);
            break;
        }
        if (at == all.slots.size()) all.slots.emplace_back();
        lease_slot& slot = all.slots[at];
        if (!slot.unblock) slot.unblock = std::make_unique<unblock_call>();
        slot.context = context;
        slot.beside = is_up(beside) ? beside.generation : 0;
        links_.open({number, leased_link(at), context}, now);
        ++opening;
    }
    return std::any_of(all.slots.begin(), all.slots.end(),
                       [](lease_slot const& slot) { return !slot.is_closed(); });
}

inline void lease_pool::lend(std::uint16_t number, lease_slot& slot, call& call) {
    auto const at = static_cast<unsigned>(&slot - leases_of(number).slots.data());
    call.link = {number, leased_link(at), slot.context};
    call.table_version = shared_.routes.version();
    if (!call.only_waits) {
        slot.is = lease_slot::use::lent;
        call.form.tied = 1;
        return outgoing_.push(call);
    }
    slot.is = lease_slot::use::held;
    slot.holder = call.wanted;
    slot.holder->link = call.link;
    endings_.complete_without_reply(call);
}

/// Lends what is idle to those who wait, and opens more.
inline void lease_pool::serve(std::uint16_t number, instant now) {
    node_leases& all = leases_of(number);
    while (call* const first = all.first) {
        lease_slot* const idle = idle_slot(number, now);
        if (!idle) break;
        queue_.leave(*first, all);
        lend(number, *idle, *first);
    }
    if (!all.first || shared_.closed) return;
    UMBEL_TRY {
        if (open_for(number, all.waiting, all.first->link.context, now)) return;
    }
    UMBEL_CATCH(...) {
        // Those who wait are served when there is memory again.
        retry_due_ = std::min(retry_due_, after(now, no_memory_pause));
        UMBEL_RETHROW;
    }
    while (call* const first = all.first) {
        queue_.leave(*first, all);
        turned_away_.push(*first);
    }
}

inline void lease_pool::freed(link_id id, lease_slot& slot, instant now) {
    slot.is = lease_slot::use::free;
    slot.idle_since = now;
    idle_due_ = std::min(idle_due_, after(now, shared_.options.lease_idle));
    serve(id.node, now);
}

inline void lease_pool::give_back(lease_token& token, instant now) {
    lease_slot& slot = slot_of(token.link);
    if (slot.holder != &token) return;  // The client has closed.
    slot.holder = nullptr;
    if (!token.is_clean() && is_up(slot.status)) return close(token.link, slot, errc::cancelled, now);
    if (slot.is != lease_slot::use::leaving) freed(token.link, slot, now);
}

// ---- What happens to leases ---------------------------------------------------------------------

inline void lease_pool::on(link_opened const& opened, instant now) {
    lease_slot& slot = slot_of(opened.link);
    slot.client_id = opened.client_id;
    leases_of(opened.link.node).retry_at = instant{0};
    freed(opened.link, slot, now);
}

inline void lease_pool::on(link_lost const& lost, instant now) {
    if (lost.how == link_loss::refused)
        leases_of(lost.link.node).retry_at = slot_of(lost.link).status.retry_at;
    ended(lost.link, now);
}

inline void lease_pool::ended(link_id id, instant now) {
    lease_slot& slot = slot_of(id);
    slot.tells = false;
    while (call* const settled = slot.withheld.pop()) endings_.take(*settled);
    slot.is = slot.holder ? lease_slot::use::held : lease_slot::use::free;
    if (slot.holder) slot.holder->lost.store(true, std::memory_order_release);
    serve(id.node, now);
}

inline void lease_pool::on(lease_told const& told, instant now) {
    lease_slot& slot = slot_of(told.link);
    if (slot.status.generation != told.generation) return;
    switch (told.what) {
        case lease_told::news::idle:
            if (slot.is == lease_slot::use::lent) freed(told.link, slot, now);
            return;
        case lease_told::news::unblock_wanted:
            // Else the session ends the connection: no other wait goes out before the server was told of one.
            if (!slot.unblocking) unblock(told.link, slot, now);
            return;
    }
}

/// Tells the server, by the node's shared connection. Where that one may have reached another process than
/// the lease has, nobody is told, for another client may have the same id there: the lease ends instead. If
/// its node has left, that ends most waits itself, which then follow their slots: they keep their time.
inline void lease_pool::unblock(link_id id, lease_slot& slot, instant now) {
    link_status const& other = shared_link(id.node);
    bool const sure = is_up(other) && other.generation == slot.beside && other.node_id == slot.status.node_id;
    if (!sure && slot.moves()) return;
    if (!sure) return close(id, slot, errc::connection_lost, now);
    slot.unblock->prepare(id, slot.status.generation, slot.client_id, port_, shared_.options.unblock_timeout);
    slot.unblocking = true;
    slot.tells = false;  // The session hears of this one instead.
    questions_.push(*slot.unblock);
}

inline void lease_pool::unblocked(unblock_call const& told, instant now) {
    lease_slot& slot = slot_of(told.lease);
    slot.unblocking = false;
    while (call* const settled = slot.withheld.pop()) endings_.take(*settled);
    if (shared_.closed) return;
    bool const same = slot.status.generation == told.generation && is_up(slot.status);
    // What was sent without an answer may still reach the server, and must find no other wait.
    if (same && !told.answered) return close(told.lease, slot, errc::connection_lost, now);
    if (same) tell_session(told.lease, slot, now);
    serve(told.lease.node, now);
}

/// Lets the next wait go out: that of the holder, who may have begun it, or of one who comes later.
inline void lease_pool::tell_session(link_id id, lease_slot& slot, instant now) noexcept {
    slot.tells = !try_alloc([&] { shared_.actions.emplace_back(wait_told{id, slot.status.generation}); });
    if (slot.tells) retry_due_ = std::min(retry_due_, after(now, no_memory_pause));
}

/// Takes a lease out of use; from now on it is lent to nobody. Without memory for that, it is tried again.
inline void lease_pool::close(link_id id, lease_slot& slot, errc why, instant now) noexcept {
    slot.is = lease_slot::use::leaving;
    slot.leaves_for = why;
    if (!try_alloc([&] { links_.shut(id, why); }))
        retry_due_ = std::min(retry_due_, after(now, no_memory_pause));
}
inline void lease_pool::close_all(std::uint16_t number, errc why, instant now) noexcept {
    for_each_slot(number, [&](link_id id, lease_slot& slot) {
        if (slot.status.state == link_state::opening || is_up(slot.status)) close(id, slot, why, now);
    });
}

inline void lease_pool::routes_changed(call_list& out) noexcept {
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
        node_leases& all = leases_of(number);
        for (call* waiting = all.first; waiting;) {
            call* const following = waiting->next;
            if (waiting->slot.is_one() && shared_.routes.route(*waiting, 0).node != number) {
                queue_.leave(*waiting, all);
                out.push(*waiting);
            }
            waiting = following;
        }
    }
}

// ---- Time, end ----------------------------------------------------------------------------------

inline void lease_pool::advance(instant now) {
    queue_.expire(now, shared_.nodes, [this](call& call) {
        endings_.fail(call, errc::deadline_exceeded, call_endings::delivery_of(call),
                      "the deadline passed while the command waited for a lease; see options.leases_max");
    });
    if (now >= retry_due_) {
        retry_due_ = never;
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
            for_each_slot(number, [&](link_id id, lease_slot& slot) {
                if (slot.is == lease_slot::use::leaving) close(id, slot, slot.leaves_for, now);
                if (slot.tells) tell_session(id, slot, now);
            });
            if (leases_of(number).first) serve(number, now);
        }
    }
    if (now < idle_due_) return;
    idle_due_ = never;
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
        auto& slots = leases_of(number).slots;
        for (unsigned at = 0; at < slots.size(); ++at) {
            if (!slots[at].is_idle()) continue;
            instant const due = after(slots[at].idle_since, shared_.options.lease_idle);
            if (due <= now)
                close({number, leased_link(at), slots[at].context}, slots[at], errc::cancelled, now);
            else
                idle_due_ = std::min(idle_due_, due);
        }
    }
}

inline void lease_pool::clear(call_list& out) noexcept {
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
        node_leases& all = leases_of(number);
        while (call* const first = all.first) {
            queue_.leave(*first, all);
            out.push(*first);
        }
        for (lease_slot& slot : all.slots) {
            while (call* const settled = slot.withheld.pop()) endings_.take(*settled);
            if (!shared_.closed || !slot.holder) continue;
            std::exchange(slot.holder, nullptr)->lost.store(true, std::memory_order_release);
        }
    }
}

inline void lease_pool::end_waits(instant now) {
    ending_ = true;
    call_list all;
    clear(all);
    while (call* const call = all.pop())
        endings_.fail(*call, errc::cancelled, call_endings::delivery_of(*call), "the client is closing");
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number)
        close_all(number, errc::cancelled, now);
}

}  // namespace umbel::engine
