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

/// The waits on one connection. Precondition of all: the call blocks, and stands in the in-flight queue.
class blocked_waits {
public:
    /// A call comes, whether or not it will be let in.
    void note(call const& call) noexcept { lent_ = lent_ || call.form.tied; }
    /// True, once, when a call has come to which this connection was lent.
    bool take_lent() noexcept { return std::exchange(lent_, false); }
    /// True, once, when a call was given up and the server must be told.
    bool take_wish() noexcept { return std::exchange(wished_, false); }
    /// The server is being told; from `until` on the connection counts as broken unless the wait has ended.
    void await_end(instant until) noexcept { until_ = std::min(until_, until); }
    instant due() const noexcept { return until_; }
    /// No wait is given up any more.
    void reset() noexcept { wished_ = false, until_ = never; }
    /// The connection is gone.
    void lose() noexcept { reset(), lent_ = false; }

    /// True when the server waits for the call at present: nobody's reply stands before its own.
    static bool is_served(call const& call, in_flight_queue const& queue, send_queue const& send) noexcept {
        bool served = send.is_written(call);
        for (in_flight_queue::position at = queue.head(); served && at != call.queue_position; ++at)
            served = queue[at].is_tombstone();
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
        reset();
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

    bool wished_ = false;
    bool lent_ = false;
    instant until_ = never;
};

}  // namespace umbel::engine
