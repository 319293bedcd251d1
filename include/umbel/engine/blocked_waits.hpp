// blocked_waits.hpp: what becomes of calls that block a server when they are given up: the server is told,
// and the reply is awaited all the same, for what was taken for a call must not be lost. It knows no
// connection.
#pragma once

#include <umbel/engine/call_deadlines.hpp>
#include <umbel/engine/call_outcomes.hpp>
#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/send_queue.hpp>

#include <algorithm>
#include <utility>

namespace umbel::engine {

/// The waits on one connection, of which the server gets one at a time: what it is told to end is then the
/// one that is meant. Those behind wait at the send queue's barrier. Precondition of all that take a call: it
/// blocks, and stands in the in-flight queue. Lifetime: borrows the queues.
class blocked_waits {
public:
    blocked_waits(in_flight_queue const& queue, send_queue& send) noexcept : queue_{queue}, send_{send} {}
    blocked_waits(blocked_waits const&) = delete;
    blocked_waits& operator=(blocked_waits const&) = delete;

    /// A call comes, whether or not it will be let in, and whether or not it blocks.
    void note(call const& call) noexcept {
        if (!call.form.tied) return;
        lent_ = true;
        told_ = true;  // Else the connection would be lent to nobody.
    }
    /// True, once, when a call has come to which this connection was lent.
    bool take_lent() noexcept { return std::exchange(lent_, false); }

    /// A call that blocks has entered the queue.
    void entered(call& call) noexcept {
        call.replies_due |= call::waited_for;
        if (!waiting_ && told_)
            waiting_ = true;
        else if (send_.barrier() == send_queue::nowhere)
            send_.set_barrier(call.queue_position);
    }
    /// Its reply has come, or it ends without one.
    void left(call const& call) noexcept {
        if (call.queue_position > send_.barrier()) return;
        bool const held_back = call.queue_position == send_.barrier();
        if (held_back) send_.set_barrier(next_behind(call.queue_position));
        if (!held_back) waiting_ = false, let_next_go();
    }

    /// True, once, when a call was given up and the server must be told. No other one that blocks goes out
    /// before told().
    bool take_wish() noexcept {
        if (wished_) told_ = false;
        return std::exchange(wished_, false);
    }
    /// The server has been told.
    void told() noexcept { told_ = true, let_next_go(); }
    /// The server is being told; from `until` on the connection counts as broken unless the wait has ended.
    void await_end(instant until) noexcept { until_ = std::min(until_, until); }
    instant due() const noexcept { return until_; }
    /// The connection is gone.
    void reset() noexcept {
        no_end_awaited();
        lent_ = waiting_ = false;
        told_ = true;
    }

    /// True when the server waits for the call at present: nobody's reply stands before its own.
    bool is_served(call const& call) const noexcept {
        bool served = send_.is_written(call);
        for (in_flight_queue::position at = queue_.head(); served && at != call.queue_position; ++at)
            served = queue_[at].is_tombstone();
        return served;
    }
    /// Gives up a call for the reason `why`; errc::read_only: it moves, and a better reason may follow.
    /// Precondition: is_served().
    void give_up(call& call, errc why, call_deadlines& deadlines) noexcept {
        if (is_final(call)) return;
        if (!call.is_given_up()) wished_ = true;
        call.replies_due |= call::given_up;
        call.ending = why;
        if (!is_final(call)) return;
        deadlines.forget(call);
        call.deadline = never;
    }
    /// True of a call that was given up and goes nowhere else.
    static bool is_final(call const& call) noexcept {
        return call.is_given_up() && call.ending != errc::read_only;
    }

    /// The reply of a call that was given up, and has left the queue. The control plane completes the call
    /// once it knows that the server has been told, lest what the server is told ends the wait of a later
    /// call.
    void settle(call& call, resp::view const& reply, instant now, call_outcomes& outcomes,
                pipeline_counters& counters) noexcept {
        // What has ended needs no telling: the server would end the wait of the next call.
        no_end_awaited();
        bool const moves = !is_final(call);
        call.replies_due = 1;
        if (moves && reply.is_error()) return outcomes.fail_or_return(call, reply, now, counters);
        if (moves && reply.is_null())
            return outcomes.fail_or_return(
                call,
                {.code = errc::read_only,
                 .delivered = delivery::not_executed,
                 .message = "the node has left the cluster while the command waited"},
                now, counters);
        if (reply.is_error())
            fail(call, cluster::parse_error(reply.text(), call.flags).delivered, reply.text(),
                 outcomes.node());
        else if (reply.is_null())
            fail(call, delivery::not_executed, "nothing came before the wait was given up", outcomes.node());
        else
            call.kind->decode(call, reply);
        call.ending = errc{};
        call.at = call::stage::withheld;
        outcomes.returned().push(call);
    }

private:
    static void fail(call& call, delivery delivered, std::string_view message,
                     std::string_view node) noexcept {
        call.kind->fail(call, make_error(call, call.ending, call.known(delivered), message, node));
    }

    void no_end_awaited() noexcept { wished_ = false, until_ = never; }
    /// The next call that blocks, behind this place.
    in_flight_queue::position next_behind(in_flight_queue::position at) const noexcept {
        for (++at; at < queue_.tail(); ++at)
            if (!queue_[at].is_tombstone() && queue_[at].awaited_call()->form.blocks) return at;
        return send_queue::nowhere;
    }
    void let_next_go() noexcept {
        if (waiting_ || !told_ || send_.barrier() == send_queue::nowhere) return;
        waiting_ = true;
        send_.set_barrier(next_behind(send_.barrier()));
    }

    in_flight_queue const& queue_;
    send_queue& send_;
    bool wished_ = false;
    bool lent_ = false;
    bool waiting_ = false;  ///< A call that blocks stands before the barrier.
    bool told_ = true;      ///< Nobody is on the way to the server to end a wait.
    instant until_ = never;
};

}  // namespace umbel::engine
