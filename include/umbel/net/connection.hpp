// connection.hpp: the port of engine::session over Asio: its transport, its timer, its strand, and the way in from other threads.
// It knows no redirect, no retry and no reply type; what a connection does with its stream is the session's business.
#pragma once

#include <umbel/engine/inbox.hpp>
#include <umbel/engine/session.hpp>
#include <umbel/net/connection_owner.hpp>
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
/// Threading: passes(), submit(), in_flight() and counters() from any thread; everything else on the strand.
class connection final : public engine::session<connection>, public transport_owner {
public:
    connection(connection_owner& owner, engine::link_id id, asio::any_io_executor strand, threading how,
               engine::pipeline_options const& pipeline, engine::link_options const& link, std::shared_ptr<resp::pin_budget> budget)
        : session{id, pipeline, link, std::move(budget)},
          owner_{owner}, strand_{std::move(strand)}, single_threaded_{how.single_threaded}, gathers_{how.gathers},
          context_{&asio::query(strand_, asio::execution::context)},
          own_io_{how.alone ? io_of(strand_) : nullptr},
          place_{own_io_ ? static_cast<void const*>(own_io_) : this},
          inbox_{pipeline.in_flight_max},
          timer_{std::in_place, strand_} {}

    asio::any_io_executor const& strand() const noexcept { return strand_; }

    // ---- Any thread -------------------------------------------------------------------------------------------------

    /// Takes an ordinary call where this thread is collecting calls for the next write; false otherwise, and then submit() takes it.
    UMBEL_ALWAYS_INLINE bool passes(engine::call& one) noexcept {
        return (single_threaded_ || (current_turn.place == place_ && inbox_.empty())) && session::passes(one);
    }
    /// Takes a call: straight into the pipeline from the own strand, through the inbox from elsewhere. False: the inbox is full.
    UMBEL_ALWAYS_INLINE bool submit(engine::call& one) {
        if (single_threaded_) {
            take_here(one);
            return true;
        }
        if (current_turn.place == place_ && !(own_io_ && link().unopened())) [[likely]] {
            // What came before from elsewhere goes before.
            if (!inbox_.empty()) [[unlikely]] take_inbox();
            take_here(one);
            return true;
        }
        return submit_from_elsewhere(one);
    }

    /// Calls that are on this connection, as of its last turn.
    std::size_t in_flight() const noexcept { return in_flight_.load(std::memory_order_acquire) + inbox_.size(); }

    /// True on the one thread that serves the connection without a strand, in a turn of it or outside.
    bool serves_here() const noexcept { return own_io_ && own_io_->get_executor().running_in_this_thread(); }

    // ---- The strand ---------------------------------------------------------------------------------------------------

    /// Ends everything at once: every call completes with errc::cancelled.
    void shut() {
        if (timer_) timer_->cancel();
        session::shut(inbox_.take());
    }
    /// Destroys every call without completing it, and lets go of all that belongs to a context: an executor is going away. What is pending on
    /// another one may still call this connection, to no effect. Runs while nothing else does.
    void abandon() noexcept {
        engine::call_list all = inbox_.take();
        session::abandon(all);
        leaving_.surrender(all);
        while (engine::call* const one = all.pop()) one->kind->drop(*one);
        timer_.reset();
        strand_ = {};
    }

    // ---- transport_owner ------------------------------------------------------------------------------------------------

    void on_connected(std::uint32_t epoch, asio::error_code problem, bool resolved) override {
        if (problem) return on_open_failed(epoch, resolved ? errc::connect_failed : errc::resolve_failed, text_of(problem));
        on_open(epoch);
    }
    void on_read(std::uint32_t epoch, asio::error_code problem, std::size_t count) override {
        if (problem) [[unlikely]] return on_end(epoch, problem == asio::error::eof ? engine::text_of("the node closed the connection") : text_of(problem));
        on_bytes(epoch, count);
    }
    void on_writable(std::uint32_t epoch, asio::error_code problem) override {
        if (problem) return on_end(epoch, text_of(problem));
        session::on_writable(epoch);
    }
    void read_lost(std::uint32_t epoch) noexcept override { on_notice_lost(epoch); }
    void wait_lost(std::uint32_t epoch) noexcept override { on_notice_lost(epoch); }
    std::shared_ptr<void> keeper() override { return owner_.keeper(); }

    // ---- The port of the session ------------------------------------------------------------------------------------------

    /// Marks this thread as serving the connection.
    class turn_surroundings {
    public:
        explicit turn_surroundings(connection& whose) noexcept : before_{current_turn}, self_{whose} {
            current_turn = {whose.place_, read_clock(), whose.gathers_ ? &whose.leaving_ : nullptr, whose.context_};
        }
        turn_surroundings(turn_surroundings const&) = delete;
        turn_surroundings& operator=(turn_surroundings const&) = delete;
        ~turn_surroundings() {
            current_turn = before_;
            self_.leaving_.send_all();
            if (!self_.leaving_.empty()) self_.want_turn();
        }
        engine::instant now() const noexcept { return current_turn.now; }

    private:
        net::turn before_;
        connection& self_;
    };

    engine::instant clock() const noexcept { return net::turn_time(); }
    void connect_stream(engine::open_link const& what) {
        transport_ = owner_.make_transport(strand_, *this, epoch());
        transport_->connect(what.where);
    }
    void end_stream(engine::parting how) noexcept {
        if (transport_) how == engine::parting::abort ? transport_->abort() : transport_->close();
        transport_.reset();
    }
    bool read_stream(std::span<char> room) noexcept {
        return managed_twice([&] { transport_->read(room); });
    }
    bool await_writable() noexcept {
        return managed_twice([&] { transport_->wait_writable(); });
    }
    std::size_t write_stream(std::span<engine::write_piece const> pieces, engine::write_outcome& how) {
        write_problem_.clear();
        std::size_t const count = transport_->write_some(pieces, write_problem_);
        how = !write_problem_ ? engine::write_outcome::wrote : outcome_of(write_problem_);
        return count;
    }
    std::string write_failure() noexcept { return text_of(write_problem_); }
    bool post_turn() noexcept {
        using message = handler_of<connection, &connection::scheduled_turn, &connection::on_turn_lost>;
        return managed_twice([&] { asio::post(strand_, message{*this, owner_.keeper()}); });
    }
    bool arm(engine::instant due) noexcept {
        return managed_twice([&] {
            timer_->expires_at(std::chrono::steady_clock::time_point{due});
            timer_->async_wait(handler_of<connection, &connection::timer_rang, &connection::on_timer_lost>{*this, owner_.keeper()});
        });
    }
    bool completes_at_once() const noexcept { return true; }
    void take_submitted() {
        if (!inbox_.empty() && !single_threaded_) [[unlikely]] take_inbox();
    }
    void complete(engine::call& one) { one.kind->complete(one); }
    engine::instant batch_ends() noexcept {
        current_turn.now = read_clock();
        leaving_.send_all();
        return current_turn.now;
    }
    void before_write() noexcept { leaving_.send_all(); }
    void turn_served() noexcept {
        in_flight_.store(link().pipe().in_flight(), std::memory_order_release);
        // What has come from elsewhere meanwhile has its own message on the way.
    }
    void report(engine::event&& happened) { owner_.report(std::move(happened)); }
    void park(engine::call& one) noexcept { owner_.park(one); }
    void slowed(std::vector<engine::call_slow>&& all) { owner_.slowed(std::move(all)); }

private:
    static engine::write_outcome outcome_of(asio::error_code problem) noexcept {
        if (problem == asio::error::would_block || problem == asio::error::try_again) return engine::write_outcome::blocked;
        return problem == asio::error::interrupted ? engine::write_outcome::interrupted : engine::write_outcome::failed;
    }

    UMBEL_ALWAYS_INLINE void take_here(engine::call& one) {
        if (session::passes(one)) [[likely]] return;
        take(one, clock());
        if (in_turn()) return;
        in_flight_.store(link().pipe().in_flight(), std::memory_order_release);
        settle_up();
    }

    UMBEL_NEVER_INLINE bool submit_from_elsewhere(engine::call& one) {
        // Nobody serves this connection right now, but its context is this thread's. What may be on its way to a link is that it shall open: a call
        // goes by the inbox then, behind that.
        if (serves_here() && !link().unopened()) {
            if (!inbox_.empty()) take_inbox();
            take_here(one);
            return true;
        }
        engine::inbox::pushed const done = inbox_.push(one);
        if (done == engine::inbox::pushed::first || (unannounced_ && unannounced_.exchange(false, std::memory_order_acq_rel))) {
            // Without memory for a message the next call tries again, and so does the connection's next turn.
            using message = handler_of<connection, &connection::drain_inbox, &connection::message_lost>;
            if (!managed_twice([&] { asio::post(strand_, message{*this, owner_.keeper()}); })) message_lost();
        }
        return done != engine::inbox::pushed::full;
    }
    void message_lost() noexcept { unannounced_.store(true, std::memory_order_release); }
    UMBEL_NEVER_INLINE void take_inbox() {
        // Counted on both sides for a moment: nobody may believe that nothing is under way.
        in_flight_.store(link().pipe().in_flight() + inbox_.size(), std::memory_order_release);
        engine::call_list fresh = inbox_.take();
        while (engine::call* const one = fresh.pop()) take_here(*one);
    }
    void drain_inbox() {
        turn_scope const now{*this};
        serve();
    }
    void timer_rang(asio::error_code problem) {
        if (problem == asio::error::operation_aborted) return;
        timer_due();
    }

    // Read by every thread that has a command for it.
    connection_owner& owner_;
    asio::any_io_executor strand_;  ///< Empty when an executor has gone away.
    bool const single_threaded_;
    bool const gathers_;
    asio::execution_context const* const context_;  ///< The strand's.
    asio::io_context* const own_io_;  ///< The same, where its one thread serves the connection without a strand; else null.
    void const* const place_;
    // Written by them: nothing else may stand in these cache lines.
    alignas(64) engine::inbox inbox_;
    std::atomic<bool> unannounced_{false};  ///< Nobody has told the strand of what stands in the inbox.
    // The strand's own.
    alignas(64) std::shared_ptr<transport> transport_;
    asio::error_code write_problem_;
    std::atomic<std::size_t> in_flight_{0};
    departures leaving_;
    std::optional<asio::steady_timer> timer_;  ///< None when an executor has gone away.
};

static_assert(engine::session_port<connection>);

}  // namespace umbel::net
