// early_endings.hpp: how the calls of one connection end before their replies have come: cancelled, late, or
// because the client closes. Their places in the order of replies stay. It judges no call.
#pragma once

#include <umbel/engine/blocked_waits.hpp>
#include <umbel/engine/reply_stream.hpp>

namespace umbel::engine {

/// Works on the parts of one pipeline. Lifetime: borrows them.
class early_endings {
public:
    early_endings(in_flight_queue& queue, send_queue& send, call_deadlines& deadlines,
                  call_outcomes& outcomes, reply_stream& stream, pipeline_counters& counters) noexcept
        : queue_{queue},
          send_{send},
          deadlines_{deadlines},
          outcomes_{outcomes},
          stream_{stream},
          counters_{counters} {}
    early_endings(early_endings const&) = delete;
    early_endings& operator=(early_endings const&) = delete;

    /// Ends a call: one that blocks the server is given up, any other one fails. Where another call must be
    /// answered before the one that blocks, the stream is broken, for nothing less would end its wait.
    UMBEL_NEVER_INLINE void end(call& call, errc why) noexcept {
        account();
        bool const served = call.form.blocks && waits_.is_served(call);
        if (served) return waits_.give_up(call, why, deadlines_);
        bool const waits = call.form.blocks && send_.is_written(call);
        fail(call, why);
        if (waits)
            static_cast<void>(stream_.broken("a wait was given up that stands behind another command"));
    }
    /// Ends the calls for which `wanted(call const&)` holds.
    template <class Wanted>
    void end_each(errc why, Wanted wanted) noexcept {
        for (in_flight_queue::position at = queue_.head(); at != queue_.tail(); ++at)
            if (!queue_[at].is_tombstone() && wanted(*queue_[at].awaited_call()))
                end(*queue_[at].awaited_call(), why);
    }
    /// Calls that come from now on wait unwritten, until the connection is lost, as those do that wait for
    /// slow start. Precondition: no call that blocks stands here.
    void hold_back() noexcept {
        account();
        send_.hold_back(queue_);
    }
    /// Fails every call, also one that blocks.
    void fail_all(errc why) noexcept {
        account();
        for (in_flight_queue::position at = queue_.head(); at != queue_.tail(); ++at)
            if (!queue_[at].is_tombstone()) fail(*queue_[at].awaited_call(), why);
    }
    /// Ends every call whose deadline has passed, unless its server has announced maintenance: then it has
    /// more time, once.
    void expire(instant now) noexcept {
        deadlines_.expire(queue_, now, [this, now](call& late) {
            instant const until = stream_.maintenance().patience_for(late, now);
            until > now ? deadlines_.put_off(late, until, now) : end(late, errc::deadline_exceeded);
        });
        if (now >= waits_.due()) [[unlikely]]
            static_cast<void>(stream_.broken("the node did not end a wait that was given up"));
    }
    instant next_expiry() noexcept { return std::min(deadlines_.next_due(queue_), waits_.due()); }

    blocked_waits& waits() noexcept { return waits_; }
    /// Deadlines that passed since the last byte arrived, but for those behind a command that blocks.
    unsigned silent_timeouts() const noexcept { return silent_timeouts_; }
    void heard() noexcept { silent_timeouts_ = 0; }
    /// The connection is gone.
    void reset() noexcept { heard(), waits_.reset(); }

private:
    /// What fast append has let pass is counted before anything looks at queued or staged commands.
    void account() noexcept { counters_.commands += send_.close_fast_append(queue_); }
    /// Fails a call; a tombstone takes its place in the queue.
    void fail(call& call, errc why) noexcept {
        if (call.form.blocks) waits_.left(call);
        bool const queued = !send_.is_written(call);
        if (queued) {
            send_.withdraw(call);
            queue_[call.queue_position] = in_flight_queue::entry::tombstone(0);
            // It has waited for the replies of others.
            if (why == errc::deadline_exceeded && send_.is_slow() && queue_.head() != send_.written())
                ++silent_timeouts_;
        } else {
            queue_[call.queue_position] = in_flight_queue::entry::tombstone(call.replies());
            if (!send_.adopt_bytes(call)) static_cast<void>(stream_.broken("out of memory"));
            call.ending = why;  // Its reply is awaited by nobody now.
            if (why == errc::deadline_exceeded && !a_wait_stands_in_front()) ++silent_timeouts_;
        }
        deadlines_.forget(call);
        call.owned_by(cancel_token::nobody);
        call.at = call::stage::done;
        bool const has_run = call.queue_position == queue_.head() && stream_.reader().in_elements();
        outcomes_.fail(call, why,
                       queued    ? delivery::not_sent
                       : has_run ? delivery::executed
                                 : delivery::unknown,
                       name_of(why));
    }

    /// True when the server answers nobody, because it waits for something.
    bool a_wait_stands_in_front() const noexcept {
        in_flight_queue::entry const front = queue_[queue_.head()];
        return !front.is_tombstone() && front.awaited_call()->form.blocks;
    }

    in_flight_queue& queue_;
    send_queue& send_;
    call_deadlines& deadlines_;
    call_outcomes& outcomes_;
    reply_stream& stream_;
    pipeline_counters& counters_;
    blocked_waits waits_{queue_, send_};
    unsigned silent_timeouts_ = 0;
};

}  // namespace umbel::engine
