// connection_impl.hpp: how threads take ownership of a connection, what they find there, and how they let go.
// Included by connection.hpp.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/net/connection.hpp>

namespace umbel::net {

/// The ownership of one visit. If a handler throws, the visit ends by posting a turn that does the rest.
struct connection::owning {
    connection& self;
    bool done = false;
    engine::ownership::kinds serving = 0;  ///< The notes that are being served.

    explicit owning(connection& connection) noexcept : self{connection} {}
    owning(owning const&) = delete;
    owning& operator=(owning const&) = delete;
    ~owning() {
        if (!done) self.leave_for_turn(serving);
    }
    /// Serves work that was left meanwhile, and lets go.
    UMBEL_ALWAYS_INLINE void finish() {
        done = self.word_.release();
        if (!done) [[unlikely]]
            go_round();
    }
    UMBEL_NEVER_INLINE void go_round() {
        for (unsigned round = 0; round != rounds_max; ++round) {
            serving = self.word_.take_notes();
            self.serve_notes(serving);
            serving = 0;
            done = self.word_.release();
            if (done) return;
        }
        done = true;
        self.leave_for_turn(0);
    }
};

template <class Serve, class Prepare>
UMBEL_ALWAYS_INLINE void connection::serve_or_leave(Serve serve, Prepare prepare,
                                                    engine::ownership::kinds note) {
    if (owned_here()) [[unlikely]]
        return serve();
    if (!word_.try_acquire()) [[unlikely]] {
        prepare();
        // The owner let go meanwhile, so this thread owns now and serves the work that it has left.
        if (word_.bring(note)) owning{*this}.finish();
        return;
    }
    owning visit{*this};
    serve();
    visit.finish();
}

template <class Do, class Leave>
void connection::carry_out_or_leave(Do act, Leave leave, engine::ownership::kinds note) {
    if (owned_here()) return act();
    if (!word_.try_acquire()) {
        leave();
        if (word_.bring(note)) leave_for_turn(0);
        return;
    }
    owning visit{*this};
    act();
    visit.done = word_.release();
    if (!visit.done) visit.serving = word_.take_notes();
}

/// Lets go and posts a turn that serves the work that is left. `unserved` are notes that were taken already.
UMBEL_NEVER_INLINE inline void connection::leave_for_turn(engine::ownership::kinds unserved) noexcept {
    do {
        unserved |= word_.take_notes();
        // A posted turn that found the connection owned must be posted again.
        if ((unserved & turn_due) != 0) forget_scheduled_turn();
        unserved &= ~turn_due;
        want_turn();
        wakeup_lost_.store(!turn_scheduled(), std::memory_order_relaxed);
    } while (!word_.release_for_later(unserved, turn_due));
}

UMBEL_NEVER_INLINE inline void connection::serve_notes(engine::ownership::kinds what) {
    if ((what & orders) != 0) take_orders();
    if ((what & news) != 0) take_news();
    if ((what & timer_due_now) != 0) timer_due();
    if ((what & turn_due) != 0) return scheduled_turn();
    if ((what & calls) != 0) serve_turn();
}

/// Posts a turn on the connection's own context, behind what is ready there.
UMBEL_NEVER_INLINE inline bool connection::post_turn() noexcept {
    using handler = async::drop_aware_handler<connection, &connection::turn_came, &connection::turn_lost>;
    return async::retry_alloc([&] {
        handler made{*this, turn_memory_, owner_.keep_alive()};
        // Posted, not deferred: asio::defer would keep it from the context's other threads while this
        // thread's handler runs.
        if (io_) return asio::post(io_->get_executor(), std::move(made));
        asio::post(executor_, std::move(made));
    });
}
inline void connection::turn_came() {
    serve_or_leave([this] { scheduled_turn(); }, [] {}, turn_due);
}
/// Asio has destroyed the posted turn uncalled, for lack of memory or because the context goes away.
inline void connection::turn_lost() noexcept {
    carry_out_or_leave([this] { on_turn_lost(); }, [] {}, turn_due);
}
inline void connection::timer_rang(async::error_code problem) {
    if (problem == asio::error::operation_aborted) return;
    serve_or_leave([this] { timer_due(); }, [] {}, timer_due_now);
}
inline void connection::timer_lost() noexcept {
    carry_out_or_leave([this] { on_timer_lost(); }, [] {}, timer_due_now);
}

// ---- What a transport tells ---------------------------------------------------------------------

inline void connection::on_read(transport& from, async::error_code problem, std::size_t count) {
    serve_or_leave([&] { read_done(from, problem, count); },
                   [&] {
                       from.news().read_problem = problem;
                       from.news().count = count;
                       from.news().which.fetch_or(transport_news::read, std::memory_order_release);
                   },
                   news);
}
inline void connection::on_connected(transport& from, async::error_code problem, bool resolved) {
    serve_or_leave([&] { connect_done(from, problem, resolved); },
                   [&] {
                       from.news().connect_problem = problem;
                       from.news().resolved = resolved;
                       from.news().which.fetch_or(transport_news::connected, std::memory_order_release);
                   },
                   news);
}
inline void connection::on_writable(transport& from, async::error_code problem) {
    serve_or_leave([&] { write_waited(from, problem); },
                   [&] {
                       from.news().write_problem = problem;
                       from.news().which.fetch_or(transport_news::writable, std::memory_order_release);
                   },
                   news);
}
inline void connection::on_step(transport& from) {
    serve_or_leave(
        [&] {
            if (&from == transport_.get()) from.proceed();
        },
        [&] { from.news().which.fetch_or(transport_news::step, std::memory_order_release); }, news);
}
inline void connection::on_notice_lost(transport& from, bool of_read) noexcept {
    std::uint8_t const kind = of_read ? transport_news::read_lost : transport_news::write_lost;
    carry_out_or_leave([&] { session::on_notice_lost(from.epoch(), of_read); },
                       [&] { from.news().which.fetch_or(kind, std::memory_order_release); }, news);
}

/// News of the present transport only; those of an older one are ignored.
inline void connection::take_news() {
    std::shared_ptr<transport> const from = transport_;
    if (!from) return;
    transport_news& told = from->news();
    // Taken one by one, so that if a handler throws the others are still there for the next turn.
    auto const take = [&told](std::uint8_t kind) {
        return (told.which.fetch_and(static_cast<std::uint8_t>(~kind), std::memory_order_acquire) & kind) !=
               0;
    };
    if (take(transport_news::read_lost)) session::on_notice_lost(from->epoch(), true);
    if (take(transport_news::write_lost)) session::on_notice_lost(from->epoch(), false);
    if (take(transport_news::step)) from->proceed();
    if (take(transport_news::connected)) connect_done(*from, told.connect_problem, told.resolved);
    if (take(transport_news::writable)) write_waited(*from, told.write_problem);
    if (take(transport_news::read)) read_done(*from, told.read_problem, told.count);
}

inline void connection::take_orders() {
    connection_orders::batch left = orders_.take();
    if (left.opening) obey(std::move(*left.opening));
    if (left.turn) obey(std::move(*left.turn));
    if (left.given) obey(std::move(*left.given));
    for (engine::cancel_share& share : left.cancels) obey(std::move(share));
    if (left.told) obey(std::move(*left.told));
    if (left.closing) obey(std::move(*left.closing));
    if (left.shutting) obey(engine::shut_link{});
}

}  // namespace umbel::net
