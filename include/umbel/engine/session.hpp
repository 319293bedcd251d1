// session.hpp: all of one connection that is not a socket: its turns, settling and delivering, writing and
// reading on, loss, draining, time. It knows no socket, no clock, no thread and no redirect rule: what it
// needs of these a port gives it (net/connection.hpp over Asio, testing/sim_connection.hpp over a simulated
// network, the scripts of the unit tests by hand).
#pragma once

#include <umbel/engine/armed_timer.hpp>
#include <umbel/engine/complete_all.hpp>
#include <umbel/engine/lease_watch.hpp>
#include <umbel/engine/link.hpp>
#include <umbel/engine/session_news.hpp>
#include <umbel/engine/session_port.hpp>
#include <umbel/engine/session_turn.hpp>
#include <umbel/engine/stream_state.hpp>
#include <umbel/engine/try_alloc.hpp>
#include <umbel/engine/turn_schedule.hpp>
#include <umbel/engine/write_out.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace umbel::engine {

/// One connection without its socket: it lets its link work in turns, and reads, writes and closes by its
/// port. Lives as long as its runtime; connects again after each loss. Precondition of all: called by one
/// owner at a time.
template <class Port>
class session {
public:
    /// Calls between two looks at the clock. Calls that complete from the list weigh more: so few that their
    /// results are still in the cache, and an allocator's small caches of freed blocks serve the next ones.
    static constexpr unsigned batch = 7 * pipeline::listed_weight;
    /// Batches before others get their turn.
    static constexpr unsigned batches_max = 150;

    session(link_id id, pipeline_options const& pipeline, link_options const& link,
            std::shared_ptr<resp::pin_budget> budget)
        : id_{id}, lease_{id}, link_{pipeline, link, std::move(budget)} {}
    session(session const&) = delete;
    session& operator=(session const&) = delete;

    link_id id() const noexcept { return id_; }
    std::uint32_t generation() const noexcept { return generation_; }
    /// Numbers the streams; a notice of an older one is ignored.
    std::uint32_t epoch() const noexcept { return stream_.epoch(); }
    class link& link() noexcept { return link_; }
    class link const& link() const noexcept { return link_; }
    pipeline_counters const& counters() const noexcept { return link_.pipe().counters(); }
    latency_record const* latency() const noexcept { return link_.pipe().latency(); }
    std::size_t in_flight() const noexcept { return link_.pipe().in_flight(); }
    bool in_turn() const noexcept { return turns_.in_turn(); }
    bool closed() const noexcept { return closed_; }

    // ---- Calls and orders -----------------------------------------------------------------------

    /// Takes an ordinary call while the owner collects calls for the next write; false otherwise, and then
    /// take() looks at it.
    UMBEL_ALWAYS_INLINE bool try_fast(call& call) noexcept {
        return turns_.collecting() && link_.try_fast(call, now_);
    }
    /// The same where the caller is known to be in a turn, or to hold.
    UMBEL_ALWAYS_INLINE bool try_fast_as_owner(call& call) noexcept { return link_.try_fast(call, now_); }

    /// Takes a call, for the next turn where there is none.
    UMBEL_ALWAYS_INLINE void take(call& call, instant now) {
        if (link_.phase() == connection_phase::idle || closed_) [[unlikely]]
            return take_unopened(call);
        link_.accept(call, now);
        if (!turns_.in_turn()) turns_.want();
    }
    /// Sees to it that a turn comes when there is work for one. Precondition: outside of a turn.
    void settle_up() noexcept {
        if (unfinished()) schedule();
    }

    /// Has try_fast() take calls until release().
    void collect_until_release(instant now) noexcept {
        now_ = now;
        turns_.collect();
    }
    void release() noexcept {
        turns_.release();
        settle_up();
    }

    /// Gives up the call behind `token`, if it is still here.
    void cancel(cancel_token& token) {
        if (abandoned_ || token.owner.load(std::memory_order_seq_cst) != cancel_token::of(id_)) return;
        turn_scope const now{*this};
        link_.pipe().cancel(*token.target);
        // The call completes in a turn of its own: this may be another thread.
        if (!link_.pipe().fault().empty()) end_link(errc::connection_lost, text_of(link_.pipe().fault()));
        turns_.want();
    }

    /// Connects and greets.
    void open(open_link&& opening) {
        if (closed_) return;
        generation_ = opening.generation;
        draining_ = false;
        bool const begun = try_alloc([&] {
            link_.connecting(std::move(opening.plan), opening.where.to_string(), id_, port().clock(),
                             opening.kind, opening.waits);
            if (!opening.waits) connect(opening);
        });
        if (opening.waits) postponed_ = std::move(opening);
        if (begun) return arm_timer();
        // Waiting calls complete in a turn of their own: the engine is at work here.
        end_link(errc::connect_failed, {});
        schedule();
    }

    /// No new calls will come: closes as soon as nothing is in flight.
    void drain(close_link const& closing) {
        if (closing.generation != generation_ || closed_) return;
        draining_ = true;
        if (closing.holds_back) link_.hold_back();
        if (lease_.on() && lease_.gives_up(link_, closing.why))
            end_link(closing.why, "the lease was given up");
        want_turn();
    }

    /// The turn has come for which open() was to wait.
    void connect_now(umbel::engine::connect_now const& turn) {
        if (turn.generation != generation_ || closed_ || !link_.take_turn(port().clock())) return;
        if (!try_alloc([&] { connect(postponed_); })) end_link(errc::connect_failed, {}), want_turn();
        arm_timer();
    }
    /// The credentials that open() was to wait for, or why there are none. Calls complete in another turn.
    void take_credentials(credentials_given&& given) {
        if (given.generation != generation_ || closed_ || link_.unopened()) return;
        if (!given.identity) return end_link(errc::no_credentials, std::move(given.why)), want_turn();
        if (!try_alloc([&] { link_.identify(std::move(given.identity), port().clock()); }))
            return end_link(errc::connect_failed, {}), want_turn();
        stream_.unread = stream_.is_open();  // The server may have spoken first.
        want_turn();
    }

    void wait_told(umbel::engine::wait_told const& told) {
        if (told.generation == generation_) link_.pipe().waits().told(), want_turn();
    }

    /// Ends everything at once: every call, and those of `late`, completes with errc::cancelled.
    void shut(call_list&& late) {
        if (closed_) return;
        closed_ = true;
        hang_up(parting::close);
        while (call* const call = late.pop()) link_.pipe().accept(*call, port().clock());
        link_.pipe().fail_all(errc::cancelled);
        want_turn();
    }

    /// Ends everything without telling anybody: every call goes to `out`. Nothing may be begun afterwards.
    void abandon(call_list& out) noexcept {
        closed_ = abandoned_ = true;
        hang_up(parting::close);
        link_.pipe().take_all(out);
        out.splice(std::move(link_.pipe().finished()));
        out.splice(std::move(link_.pipe().returned()));
    }

    // ---- What the port tells --------------------------------------------------------------------

    void on_open(std::uint32_t epoch) {
        if (!stream_.is_current(epoch)) return;
        turn_scope const now{*this};
        if (!try_alloc([&] { link_.connected(now_); })) return lose(errc::connect_failed, {});
        if (link_.phase() == connection_phase::ready) report_opened();
        serve();
    }
    /// The stream could not be opened, has ended or is broken.
    void on_open_failed(std::uint32_t epoch, errc why, std::string message) {
        if (!stream_.is_current(epoch)) return;
        turn_scope const now{*this};
        lose(why, std::move(message));
    }
    void on_end(std::uint32_t epoch, std::string why) {
        on_open_failed(epoch, errc::connection_lost, std::move(why));
    }
    void on_bytes(std::uint32_t epoch, std::size_t count) {
        if (!stream_.is_current(epoch)) return;
        stream_.reading = false;
        turn_scope const now{*this};
        link_.arrived(count, now_);
        stream_.unread = true;
        serve();
    }
    void on_writable(std::uint32_t epoch) {
        if (!stream_.is_current(epoch)) return;
        stream_.write_blocked = false;
        serve_turn();
    }
    /// What read_stream() or await_writable() asked for will not come, for want of memory.
    void on_notice_lost(std::uint32_t epoch, bool of_read) noexcept {
        if (epoch == stream_.epoch()) (of_read ? stream_.reading : stream_.write_blocked) = false;
        want_turn();
    }
    void scheduled_turn() {
        turns_.came();
        serve_turn();
    }
    /// A turn for whatever has come.
    void serve_turn() {
        turn_scope const now{*this};
        serve();
    }
    /// A posted turn will not come, for want of memory.
    void on_turn_lost() noexcept {
        if (turns_.lost()) schedule();
    }
    void timer_due() {
        turn_scope const now{*this};
        instant const due = timer_.rang();
        if (closed_) return;
        bool lives = true;
        if (!try_alloc([&] { lives = link_.tick(now_, due); })) return lose(errc::connection_lost, {});
        if (!lives) lose(link_.why(), port().explained(link_.message()));
        if (link_.doubts()) port().report(refresh_wanted{id_});
        serve();
    }
    /// The timer will not ring, for want of memory.
    void on_timer_lost() noexcept { timer_.rang(), want_turn(); }

protected:
    ~session() = default;

    using turn_scope = session_turn<session, Port>;
    friend turn_scope;

    /// The work of one turn. A handler may change anything, so the state is read again after each one.
    void serve() {
        port().take_submitted();
        turns_.serves();
        for (unsigned done = 0; stream_.unread; ++done) {
            if (done == batches_max) break;  // Other sessions get a turn; unread bytes schedule the next.
            std::uint32_t const before = stream_.epoch();
            progress const next = settle();
            // A handler has run the executor itself: `next` belongs to a stream that is no more.
            if (stream_.epoch() != before) continue;
            if (next == progress::drained) stream_.unread = false;
            if (next == progress::opened) report_opened();
            if (next == progress::broken) {
                lose(link_.why(), text_of(link_.message()));
                break;
            }
            bool const listed = !link_.pipe().finished().empty();
            deliver();
            // Handlers take time, and deadlines begin afterwards: the clock is read after each batch.
            if (listed && done % pipeline::listed_weight != 0) continue;
            port().between_batches();
            now_ = port().clock();
        }
        port().before_write();
        flush();
        deliver();
        read_on();
        if (draining_ | lease_.on()) [[unlikely]]
            look_around();
        port().turn_served();
        arm_timer();
    }

    Port& port() noexcept { return static_cast<Port&>(*this); }
    /// Bytes that have arrived unread, where a port can tell: they let a large reply be read in fewer pieces.
    std::size_t bytes_waiting() const noexcept { return 0; }
    /// Another turn is to come: the port has work for it.
    void want_turn() noexcept {
        turns_.want();
        schedule();
    }
    bool turn_scheduled() const noexcept { return turns_.posted(); }
    /// Calls wait to be completed, or to be handed on.
    bool has_results() noexcept {
        return !link_.pipe().finished().empty() || !link_.pipe().returned().empty();
    }
    /// The posted turn has come when it could not be served.
    void forget_scheduled_turn() noexcept { turns_.forget(); }

private:
    using progress = umbel::engine::link::progress;

    /// A call has come before the link was opened, or after the session has closed. It fails here in the
    /// latter case: where the control plane lives, nothing may run any more.
    UMBEL_NEVER_INLINE void take_unopened(call& call) noexcept {
        if (abandoned_ || !(closed_ || call.bound)) return port().park(call);
        fail_unopened(call, closed_);
        link_.pipe().finished().push(call);
    }

    /// True when something is left for which no notice will wake the session.
    bool unfinished() noexcept {
        if (turns_.wanted() || stream_.unread || has_results()) return true;
        return may_write() && link_.wants_write();
    }
    bool may_write() const noexcept { return stream_.is_open() && !stream_.write_blocked; }
    void schedule() noexcept {
        if (!abandoned_) turns_.post_by([this] { return port().post_turn(); });
    }

    /// Waits for the next bytes, once everything that has come is settled.
    void read_on() {
        if (!stream_.is_open() || stream_.reading || stream_.unread ||
            link_.phase() == connection_phase::connecting)
            return;
        std::size_t const waiting = link_.pipe().stream().in_large_reply() ? port().bytes_waiting() : 0;
        std::span<char> const room = link_.try_space(waiting);
        // Without memory for a reply its command ends, and the rest of the reply is passed over from the next
        // turn on.
        stream_.unread = room.empty() && link_.fail_arriving_no_memory();
        if (stream_.unread) return;
        stream_.reading = true;
        if (room.empty() || !port().read_stream(room)) lose(errc::connection_lost, {});
    }
    progress settle() {
        using completing = pipeline::completing;
        UMBEL_TRY {
            return port().completes_at_once() ? link_.template settle<completing::at_once>(batch, now_)
                                              : link_.template settle<completing::by_list>(batch, now_);
        }
        UMBEL_CATCH(...) {
            if (link_.pipe().threw()) UMBEL_RETHROW;
            return link_.out_of_memory();
        }
    }
    /// Completes finished calls and hands on returned ones. A handler may do anything, also throw: then the
    /// rest follows in a turn of its own.
    void deliver() {
        if (!link_.pipe().returned().empty()) [[unlikely]]
            port().report(calls_returned{std::move(link_.pipe().returned())});
        if (has_news(link_)) [[unlikely]]
            tell_news(port(), link_, id_, generation_, now_);
        // What the handlers add is left for the next round: a caller that fails at once and tries again must
        // not hold the thread.
        complete_list(link_.pipe().finished(), [this](call& call) { port().complete(call); });
    }

    void connect(open_link const& opening) { stream_.begin(), port().connect_stream(opening); }
    void flush() {
        switch (write_out(port(), link_, stream_)) {
            case written::all: return;
            case written::no_memory: return lose(errc::connection_lost, {});
            case written::failed: return lose(errc::connection_lost, port().write_failure());
        }
    }

    /// Ends the stream; what is pending on it comes too late from now on.
    void hang_up(parting how) noexcept {
        if (stream_.end()) port().end_stream(how);
    }
    void lose(errc why, std::string message) {
        end_link(why, std::move(message));
        deliver();
    }
    void end_link(errc why, std::string message) {
        hang_up(link_.parts_by());
        if (message.empty()) message = text_of("memory has run out");
        link_.lost(why, text_of(message), port().clock());
        if (!closed_) port().report(link_lost{id_, generation_, why, std::move(message), link_.loss()});
    }
    /// The end of a turn of a link that is to close, or of a lease.
    UMBEL_NEVER_INLINE void look_around() {
        auto const tell = [this](lease_told told) { port().report(event{told}); };
        if (lease_.on() && !lease_.tend(link_, id_, generation_, now_, tell))
            lose(errc::connection_lost, text_of("the server cannot be told to end a wait"));
        if (!draining_ || closed_ || !link_.drained(lease_.on())) return;
        draining_ = false;
        hang_up(link_.parts_by());
        link_.retire(now_);
        port().report(link_closed{id_, generation_});
    }
    void report_opened() {
        auto const& peer = link_.handshake();
        port().report(
            link_opened{id_, generation_, peer.node_id(), peer.zone(), peer.mode(), peer.client_id()});
    }

    /// One timer serves deadlines, the connect timeout and probes; it is moved only when something is due
    /// earlier.
    void arm_timer() {
        timer_.ring_by(closed_ ? never : link_.next_due(), [this](instant due) { return port().arm(due); });
    }

    link_id const id_;
    lease_watch lease_;
    turn_schedule turns_;
    stream_state stream_;
    armed_timer timer_;
    bool draining_ = false;
    bool closed_ = false;
    bool abandoned_ = false;  ///< An executor is going away, or has gone.
    class link link_;
    instant now_{0};
    std::uint32_t generation_ = 0;
    open_link postponed_;  ///< What open() was told, where it waits.
};

}  // namespace umbel::engine
