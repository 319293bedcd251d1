// parked_calls.hpp: calls that have found no session, on their way to the control plane, and the gate that
// keeps later ones behind them. It knows no engine; who takes them decides what becomes of them.
#pragma once

#include <umbel/engine/inbox.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace umbel::engine {

/// While the gate is shut every new call is parked, too, so that order is kept.
/// Threading: is_open(), park(), enqueue() and close() from any thread; the rest by the control plane's
/// owner.
class parked_calls {
public:
    /// So many calls and questions are served in a turn of the control plane; others get theirs then.
    static constexpr unsigned turn_max = 1024;

    bool is_open() const noexcept { return gate_.load(std::memory_order_acquire) == 0; }
    /// A call for a node of its own choice only asks the way, and one that needs a lease goes another way
    /// than all others: nothing waits for them.
    static bool shuts_gate(call const& call) noexcept { return !call.slot.is_named_node() && !call.leased; }
    /// How many calls of each kind there are.
    struct tally {
        std::uint32_t gate = 0;
        std::uint32_t pinned = 0;  ///< Those for which nothing waits, but for leased ones.
        std::uint32_t leased = 0;
        void add(call const& call) noexcept { ++(shuts_gate(call) ? gate : call.leased ? leased : pinned); }
    };
    /// Takes a call. False: `most` of its kind are parked already.
    bool park(call& call, std::uint32_t most) noexcept {
        bool const shuts = shuts_gate(call);
        std::atomic<std::uint32_t>& count = shuts ? gate_ : call.leased ? leased_ : pinned_;
        std::uint32_t const step = shuts ? per_call : 1;
        if (count.fetch_add(step, std::memory_order_acq_rel) / step >= most) {
            count.fetch_sub(step, std::memory_order_acq_rel);
            return false;
        }
        calls_.push(call);
        return true;
    }
    /// Takes what is no command and shuts no gate.
    void enqueue(call& call) noexcept { calls_.push(call); }
    /// Shuts the gate for ever: no call goes past the control plane from now on.
    void close() noexcept { gate_.fetch_or(closed, std::memory_order_acq_rel); }

    bool empty() const noexcept { return calls_.size() == 0 && left_.empty(); }
    /// Everything, oldest first. The gate opens when settled() has been told of all calls that park() had
    /// taken.
    call_list take() noexcept {
        call_list all = std::exchange(left_, {});
        all.splice(calls_.take());
        return all;
    }
    void settled(tally count) noexcept {
        pinned_.fetch_sub(count.pinned, std::memory_order_acq_rel);
        leased_.fetch_sub(count.leased, std::memory_order_acq_rel);
        gate_.fetch_sub(count.gate * per_call, std::memory_order_acq_rel);
    }
    /// Serves what has come, oldest first, at most turn_max of it: calls go to `hand_over(call_list)`,
    /// several at a time, and questions to `answer(call&)`, unless `refuse(call&, question)` has taken them.
    /// What is left keeps its place, and the gate is shut until it has been served.
    template <class Refuse, class Answer, class HandOver>
    void serve(Refuse&& refuse, Answer&& answer, HandOver&& hand_over) {
        left_.splice(calls_.take());
        call_list calls;
        tally taken;
        auto const hand_on = [&] {
            if (!calls.empty()) hand_over(std::exchange(calls, {}));
        };
        for (unsigned served = 0; served < turn_max; ++served) {
            call* const call = left_.pop();
            if (!call) break;
            bool const question = call->question;
            call->question = false;
            if (!question) taken.add(*call);
            if (refuse(*call, question)) continue;
            if (!question) {
                calls.push(*call);
                continue;
            }
            hand_on();
            answer(*call);
        }
        hand_on();
        settled(taken);
    }
    /// True when serve() has left something for the next turn.
    bool has_left() const noexcept { return !left_.empty(); }
    /// Keeps the gate shut until release().
    void hold() noexcept { gate_.fetch_or(held, std::memory_order_acq_rel); }
    void release() noexcept { gate_.fetch_and(~held, std::memory_order_acq_rel); }

private:
    static constexpr std::uint32_t held = 1;
    static constexpr std::uint32_t closed = 2;
    static constexpr std::uint32_t per_call = 4;

    inbox calls_{inbox::unbounded};
    call_list left_;  ///< Older than those.
    std::atomic<std::uint32_t> gate_{0};
    std::atomic<std::uint32_t> pinned_{0};
    std::atomic<std::uint32_t> leased_{0};
};

}  // namespace umbel::engine
