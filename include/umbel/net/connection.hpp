// connection.hpp: the port of engine::session over Asio: transport, timer, and which of several threads owns
// the connection for a turn. It knows no redirect, no retry and no reply type; engine::session decides what a
// connection does with its stream.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/completion_target_impl.hpp>
#include <umbel/async/contexts_impl.hpp>
#include <umbel/async/turn.hpp>
#include <umbel/engine/inbox.hpp>
#include <umbel/engine/ownership.hpp>
#include <umbel/engine/session.hpp>
#include <umbel/net/connection_orders.hpp>
#include <umbel/net/connection_owner.hpp>
#include <umbel/net/stream_loss.hpp>
#include <umbel/net/transport_port.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(io_context.hpp)
#include UMBEL_ASIO_HEADER(post.hpp)
#include UMBEL_ASIO_HEADER(steady_timer.hpp)

#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace umbel::net {

/// One connection: a session over a transport. It lives as long as its driver, and connects again after each
/// loss.
///
/// A thread that has work for the connection owns it for a turn: the thread on which Asio has read or the
/// timer has fired, a posted turn, an order of the control plane, or a turn of another connection of the same
/// client whose handlers send commands here. A thread that finds the connection owned leaves its work and a
/// note, and goes on.
///
///     who comes                        finds it free                        finds it owned
///     a handler of Asio's              serves it, here                      leaves news and a note
///     a call, in a turn of the client  holds it until that turn's batch     inbox and a note
///     a call, from anywhere else       inbox, and a turn is posted          inbox and a note
///     an order                         carries it out                       leaves the order and a note
///
/// Handlers run only in turns on the connection's own context. A thread of another context that owns the
/// connection to add calls (hold()) posts a turn there when it lets go. Threading: try_fast(), submit(),
/// in_flight(), counters(), order() and Asio's handlers from any thread; everything else by the owner.
class connection final : public engine::session<connection>,
                         public engine::quiet_session_port,
                         public transport_port,
                         public transport_owner,
                         public async::owned_until_batch {
public:
    /// `gathers`: completions for another io_context are posted many at a time.
    connection(connection_owner& owner, engine::link_id id, asio::any_io_executor executor, bool gathers,
               engine::pipeline_options const& pipeline, engine::link_options const& link,
               std::shared_ptr<resp::pin_budget> budget)
        : session{id, pipeline, link, std::move(budget)},
          owner_{owner},
          executor_{std::move(executor)},
          io_{async::io_of(executor_)},
          gathers_{gathers},
          context_{&asio::query(executor_, asio::execution::context)},
          inbox_{pipeline.in_flight_max},
          timer_{std::in_place, executor_} {}

    // ---- Calls, from any thread -----------------------------------------------------------------

    /// Takes an ordinary call if this thread collects calls for the next write. False: submit() takes it.
    UMBEL_ALWAYS_INLINE bool try_fast(engine::call& call) noexcept {
        return owned_here() && inbox_.empty() && try_fast_as_owner(call);
    }
    /// Takes a call. Returns false if the inbox is full.
    UMBEL_ALWAYS_INLINE bool submit(engine::call& call) {
        if (!owned_here() && !hold()) [[unlikely]]
            return submit_from_elsewhere(call);
        // Calls that other threads left earlier go first.
        if (!inbox_.empty()) [[unlikely]]
            take_inbox();
        if (!try_fast_as_owner(call)) take(call, async::turn_time());
        return true;
    }
    /// The number of calls on this connection, as of its last turn.
    std::size_t in_flight() const noexcept {
        return in_flight_.load(std::memory_order_acquire) + inbox_.size();
    }

    // ---- Orders, from any thread ----------------------------------------------------------------

    void order(engine::session_order&& order) noexcept {
        carry_out_or_leave([&] { std::visit([this](auto& wanted) { obey(std::move(wanted)); }, order); },
                           [&] { orders_.enqueue(std::move(order)); });
    }
    /// An executor is going away: drops every call, and releases all that belongs to a context. Handlers on
    /// another context may still call this connection, to no effect. Precondition: nothing else runs.
    void abandon() noexcept {
        engine::call_list all = inbox_.take();
        session::abandon(all);
        leaving_.surrender(all);
        while (engine::call* const call = all.pop()) call->kind->drop(*call);
        timer_.reset();
        busy_ = {};
        executor_ = {};
    }

    // ---- transport_owner ------------------------------------------------------------------------

    inline void on_connected(transport& from, async::error_code problem, bool resolved) override;
    inline void on_read(transport& from, async::error_code problem, std::size_t count) override;
    inline void on_writable(transport& from, async::error_code problem) override;
    inline void on_notice_lost(transport& from, bool of_read) noexcept override;
    inline void on_step(transport& from) override;
    std::shared_ptr<void> keep_alive() override { return owner_.keep_alive(); }

    // ---- The port of the session ----------------------------------------------------------------

    using transport_port::bytes_waiting, transport_port::explained;
    /// Marks this thread as serving the connection while it lives.
    class turn_surroundings {
    public:
        explicit turn_surroundings(connection& connection) noexcept
            : before_{async::current_turn}, self_{connection} {
            async::current_turn = {&connection.owner_, async::read_clock(),
                                   connection.gathers_ ? &connection.leaving_ : nullptr, connection.context_,
                                   nullptr};
        }
        turn_surroundings(turn_surroundings const&) = delete;
        turn_surroundings& operator=(turn_surroundings const&) = delete;
        ~turn_surroundings() {
            let_go_of_held();
            async::current_turn = before_;
            self_.leaving_.send_all();
            if (!self_.leaving_.empty()) self_.want_turn();
        }
        engine::instant now() const noexcept { return async::current_turn.now; }

    private:
        async::turn before_;
        connection& self_;
    };

    engine::instant clock() const noexcept { return async::turn_time(); }
    void connect_stream(engine::open_link const& opening) {
        transport_ = owner_.make_transport(executor_, *this, epoch(), opening);
        transport_->connect(opening.where);
    }
    bool post_turn() noexcept;
    bool arm(engine::instant due) noexcept {
        return async::retry_alloc([&] {
            using handler =
                async::drop_aware_handler<connection, &connection::timer_rang, &connection::timer_lost>;
            timer_->expires_at(std::chrono::steady_clock::time_point{due});
            timer_->async_wait(handler{*this, timer_memory_, owner_.keep_alive()});
        });
    }
    void take_submitted() {
        if (!inbox_.empty()) [[unlikely]]
            take_inbox();
    }
    void between_batches() noexcept {
        async::current_turn.now = async::read_clock();
        leaving_.send_all();
        let_go_of_held();
    }
    void before_write() noexcept { leaving_.send_all(); }
    void turn_served() noexcept {
        in_flight_.store(link().pipe().in_flight(), std::memory_order_release);
        // Only now, because the control plane must still take what the last turn has reported.
        if (std::exchange(shutting_, false)) [[unlikely]] {
            owner_.has_shut();
            busy_ = {};
        }
    }
    void report(engine::event&& happened) { owner_.report(std::move(happened)); }
    void park(engine::call& call) noexcept { owner_.park(call); }
    void slowed(std::vector<engine::call_slow>&& all) { owner_.slowed(std::move(all)); }

private:
    /// The kinds of notes that other threads leave for the owner.
    static constexpr engine::ownership::kinds calls = 2, turn_due = 4, timer_due_now = 8, news = 16,
                                              orders = 32;
    /// How often an owner serves newly left work before it lets other handlers of its context run.
    static constexpr unsigned rounds_max = 8;

    // ---- Owning ---------------------------------------------------------------------------------

    bool owned_here() const noexcept { return word_.owned_here(); }

    /// Runs `serve` as the owner, on the connection's own context; at once where this thread owns it already.
    /// If another thread owns the connection, `prepare` leaves the work and `note` tells the owner.
    template <class Serve, class Prepare>
    UMBEL_ALWAYS_INLINE void serve_or_leave(Serve serve, Prepare prepare, engine::ownership::kinds note);
    struct owning;
    /// Runs `act` as the owner, on any thread. Precondition: `act` completes no call.
    template <class Do, class Leave>
    void carry_out_or_leave(Do act, Leave leave, engine::ownership::kinds note = orders);
    void serve_notes(engine::ownership::kinds what);
    void leave_for_turn(engine::ownership::kinds unserved) noexcept;

    /// Owns for the rest of this thread's batch. False: it is in no turn of the client, or another owns.
    UMBEL_NEVER_INLINE bool hold() noexcept {
        if (async::current_turn.client != static_cast<void const*>(&owner_) || !word_.try_acquire())
            return false;
        next_owned = std::exchange(async::current_turn.owned, this);
        collect_until_release(async::current_turn.now);
        // Orders that were left earlier go first.
        if (!orders_.empty()) [[unlikely]]
            take_orders();
        return true;
    }
    static void let_go_of_held() noexcept {
        while (async::owned_until_batch* const first = async::current_turn.owned) {
            auto* const connection = static_cast<net::connection*>(first);
            async::current_turn.owned = std::exchange(first->next_owned, nullptr);
            connection->in_flight_.store(connection->link().pipe().in_flight(), std::memory_order_release);
            connection->session::release();
            if (!connection->word_.release()) connection->leave_for_turn(0);
        }
    }

    // ---- Calls ----------------------------------------------------------------------------------

    UMBEL_NEVER_INLINE bool submit_from_elsewhere(engine::call& call) {
        if (!wakeup_lost_.load(std::memory_order_relaxed) && inbox_.push_behind(call)) return true;
        // Once the call is pushed, another thread may complete it and drop the last reference to the client.
        auto const alive = owner_.keep_alive();
        engine::inbox::pushed const done = inbox_.push(call);
        bool const first = done == engine::inbox::pushed::first;
        // If no turn could be posted for lack of memory, the next call tries again.
        if ((first || wakeup_lost_.load(std::memory_order_relaxed)) && word_.bring(calls)) leave_for_turn(0);
        return done != engine::inbox::pushed::full;
    }
    /// Before `opening`, calls that are tied to the connection before are lost with it.
    UMBEL_NEVER_INLINE void take_inbox(engine::open_link* opening = nullptr) {
        // For a moment the calls are counted twice, so that nobody sees the connection as idle.
        in_flight_.store(link().pipe().in_flight() + inbox_.size(), std::memory_order_release);
        engine::call_list fresh = inbox_.take();
        if (opening) {
            engine::call_list tied = fresh.take_tied();
            while (engine::call* const call = tied.pop()) take(*call, async::turn_time());
            open(std::move(*opening));
            want_turn();
        } else if (!orders_.empty()) [[unlikely]] {
            take_orders();  // An order that was given before a call came is carried out before the call.
        }
        while (engine::call* const call = fresh.pop())
            if (!try_fast_as_owner(*call)) take(*call, async::turn_time());
    }

    // ---- Orders, news, time ---------------------------------------------------------------------

    void obey(engine::shut_link&&) {
        if (closed()) return;
        if (timer_) timer_->cancel();
        // The last turn runs on the connection's own context. The stream keeps the context busy, and ends
        // now; so a work guard takes over.
        static_cast<void>(async::try_alloc([&] { busy_ = async::any_target::hold_work(executor_); }));
        session::shut(inbox_.take());
        // If no call waits to be completed, there is no last turn: perhaps nobody runs that context any more.
        shutting_ = in_turn() || has_results() || !leaving_.empty();
        if (shutting_) return;
        busy_ = {};
        owner_.has_shut();
    }
    void obey(engine::open_link&& wanted) { inbox_.empty() ? open(std::move(wanted)) : take_inbox(&wanted); }
    void obey(engine::connect_now&& turn) { session::connect_now(turn); }
    void obey(engine::credentials_given&& given) { take_credentials(std::move(given)); }
    void obey(engine::close_link&& closing) { drain(closing); }
    void obey(engine::wait_told&& told) { wait_told(told); }
    void obey(engine::cancel_share&& share) {
        if (share.owner() != engine::cancel_token::of(id())) return owner_.cancel_elsewhere(std::move(share));
        cancel(share.token());
    }
    void take_orders();
    void take_news();
    void read_done(transport& from, async::error_code problem, std::size_t count) {
        if (problem) [[unlikely]]
            return stream_ended(from, problem);
        on_bytes(from.epoch(), count);
    }
    void write_waited(transport& from, async::error_code problem) {
        problem ? stream_ended(from, problem) : session::on_writable(from.epoch());
    }
    void connect_done(transport& from, async::error_code problem, bool resolved) {
        problem ? lost(from, loss_before_open(from, problem, resolved)) : on_open(from.epoch());
    }
    void stream_ended(transport& from, async::error_code problem) {
        lost(from, loss_of_open(from, problem, link().is_handshaking()));
    }
    void lost(transport& from, stream_loss loss) { on_open_failed(from.epoch(), loss.why, loss.words); }
    void timer_rang(async::error_code problem);
    void timer_lost() noexcept;
    void turn_came();
    void turn_lost() noexcept;

    // Read by every thread that has a command for the connection.
    connection_owner& owner_;
    asio::any_io_executor executor_;  ///< Empty after an executor has gone away.
    asio::io_context* const io_;      ///< The executor's, to post without type erasure; null for other kinds.
    bool const gathers_;
    asio::execution_context const* const context_;
    // Written by those threads, so these members have cache lines of their own.
    alignas(64) engine::ownership word_;
    engine::inbox inbox_;
    std::atomic<bool> wakeup_lost_{false};  ///< No turn could be posted for the calls in the inbox.
    // Touched only by the owner.
    alignas(64) bool shutting_ = false;  ///< The last turn has not run yet.
    asio::any_io_executor busy_;         ///< Keeps the context busy until the last turn.
    std::atomic<std::size_t> in_flight_{0};
    async::completion_batch leaving_;
    connection_orders orders_;
    std::optional<asio::steady_timer> timer_;  ///< Empty after an executor has gone away.
    async::handler_memory turn_memory_;
    async::handler_memory timer_memory_;
};

static_assert(engine::session_port<connection>);

}  // namespace umbel::net

#include <umbel/net/connection_impl.hpp>
