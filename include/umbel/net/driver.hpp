// driver.hpp: joins the engine to connections: carries out its actions, reports what happened, and takes calls from any thread.
// It decides nothing: where calls go is the router's and the engine's business.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/net/connection.hpp>
#include <umbel/net/errands.hpp>
#include <umbel/net/home.hpp>
#include <umbel/net/settings.hpp>

#include <asio/strand.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace umbel::net {

/// Everything of a client that lives on executors.
class driver final : public home, public connection_owner {
public:
    driver(std::vector<asio::any_io_executor> const& executors, settings chosen)
        : home{executors.front(), net::loops{executors, chosen.single_threaded}, chosen.hedge_percent_max},
          settings_{with_loops(std::move(chosen), loops().size())},
          control_{strand_on(executor())},
          engine_{settings_.engine, engine::query_port{this, &driver::query_settled}, engine::traffic_port{this, &driver::requests}},
          budget_{std::make_shared<resp::pin_budget>(settings_.pinned_bytes_max)},
          slots_(std::size_t{settings_.engine.nodes_max} * 2 * loops().size()),
          closing_timer_{std::in_place, control_},
          timer_{std::in_place, control_} {
        // Room for what happens at one time; more is asked for when it is needed.
        events_.reserve(32);
        batch_.reserve(32);
    }

    driver(driver const&) = delete;
    driver& operator=(driver const&) = delete;
    /// Nobody refers to it any more; what is pending could only be destroyed.
    ~driver() { abandon(); }

    /// Begins; called once, when a shared_ptr exists.
    void start_up() {
        post_control([this] {
            engine_.start(read_clock());
            carry_out();
        });
    }

    // ---- Any thread -----------------------------------------------------------------------------------------------------

    void start(engine::call& one) override {
        // Apart, so that the mode of the link is known where nearly every command passes.
        if (engine::router::is_plain(one)) [[likely]] return send(one, routes().route_plain(one));
        start_chosen(one);
    }
    engine::link_id choose(engine::call const& one) const override { return routes().route(one, next_turn()); }
    void start_at(engine::call& one, engine::link_id to) override { send(one, to); }
    void request_cancel(shared_token& token) override {
        token.wanted.store(true, std::memory_order_seq_cst);
        token.references.fetch_add(1, std::memory_order_relaxed);
        chase(pursuit{token});
    }

    engine::router const& routes() const noexcept { return engine_.routes(); }
    net::settings const& chosen() const noexcept { return settings_; }
    resp::pin_budget const& budget() const noexcept { return *budget_; }

    void answer(pooled_call& one) override {
        if (abandoned_) return give_up(one);
        left_.push(one);
        wake();
    }
    bool standalone() const noexcept override { return routes().known() == engine::known_as::standalone; }
    void want_refresh() override {
        refresh_wanted_.store(true, std::memory_order_release);
        wake();
    }
    void refuse_new() noexcept override { gate_.fetch_or(gate_closed, std::memory_order_acq_rel); }

    void shut_down() override {
        ending_.store(true, std::memory_order_release);
        wake();
    }

    /// An executor is going away: everything pending is destroyed, and all that belongs to a context is let go of, for what is pending on another
    /// context may hold this driver for longer, and call it to no effect. Operations that begin later find that their client has gone.
    /// Runs while nothing else does; does nothing when it is called again.
    void abandon() noexcept;

    // ---- The control strand ---------------------------------------------------------------------------------------------

    engine::engine& control() noexcept { return engine_; }
    std::vector<std::unique_ptr<connection>> const& connections() const noexcept { return connections_; }
    bool closed() const noexcept { return closed_; }
    connection const* connection_of(engine::link_id id) const noexcept { return slots_[place_of(id)].load(std::memory_order_acquire); }

    /// Hands an event to the engine and carries out what it says; events that come meanwhile wait their turn.
    void happened(engine::event&& what);

    void complete_later(engine::call& one) override {
        if (abandoned_) return give_up(one);
        settled_.push(one);
        wake();
    }

    void close_when_idle(pooled_call& one) override {
        one.begin(read_clock());
        closers_.push(one);
        if (std::exchange(closing_, true)) return;
        check_idle();
    }

    std::vector<node_snapshot> nodes() const override;
    cluster::topology topology() const override { return engine_.topology(); }
    umbel::statistics statistics() const override;
    void await_topology(engine::call& one) override {
        one.only_waits = true;
        engine::call_list single;
        single.push(one);
        happened(engine::calls_stranded{std::move(single)});
    }

    // ---- connection_owner: called on connections' strands -----------------------------------------------------------------

    void opened(connection& which) override {
        auto const& greeting = which.link().greeting();
        report(engine::link_opened{which.id(), which.generation(), greeting.node_id(), greeting.zone()});
    }
    void lost(connection& which, errc why, std::string message) override {
        report(engine::link_lost{which.id(), which.generation(), why, std::move(message), which.link().silent()});
    }
    void closed(connection& which) override { report(engine::link_closed{which.id(), which.generation()}); }
    void doubted(connection& which) override { report(engine::refresh_wanted{which.id()}); }
    void diverted(engine::call_list&& calls) override {
        leave_loops(calls);
        report(engine::calls_diverted{std::move(calls)});
    }
    void stranded(engine::call_list&& calls) override {
        leave_loops(calls);
        report(engine::calls_stranded{std::move(calls)});
    }
    void stranded(engine::call& one) noexcept override {
        if (abandoned_) return give_up(one);
        leave_loop(one);
        if (gate_.fetch_add(gate_one, std::memory_order_acq_rel) / gate_one < settings_.engine.waiting_max) {
            left_.push(one);
            return wake();
        }
        gate_.fetch_sub(gate_one, std::memory_order_acq_rel);
        refuse(one);
    }
    void slowed(std::vector<engine::call_slow>&& all) override {
        static_cast<void>(managed([&] {
            post_control([this, all = std::move(all)]() mutable {
                for (engine::call_slow& one : all) act(one);
            });
        }));
    }
    std::shared_ptr<void> keeper() override { return shared_from_this(); }
    std::shared_ptr<transport> make_transport(asio::any_io_executor const& strand, transport_owner& owner, std::uint32_t epoch) override {
        return settings_.make_transport(strand, owner, epoch);
    }

private:
    std::size_t place_of(engine::link_id id) const noexcept {
        return (id.loop * std::size_t{settings_.engine.nodes_max} + id.node) * 2 + static_cast<std::size_t>(id.mode);
    }
    std::atomic<connection*>& slot(engine::link_id id) noexcept { return slots_[place_of(id)]; }
    static settings with_loops(settings&& chosen, unsigned count) noexcept {
        chosen.engine.loops = count;
        return std::move(chosen);
    }
    static std::uint32_t next_turn() noexcept {
        static constinit thread_local std::uint32_t turn = 0;
        return ++turn;
    }

    UMBEL_NEVER_INLINE void start_chosen(engine::call& one) { send(one, choose(one)); }
    UMBEL_ALWAYS_INLINE void send(engine::call& one, engine::link_id to) {
        one.table_version = routes().version();
        connection* const there = to ? slot(to).load(std::memory_order_acquire) : nullptr;
        // What was stranded before goes before; so nobody passes by while somebody is.
        if (there && gate_.load(std::memory_order_acquire) == 0) [[likely]] {
            one.link = to;
            if (there->passes(one)) [[likely]] return;
            return submit_to(*there, one);
        }
        strand(one);
    }
    /// A call leaves the loop whose connections complete it: its handler is called from elsewhere from now on.
    void leave_loop(engine::call& one) const noexcept {
        if (one.runs == engine::runs::on_loop) [[unlikely]] net::leave_loop(static_cast<pooled_call&>(one), *loops().io_of(one.link.loop));
    }
    void leave_loops(engine::call_list const& calls) const noexcept {
        if (abandoned_ || !loops().several()) return;
        for (engine::call* one = calls.front(); one; one = one->next) leave_loop(*one);
    }
    /// True where one thread runs all that runs on the executor, so that it needs no strand.
    bool alone_on(asio::any_io_executor const& executor) const noexcept { return settings_.one_thread_per_context && io_of(executor); }
    // Out of line to their ends, so that what passes needs no frame.
    UMBEL_NEVER_INLINE void submit_to(connection& there, engine::call& one) {
        if (!there.submit(one)) refuse(one);
    }
    UMBEL_NEVER_INLINE void strand(engine::call& one) noexcept { stranded(one); }
    asio::any_io_executor strand_on(asio::any_io_executor const& executor) const {
        if (settings_.single_threaded || alone_on(executor)) return executor;
        // Without a type-erased executor inside, a strand asks for memory half as often.
        if (auto const* const plain = executor.target<asio::io_context::executor_type>()) return asio::make_strand(*plain);
        return asio::make_strand(executor);
    }

    /// When an executor has gone away, a task is destroyed without having been called.
    template <class Task>
    void post_control(Task task) {
        if (abandoned_) return;
        asio::post(control_, [this, keep = shared_from_this(), task = std::move(task)]() mutable {
            if (!abandoned_) task();
        });
    }

    /// From a connection's strand to the control strand; on one thread there is nothing in between.
    void report(engine::event&& what) {
        if (settings_.single_threaded) return happened(std::move(what));
        post_control([this, sent = parcel{std::move(what), parcels_}]() mutable { happened(std::move(sent.what)); });
    }
    static void query_settled(void* self, engine::call& one) {
        static_cast<driver*>(self)->report(engine::query_settled{&one});
    }

    static std::uint64_t requests(void* self) {
        std::uint64_t all = 0;
        for (auto const& one : static_cast<driver*>(self)->connections_) all += one->counters().requests();
        return all;
    }

    /// Sees to it that turn() runs soon. Threading: any.
    void wake() noexcept;
    /// The work that others have left for the control strand.
    void turn();
    void turn_lost() noexcept;
    void take_what_is_left();
    void complete_settled();
    void handle(engine::event& what) noexcept;
    void carry_out() noexcept;

    void hand_over(engine::call& one) {
        connection* const there = slot(one.link).load(std::memory_order_acquire);
        if (there) return there->submit(one) ? void() : refuse(one);
        // There was no memory for the connection.
        one.kind->reject(one, error{errc::no_memory, one.way ? one.way->delivery : delivery::not_sent});
        complete_later(one);
    }

    void refuse(engine::call& one) {
        leave_loop(one);
        one.kind->reject(one, error{errc::overloaded, one.way ? one.way->delivery : delivery::not_sent});
        complete_later(one);
    }

    /// Destroys a call that has come too late for its executor.
    void give_up(engine::call& one) noexcept;

    void act(engine::open_link& what);
    void act(engine::close_link& what);
    template <class Notice>
    void act(Notice& what) {
        try {
            if (settings_.observer) settings_.observer->notice(what);
        } catch (...) {
            // A notice less: nothing that a watcher does may end the watched.
        }
    }

    connection& obtain(engine::link_id id) {
        if (connection* const known = slot(id).load(std::memory_order_relaxed)) return *known;
        auto const& place = loops().executor_for(id.loop, id.node);
        engine::pipeline_options pipeline = settings_.pipeline;
        pipeline.seed = settings_.pipeline.seed + place_of(id);
        engine::link_options link = settings_.link;
        link.meter = engine_.routes().meter_of(id.node);
        threading const how{settings_.single_threaded, settings_.one_thread_per_context, alone_on(place)};
        connections_.push_back(std::make_unique<connection>(*this, id, strand_on(place), how, pipeline, link, budget_));
        slot(id).store(connections_.back().get(), std::memory_order_release);
        return *connections_.back();
    }

    /// Brings a cancellation to the present owner of the call; between two owners the next one sees it by itself.
    void chase(pursuit what) {
        if (abandoned_) return;
        std::uint32_t const owner = what.owner();
        if (owner == engine::cancel_token::nobody) return;
        if (owner == engine::cancel_token::engine) {
            return post_control([this, what = std::move(what)]() mutable {
                if (what.owner() != engine::cancel_token::engine) return chase(std::move(what));
                engine_.cancel(*what.token->target);
                carry_out();
            });
        }
        connection* const there = slot(engine::cancel_token::link_of(owner)).load(std::memory_order_acquire);
        UMBEL_ASSERT(there != nullptr);
        asio::post(there->strand(), [this, what = std::move(what), there, keep = shared_from_this()]() mutable {
            if (what.owner() != engine::cancel_token::of(there->id())) return chase(std::move(what));
            there->cancel(*what.token);
        });
    }

    bool idle() const noexcept {
        bool quiet = engine_.waiting() == 0 && left_.size() == 0;
        for (auto const& one : connections_) quiet = quiet && one->in_flight() == 0;
        return quiet;
    }
    void check_idle();
    void close_all();
    void has_shut() noexcept;

    void arm_timer() noexcept;
    void timer_rang(asio::error_code problem);
    void timer_lost() noexcept;

    net::settings const settings_;
    asio::any_io_executor control_;  ///< None when an executor has gone away.
    asio::any_io_executor busy_until_shut_;  ///< The same, while connections are told to end.
    std::atomic<std::size_t> to_shut_{0};
    engine::engine engine_;
    std::shared_ptr<resp::pin_budget> budget_;
    std::vector<std::atomic<connection*>> slots_;
    std::vector<std::unique_ptr<connection>> connections_;
    // What was left for the control strand, and whether it knows.
    inbox left_{inbox::unbounded};     ///< Stranded calls, bounded by their count in the gate, and questions to the control strand.
    inbox settled_{inbox::unbounded};  ///< Calls to complete.
    std::atomic<bool> refresh_wanted_{false};
    std::atomic<bool> ending_{false};
    std::atomic<bool> woken_{false};
    std::atomic<bool> unheard_{false};  ///< It does not, for want of memory.
    std::atomic<unsigned> lost_in_a_row_{0};
    static constexpr unsigned lost_max = 4;
    std::vector<engine::event> events_;
    std::vector<engine::event> batch_;
    bool handling_ = false;
    bool closed_ = false;
    std::atomic<bool> abandoned_{false};  ///< An executor is going away, or has gone.
    bool dropping_ = false;               ///< It is going right now.
    static constexpr std::uint32_t gate_hold = 1;    ///< The first topology is being handed on.
    static constexpr std::uint32_t gate_closed = 2;  ///< close() was called: no new commands.
    static constexpr std::uint32_t gate_one = 4;     ///< One stranded call.
    std::atomic<std::uint32_t> gate_{0};             ///< Not zero: every call goes by the control strand.
    unsigned idle_seen_ = 0;
    /// Between two looks whether everything is done, growing: most commands are done at once, few take long.
    static constexpr std::chrono::microseconds closing_pause_max{20000};
    std::chrono::microseconds closing_pause_{250};
    bool closing_ = false;
    engine::call_list closers_;
    std::optional<asio::steady_timer> closing_timer_;
    std::optional<asio::steady_timer> timer_;
    parcel_register parcels_;  ///< Events on their way to the control strand.
    engine::instant armed_for_ = engine::never;
};

}  // namespace umbel::net

#include <umbel/net/driver_close.hpp>
#include <umbel/net/driver_turn.hpp>
#include <umbel/net/driver_snapshot.hpp>
