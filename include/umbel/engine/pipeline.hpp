// pipeline.hpp: the data plane of one connection. Calls go in, gathered bytes come out; received bytes go in,
// settled calls come out. It knows no socket, no clock, no topology and no reply type. What is rare stands in
// pipeline_impl.hpp.
#pragma once

#include <umbel/engine/call_deadlines.hpp>
#include <umbel/engine/call_outcomes.hpp>
#include <umbel/engine/early_endings.hpp>
#include <umbel/engine/other_replies.hpp>
#include <umbel/engine/pipeline_options.hpp>
#include <umbel/engine/probe_call.hpp>
#include <umbel/engine/remedies.hpp>
#include <umbel/engine/reply_stream.hpp>
#include <umbel/engine/reply_timer.hpp>
#include <umbel/engine/send_queue.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// The pipeline of one connection: the queue in flight, what of it is to be written (send_queue), when its
/// deadlines pass (call_deadlines), and the way of replies to their calls (settle, call_outcomes).
///
/// Every call that leaves is on one of two lists: `finished` (its result is stored; complete it) or
/// `returned` (its retry state says how it goes on; the engine must have it). A call is on no list, or on
/// one; it never comes out twice. Threading: one owner at a time, the connection's. Rule: RESP specification,
/// "Request-response model": replies come in the order of the commands.
class pipeline {
public:
    pipeline(pipeline_options const& options, std::shared_ptr<resp::pin_budget> budget)
        : options_{options},
          stream_{std::move(budget), options.reply, options.maintenance},
          send_{{options.in_flight_max, options.queued_bytes_max, options.slow_start}},
          outcomes_{options.judging, options.seed},
          latency_{options.latency_histograms, options.slow_after} {}

    pipeline(pipeline const&) = delete;
    pipeline& operator=(pipeline const&) = delete;

    /// Names the peer for errors and trails, and says which kind of reads it serves.
    void serve(std::string node, link_id link) { outcomes_.serve(std::move(node), link); }
    std::string const& node() const noexcept { return outcomes_.node(); }
    link_id link() const noexcept { return outcomes_.link(); }

    // ---- Submission -----------------------------------------------------------------------------

    /// Queues a call for writing. The call comes out on a list at once when a bound is reached
    /// (errc::overloaded) or when its cancellation is already wanted. Cost: one entry of the queue and one
    /// copy; the deadline costs one comparison where it is the neighbour's, three as long as deadlines come
    /// in order.
    UMBEL_ALWAYS_INLINE void accept(call& call, instant now) noexcept {
        if (try_fast(call, now)) [[likely]]
            return;
        accept_any(call, now);
    }
    /// Takes an ordinary call while calls are being collected for the next write. False otherwise, and then
    /// nothing has happened but that the call's time has begun.
    UMBEL_ALWAYS_INLINE bool try_fast(call& call, instant now) noexcept {
        call.begin(now);
        if (!send_.admits_fast(call, queue_)) [[unlikely]]
            return false;
        if (!deadlines_.in_order(call)) [[unlikely]]
            return false;
        enter(call, 1);
        send_.append_fast(call);
        return true;
    }

    /// Fails or returns a call that has begun, as not sent: the node's circuit breaker is open.
    UMBEL_NEVER_INLINE void fail_or_return_unsent(call& call, errc why, std::string_view message,
                                                  instant now) noexcept {
        UMBEL_ASSERT(call.has_begun());
        ++counters_.commands;
        outcomes_.fail_or_return(
            call, {.code = why, .delivered = delivery::not_sent, .message = message, .node_open = true}, now,
            counters_);
    }

    // ---- Writing --------------------------------------------------------------------------------

    /// The server has just come back: see slow_start. Precondition: fast append is closed.
    void start_slowly() noexcept { send_.start_slowly(queue_); }
    bool wants_write() const noexcept { return send_.wants_write(queue_); }
    /// True when a call that stands here has been part of a write, so that a reply is awaited.
    bool awaits_reply(call const& call) const noexcept { return send_.is_written(call); }
    /// The next gathered write; empty when there is nothing to write. Report what became of it by wrote().
    std::span<write_piece const> gather() noexcept {
        close_fast_append();
        return send_.gather(queue_);
    }
    /// Returns true when a write went on for which the kernel had had no room.
    bool wrote(std::size_t count) noexcept { return send_.wrote(count); }

    // ---- Reading --------------------------------------------------------------------------------

    /// Where the next receive may write; never empty. `waiting`: known bytes of a large reply.
    std::span<char> space(std::size_t waiting = 0) { return stream_.reader().space(waiting); }
    void arrived(std::size_t count) {
        stream_.reader().commit(count);
        endings_.heard();
    }

    using progress = settle_progress;

    /// How calls complete whose handlers may run where the reply is read; at once: nothing is stored before.
    enum class completing : bool { by_list, at_once };

    /// What a call on the list counts for where others complete at once: until then its result takes cache.
    static constexpr unsigned listed_weight = 4;

    /// Settles at most `at_most` calls from what has arrived. Results stand on the lists afterwards, except
    /// for calls that completed at once: those are gone. Their handlers may do anything to this pipeline,
    /// also throw (then threw() says so), or lose its connection: then it ends there. Calls complete in the
    /// order of their replies either way, save where a handler runs the executor itself.
    template <completing How = completing::by_list>
    progress settle(unsigned at_most, instant now) {
        [[maybe_unused]] std::uint32_t const losses = losses_;
        resp::view other;
        for (unsigned settled = 0; settled < at_most;) {
            if (queue_.head() == send_.written()) return stream_.skip_pushes(counters_);
            in_flight_queue::entry const front = queue_[queue_.head()];
            if (!front.is_plain()) [[unlikely]] {
                progress const done =
                    front.is_tombstone() ? others_.skip() : settle_elements(*front.awaited_call(), now);
                if (done != progress::more) return done;
                if (!front.is_tombstone()) settled += listed_weight;
                continue;
            }
            queue_.prefetch(queue_.head() + 4);
            resp::view const* const plain = stream_.reader().next_plain();
            if (!plain) {
                switch (stream_.reader().next_other(other)) {
                    case resp::reader::status::ready: break;
                    case resp::reader::status::push:
                    case resp::reader::status::need_more: return progress::drained;
                    case resp::reader::status::fault: return stream_.reader_broken();
                }
                if (other.kind() == resp::type::push) [[unlikely]] {
                    stream_.take_push(other, counters_);
                    continue;
                }
            }
            resp::view const& reply = plain ? *plain : other;
            call& call = *front.plain_call();
            if (call.replies_due != 1 && !is_last(call, reply, now)) [[unlikely]] {
                if (!fault().empty()) return progress::broken;
                continue;
            }
            if (send_.is_sending(call)) [[unlikely]]
                return interrupted(call, reply, now);
            queue_.pop();
            remove(call);
            ++settled;
            ++counters_.replies;
            if (latency_.on()) [[unlikely]]
                latency_.record(call, node(), now);
            if (!plain && reply.is_error() && !call.kind->takes_errors) [[unlikely]] {
                settle_error(call, reply, now);
                if constexpr (How == completing::at_once) settled += listed_weight - 1;
                continue;
            }
            if constexpr (How == completing::at_once) {
                // Calls on the list have come before, and complete before.
                if (outcomes_.finished().empty() && call.kind->answer && answered(call, reply)) [[likely]] {
                    if (losses_ != losses) [[unlikely]]
                        return progress::more;
                    continue;
                }
                settled += listed_weight - 1;
            }
            outcomes_.complete(call, reply);
        }
        return progress::more;
    }
    /// Memory has run out for the reply that is arriving: fails the command that awaits it with
    /// errc::no_memory, and the reply is skipped. False where no command can be named, or the bytes cannot be
    /// skipped: then the connection must be closed.
    bool fail_arriving_no_memory() noexcept;
    /// True, once, when what settle() threw came from a handler.
    bool threw() noexcept { return std::exchange(threw_, false); }

    // ---- Outcomes -------------------------------------------------------------------------------

    call_list& finished() noexcept { return outcomes_.finished(); }
    call_list& returned() noexcept { return outcomes_.returned(); }
    /// Replies that were slow since this was last emptied; what is beyond a bound is not told.
    std::vector<call_slow>& slow() noexcept { return latency_.slow(); }
    std::string_view fault() const noexcept { return stream_.fault(); }

    // ---- Deadlines, cancellation, loss ----------------------------------------------------------

    /// When expire() should be called; `never` when no call has a deadline. Coarse, never early.
    instant next_expiry() noexcept { return endings_.next_expiry(); }
    /// Ends every call whose deadline has passed.
    void expire(instant now) noexcept { endings_.expire(now); }
    /// Ends one call that stands in this pipeline. Its late reply is skipped while streaming.
    void cancel(call& call) noexcept {
        UMBEL_ASSERT(call.at == call::stage::piped);
        endings_.end(call, errc::cancelled);
    }
    /// Gives up every call that blocks here, for the reason `why`; see blocked_waits.
    void give_up_blocked(errc why) noexcept {
        endings_.end_each(why, [](call const& waiting) { return waiting.form.blocks; });
    }
    blocked_waits& waits() noexcept { return endings_.waits(); }
    /// Writes no call that comes from now on; see early_endings.
    void hold_back() noexcept { endings_.hold_back(); }
    /// True when nothing is awaited in front of what is held back.
    bool holds_back_all() const noexcept { return queue_.head() == send_.barrier(); }
    /// The connection has ended: every call is judged by what is known of its delivery. `by_peer`: the peer
    /// has closed it, and a command that was being sent or answered then may be the reason.
    void lose(errc why, std::string_view message, instant now, bool by_peer = false) noexcept;
    /// Fails every call without judging it: for close and shutdown.
    void fail_all(errc why) noexcept { endings_.fail_all(why); }
    /// Takes every call out as it is, without a result: for the end of the executor.
    void take_all(call_list& out) noexcept;

    // ---- Facts ----------------------------------------------------------------------------------

    call const* oldest_awaited() const noexcept {
        if (queue_.head() == send_.written() || queue_[queue_.head()].is_tombstone()) return nullptr;
        return queue_[queue_.head()].awaited_call();
    }
    /// Until when the server may be silent because it makes replies that are taken element by element: the
    /// latest deadline of their commands; zero: there is none. Cost: linear.
    instant excuse() const noexcept { return others_.excuse(send_.written()); }
    std::size_t in_flight() const noexcept { return queue_.size(); }
    bool idle() const noexcept { return queue_.empty(); }
    bool awaits_nobody() const noexcept { return queue_.awaits_nobody(); }
    /// Deadlines that passed since the last byte arrived.
    unsigned silent_timeouts() const noexcept { return endings_.silent_timeouts(); }
    pipeline_counters const& counters() const noexcept { return counters_; }
    /// Null unless histograms are kept. Threading: read from any thread.
    latency_record const* latency() const noexcept { return latency_.histograms(); }
    reply_stream& stream() noexcept { return stream_; }
    void note_push(resp::view const& push) noexcept { stream_.take_push(push, counters_); }

private:
    UMBEL_ALWAYS_INLINE void enter(call& call, std::uint8_t replies) noexcept {
        call.queue_position = queue_.tail();
        queue_.push(in_flight_queue::entry::of(call));
        call.at = call::stage::piped;
        call.replies_due = replies;
    }
    /// What accept() does where something is out of the ordinary.
    void accept_any(call& call, instant now, bool bounded = false) noexcept;
    /// Accounts for what fast append has let pass, before anything looks at queued or staged commands.
    void close_fast_append() noexcept { counters_.commands += send_.close_fast_append(queue_); }

    UMBEL_ALWAYS_INLINE bool answered(call& call, resp::view const& reply) {
        UMBEL_TRY { return call.kind->answer(call, reply); }
        UMBEL_CATCH(...) {
            threw_ = true;
            UMBEL_RETHROW;
        }
    }
    /// The call leaves the queue.
    void remove(call& call) noexcept {
        // Tested together: few calls have either.
        if ((std::bit_cast<std::uintptr_t>(call.wheel_back) | std::bit_cast<std::uintptr_t>(call.token)) != 0)
            [[unlikely]]
            unwatch(call);
        call.at = call::stage::done;
    }
    /// remove() of a call that may be cancelled, or whose deadline the wheel watches.
    void unwatch(call& call) noexcept;
    /// Takes a reply that may stand before the one that settles the call: of ASKING, or of a transaction.
    /// True if it is the call's own after all. That of a probe may show that the stream is broken.
    bool is_last(call& call, resp::view const& reply, instant now) noexcept;
    /// An error is a call's own reply: a remedy helps, or the policy judges.
    void settle_error(call& call, resp::view const& reply, instant now) noexcept;
    /// Hands elements to the call at the front. `more`: look again, also where it has left.
    progress settle_elements(call& call, instant now);
    /// A reply while its command is being sent: an error ends command and connection, as servers do.
    progress interrupted(call& call, resp::view const& reply, instant now);

    pipeline_options options_;
    reply_stream stream_;
    in_flight_queue queue_;
    send_queue send_;
    call_deadlines deadlines_;
    call_outcomes outcomes_;
    remedies remedies_;
    reply_timer latency_;
    pipeline_counters counters_;
    other_replies others_{queue_, deadlines_, outcomes_, stream_, counters_};
    early_endings endings_{queue_, send_, deadlines_, outcomes_, stream_, counters_};
    bool threw_ = false;
    std::uint32_t losses_ = 0;  ///< Connections that have ended.
};

}  // namespace umbel::engine

#include <umbel/engine/pipeline_impl.hpp>
