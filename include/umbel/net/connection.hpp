// connection.hpp: drives one link over one transport on one strand: reads, writes, timers, and the way in from other threads.
// It does what the link says and reports what happened; it knows no redirect, no retry and no reply type.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/link.hpp>
#include <umbel/net/inbox.hpp>
#include <umbel/net/transport.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <memory>
#include <string>

namespace umbel::net {

/// The engine's clock: nothing left of net/ reads one.
inline engine::instant read_clock() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

class connection;

/// What a connection tells its driver. All may be called from the connection's strand.
class connection_owner {
public:
    virtual void opened(connection& which) = 0;
    /// Comes before the calls that were lost with it.
    virtual void lost(connection& which, errc why, std::string message) = 0;
    virtual void closed(connection& which) = 0;
    /// Commands wait on it and it is silent: perhaps others know more.
    virtual void doubted(connection& which) = 0;
    virtual void diverted(engine::call_list&& calls) = 0;
    virtual void stranded(engine::call_list&& calls) = 0;
    virtual void stranded(engine::call& one) noexcept = 0;
    virtual void slowed(std::vector<engine::call_slow>&&) {}
    virtual std::shared_ptr<void> keeper() = 0;
    virtual std::shared_ptr<transport> make_transport(asio::any_io_executor const& strand, transport_owner& owner, std::uint32_t epoch) = 0;

protected:
    ~connection_owner() = default;
};

/// The connection that this thread is serving right now, if any.
struct turn {
    connection const* of = nullptr;
    engine::instant now{0};
};
inline constinit thread_local turn current_turn{};
/// The time of the present turn; outside of one, the clock's.
inline engine::instant turn_time() noexcept { return current_turn.of ? current_turn.now : read_clock(); }

/// One connection. Lives as long as its driver; connects again and again.
/// Threading: submit(), in_flight() and counters() from any thread; everything else on the strand.
class connection final : public transport_owner {
public:
    /// Calls settled before their handlers run: few enough that what was decoded is still near, and that an allocator's small caches of
    /// freed blocks serve the next batch.
    static constexpr unsigned batch = 7;
    /// Batches between two looks at the clock, and batches before others get their turn.
    static constexpr unsigned batches_timed = 4;
    static constexpr unsigned batches_max = 600;

    connection(connection_owner& owner, engine::link_id id, asio::any_io_executor strand, bool single_threaded,
               engine::pipeline_options const& pipeline, engine::link_options const& link, std::shared_ptr<resp::pin_budget> budget)
        : owner_{owner},
          id_{id},
          strand_{std::move(strand)},
          single_threaded_{single_threaded},
          link_{pipeline, link, std::move(budget)},
          inbox_{pipeline.in_flight_max},
          timer_{strand_} {}

    engine::link_id id() const noexcept { return id_; }
    std::uint32_t generation() const noexcept { return generation_; }
    engine::link const& link() const noexcept { return link_; }
    asio::any_io_executor const& strand() const noexcept { return strand_; }

    // ---- Any thread -------------------------------------------------------------------------------------------------

    /// Takes a call: straight into the pipeline from the own strand, through the inbox from elsewhere. False: the inbox is full.
    UMBEL_ALWAYS_INLINE bool submit(engine::call& one) {
        if (single_threaded_ || current_turn.of == this) [[likely]] {
            // What came before from elsewhere goes before.
            if (!inbox_.empty()) [[unlikely]] take_inbox();
            take(one);
            return true;
        }
        switch (inbox_.push(one)) {
            case inbox::pushed::more: return true;
            case inbox::pushed::first: asio::post(strand_, drain_inbox{this, owner_.keeper()}); return true;
            case inbox::pushed::full: break;
        }
        return false;
    }

    /// Calls that are on this connection, as of its last turn.
    std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_acquire) + inbox_.size(); }
    engine::pipeline_counters const& counters() const noexcept { return link_.pipe().counters(); }
    engine::latency_record const* latency() const noexcept { return link_.pipe().latency(); }

    // ---- The strand ---------------------------------------------------------------------------------------------------

    /// Gives up the call behind `token`, if it is still here.
    void cancel(engine::cancel_token& token) {
        if (token.owner.load(std::memory_order_seq_cst) != engine::cancel_token::of(id_)) return;
        turn_scope const now{*this};
        link_.pipe().cancel(*token.target);
        if (!link_.pipe().fault().empty()) lose(errc::connection_lost, std::string{link_.pipe().fault()});
    }

    void open(engine::open_link&& what) {
        if (closed_) return;
        generation_ = what.generation;
        draining_ = false;
        link_.connecting(std::move(what.plan), what.where.to_string(), id_, read_clock(), what.kind);
        transport_ = owner_.make_transport(strand_, *this, ++epoch_);
        arm_timer();
        transport_->connect(what.where);
    }

    /// No new calls will come: closes as soon as nothing is in flight.
    void drain(std::uint32_t generation) {
        if (generation != generation_) return;
        draining_ = true;
        schedule();
    }

    /// Ends everything at once: every call completes with errc::cancelled.
    void shut() {
        if (closed_) return;
        closed_ = true;
        hang_up();
        timer_.cancel();
        engine::call_list late = inbox_.take();
        while (engine::call* const one = late.pop()) link_.pipe().accept(*one, read_clock());
        link_.pipe().dismiss(errc::cancelled);
        schedule();
    }

    /// Destroys every call without completing it: the executor is going away.
    void abandon() noexcept {
        closed_ = true;
        hang_up();
        engine::call_list all = inbox_.take();
        link_.pipe().surrender(all);
        all.splice(std::move(link_.pipe().finished()));
        all.splice(std::move(link_.pipe().diverted()));
        while (engine::call* const one = all.pop()) one->kind->drop(*one);
    }

    void on_connected(std::uint32_t epoch, asio::error_code problem, bool resolved) override {
        if (epoch != epoch_ || !transport_) return;
        turn_scope const now{*this};
        if (problem) return lose(resolved ? errc::connect_failed : errc::resolve_failed, problem.message());
        link_.connected(now_);
        if (link_.now_is() == engine::link::state::ready) owner_.opened(*this);
        serve();
    }

    void on_read(std::uint32_t epoch, asio::error_code problem, std::size_t count) override {
        if (epoch != epoch_ || !transport_) return;
        reading_ = false;
        turn_scope const now{*this};
        if (problem)
            return lose(errc::connection_lost, problem == asio::error::eof ? "the node closed the connection" : problem.message());
        link_.arrived(count, now_);
        unread_ = true;
        serve();
    }

    void on_writable(std::uint32_t epoch, asio::error_code problem) override {
        if (epoch != epoch_ || !transport_) return;
        write_blocked_ = false;
        turn_scope const now{*this};
        if (problem) return lose(errc::connection_lost, problem.message());
        serve();
    }

    std::shared_ptr<void> keeper() override { return owner_.keeper(); }

private:
    /// Marks this thread as serving the connection and reads the clock, once a turn.
    struct turn_scope {
        explicit turn_scope(connection& whose) noexcept : before{current_turn} {
            whose.now_ = read_clock();
            current_turn = {&whose, whose.now_};
            whose.in_turn_ = true;
            self = &whose;
        }
        turn_scope(turn_scope const&) = delete;
        turn_scope& operator=(turn_scope const&) = delete;
        ~turn_scope() {
            self->in_turn_ = false;
            current_turn = before;
            if (self->unfinished()) self->schedule();
        }
        turn before;
        connection* self;
    };

    struct drain_inbox {
        connection* self;
        std::shared_ptr<void> keep;
        void operator()() { self->drain(); }
    };
    struct run_turn {
        connection* self;
        std::shared_ptr<void> keep;
        void operator()() { self->scheduled_turn(); }
    };

    UMBEL_ALWAYS_INLINE void take(engine::call& one) {
        if (link_.now_is() == engine::link::state::idle || closed_) [[unlikely]] return owner_.stranded(one);
        if (in_turn_) {
            link_.accept(one, now_);
        } else {
            link_.accept(one, turn_time());
            in_flight_.store(link_.pipe().in_flight(), std::memory_order_release);
            schedule();
        }
    }

    UMBEL_NEVER_INLINE void take_inbox() {
        // Counted on both sides for a moment: nobody may believe that nothing is under way.
        in_flight_.store(link_.pipe().in_flight() + inbox_.size(), std::memory_order_release);
        engine::call_list fresh = inbox_.take();
        while (engine::call* const one = fresh.pop()) take(*one);
    }
    void drain() {
        turn_scope const now{*this};
        take_inbox();
        serve();
    }

    /// True when something is left that nobody else will wake the connection for.
    bool unfinished() noexcept {
        if (!link_.pipe().finished().empty() || !link_.pipe().diverted().empty()) return true;
        return (transport_ && !write_blocked_ && link_.wants_write()) || unread_;
    }

    void schedule() {
        if (scheduled_ || in_turn_) return;
        scheduled_ = true;
        asio::post(strand_, run_turn{this, owner_.keeper()});
    }
    void scheduled_turn() {
        scheduled_ = false;
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
        for (unsigned done = 0; unread_; ++done) {
            if (done == batches_max) break;  // Others get their turn; what is unread schedules the next one.
            engine::link::progress const next = settle();
            if (next == engine::link::progress::drained) unread_ = false;
            if (next == engine::link::progress::opened) owner_.opened(*this);
            if (next == engine::link::progress::broken) {
                lose(link_.why(), link_.message());
                break;
            }
            deliver();
            // Handlers take their time; deadlines begin afterwards.
            if (done % batches_timed == batches_timed - 1) current_turn.now = now_ = read_clock();
        }
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
        if (room.empty()) return lose(errc::connection_lost, "out of memory");
        reading_ = true;
        transport_->read(room);
    }
    engine::link::progress settle() noexcept {
        try {
            return link_.settle(batch, now_);
        } catch (...) {
            return link_.out_of_memory();
        }
    }
    /// Completes finished calls and hands on diverted ones. A handler may do anything, also throw: then the rest follows in a turn of
    /// its own.
    void deliver() {
        if (!link_.pipe().diverted().empty()) [[unlikely]] owner_.diverted(std::move(link_.pipe().diverted()));
        if (!link_.pipe().slow().empty()) [[unlikely]] owner_.slowed(std::exchange(link_.pipe().slow(), {}));
        // What the handlers add is left for the next round: a caller that fails at once and tries again must not hold the thread.
        struct round {
            engine::call_list& finished;
            engine::call_list now;
            explicit round(engine::call_list& whole) noexcept : finished{whole}, now{std::move(whole)} {}
            round(round const&) = delete;
            round& operator=(round const&) = delete;
            ~round() {
                now.splice(std::move(finished));
                finished = std::move(now);
            }
        } mine{link_.pipe().finished()};
        while (engine::call* const one = mine.now.pop()) one->kind->complete(*one);
    }

    void flush() {
        while (transport_ && !write_blocked_ && link_.wants_write()) {
            auto const pieces = link_.gather();
            if (pieces.empty()) return;
            asio::error_code problem;
            std::size_t const count = transport_->write_some(pieces, problem);
            if (problem == asio::error::would_block || problem == asio::error::try_again) {
                write_blocked_ = true;
                transport_->wait_writable();
                return;
            }
            if (problem == asio::error::interrupted) continue;
            if (problem) return lose(errc::connection_lost, problem.message());
            link_.wrote(count);
        }
    }

    void hang_up() noexcept {
        if (transport_) transport_->close();
        transport_.reset();
        ++epoch_;
        write_blocked_ = false;
        reading_ = false;
        unread_ = false;
    }

    void lose(errc why, std::string message) {
        hang_up();
        link_.lost(why, message, now_);
        if (!closed_) owner_.lost(*this, why, std::move(message));
        deliver();
    }

    void finish_draining() {
        if (!link_.pipe().idle() || closed_) return;
        draining_ = false;
        hang_up();
        link_.pipe().lose(errc::connection_lost, {}, now_);
        link_.forget();
        owner_.closed(*this);
    }

    /// One timer serves deadlines, the connect timeout and probes; it is moved only when something is due earlier.
    void arm_timer() {
        engine::instant const due = closed_ ? engine::never : link_.next_due();
        if (due >= armed_for_) return;
        armed_for_ = due;
        timer_.expires_at(std::chrono::steady_clock::time_point{due});
        timer_.async_wait([this, keep = owner_.keeper()](asio::error_code problem) {
            if (problem == asio::error::operation_aborted) return;
            turn_scope const now{*this};
            armed_for_ = engine::never;
            if (closed_) return;
            if (!link_.tick(now_)) lose(link_.why(), link_.message());
            if (link_.doubts()) owner_.doubted(*this);
            serve();
        });
    }

    connection_owner& owner_;
    engine::link_id const id_;
    asio::any_io_executor const strand_;
    bool const single_threaded_;
    bool in_turn_ = false;
    bool scheduled_ = false;
    bool write_blocked_ = false;
    bool reading_ = false;  ///< A read is under way.
    bool unread_ = false;   ///< Bytes have arrived that are not settled yet.
    bool draining_ = false;
    bool closed_ = false;
    engine::link link_;
    engine::instant now_{0};
    std::shared_ptr<transport> transport_;
    std::uint32_t epoch_ = 0;
    std::uint32_t generation_ = 0;
    inbox inbox_;
    std::atomic<std::size_t> in_flight_{0};
    asio::steady_timer timer_;
    engine::instant armed_for_ = engine::never;
};

}  // namespace umbel::net
