// pipeline.hpp: the data plane of one connection. Calls go in, gathered bytes come out; received bytes go in, settled
// calls come out. It knows no socket, no clock, no topology and no reply type.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/engine/counters.hpp>
#include <umbel/engine/judge.hpp>
#include <umbel/engine/fast_append.hpp>
#include <umbel/engine/latency.hpp>
#include <umbel/engine/notice.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/wheel.hpp>
#include <umbel/resp/reader.hpp>

#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace umbel::engine {

/// What a pipeline must be told once.
struct pipeline_options {
    judge_options judging{};
    std::uint32_t in_flight_max = 131072;
    std::size_t queued_bytes_max = std::size_t{64} << 20;
    resp::limits reply{};
    std::uint64_t seed = 1;
    bool latency_histograms = false;
    duration slow_after{};  ///< Zero: nobody wants to know.
};

/// The pipeline of one connection: a queue to write, a ring in flight, and the replies' way back.
///
/// Every call that leaves is on one of two lists: `finished` (its result is stored; complete it) or `returned` (its journal says
/// how it goes on; the engine must have it). A call is on no list, or on one; it never comes out twice.
/// Threading: one owner at a time, the connection's.
/// Rule: RESP specification, "Request-response model": replies come in the order of the commands.
class pipeline {
public:
    pipeline(pipeline_options const& options, std::shared_ptr<resp::pin_budget> budget)
        : options_{options},
          random_{options.seed},
          reader_{std::move(budget), resp::reader_options{.limits = options.reply}},
          latency_{options.latency_histograms ? std::make_unique<latency_record>() : nullptr},
          timed_{options.latency_histograms || options.slow_after > duration{0}} {}

    pipeline(pipeline const&) = delete;
    pipeline& operator=(pipeline const&) = delete;

    /// Names the peer for errors and trails, and says which kind of reads it serves.
    void serve(std::string node, link_id link) {
        node_ = std::move(node);
        link_ = link;
    }
    std::string const& node() const noexcept { return node_; }
    link_id link() const noexcept { return link_; }

    // ---- Submission -----------------------------------------------------------------------------

    /// Queues a call for writing. It comes out on a list at once when a bound is reached (errc::overloaded) or when its
    /// cancellation is already wanted. A small command is copied at once to where the next write begins, while its bytes are in the cache.
    /// Cost: one ring entry and one copy; the deadline costs one comparison where it is the neighbour's, three as long as deadlines come in order.
    UMBEL_ALWAYS_INLINE void accept(call& call, instant now) noexcept {
        if (try_fast(call, now)) [[likely]] return;
        accept_any(call, now);
    }
    /// Takes an ordinary call while calls are being collected for the next write; false otherwise, and then nothing has happened but that its time
    /// has begun.
    UMBEL_ALWAYS_INLINE bool try_fast(call& call, instant now) noexcept {
        call.begin(now);
        if (!fast_append_.admits(call, queue_.tail())) [[unlikely]] return false;
        // Commands of one moment have one deadline.
        if (call.deadline != ordered_until_ && !in_order(call)) [[unlikely]] return false;
        enter(call, 1);
        fast_append_.enter(call);
        return true;
    }

    /// Judges a call that may not wait here, as not sent: the node's circuit breaker is open. Precondition: it has begun, and stands nowhere.
    UMBEL_NEVER_INLINE void turn_away(call& call, errc why, std::string_view message, instant now) noexcept {
        ++counters_.commands;
        route_fault(call, {.code = why, .delivered = delivery::not_sent, .message = message, .node = node_,
                          .from_replica = link_.mode == link_mode::replica, .node_open = true}, now);
    }

    // ---- Writing --------------------------------------------------------------------------------

    bool wants_write() const noexcept { return written_ != queue_.tail() || !outbox_.drained(); }

    /// True when a call that stands here has been part of a write, so that a reply is awaited.
    bool awaits_reply(call const& call) const noexcept { return call.position < written_; }

    /// The next gathered write; empty when there is nothing to write. Report what became of it by wrote().
    std::span<write_piece const> gather() noexcept {
        close_fast_append();
        if (!outbox_.drained() && !outbox_.staging()) return outbox_.pieces();
        if (written_ == queue_.tail() || !outbox_.begin()) return {};
        for (; staged_ != queue_.tail(); ++staged_) {
            queue_.prefetch(staged_ + 4);
            in_flight_queue::entry const next = queue_[staged_];
            if (next.is_tombstone()) continue;
            call& call = *next.owner();
            if (!outbox_.fits(call)) break;
            outbox_.add(call);
        }
        written_ = staged_;
        queued_bytes_ -= outbox_.seal();
        if (oversized_bytes_ != 0 && oversized_at_ < written_) [[unlikely]] oversized_bytes_ = 0;
        // What was given up before it was sent awaits no reply: at the front it is out of the way already.
        while (queue_.head() != written_ && queue_[queue_.head()].is_tombstone() && queue_[queue_.head()].replies() == 0) queue_.pop();
        return outbox_.pieces();
    }
    /// Returns true when a write went on for which the kernel had had no room: the peer's host has taken something.
    bool wrote(std::size_t count) noexcept {
        bool const went_on = outbox_.interrupted() && count != 0;
        outbox_.wrote(count);
        return went_on;
    }

    // ---- Reading --------------------------------------------------------------------------------

    /// Where the next receive may write; never empty. Where a large reply arrives, `waiting` says how much is there already, if that is known.
    std::span<char> space(std::size_t waiting = 0) { return reader_.space(waiting); }
    bool in_large_reply() const noexcept { return reader_.in_large(); }
    void arrived(std::size_t count) {
        reader_.commit(count);
        silent_ = 0;
    }

    enum class progress : std::uint8_t {
        drained,  ///< Nothing complete is left to read.
        more,     ///< The bound was reached; call again.
        broken,   ///< The peer broke the protocol; fault() says how. The connection must be closed.
    };

    /// Who completes calls whose handlers may run where the reply is read: whoever empties the lists, or the pipeline, at once and with
    /// nothing stored in between.
    enum class completing : bool { by_list, at_once };

    /// Where calls are completed at once, one that must wait on the list counts for so many: its result takes cache until its handler runs.
    static constexpr unsigned listed_weight = 4;

    /// Settles at most `at_most` calls from what has arrived. Results stand on the lists afterwards, except for calls that were completed at
    /// once: those are gone. Their handlers may do anything to this pipeline, also throw (then threw() says so), or lose its connection: then it
    /// ends there. Calls complete in the order of their replies either way, save where a handler runs the executor itself.
    template <completing How = completing::by_list>
    progress settle(unsigned at_most, instant now) {
        [[maybe_unused]] std::uint32_t const losses = losses_;
        resp::view other;
        for (unsigned settled = 0; settled < at_most;) {
            if (queue_.head() == written_) return settle_unasked();
            in_flight_queue::entry const front = queue_[queue_.head()];
            if (front.is_tombstone()) [[unlikely]] {
                progress const done = bury(front.replies());
                if (done != progress::more) return done;
                continue;
            }
            queue_.prefetch(queue_.head() + 4);
            resp::view const* const plain = reader_.next_plain();
            if (!plain) {
                switch (reader_.next_other(other)) {
                    case resp::reader::status::ready: break;
                    case resp::reader::status::push:
                    case resp::reader::status::need_more: return progress::drained;
                    case resp::reader::status::fault: return broken(std::string{reader_.fault().message()});
                }
                if (other.kind() == resp::type::push) [[unlikely]] {
                    ++counters_.pushes;
                    continue;
                }
            }
            resp::view const& reply = plain ? *plain : other;
            call& call = *front.owner();
            if (call.replies_due != 1) [[unlikely]] {
                --call.replies_due;  // The +OK of ASKING; were it an error, the command's own reply will tell.
                continue;
            }
            if (outbox_.backlog() && outbox_.holds(call)) [[unlikely]] return interrupted(call, reply, now);
            queue_.pop();
            leave(call);
            ++settled;
            ++counters_.replies;
            if (timed_) [[unlikely]] time(call, now);
            if (!plain && reply.is_error() && !call.kind->takes_errors) [[unlikely]] {
                faulted(call, reply, now);
                if constexpr (How == completing::at_once) settled += listed_weight - 1;
                continue;
            }
            if constexpr (How == completing::at_once) {
                // Whoever waits on the list has come before.
                if (finished_.empty() && call.kind->answer && answered(call, reply)) [[likely]] {
                    if (losses_ != losses) [[unlikely]] return progress::more;
                    continue;
                }
                settled += listed_weight - 1;
            }
            call.kind->decode(call, reply);
            finished_.push(call);
        }
        return progress::more;
    }
    /// Memory has run out for the reply that is arriving: the command that awaits it ends with errc::no_memory, and the reply is passed over.
    /// False where nobody can be named, or the bytes cannot be passed over: then the connection must be closed.
    bool give_up_reply() noexcept;
    /// True, once, when what settle() threw came from a handler.
    bool threw() noexcept { return std::exchange(threw_, false); }

    // ---- Outcomes -------------------------------------------------------------------------------

    call_list& finished() noexcept { return finished_; }
    call_list& returned() noexcept { return returned_; }
    /// Replies that were slow since this was last emptied; what is beyond a bound is not told.
    std::vector<call_slow>& slow() noexcept { return slow_; }
    std::string_view fault() const noexcept { return fault_; }

    // ---- Deadlines, cancellation, loss ----------------------------------------------------------

    /// When expire() should be called; `never` when no call has a deadline. Coarse, never early.
    instant next_expiry() noexcept {
        call const* const oldest = oldest_in_order();
        return std::min(wheel_.next_due(), oldest ? oldest->deadline : never);
    }

    /// Gives up every call whose deadline has passed.
    void expire(instant now) noexcept {
        wheel_.advance(now, [this](call& call) { abandon(call, errc::deadline_exceeded); });
        while (call* const call = oldest_in_order()) {
            if (call->deadline > now) break;
            abandon(*call, errc::deadline_exceeded);
        }
    }

    /// Gives up one call that stands in this pipeline. Its late reply is skipped while streaming.
    void cancel(call& call) noexcept {
        UMBEL_ASSERT(call.at == call::stage::piped);
        abandon(call, errc::cancelled);
    }

    /// The connection has ended: every call is judged, each with what is known of its delivery, and the pipeline is empty.
    /// `by_peer` says that the peer has closed it: a command that was being sent or answered then may be the reason.
    void lose(errc why, std::string_view message, instant now, bool by_peer = false) noexcept;

    /// Hands out every call without judging it: each finishes with `why`. For close and shutdown.
    void dismiss(errc why) noexcept {
        for (in_flight_queue::position at = queue_.head(); at != queue_.tail(); ++at)
            if (!queue_[at].is_tombstone()) abandon(*queue_[at].owner(), why);
    }

    /// Moves every call out as it is, without a result: for the end of the executor.
    void surrender(call_list& out) noexcept;

    // ---- Facts ----------------------------------------------------------------------------------

    call const* oldest_awaited() const noexcept {
        return queue_.head() == written_ || queue_[queue_.head()].is_tombstone() ? nullptr : queue_[queue_.head()].owner();
    }
    std::size_t in_flight() const noexcept { return queue_.size(); }
    bool idle() const noexcept { return queue_.empty(); }
    /// Deadlines that passed since the last byte arrived.
    unsigned silent_timeouts() const noexcept { return silent_; }
    pipeline_counters const& counters() const noexcept { return counters_; }
    /// Null unless histograms are kept. Threading: read from any thread.
    latency_record const* latency() const noexcept { return latency_.get(); }
    resp::reader& reader() noexcept { return reader_; }
    outbox& writes() noexcept { return outbox_; }

private:
    UMBEL_ALWAYS_INLINE void enter(call& call, std::uint8_t replies) noexcept {
        call.position = queue_.tail();
        queue_.push(in_flight_queue::entry::of(call));
        call.at = call::stage::piped;
        call.replies_due = replies;
    }
    /// Lets ordinary commands pass for as long as every bound allows. Precondition: a write is being collected, with all that stands here.
    void open_fast_append() noexcept;
    /// Accounts for what has passed. Whoever looks at queued or staged commands does this first.
    void close_fast_append() noexcept {
        if (!fast_append_.is_open()) return;
        std::size_t const bytes = fast_append_.close();
        outbox_.grew(bytes);
        queued_bytes_ += bytes;
        counters_.commands += queue_.tail() - staged_;
        staged_ = queue_.tail();
    }
    /// What accept() does where something is out of the ordinary.
    void accept_any(call& call, instant now) noexcept;
    /// Deadlines that come in order need no wheel: the ring is sorted by them already. False where this one does not.
    bool in_order(call const& call) noexcept {
        if (call.deadline < ordered_until_) return false;
        if (call.deadline != never) ordered_until_ = call.deadline;
        return true;
    }
    void watch(call& call, instant now) noexcept {
        if (in_order(call)) return;
        wheel_.start(now);
        call.due = call.deadline;
        wheel_.insert(call);
    }

    UMBEL_ALWAYS_INLINE bool answered(call& call, resp::view const& reply) {
        try {
            return call.kind->answer(call, reply);
        } catch (...) {
            threw_ = true;
            throw;
        }
    }

    call* oldest_in_order() noexcept {
        cursor_ = std::max(cursor_, queue_.head());
        for (; cursor_ != queue_.tail(); ++cursor_) {
            in_flight_queue::entry const next = queue_[cursor_];
            if (next.is_tombstone()) continue;
            call* const call = next.owner();
            if (call->deadline != never && !call->wheel_back) return call;
        }
        return nullptr;
    }

    void leave(call& call) noexcept {
        // Asked together: few have one of the two.
        if ((std::bit_cast<std::uintptr_t>(call.wheel_back) | std::bit_cast<std::uintptr_t>(call.token)) != 0) [[unlikely]] let_go(call);
        call.at = call::stage::done;
    }

    /// leave() of a call that somebody may cancel, or whose deadline the wheel watches.
    void let_go(call& call) noexcept;
    void refuse(call& call, bool room) noexcept;
    void abandon(call& call, errc why) noexcept;
    /// Takes staged bytes back before anybody has seen them: a call among them has been given up. The others are gathered with the next write.
    void unstage() noexcept;
    /// Skips what belongs to a forgotten call. `more`: an entry or a reply is out of the way.
    progress bury(unsigned replies);
    /// Nothing is awaited: only push frames may arrive.
    progress settle_unasked();
    /// A reply while the command is still being sent: an error ends the command and the connection, as servers do with what is too large.
    progress interrupted(call& call, resp::view const& reply, instant now);
    progress broken(std::string why) {
        fault_ = std::move(why);
        return progress::broken;
    }

    void faulted(call& call, resp::view const& reply, instant now) noexcept;
    void route_fault(call& call, failure const& seen, instant now) noexcept;
    /// Notes how long a call took.
    void time(call const& call, instant now) noexcept;
    static constexpr std::size_t slow_max = 64;

    pipeline_options options_;
    random_source random_;
    resp::reader reader_;
    outbox outbox_;
    in_flight_queue queue_;
    fast_append fast_append_;
    in_flight_queue::position written_ = 0;  ///< Up to here calls are part of a write.
    in_flight_queue::position staged_ = 0;   ///< Up to here calls stand in the outbox; those in the lane come behind.
    in_flight_queue::position cursor_ = 0;   ///< Before here no call's deadline is watched in order.
    instant ordered_until_{0};
    wheel wheel_;
    std::size_t queued_bytes_ = 0;
    std::size_t oversized_bytes_ = 0;  ///< Those of them that belong to the one command larger than the bound.
    in_flight_queue::position oversized_at_ = 0;  ///< Where that stands.
    call_list finished_;
    call_list returned_;
    std::string node_;
    link_id link_{};
    std::string fault_;
    bool threw_ = false;
    std::uint32_t losses_ = 0;
    unsigned silent_ = 0;
    pipeline_counters counters_;
    std::unique_ptr<latency_record> latency_;
    bool const timed_;
    std::vector<call_slow> slow_;
};

}  // namespace umbel::engine

#include <umbel/engine/pipeline_rare.hpp>
