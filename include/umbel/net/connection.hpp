// connection.hpp: drives one link over one transport, on one strand or one thread: reads, writes, timers, and the way in from other threads.
// It does what the link says and reports what happened; it knows no redirect, no retry and no reply type.
#pragma once

#include <umbel/engine/link.hpp>
#include <umbel/net/complete_all.hpp>
#include <umbel/net/connection_owner.hpp>
#include <umbel/net/inbox.hpp>
#include <umbel/net/loops.hpp>
#include <umbel/net/turn.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <memory>
#include <optional>
#include <string>

namespace umbel::net {

/// One connection. Lives as long as its driver; connects again and again.
/// Threading: submit(), in_flight() and counters() from any thread; everything else on the strand.
class connection final : public transport_owner {
public:
    /// Calls between two looks at the clock, where they complete as they are settled. Of those that are settled before their handlers run
    /// seven weigh as much: few enough that what was decoded is still near, and that an allocator's small caches of freed blocks serve the next.
    static constexpr unsigned batch = 7 * engine::pipeline::listed_weight;
    /// Batches before others get their turn.
    static constexpr unsigned batches_max = 150;

    connection(connection_owner& owner, engine::link_id id, asio::any_io_executor strand, threading how,
               engine::pipeline_options const& pipeline, engine::link_options const& link, std::shared_ptr<resp::pin_budget> budget)
        : owner_{owner}, id_{id}, strand_{std::move(strand)}, single_threaded_{how.single_threaded}, gathers_{how.gathers},
          context_{&asio::query(strand_, asio::execution::context)},
          own_io_{how.alone ? io_of(strand_) : nullptr},
          place_{own_io_ ? static_cast<void const*>(own_io_) : this},
          inbox_{pipeline.in_flight_max},
          link_{pipeline, link, std::move(budget)},
          timer_{std::in_place, strand_} {}

    engine::link_id id() const noexcept { return id_; }
    std::uint32_t generation() const noexcept { return generation_; }
    engine::link const& link() const noexcept { return link_; }
    asio::any_io_executor const& strand() const noexcept { return strand_; }

    // ---- Any thread -------------------------------------------------------------------------------------------------

    /// Takes an ordinary call where this thread is collecting calls for the next write; false otherwise, and then submit() takes it.
    UMBEL_ALWAYS_INLINE bool passes(engine::call& one) noexcept {
        bool const here = single_threaded_ || (current_turn.place == place_ && inbox_.empty());
        return here && in_turn_ && link_.passes(one, now_);
    }
    /// Takes a call: straight into the pipeline from the own strand, through the inbox from elsewhere. False: the inbox is full.
    UMBEL_ALWAYS_INLINE bool submit(engine::call& one) {
        if (single_threaded_) {
            take(one);
            return true;
        }
        if (current_turn.place == place_ && !(own_io_ && link_.unopened())) [[likely]] {
            // What came before from elsewhere goes before.
            if (!inbox_.empty()) [[unlikely]] take_inbox();
            take(one);
            return true;
        }
        return submit_from_elsewhere(one);
    }

    /// Calls that are on this connection, as of its last turn.
    std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_acquire) + inbox_.size(); }
    engine::pipeline_counters const& counters() const noexcept { return link_.pipe().counters(); }
    engine::latency_record const* latency() const noexcept { return link_.pipe().latency(); }

    /// True on the one thread that serves the connection without a strand, in a turn of it or outside.
    bool serves_here() const noexcept { return own_io_ && own_io_->get_executor().running_in_this_thread(); }

    // ---- The strand ---------------------------------------------------------------------------------------------------

    /// Gives up the call behind `token`, if it is still here.
    void cancel(engine::cancel_token& token) {
        if (abandoned_ || token.owner.load(std::memory_order_seq_cst) != engine::cancel_token::of(id_)) return;
        turn_scope const now{*this};
        link_.pipe().cancel(*token.target);
        if (!link_.pipe().fault().empty()) lose(errc::connection_lost, text_of(link_.pipe().fault()));
    }

    void open(engine::open_link&& what) {
        if (closed_) return;
        generation_ = what.generation;
        draining_ = false;
        bool const begun = managed([&] {
            link_.connecting(std::move(what.plan), what.where.to_string(), id_, read_clock(), what.kind);
            transport_ = owner_.make_transport(strand_, *this, ++epoch_);
            transport_->connect(what.where);
        });
        if (begun) return arm_timer();
        // Whoever waited is told in a turn of its own: here the engine is at work.
        end_link(errc::connect_failed, {});
        schedule();
    }

    /// No new calls will come: closes as soon as nothing is in flight.
    void drain(std::uint32_t generation) {
        if (generation != generation_) return;
        draining_ = true;
        schedule();
    }

    /// Ends everything at once: every call completes with errc::cancelled.
    void shut();
    /// Destroys every call without completing it, and lets go of all that belongs to a context: an executor is going away. What is pending on
    /// another one may still call this connection, to no effect. Runs while nothing else does.
    void abandon() noexcept;

    void on_connected(std::uint32_t epoch, asio::error_code problem, bool resolved) override {
        if (epoch != epoch_ || !transport_) return;
        turn_scope const now{*this};
        if (problem) return lose(resolved ? errc::connect_failed : errc::resolve_failed, text_of(problem));
        if (!managed([&] { link_.connected(now_); })) return lose(errc::connect_failed, {});
        if (link_.now_is() == engine::link::state::ready) owner_.opened(*this);
        serve();
    }

    void on_read(std::uint32_t epoch, asio::error_code problem, std::size_t count) override {
        if (epoch != epoch_ || !transport_) return;
        reading_ = false;
        turn_scope const now{*this};
        if (problem)
            return lose(errc::connection_lost, problem == asio::error::eof ? text_of("the node closed the connection") : text_of(problem));
        link_.arrived(count, now_);
        unread_ = true;
        serve();
    }

    void on_writable(std::uint32_t epoch, asio::error_code problem) override {
        if (epoch != epoch_ || !transport_) return;
        write_blocked_ = false;
        turn_scope const now{*this};
        if (problem) return lose(errc::connection_lost, text_of(problem));
        serve();
    }

    void read_lost(std::uint32_t epoch) noexcept override {
        if (epoch != epoch_) return;
        reading_ = false;
        schedule();
    }
    void wait_lost(std::uint32_t epoch) noexcept override {
        if (epoch != epoch_) return;
        write_blocked_ = false;
        schedule();
    }

    std::shared_ptr<void> keeper() override { return owner_.keeper(); }

private:
    /// Marks this thread as serving the connection and reads the clock, once a turn.
    struct turn_scope {
        explicit turn_scope(connection& whose) noexcept : before{current_turn} {
            whose.now_ = read_clock();
            current_turn = {whose.place_, whose.now_, whose.gathers_ ? &whose.leaving_ : nullptr, whose.context_};
            whose.in_turn_ = true;
            self = &whose;
        }
        turn_scope(turn_scope const&) = delete;
        turn_scope& operator=(turn_scope const&) = delete;
        ~turn_scope() {
            self->in_turn_ = false;
            current_turn = before;
            self->leaving_.send_all();
            if (self->unfinished()) self->schedule();
        }
        turn before;
        connection* self;
    };

    UMBEL_ALWAYS_INLINE void take(engine::call& one) {
        if (in_turn_ && link_.passes(one, now_)) [[likely]] return;
        if (link_.now_is() == engine::link::state::idle || closed_) [[unlikely]] return decline(one);
        if (in_turn_) {
            link_.accept(one, now_);
        } else {
            link_.accept(one, turn_time());
            in_flight_.store(link_.pipe().in_flight(), std::memory_order_release);
            schedule();
        }
    }

    void decline(engine::call& one) noexcept;
    UMBEL_NEVER_INLINE bool submit_from_elsewhere(engine::call& one) {
        // Nobody serves this connection right now, but its context is this thread's. What may be on its way to a link is that it shall open: a call
        // goes by the inbox then, behind that.
        if (serves_here() && !link_.unopened()) {
            if (!inbox_.empty()) take_inbox();
            take(one);
            return true;
        }
        inbox::pushed const done = inbox_.push(one);
        if (done == inbox::pushed::first || (unannounced_ && unannounced_.exchange(false, std::memory_order_acq_rel))) {
            // Without memory for a message the next call tries again, and so does the connection's next turn.
            using message = handler_of<connection, &connection::drain_inbox, &connection::message_lost>;
            if (!managed_twice([&] { asio::post(strand_, message{*this, owner_.keeper()}); })) message_lost();
        }
        return done != inbox::pushed::full;
    }
    void message_lost() noexcept { unannounced_.store(true, std::memory_order_release); }
    UMBEL_NEVER_INLINE void take_inbox() {
        // Counted on both sides for a moment: nobody may believe that nothing is under way.
        in_flight_.store(link_.pipe().in_flight() + inbox_.size(), std::memory_order_release);
        engine::call_list fresh = inbox_.take();
        while (engine::call* const one = fresh.pop()) take(*one);
    }
    void drain_inbox() {
        turn_scope const now{*this};
        take_inbox();
        serve();
    }

    /// True when something is left that nobody else will wake the connection for.
    bool unfinished() noexcept {
        if (!link_.pipe().finished().empty() || !link_.pipe().diverted().empty() || !leaving_.empty()) return true;
        return (transport_ && !write_blocked_ && link_.wants_write()) || unread_;
    }

    void schedule() noexcept {
        if (scheduled_ || in_turn_ || abandoned_) return;
        scheduled_ = true;
        if (!managed_twice([&] { asio::post(strand_, handler_of<connection, &connection::scheduled_turn, &connection::turn_lost>{*this, owner_.keeper()}); })) scheduled_ = false;
    }
    /// Asio has destroyed the message; it does so, too, with whatever is posted to a context that goes away.
    void turn_lost() noexcept {
        scheduled_ = false;
        if (++lost_in_a_row_ < 4) schedule();
    }
    void scheduled_turn() {
        scheduled_ = false;
        lost_in_a_row_ = 0;
        turn_scope const now{*this};
        serve();
    }

    std::span<char> space() noexcept {
        try {
            return link_.space();
        } catch (...) {
            return {};
        }
    }

    /// Settles what has arrived, resumes whoever waited, and writes once: the work of one turn.
    /// Nothing of the connection may be assumed after a handler has run; so state is looked at again each time.
    void serve() {
        if (!inbox_.empty() && !single_threaded_) [[unlikely]] take_inbox();
        for (unsigned done = 0; unread_; ++done) {
            if (done == batches_max) break;  // Others get their turn; what is unread schedules the next one.
            std::uint32_t const before = epoch_;
            engine::link::progress const next = settle();
            if (epoch_ != before) continue;  // A handler has run the executor itself, and this was told of a connection that is no more.
            if (next == engine::link::progress::drained) unread_ = false;
            if (next == engine::link::progress::opened) owner_.opened(*this);
            if (next == engine::link::progress::broken) {
                lose(link_.why(), text_of(link_.message()));
                break;
            }
            bool const listed = !link_.pipe().finished().empty();
            deliver();
            // Handlers take their time; deadlines begin afterwards, and nobody elsewhere waits for all of them. Where calls went by the list,
            // so many rounds make a batch.
            if (listed && done % engine::pipeline::listed_weight != 0) continue;
            current_turn.now = now_ = read_clock();
            leaving_.send_all();
        }
        leaving_.send_all();
        flush();
        deliver();
        read_on();
        if (draining_) finish_draining();
        in_flight_.store(link_.pipe().in_flight(), std::memory_order_release);
        arm_timer();
    }
    /// Waits for the next bytes, once everything that has come is settled.
    void read_on() {
        if (!transport_ || reading_ || unread_ || link_.now_is() == engine::link::state::connecting) return;
        std::span<char> const room = space();
        reading_ = true;
        if (room.empty() || !managed_twice([&] { transport_->read(room); })) lose(errc::connection_lost, {});
    }
    engine::link::progress settle() {
        try {
            return link_.settle<engine::pipeline::completing::at_once>(batch, now_);
        } catch (...) {
            if (link_.pipe().threw()) throw;
            return link_.out_of_memory();
        }
    }
    /// Completes finished calls and hands on diverted ones. A handler may do anything, also throw: then the rest follows in a turn of
    /// its own.
    void deliver() {
        if (!link_.pipe().diverted().empty()) [[unlikely]] owner_.diverted(std::move(link_.pipe().diverted()));
        if (!link_.pipe().slow().empty()) [[unlikely]] owner_.slowed(std::exchange(link_.pipe().slow(), {}));
        // What the handlers add is left for the next round: a caller that fails at once and tries again must not hold the thread.
        engine::call_list& finished = link_.pipe().finished();
        complete_all(std::move(finished), [&finished](engine::call_list&& others) {
            others.splice(std::move(finished));
            finished = std::move(others);
        });
    }

    void flush() {
        while (transport_ && !write_blocked_ && link_.wants_write()) {
            auto const pieces = link_.gather();
            if (pieces.empty()) return;
            asio::error_code problem;
            std::size_t const count = transport_->write_some(pieces, problem);
            if (problem == asio::error::would_block || problem == asio::error::try_again) {
                write_blocked_ = true;
                if (!managed_twice([&] { transport_->wait_writable(); })) lose(errc::connection_lost, {});
                return;
            }
            if (problem == asio::error::interrupted) continue;
            if (problem) return lose(errc::connection_lost, text_of(problem));
            link_.wrote(count);
        }
    }

    /// Closes the byte stream; what is pending on it comes too late from now on.
    void hang_up() noexcept;
    void lose(errc why, std::string message);
    void end_link(errc why, std::string message);
    void finish_draining();

    /// One timer serves deadlines, the connect timeout and probes; it is moved only when something is due earlier.
    void arm_timer() {
        engine::instant const due = closed_ ? engine::never : link_.next_due();
        if (due >= armed_for_) return;
        bool const armed = managed_twice([&] {
            timer_->expires_at(std::chrono::steady_clock::time_point{due});
            timer_->async_wait(handler_of<connection, &connection::timer_rang, &connection::timer_lost>{*this, owner_.keeper()});
        });
        armed_for_ = armed ? due : engine::never;
    }
    void timer_rang(asio::error_code problem) {
        if (problem == asio::error::operation_aborted) return;
        turn_scope const now{*this};
        armed_for_ = engine::never;
        if (closed_) return;
        bool lives = true;
        if (!managed([&] { lives = link_.tick(now_); })) return lose(errc::connection_lost, {});
        if (!lives) lose(link_.why(), text_of(link_.message()));
        if (link_.doubts()) owner_.doubted(*this);
        serve();
    }
    void timer_lost() noexcept {
        armed_for_ = engine::never;
        schedule();
    }

    // Read by every thread that has a command for it.
    connection_owner& owner_;
    engine::link_id const id_;
    asio::any_io_executor strand_;  ///< Empty when an executor has gone away.
    bool const single_threaded_;
    bool const gathers_;
    asio::execution_context const* const context_;  ///< The strand's.
    asio::io_context* const own_io_;  ///< The same, where its one thread serves the connection without a strand; else null.
    void const* const place_;
    // Written by them: nothing else may stand in these cache lines.
    alignas(64) inbox inbox_;
    std::atomic<bool> unannounced_{false};  ///< Nobody has told the strand of what stands in the inbox.
    // The strand's own.
    alignas(64) bool in_turn_ = false;
    bool scheduled_ = false;
    unsigned lost_in_a_row_ = 0;
    bool write_blocked_ = false;
    bool reading_ = false;  ///< A read is under way.
    bool unread_ = false;   ///< Bytes have arrived that are not settled yet.
    bool draining_ = false;
    bool closed_ = false;
    bool abandoned_ = false;  ///< An executor is going away, or has gone.
    engine::link link_;
    engine::instant now_{0};
    std::shared_ptr<transport> transport_;
    std::uint32_t epoch_ = 0;
    std::uint32_t generation_ = 0;
    std::atomic<std::size_t> in_flight_{0};
    departures leaving_;
    std::optional<asio::steady_timer> timer_;  ///< None when an executor has gone away.
    engine::instant armed_for_ = engine::never;
};

}  // namespace umbel::net

#include <umbel/net/connection_end.hpp>
