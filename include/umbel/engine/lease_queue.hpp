// lease_queue.hpp: calls that wait for a lease, in the order in which they came, and their deadlines. It
// knows no link and fails nothing.
#pragma once

#include <umbel/engine/lease_slot.hpp>
#include <umbel/engine/wheel.hpp>

#include <cstddef>
#include <cstdint>

namespace umbel::engine {

/// One list for each node, whose ends stand in its node_leases, and one wheel for all deadlines.
/// Cost: constant for entering, leaving and being cancelled, however many wait. It asks for no memory.
class lease_queue {
public:
    std::size_t size() const noexcept { return count_; }

    /// Lets a call in behind all others. True when its cancellation is wanted already.
    bool enter(call& call, std::uint16_t number, node_leases& all, instant now) noexcept {
        call.next = nullptr;
        call.previous = all.last;
        (all.last ? all.last->next : all.first) = &call;
        all.last = &call;
        ++all.waiting;
        ++count_;
        call.at = call::stage::queued;
        call.link.node = number;
        call.due = call.deadline;
        if (call.due != never) {
            wheel_.start(now);
            wheel_.insert(call);
        }
        return call.owned_by(cancel_token::engine);
    }
    /// Takes a call out. Precondition: it waits for a lease of this node.
    void leave(call& call, node_leases& all) noexcept {
        UMBEL_ASSERT(call.at == call::stage::queued);
        if (call.wheel_back) wheel_.remove(call);
        (call.previous ? call.previous->next : all.first) = call.next;
        (call.next ? call.next->previous : all.last) = call.previous;
        call.next = nullptr;
        --all.waiting;
        --count_;
        call.owned_by(cancel_token::nobody);
        call.at = call::stage::fresh;
    }

    instant next_due() const noexcept { return wheel_.next_due(); }
    /// Takes every call out whose deadline has passed, and hands it to `fail(call&)`. `nodes[number].leases`
    /// are the leases of a node.
    template <class Nodes, class Fail>
    void expire(instant now, Nodes& nodes, Fail&& fail) noexcept {
        wheel_.advance(now, [&](call& call) {
            leave(call, nodes[call.link.node].leases);
            fail(call);
        });
    }

private:
    wheel wheel_;
    std::size_t count_ = 0;
};

}  // namespace umbel::engine
