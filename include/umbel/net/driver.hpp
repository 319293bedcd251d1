// driver.hpp: the port of engine::runtime over Asio: timers, connections, the observer, and which of several
// threads owns the control plane for a turn. It decides nothing: router and engine decide where calls go, the
// runtime what becomes of them.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/call_pool_impl.hpp>
#include <umbel/async/completion_target_impl.hpp>
#include <umbel/async/runtime_backend.hpp>
#include <umbel/engine/runtime.hpp>
#include <umbel/net/connection.hpp>
#include <umbel/net/settings.hpp>

#include UMBEL_ASIO_HEADER(post.hpp)

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::net {

/// The part of a client that lives on executors.
/// Threading: as with connections, a thread that has something for the control plane owns it for a turn, or
/// leaves it for the present owner.
class driver final : public async::runtime_backend<driver>,
                     public engine::runtime<driver, connection>,
                     public engine::quiet_runtime_port,
                     public connection_owner {
public:
    driver(std::vector<asio::any_io_executor> const& executors, settings chosen)
        : runtime_backend{executors.front(), async::contexts{executors}, chosen.hedge_percent_max},
          engine::runtime<driver, connection>{chosen, contexts().size()},
          settings_{std::move(chosen)},
          executor_{get_executor()},
          budget_{std::make_shared<resp::pin_budget>(settings_.pinned_bytes_max)},
          closing_timer_{std::in_place, executor_},
          timer_{std::in_place, executor_} {}

    driver(driver const&) = delete;
    driver& operator=(driver const&) = delete;
    /// Nobody refers to the driver any more, so whatever is pending is dropped.
    ~driver() { abandon(); }

    /// Begins to connect. Precondition: called once, when a shared_ptr owns the driver.
    void start_up() {
        starting_.store(true, std::memory_order_release);
        wake();
    }

    /// An executor is going away: drops every pending call, and releases all that belongs to a context.
    /// Handlers that are pending on another context may hold this driver for longer, and call it to no
    /// effect. Operations that begin later find that their client has gone. Does nothing if it is called
    /// again. Precondition: nothing else runs.
    void abandon() noexcept {
        engine::call_list posted;
        for (engine::event& event : left_.events)
            if (engine::call_list* const calls = engine::calls_of(event)) posted.splice(std::move(*calls));
        bool const first = abandon_all([](connection& connection) { connection.abandon(); });
        while (engine::call* const call = posted.pop()) call->kind->drop(*call);
        if (!first) return;
        // Whoever wakes from outside is done, or sees that it is too late.
        static_cast<void>(std::lock_guard{*outside_});
        left_ = {};
        taken_ = {};
        closing_timer_.reset();
        timer_.reset();
        busy_until_shut_ = {};
        executor_ = {};
        leave_executors(async::orphans_executor());
    }

    net::settings const& net_settings() const noexcept { return settings_; }

    // ---- What a backend does on executors -------------------------------------------------------

    engine::runtime<driver, connection>& runtime() noexcept { return *this; }
    engine::runtime<driver, connection> const& runtime() const noexcept { return *this; }
    void call_after(std::unique_ptr<wait>& kept, engine::duration span, std::function<void()> then) override {
        struct timer_wait final : wait {
            explicit timer_wait(asio::any_io_executor const& executor) : timer{executor} {}
            asio::steady_timer timer;
        };
        auto waiting = std::make_unique<timer_wait>(get_executor());
        asio::steady_timer& timer = waiting->timer;
        timer.expires_after(span);
        kept = std::move(waiting);
        // Whoever is woken finds the driver by its handle, and needs it to stay until it has gone on.
        timer.async_wait([then = std::move(then), self = weak_from_this()](async::error_code problem) {
            auto const alive = self.lock();
            if (!problem) then();
        });
    }
    engine::instant now() const noexcept override { return clock(); }
    umbel::statistics statistics() const override {
        umbel::statistics counted = runtime_backend::statistics();
        counted.pinned_bytes = budget_->pinned();
        return counted;
    }

    // ---- connection_owner: called by whoever owns a connection ----------------------------------

    void report(engine::event&& what) override {
        if (auto* const returned = std::get_if<engine::calls_returned>(&what))
            leave_contexts(returned->calls);
        control_or_leave([&] { happened(std::move(what)); }, [&] { enqueue(std::move(what)); });
    }
    void park(engine::call& call) noexcept override { runtime().park(call); }
    void slowed(std::vector<engine::call_slow>&& all) override {
        if (!settings_.observer) return;
        control_or_leave([&] { tell_slow(all); },
                         [&] {
                             std::lock_guard const guard{mutex_};
                             // Without memory the observer is not told.
                             static_cast<void>(async::try_alloc(
                                 [&] { left_.slow.insert(left_.slow.end(), all.begin(), all.end()); }));
                         });
    }
    void cancel_elsewhere(engine::cancel_share share) override { forward_cancel(std::move(share)); }
    /// Threading: any.
    void has_shut() noexcept override {
        if (to_shut_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_until_shut_ = {};
    }
    std::shared_ptr<void> keep_alive() override { return shared_from_this(); }
    std::shared_ptr<transport> make_transport(asio::any_io_executor const& executor, transport_owner& owner,
                                              std::uint32_t epoch,
                                              engine::open_link const& opening) override {
        return settings_.make_transport(executor, owner, epoch, opening);
    }

    // ---- The port of the runtime ----------------------------------------------------------------

    engine::instant clock() const noexcept { return async::read_clock(); }
    static std::uint32_t next_rotation() noexcept {
        static constinit thread_local std::uint32_t rotation = 0;
        return ++rotation;
    }
    std::unique_ptr<connection> make_session(engine::link_id id, engine::pipeline_options const& pipeline,
                                             engine::link_options const& link) {
        // Reserves room for every event that the connection may report of its link.
        std::unique_lock guard{mutex_};
        for (auto* const events : {&left_.events, &taken_.events})
            events->reserve(32 + 4 * (sessions().size() + 1));
        guard.unlock();
        return std::make_unique<connection>(*this, id, contexts().executor_for(id.context, id.node),
                                            settings_.one_thread_per_context, pipeline, link, budget_);
    }
    void order(connection& there, engine::session_order&& order) noexcept { there.order(std::move(order)); }
    void cancel_in_engine(engine::cancel_share share) {
        control_or_leave(
            [&] { cancel_here(std::move(share)); },
            [&] {
                std::lock_guard const guard{mutex_};
                // Without memory for it the call's own end comes first.
                static_cast<void>(async::try_alloc([&] { left_.cancels.push_back(std::move(share)); }));
            });
    }
    void wake() noexcept;
    static void wake_from_outside(driver& client, std::shared_ptr<void>&& alive) noexcept {
        auto const gate = client.outside_;  // It outlives the client, which may end when it is let go of.
        std::lock_guard const guard{*gate};
        client.wake();
        if (client.abandoned()) return;
        asio::any_io_executor const executor = client.executor_;
        static_cast<void>(async::try_alloc([&] { asio::post(executor, [kept = std::move(alive)] {}); }));
    }
    bool arm(engine::instant due) noexcept {
        return async::retry_alloc([&] {
            timer_->expires_at(std::chrono::steady_clock::time_point{due});
            timer_->async_wait(async::drop_aware_handler<driver, &driver::timer_rang, &driver::timer_lost>{
                *this, timer_memory_, shared_from_this()});
        });
    }
    bool check_idle_in(engine::duration pause) noexcept {
        return async::retry_alloc([&] {
            closing_timer_->expires_after(pause);
            using handler =
                async::drop_aware_handler<driver, &driver::idle_wait_ended, &driver::idle_wait_lost>;
            closing_timer_->async_wait(handler{*this, closing_memory_, shared_from_this()});
        });
    }
    void closes() noexcept {
        timer_->cancel();
        // The control plane's context stays busy until every connection has shut down, because they still
        // report to it.
        static_cast<void>(
            async::try_alloc([&] { busy_until_shut_ = async::any_target::hold_work(executor_); }));
        to_shut_.store(sessions().size(), std::memory_order_relaxed);
        if (sessions().empty()) busy_until_shut_ = {};
    }
    /// A call leaves the connections of its context, so its completion needs a work guard.
    void leaves_sessions(engine::call& call) noexcept {
        if (call.is_internal()) return;  // The engine's own calls have no handler.
        auto& leaving = static_cast<async::pooled_call&>(call);
        if (leaving.affinity == async::affinity::on_context) [[unlikely]]
            async::leave_context(leaving, *contexts().io_of(call.link.context));
    }
    template <class Notice>
    void notice(Notice& notice) {
        if (settings_.observer) settings_.observer->notice(notice);
    }

private:
    /// The kinds of notes that other threads leave for the owner of the control plane.
    static constexpr engine::ownership::kinds left = 2, turn_due = 4, timer_due = 8, idle_due = 16;
    /// How often an owner serves newly left work before it lets other handlers run.
    static constexpr unsigned rounds_max = 64;

    void tell_slow(std::vector<engine::call_slow>& all) noexcept {
        for (engine::call_slow& slow : all) {
            UMBEL_TRY { notice(slow); }
            UMBEL_CATCH(...) {
                // An observer that throws loses this notice; it must not stop the client.
            }
        }
    }
    void leave_contexts(engine::call_list const& calls) noexcept {
        if (abandoned() || !contexts().several()) return;
        for (engine::call* call = calls.front(); call; call = call->next) leaves_sessions(*call);
    }

    // ---- Owning the control plane ---------------------------------------------------------------

    bool controlled_here() const noexcept { return word_.owned_here(); }
    struct owning;
    /// Runs `work` as the owner of the control plane. If another thread owns it, `leave` leaves the work and
    /// `note` tells the owner.
    template <class Work, class Leave>
    void control_or_leave(Work work, Leave leave, engine::ownership::kinds note = left);
    void serve_notes(engine::ownership::kinds what);
    void enqueue(engine::event&& happened) noexcept;
    void woken_turn();
    void wake_lost() noexcept;
    void timer_rang(async::error_code problem);
    void timer_lost() noexcept;
    void idle_wait_ended(async::error_code) {
        if (!abandoned()) control_or_leave([this] { check_idle(); }, [] {}, idle_due);
    }
    void idle_wait_lost() noexcept { idle_wait_ended({}); }

    net::settings const settings_;
    asio::any_io_executor executor_;  ///< For timers and posted turns of the control plane; empty after an
                                      ///< executor has gone away.
    asio::any_io_executor busy_until_shut_;  ///< Keeps that context busy while connections shut down.
    std::atomic<std::size_t> to_shut_{0};
    std::shared_ptr<resp::pin_budget> budget_;
    engine::ownership word_;
    std::mutex mutex_;  ///< Guards left_. Control events are rare.
    /// Held while the client is woken from outside; abandon() waits for it. Recursive: where memory runs out
    /// the client ends there.
    std::shared_ptr<std::recursive_mutex> const outside_ = std::make_shared<std::recursive_mutex>();
    struct leavings {
        std::vector<engine::event> events;
        std::vector<engine::cancel_share> cancels;
        std::vector<engine::call_slow> slow;
    };
    leavings left_;
    leavings taken_;  ///< What the owner has taken and is serving.
    std::atomic<bool> starting_{false};
    // Whether a turn of the control plane is posted.
    std::atomic<bool> woken_{false};
    std::atomic<bool> wake_failed_{false};  ///< No turn could be posted, for lack of memory.
    std::atomic<unsigned> wakes_lost_{0};   ///< In a row.
    static constexpr unsigned wakes_lost_max = 4;
    std::optional<asio::steady_timer> closing_timer_;
    std::optional<asio::steady_timer> timer_;
    async::handler_memory wake_memory_;
    async::handler_memory timer_memory_;
    async::handler_memory closing_memory_;
};

static_assert(engine::runtime_port<driver, connection>);

}  // namespace umbel::net

#include <umbel/net/driver_impl.hpp>
