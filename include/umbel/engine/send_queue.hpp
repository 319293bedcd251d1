// send_queue.hpp: which calls of an in-flight queue are written already, which bytes are written next, and
// how much may wait. It knows no reply, no deadline and no socket, and fails nothing.
#pragma once

#include <umbel/engine/in_flight_queue.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/engine/slow_start.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace umbel::engine {

/// How much may wait on one connection.
struct send_bounds {
    std::size_t calls_max = 131072;                 ///< In flight, those included that are not written yet.
    std::size_t bytes_max = std::size_t{64} << 20;  ///< Of commands that are not written yet.
    std::size_t slow_start = 0;                     ///< In flight at first, see slow_start; 0: any number.
};

/// The part of an in-flight queue that is not written yet. The queue's calls stand in three stretches: those
/// before written() are part of a write and await their replies; those before `staged_` are copied to where
/// the next write begins; the others are gathered with the next write. While fast append is open, calls pass
/// behind `staged_` without being counted; close_fast_append() accounts for them. Precondition of all:
/// `queue` is always the same one.
class send_queue {
public:
    explicit send_queue(send_bounds const& bounds) noexcept
        : bounds_{bounds}, slow_start_{bounds.slow_start}, fast_calls_max_{bounds.calls_max} {}

    // ---- What comes in --------------------------------------------------------------------------

    /// True when an ordinary call may be appended without looking at the bounds: they were measured
    /// beforehand.
    UMBEL_ALWAYS_INLINE bool admits_fast(call const& call, in_flight_queue const& queue) const noexcept {
        return fast_append_.admits(call, queue.tail());
    }
    /// Copies the bytes of a call that was admitted, and has entered the queue.
    UMBEL_ALWAYS_INLINE void append_fast(call& call) noexcept { fast_append_.enter(call); }

    /// True when so many bytes may wait as well. A command larger than the whole bound takes no room from
    /// others; only one such command may wait.
    bool has_room(std::size_t bytes) const noexcept {
        if (bytes > bounds_.bytes_max) return oversized_bytes_ == 0;
        return queued_bytes_ - oversized_bytes_ + bytes <= bounds_.bytes_max;
    }
    /// Takes the call that has entered the queue last. Precondition: fast append is closed, and
    /// has_room(bytes), where `bytes` is the call's wire_size(). A small call is copied at once to where the
    /// next write begins, while its bytes are in the cache.
    void append(call& call, std::size_t bytes) noexcept {
        queued_bytes_ += bytes;
        if (bytes > bounds_.bytes_max) {
            oversized_bytes_ = bytes;
            oversized_at_ = call.queue_position;
        }
        bool const next =
            staged_ == call.queue_position && staged_ != barrier_ && !outbox_.backlog() && outbox_.begin();
        if (next && outbox_.takes(call)) {
            outbox_.stage(call);
            ++staged_;
        }
    }
    /// Lets ordinary calls pass by append_fast() for as long as every bound allows, if a write is being
    /// collected with all that stands in the queue.
    void open_fast_append(in_flight_queue const& queue) noexcept {
        if (!outbox_.staging() || staged_ != queue.tail() || queued_bytes_ >= bounds_.bytes_max) return;
        std::size_t const places = std::min(queue.capacity(), fast_calls_max_);
        outbox_.lend(fast_append_, bounds_.bytes_max - queued_bytes_, queue.head() + places);
    }
    /// Accounts for the calls that have passed since, and returns their number. To be called before anything
    /// looks at queued or staged calls.
    std::size_t close_fast_append(in_flight_queue const& queue) noexcept {
        if (!fast_append_.is_open()) return 0;
        std::size_t const bytes = fast_append_.close();
        outbox_.grew(bytes);
        queued_bytes_ += bytes;
        auto const passed = static_cast<std::size_t>(queue.tail() - staged_);
        staged_ = queue.tail();
        return passed;
    }

    // ---- What goes out --------------------------------------------------------------------------

    /// The call at this place, and those behind it, are not written before another barrier is set; `nowhere`:
    /// there is none. Precondition: the call is not staged; calls that block are not, before they are
    /// gathered.
    void set_barrier(in_flight_queue::position at) noexcept {
        UMBEL_ASSERT(at >= staged_);
        barrier_ = at;
    }
    static constexpr in_flight_queue::position nowhere = ~in_flight_queue::position{0};
    in_flight_queue::position barrier() const noexcept { return barrier_; }
    bool wants_write(in_flight_queue const& queue) const noexcept {
        return (written_ != queue.tail() && (written_ != barrier_ || lets_pass(queue))) || !outbox_.drained();
    }

    /// The server has just come back: calls that are not staged yet go out by slow start. Precondition: fast
    /// append is closed.
    void start_slowly(in_flight_queue const& queue) noexcept {
        if (!slow_start_.enabled() || barrier_ != nowhere) return;
        slow_start_.begin(queue.head(), static_cast<std::size_t>(staged_ - queue.head()));
        set_barrier(slow_start_.until(queue.head()));
        fast_calls_max_ = 0;
    }
    /// True during slow start: calls may wait for the replies of others.
    bool is_slow() const noexcept { return slow_start_.on(); }
    /// Calls that come from now on are not written, nor those that wait for slow start. Precondition: fast
    /// append is closed, and no call that blocks stands here.
    void hold_back(in_flight_queue const& queue) noexcept {
        slow_start_.end();
        barrier_ = std::min(barrier_, queue.tail());
    }
    /// The next gathered write; empty when there is nothing to write. Precondition: fast append is closed.
    std::span<write_piece const> gather(in_flight_queue& queue) noexcept {
        if (!outbox_.drained() && !outbox_.staging()) return outbox_.pieces();
        if (written_ == queue.tail() || !outbox_.begin()) return {};
        for (; staged_ != queue.tail() && (staged_ != barrier_ || moves_barrier(queue)); ++staged_) {
            queue.prefetch(staged_ + 4);
            in_flight_queue::entry const next = queue[staged_];
            umbel::engine::call* awaited = next.plain_call();
            if (!next.is_plain()) [[unlikely]] {
                if (next.is_tombstone()) continue;
                awaited = next.awaited_call();
            }
            call& call = *awaited;
            if (!outbox_.fits(call)) break;
            outbox_.add(call);
        }
        written_ = staged_;
        queued_bytes_ -= outbox_.seal();
        if (oversized_bytes_ != 0 && oversized_at_ < written_) [[unlikely]]
            oversized_bytes_ = 0;
        // A call that ended before it was written awaits no reply: its tombstone may leave the front now.
        while (queue.head() != written_ && queue[queue.head()].is_tombstone() &&
               queue[queue.head()].replies() == 0)
            queue.pop(), slow_start_.skipped();
        return outbox_.pieces();
    }
    /// The kernel took so many bytes. Returns true when a write went on for which the kernel had had no room:
    /// the peer's host has taken something.
    bool wrote(std::size_t count) noexcept {
        bool const went_on = outbox_.interrupted() && count != 0;
        outbox_.wrote(count);
        return went_on;
    }

    // ---- Facts ----------------------------------------------------------------------------------

    /// Calls before this place are part of a write.
    in_flight_queue::position written() const noexcept { return written_; }
    /// True when the call is part of a write, so that a reply is awaited.
    bool is_written(call const& call) const noexcept { return call.queue_position < written_; }
    /// True while the kernel has not got all bytes of a written call.
    bool is_sending(call const& call) const noexcept { return outbox_.backlog() && outbox_.holds(call); }
    /// True when the kernel has got all bytes of the call: the server may have executed it.
    bool is_sent(call const& call) const noexcept {
        return is_written(call) && call.stream_end <= outbox_.kernel_bytes();
    }
    /// True when the kernel has got some bytes of the call.
    bool is_begun(call const& call) const noexcept {
        return is_written(call) && call.stream_end < outbox_.kernel_bytes() + call.wire_size();
    }

    // ---- What ends early ------------------------------------------------------------------------

    /// A call ends that is not written yet. Precondition: fast append is closed, !is_written(call).
    UMBEL_NEVER_INLINE void withdraw(call const& call) noexcept {
        UMBEL_ASSERT(!fast_append_.is_open());
        UMBEL_ASSERT(!is_written(call));
        queued_bytes_ -= call.wire_size();
        if (call.queue_position == oversized_at_) oversized_bytes_ = 0;
        if (call.queue_position >= staged_) return;
        // Staged bytes are taken back before the kernel has seen them; the other calls are gathered anew.
        outbox_.unstage();
        staged_ = written_;
    }
    /// A written call ends: what is left of its bytes is copied. False when memory has run out.
    bool adopt_bytes(call const& call) noexcept { return !outbox_.holds(call) || outbox_.adopt(call); }

    /// The connection is gone, and the queue is empty, going on at `head`.
    void reset(in_flight_queue::position head) noexcept {
        written_ = staged_ = head;
        end_slow_start();
        queued_bytes_ = oversized_bytes_ = 0;
        outbox_.reset();
    }

private:
    /// True where the barrier is that of slow start, and replies have come since it was set.
    UMBEL_NEVER_INLINE bool lets_pass(in_flight_queue const& queue) const noexcept {
        return slow_start_.on() && slow_start_.until(queue.head()) > barrier_;
    }
    /// The same; sets it anew.
    UMBEL_NEVER_INLINE bool moves_barrier(in_flight_queue const& queue) noexcept {
        if (!lets_pass(queue)) return false;
        if (slow_start_.is_over(queue.head(), queue.tail()))
            end_slow_start();
        else
            barrier_ = slow_start_.until(queue.head());
        return true;
    }
    void end_slow_start() noexcept {
        slow_start_.end();
        barrier_ = nowhere;
        fast_calls_max_ = bounds_.calls_max;
    }

    send_bounds bounds_;
    class slow_start slow_start_;
    std::size_t fast_calls_max_;  ///< None while slow start counts them.
    outbox outbox_;
    fast_append fast_append_;
    in_flight_queue::position written_ = 0;
    in_flight_queue::position staged_ = 0;
    in_flight_queue::position barrier_ = nowhere;
    std::size_t queued_bytes_ = 0;
    std::size_t oversized_bytes_ = 0;  ///< Of those the bytes of the one command larger than the bound.
    in_flight_queue::position oversized_at_ = 0;
};

}  // namespace umbel::engine
