// driver.hpp: the port of engine::runtime over Asio: its control strand, its timers, its connections, and the observer.
// It decides nothing: where calls go is the router's and the engine's business, what becomes of them the runtime's.
#pragma once

#include <umbel/engine/runtime.hpp>
#include <umbel/net/connection.hpp>
#include <umbel/net/errands.hpp>
#include <umbel/net/home.hpp>
#include <umbel/net/settings.hpp>
#include <umbel/net/snapshot_of.hpp>

#include <asio/strand.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::net {

/// Everything of a client that lives on executors.
class driver final : public home, public engine::runtime<driver, connection>, public connection_owner {
public:
    using token_share = pursuit;

    driver(std::vector<asio::any_io_executor> const& executors, settings chosen)
        : home{executors.front(), net::loops{executors, chosen.single_threaded}, chosen.hedge_percent_max},
          runtime{chosen, loops().size()},
          settings_{std::move(chosen)},
          control_{strand_on(executor())},
          budget_{std::make_shared<resp::pin_budget>(settings_.pinned_bytes_max)},
          closing_timer_{std::in_place, control_},
          timer_{std::in_place, control_} {}

    driver(driver const&) = delete;
    driver& operator=(driver const&) = delete;
    /// Nobody refers to it any more; what is pending could only be destroyed.
    ~driver() { abandon(); }

    /// Begins; called once, when a shared_ptr exists.
    void start_up() {
        post_control([this] { runtime::start_up(); });
    }

    /// An executor is going away: everything pending is destroyed, and all that belongs to a context is let go of, for what is pending on another
    /// context may hold this driver for longer, and call it to no effect. Operations that begin later find that their client has gone.
    /// Runs while nothing else does; does nothing when it is called again.
    void abandon() noexcept {
        engine::call_list posted = parcels_.take_back();
        bool const first = abandon_all([](connection& one) { one.abandon(); });
        while (engine::call* const one = posted.pop()) drop(*one);
        if (!first) return;
        closing_timer_.reset();
        timer_.reset();
        busy_until_shut_ = {};
        control_ = {};
        leave_executors();
    }

    // ---- home -----------------------------------------------------------------------------------------------------------

    void start(engine::call& one) override { begin(one); }
    engine::link_id choose(engine::call const& one) const override { return choose_link(one); }
    void start_at(engine::call& one, engine::link_id to) override { begin_at(one, to); }
    void request_cancel(shared_token& token) override {
        token.wanted.store(true, std::memory_order_seq_cst);
        token.references.fetch_add(1, std::memory_order_relaxed);
        forward_cancel(pursuit{token});
    }
    void answer(pooled_call& one) override { ask(one); }
    bool standalone() const noexcept override { return routes().known() == engine::known_as::standalone; }
    void want_refresh() override { runtime::want_refresh(); }
    void refuse_new() noexcept override { runtime::refuse_new(); }
    void shut_down() override { end(); }
    void complete_later(engine::call& one) override { complete_soon(one); }
    void close_when_idle(pooled_call& one) override { complete_when_idle(one); }
    void await_topology(engine::call& one) override { complete_with_topology(one); }
    std::vector<node_snapshot> nodes() const override {
        return nodes_of(control(), [this](engine::link_id id) { return session_of(id); });
    }
    cluster::topology topology() const override { return control().topology(); }
    umbel::statistics statistics() const override {
        umbel::statistics made = statistics_of(control(), sessions());
        made.pinned_bytes = budget_->pinned();
        return made;
    }

    // ---- connection_owner: called on connections' strands -----------------------------------------------------------------

    /// From a connection's strand to the control strand; on one thread there is nothing in between.
    void report(engine::event&& what) override {
        if (auto* const diverted = std::get_if<engine::calls_diverted>(&what)) leave_loops(diverted->calls);
        if (settings_.single_threaded && !abandoned()) return happened(std::move(what));
        post_control([this, sent = parcel{std::move(what), parcels_}]() mutable { happened(std::move(sent.what)); });
    }
    void park(engine::call& one) noexcept override { runtime::park(one); }
    void slowed(std::vector<engine::call_slow>&& all) override {
        static_cast<void>(managed([&] {
            post_control([this, all = std::move(all)]() mutable {
                for (engine::call_slow& one : all) tell(one);
            });
        }));
    }
    std::shared_ptr<void> keeper() override { return shared_from_this(); }
    std::shared_ptr<transport> make_transport(asio::any_io_executor const& strand, transport_owner& owner, std::uint32_t epoch) override {
        return settings_.make_transport(strand, owner, epoch);
    }

    // ---- The port of the runtime --------------------------------------------------------------------------------------------

    engine::instant clock() const noexcept { return read_clock(); }
    static std::uint32_t next_turn() noexcept {
        static constinit thread_local std::uint32_t turn = 0;
        return ++turn;
    }
    std::unique_ptr<connection> make_session(engine::link_id id, engine::pipeline_options const& pipeline, engine::link_options const& link) {
        auto const& place = loops().executor_for(id.loop, id.node);
        threading const how{settings_.single_threaded, settings_.one_thread_per_context, alone_on(place)};
        return std::make_unique<connection>(*this, id, strand_on(place), how, pipeline, link, budget_);
    }
    bool open_session(connection& there, engine::open_link&& what) noexcept {
        // On one thread the calls that follow find the link connecting already.
        if (settings_.single_threaded || there.serves_here()) return there.open(std::move(what)), true;
        return managed([&] {
            asio::post(there.strand(), [&there, what = std::move(what), keep = shared_from_this()]() mutable { there.open(std::move(what)); });
        });
    }
    void drain_session(connection& there, std::uint32_t generation) noexcept {
        static_cast<void>(managed_twice([&] {
            asio::post(there.strand(), [&there, generation, keep = shared_from_this()] { there.drain(generation); });
        }));
    }
    void shut_session(connection& there) noexcept {
        bool const told = managed_twice([&] {
            asio::post(there.strand(), [this, &there, keep = shared_from_this()] {
                there.shut();
                has_shut();
            });
        });
        if (!told) has_shut();
    }
    void cancel_in_session(connection& there, pursuit what) {
        asio::post(there.strand(), [this, what = std::move(what), &there, keep = shared_from_this()]() mutable {
            if (what.owner() != engine::cancel_token::of(there.id())) return forward_cancel(std::move(what));
            there.cancel(*what.token);
        });
    }
    void cancel_in_engine(pursuit what) {
        post_control([this, what = std::move(what)]() mutable { cancel_here(std::move(what)); });
    }
    void wake() noexcept;
    bool arm(engine::instant due) noexcept {
        return managed_twice([&] {
            timer_->expires_at(std::chrono::steady_clock::time_point{due});
            timer_->async_wait(handler_of<driver, &driver::timer_rang, &driver::timer_lost>{*this, shared_from_this()});
        });
    }
    bool check_idle_in(engine::duration pause) noexcept {
        return managed_twice([&] {
            closing_timer_->expires_after(pause);
            closing_timer_->async_wait([this, keep = shared_from_this()](asio::error_code) { check_idle(); });
        });
    }
    void closes() noexcept {
        timer_->cancel();
        // What a connection on another context hands on until it has ended is still looked after here.
        static_cast<void>(managed([&] { busy_until_shut_ = keep_busy(control_); }));
        to_shut_.store(sessions().size(), std::memory_order_relaxed);
        if (sessions().empty()) busy_until_shut_ = {};
    }
    /// A call leaves the loop whose connections complete it: its handler is called from elsewhere from now on.
    void leaves_sessions(engine::call& one) noexcept {
        if (one.runs == engine::runs::on_loop) [[unlikely]] net::leave_loop(static_cast<pooled_call&>(one), *loops().io_of(one.link.loop));
    }
    void answer_question(engine::call& one) {
        auto& asked = static_cast<pooled_call&>(one);
        asked.on_control(*this, asked);
    }
    void complete(engine::call& one) { one.kind->complete(one); }
    template <class Notice>
    void notice(Notice& what) {
        if (settings_.observer) settings_.observer->notice(what);
    }
    void before_handling(engine::event const&) noexcept {}
    void after_handling(engine::event const&) noexcept {}

private:
    template <class Notice>
    void tell(Notice& what) noexcept {
        try {
            notice(what);
        } catch (...) {
            // An observer that throws loses this notice; it must not stop the client.
        }
    }
    void leave_loops(engine::call_list const& calls) noexcept {
        if (abandoned() || !loops().several()) return;
        for (engine::call* one = calls.front(); one; one = one->next) leaves_sessions(*one);
    }
    /// True where one thread runs all that runs on the executor, so that it needs no strand.
    bool alone_on(asio::any_io_executor const& executor) const noexcept { return settings_.one_thread_per_context && io_of(executor); }
    asio::any_io_executor strand_on(asio::any_io_executor const& executor) const {
        if (settings_.single_threaded || alone_on(executor)) return executor;
        // Without a type-erased executor inside, a strand asks for memory half as often.
        if (auto const* const plain = executor.target<asio::io_context::executor_type>()) return asio::make_strand(*plain);
        return asio::make_strand(executor);
    }
    /// When an executor has gone away, a task is destroyed without having been called.
    template <class Task>
    void post_control(Task task) {
        if (abandoned()) return;
        asio::post(control_, [this, keep = shared_from_this(), task = std::move(task)]() mutable {
            if (!abandoned()) task();
        });
    }
    /// Threading: any; the last one ends what all have waited for.
    void has_shut() noexcept {
        if (to_shut_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_until_shut_ = {};
    }
    void woken_turn();
    void wake_lost() noexcept;
    void timer_rang(asio::error_code problem);
    void timer_lost() noexcept {
        if (!abandoned()) on_timer_lost();
    }

    net::settings const settings_;
    asio::any_io_executor control_;  ///< None when an executor has gone away.
    asio::any_io_executor busy_until_shut_;  ///< The same, while connections are told to end.
    std::atomic<std::size_t> to_shut_{0};
    std::shared_ptr<resp::pin_budget> budget_;
    // Whether the control strand knows of what was left for it.
    std::atomic<bool> woken_{false};
    std::atomic<bool> wake_failed_{false};  ///< It does not, for want of memory.
    std::atomic<unsigned> wakes_lost_{0};   ///< In a row.
    static constexpr unsigned wakes_lost_max = 4;
    std::optional<asio::steady_timer> closing_timer_;
    std::optional<asio::steady_timer> timer_;
    parcel_register parcels_;  ///< Events on their way to the control strand.
};

static_assert(engine::runtime_port<driver, connection>);

// ---- The control strand ------------------------------------------------------------------------------------------------------

inline void driver::wake() noexcept {
    if (abandoned() || woken_.exchange(true, std::memory_order_acq_rel)) return;
    using message = handler_of<driver, &driver::woken_turn, &driver::wake_lost>;
    if (managed_twice([&] { asio::post(control_, message{*this, shared_from_this()}); })) return;
    // The next who has something for the strand tries again, and so does its timer.
    woken_.store(false, std::memory_order_release);
    wake_failed_.store(true, std::memory_order_release);
}

/// Asio has destroyed the message; it does so, too, with whatever is posted to a context that goes away.
inline void driver::wake_lost() noexcept {
    woken_.store(false, std::memory_order_release);
    if (++wakes_lost_ < wakes_lost_max) wake();
}

inline void driver::woken_turn() {
    if (abandoned()) return;
    // Read as well as written: who found it set has left his work before.
    static_cast<void>(woken_.exchange(false, std::memory_order_acq_rel));
    wakes_lost_ = 0;
    turn();
    complete_settled();
}

inline void driver::timer_rang(asio::error_code problem) {
    if (problem == asio::error::operation_aborted || abandoned()) return;
    time_passed();
    pool::fill_reserve();
    if (wake_failed_.exchange(false, std::memory_order_acq_rel)) wake();
}

}  // namespace umbel::net
