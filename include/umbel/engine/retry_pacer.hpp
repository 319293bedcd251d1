// retry_pacer.hpp: whether and when a call may be sent again: the client's retry budget, and one gate a node
// for calls that the node has refused. It moves no call.
#pragma once

#include <umbel/engine/control_state.hpp>
#include <umbel/engine/retry_budget.hpp>

#include <algorithm>

namespace umbel::engine {

/// Paces what is sent again.
class retry_pacer {
public:
    retry_pacer(control_state& shared, traffic_port traffic) noexcept
        : shared_{shared}, traffic_{traffic}, budget_{shared.options.budget} {}

    /// Draws on the retry budget where sending the call again adds load; false when the budget is empty.
    /// Precondition: the call has a retry state.
    bool allows(call const& call, instant now) {
        using step = cluster::verdict::step;
        UMBEL_ASSERT(call.retry != nullptr);
        retry_state const& retry = *call.retry;
        if (retry.verdict.next != step::retry && retry.verdict.next != step::refresh) return true;
        switch (repetition_of(retry.fault, retry.attempt_delivery, call.retries)) {
            case repetition::free: return true;
            case repetition::paced:
                if (retry.from) shared_.nodes[retry.from.node].gate.refused();
                return true;
            case repetition::drawn: break;
        }
        count_traffic(now);
        if (budget_.draw()) return true;
        ++shared_.counters.retries_denied;
        return false;
    }

    /// True when the call was refused unexecuted by a node that could not serve it: it passes a gate before
    /// it is sent again.
    static bool is_paced(call const& call) noexcept {
        return call.retry && repetition_of(call.retry->fault, call.retry->attempt_delivery, call.retries) ==
                                 repetition::paced;
    }
    /// True when a paced call may be sent to this node now.
    bool passes_gate(std::uint16_t number, instant now) {
        count_traffic(now);
        return shared_.nodes[number].gate.pass(std::max(budget_.per_second(), 1.0), now);
    }

    /// Lets the budget earn at least once a second.
    void advance(instant now) {
        if (now - budget_.seen_at() >= std::chrono::seconds{1}) count_traffic(now);
    }

private:
    /// Tells the budget how many commands the client has taken.
    void count_traffic(instant now) {
        if (budget_.seen_at() == now) return;
        budget_.earn(traffic_.requests ? traffic_.requests(traffic_.backend) : 0, now);
    }

    control_state& shared_;
    traffic_port traffic_;
    retry_budget budget_;
};

}  // namespace umbel::engine
