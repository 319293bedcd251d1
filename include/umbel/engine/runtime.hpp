// runtime.hpp: all of one client that is neither thread nor timer nor socket: it routes calls to sessions,
// parks those that find none, hands events to the engine and carries out its actions, forwards cancellations,
// and closes. It decides nothing that the router or the engine decides. What it needs of threads, timers and
// sockets a port gives it (net/driver.hpp over Asio, testing/sim_driver.hpp over virtual time).
#pragma once

#include <umbel/engine/armed_timer.hpp>
#include <umbel/engine/complete_all.hpp>
#include <umbel/engine/credential_source.hpp>
#include <umbel/engine/engine.hpp>
#include <umbel/engine/event_queue.hpp>
#include <umbel/engine/idle_closing.hpp>
#include <umbel/engine/inbox.hpp>
#include <umbel/engine/parked_calls.hpp>
#include <umbel/engine/runtime_port.hpp>
#include <umbel/engine/session_table.hpp>
#include <umbel/engine/settings.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::engine {

/// Everything of a client that reacts.
/// Threading: start() and what stands with it from any thread; the rest by one owner at a time, the control
/// plane's.
template <class Port, class Session>
class runtime {
public:
    runtime(settings const& chosen, unsigned contexts)
        : settings_{with_contexts(chosen, contexts)},
          credentials_{settings_.provider},
          engine_{settings_.engine, query_port{this, &runtime::tell_settled},
                  traffic_port{this, &runtime::requests}},
          sessions_{settings_.engine.nodes_max, contexts} {}
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    /// Begins the search for a topology.
    void start_up() { engine_.start(port().clock()), carry_out(); }

    // ---- Any thread -----------------------------------------------------------------------------

    /// Sends a call on its way. It completes later, never inside this function.
    UMBEL_ALWAYS_INLINE void begin(call& call) {
        // Apart, so that the mode of the link is known where nearly every command passes.
        if (router::is_plain(call)) [[likely]]
            return send(call, routes().route_plain(call));
        begin_chosen(call);
    }
    /// The link a call would take now; none before the first topology, or where no node may serve it.
    link_id choose_link(call const& call) const { return routes().route(call, port().next_rotation()); }
    /// As begin(), by a link that choose_link() told.
    void begin_at(call& call, link_id to) { send(call, to); }

    router const& routes() const noexcept { return engine_.routes(); }
    settings const& chosen() const noexcept { return settings_; }
    bool abandoned() const noexcept { return abandoned_; }

    /// Lets no call through that begins from now on.
    void refuse_new() noexcept { engine_.routes().begin_closing(), parked_.close(); }
    /// Leaves a question for the control plane.
    void ask(call& call) {
        if (abandoned_) return drop(call);
        call.question = true;
        parked_.enqueue(call);
        port().wake();
    }
    void want_refresh() {
        refresh_wanted_.store(true, std::memory_order_release);
        port().wake();
    }
    /// New credentials, or null for the present ones, are said on every connection. Throws std::bad_alloc.
    void reauthenticate(credential_keeper::shared by) { credentials_.push(std::move(by)), port().wake(); }
    /// Has everything closed soon; every call completes with errc::cancelled.
    void end() { ending_.store(true, std::memory_order_release), port().wake(); }
    /// Parks a call that has found no session; the control plane gives it to the engine.
    void park(call& call) noexcept {
        if (abandoned_) return drop(call);
        [[maybe_unused]] auto const alive = port().keep_alive();
        port().leaves_sessions(call);
        if (!parked_.park(call, settings_.engine.waiting_max)) return fail_overloaded(call, {});
        port().wake();
    }
    /// Begins a call that needs a lease: the control plane finds it one.
    void begin_leased(call& call) {
        if (abandoned_) return drop(call);
        [[maybe_unused]] auto const alive = port().keep_alive();
        port().leaves_sessions(call);
        if (!parked_.park(call, settings_.engine.leases_waiting_max)) return fail_overloaded(call, {});
        port().wake();
    }
    /// Begins a call on a lease that its caller holds.
    void begin_on_lease(call& call, link_id lease) {
        if (abandoned_) return drop(call);
        port().leaves_sessions(call);
        call.link = lease;
        if (!routes().closing().load(std::memory_order_relaxed)) return hand_over(call);
        fail_unopened(call, true), complete_soon(call);
    }
    /// A caller gives back its lease. Precondition: called by the control plane's owner.
    void take_back(lease_token& token) { engine_.give_back(token, port().clock()), carry_out(); }
    /// Completes a call whose result is stored, in a turn of its own.
    void complete_soon(call& call) {
        if (abandoned_) return drop(call);
        [[maybe_unused]] auto const alive = port().keep_alive();
        settled_.push(call);
        port().wake();
    }
    /// Completes calls whose results are stored; a handler that throws does not keep the others from theirs.
    void complete_settled() {
        complete_all(
            settled_.take(), [this](call& call) { port().complete(call); },
            [this](call_list&& others) {
                others.splice(settled_.take());  // Those that came later go behind them.
                while (call* const call = others.pop()) complete_soon(*call);
            });
    }
    /// Brings a cancellation to the present owner of the call; between two owners the next one sees it by
    /// itself.
    void forward_cancel(auto share) {
        if (abandoned_) return;
        std::uint32_t const owner = share.owner();
        if (owner == cancel_token::nobody) return;
        if (owner == cancel_token::engine) return port().cancel_in_engine(std::move(share));
        Session* const there = sessions_.find_any(cancel_token::link_of(owner));
        UMBEL_ASSERT(there != nullptr);
        port().order(*there, std::move(share));
    }
    Session const* session_of(link_id id) const noexcept { return sessions_.find_any(id); }

    // ---- The control plane ----------------------------------------------------------------------

    class engine& control() noexcept { return engine_; }
    class engine const& control() const noexcept { return engine_; }
    std::vector<std::unique_ptr<Session>> const& sessions() const noexcept { return sessions_.all(); }

    /// Hands an event to the engine and carries out what it says; events that come meanwhile wait their turn.
    UMBEL_NEVER_INLINE void happened(event&& report) {
        if (call_list* const calls = abandoned_ ? calls_of(report) : nullptr)
            while (call* const call = calls->pop()) drop(*call);
        if (abandoned_) return;
        events_.happened(
            std::move(report), [this](event& next) { handle(next); },
            [this](event& lost) { engine_.event_lost(lost); });
    }
    /// Gives up the call behind `share` if it waits here.
    void cancel_here(auto share) {
        if (share.owner() != cancel_token::engine) return forward_cancel(std::move(share));
        engine_.cancel(share.target()), carry_out();
    }
    /// The work that others have left for the control plane, in the order in which it came.
    void turn() {
        if (abandoned_) return;
        if (refresh_wanted_.exchange(false, std::memory_order_acq_rel)) happened(refresh_wanted{});
        credentials_.take([this](credentials_told&& told) { happened(std::move(told)); });
        take_parked();
        call_list refused = refused_.take();
        while (call* const call = refused.pop())
            complete_soon(told_if_refused(*call, settings_, engine_.nodes()));
        if (ending_.load(std::memory_order_acquire)) close_all();
    }
    void time_passed() {
        timer_.rang();
        engine_.tick(port().clock()), carry_out();
    }
    void on_timer_lost() noexcept { timer_.rang(), arm_timer(); }

    /// Completes `call` as soon as a topology is known.
    void complete_with_topology(call& call) {
        call.only_waits = true;
        call_list single;
        single.push(call);
        happened(calls_parked{std::move(single)});
    }
    /// Completes `call` when no call is under way any more, or at its deadline, and closes everything then.
    void complete_when_idle(call& call) {
        call.begin(port().clock());
        if (closing_.add(call)) engine_.end_waits(port().clock()), carry_out(), check_idle();
    }
    /// Closes everything when nothing is under way any more, or the deadline of the first call that waits for
    /// that has come.
    void check_idle() {
        if (closing_.empty()) return;
        bool const due = closing_.is_due(idle(), port().clock());
        if (!due && !closed_ && port().check_idle_in(closing_.next_pause())) return;
        close_all();
        call_list waiting = closing_.take();
        while (call* const call = waiting.pop()) {
            static constexpr resp::node ok = resp::node::text(resp::type::simple_string, 0, 2);
            call->kind->decode(*call, resp::view{&ok, "OK"});
            complete_soon(*call);
        }
    }
    void close_all() {
        if (closed_) return;
        closed_ = true;
        engine_.close(port().clock());
        carry_out();
        port().closes();
        for (auto const& session : sessions()) port().order(*session, shut_link{});
    }

protected:
    ~runtime() = default;

    Port& port() noexcept { return static_cast<Port&>(*this); }
    Port const& port() const noexcept { return static_cast<Port const&>(*this); }

    /// The executors are going away: every call that waits here is destroyed with its handler, then each
    /// session by `abandon(session)`, then whatever these destructors have begun. False when that has been
    /// done before.
    template <class Abandon>
    bool abandon_all(Abandon abandon) noexcept {
        if (abandoned_.exchange(true)) return false;
        closed_ = true;
        credentials_.close();
        // A handler's destructor may begin another call. It finds no session, and is given up in park().
        sessions_.hide_all();
        dropping_ = true;
        call_list all = parked_.take();
        all.splice(settled_.take());
        all.splice(refused_.take());
        all.splice(closing_.take());
        events_.take_calls(all);
        engine_.close(instant{0});
        all.splice(std::move(engine_.finished()));
        all.splice(std::move(engine_.outgoing()));
        auto const drop_all = [&all] {
            while (call* const call = all.pop()) call->kind->drop(*call);
        };
        drop_all();
        for (auto const& session : sessions()) abandon(*session);
        for (all = parked_.take(); !all.empty(); all = parked_.take()) drop_all();
        dropping_ = false;
        return true;
    }

private:
    static settings with_contexts(settings chosen, unsigned contexts) {
        chosen.engine.contexts = contexts;
        return chosen;
    }
    static void tell_settled(void* self, call& call) {
        static_cast<runtime*>(self)->port().report(query_settled{&call});
    }
    static std::uint64_t requests(void* self) {
        std::uint64_t all = 0;
        for (auto const& session : static_cast<runtime*>(self)->sessions())
            all += session->counters().requests();
        return all;
    }

    // ---- Calls ----------------------------------------------------------------------------------

    UMBEL_NEVER_INLINE void begin_chosen(call& call) { send(call, choose_link(call)); }
    UMBEL_ALWAYS_INLINE void send(call& call, link_id to) {
        UMBEL_ASSERT(to.context == call.link.context);
        call.table_version = routes().version();
        Session* const there = to ? sessions_.find(to) : nullptr;
        // While parked calls wait for the control plane, new calls queue behind them, so that order is kept.
        if (there && parked_.is_open()) [[likely]] {
            call.link.node = to.node, call.link.mode = to.mode;  // A call keeps its context.
            if (there->try_fast(call)) [[likely]]
                return;
            return submit_to(*there, call);
        }
        park_apart(call);
    }
    // Out of line, so that what passes needs no frame.
    UMBEL_NEVER_INLINE void submit_to(Session& there, call& call) {
        if (!there.submit(call)) fail_overloaded(call, call.link);
    }
    UMBEL_NEVER_INLINE void park_apart(call& call) noexcept { park(call); }

    void hand_over(call& call) {
        Session* const there = sessions_.find_any(call.link);
        if (there) return there->submit(call) ? void() : fail_overloaded(call, call.link);
        // There was no memory for the session.
        call.kind->fail(call, error{errc::no_memory, call.known(delivery::not_sent)});
        complete_soon(call);
    }
    /// The bound on calls that wait for the link is reached, or, without a link, the bound on parked calls.
    /// The error is stored by the control plane, which knows the names of nodes.
    void fail_overloaded(call& call, link_id full) {
        port().leaves_sessions(call);
        if (abandoned_) return drop(call);
        refused_.push(refused_by(call, full));
        port().wake();
    }
    /// Destroys a call that has come too late for its executor.
    void drop(call& call) noexcept {
        // While other calls are dropped this one waits for its turn, so that no handler is destroyed inside
        // the function that has begun its call.
        if (dropping_) return parked_.enqueue(call);
        call.kind->drop(call);
    }
    /// Brings parked calls before the engine, and answers questions, in their order: what came before a
    /// client's close() is served still. Where all clients have gone, this holds for what one turn takes; the
    /// rest is cancelled. The gate opens when all calls have been handed over.
    void take_parked() {
        auto const refuse = [this](call& call, bool question) {
            if (question ? !closed_ : !closing_.begun()) return false;
            call.kind->fail(call, error{errc::cancelled, delivery::not_sent, "the client is closed"});
            return complete_soon(call), true;
        };
        parked_.serve(
            refuse, [this](call& question) { port().answer_question(question); },
            [this](call_list&& calls) { happened(calls_parked{std::move(calls)}); });
        if (parked_.has_left()) port().wake();
    }
    bool idle() const noexcept {
        return engine_.waiting() == 0 && parked_.empty() &&
               std::all_of(sessions().begin(), sessions().end(),
                           [](auto const& session) { return session->in_flight() == 0; });
    }

    // ---- Events and actions ---------------------------------------------------------------------

    void handle(event& report) noexcept {
        // Calls that waited for the first topology are handed over before new calls are routed by it.
        bool const first = engine_.routes().known() == known_as::nothing && engine_.waiting() != 0;
        if (first) parked_.hold();
        port().before_handling(report);
        engine_.handle(std::move(report), port().clock());
        port().after_handling(report);
        carry_out();
        if (first) parked_.release();
    }
    void carry_out() noexcept {
        std::vector<action> actions = std::exchange(engine_.actions(), {});
        for (action& next : actions) std::visit([this](auto& order) { this->act(order); }, next);
        while (call* const call = engine_.outgoing().pop()) hand_over(*call);
        // Handlers run in a turn of their own: the engine is not to be looked at from inside itself.
        while (call* const call = engine_.finished().pop()) complete_soon(*call);
        arm_timer();
    }
    void act(open_link& opening) {
        link_id const link = opening.link;
        std::uint32_t const generation = opening.generation;
        Session* there = nullptr;
        if (try_alloc([&] { there = &obtain(link); })) return port().order(*there, std::move(opening));
        happened(link_lost{link, generation, errc::connect_failed, {}, link_loss::refused});
    }
    void act(close_link& closing) {
        Session* there = nullptr;
        if (try_alloc([&] { there = &obtain(closing.link); })) port().order(*there, std::move(closing));
    }
    void act(connect_now& turn) { hand_on(turn.link, std::move(turn)); }
    void act(wait_told& told) { hand_on(told.link, std::move(told)); }
    void act(credentials_given& given) { hand_on(given.link, std::move(given)); }
    void act(ask_credentials& asked) { credentials_.ask(asked, port()); }
    void hand_on(link_id link, session_order&& order) {
        if (Session* const there = sessions_.find_any(link)) port().order(*there, std::move(order));
    }
    template <class Notice>
    void act(Notice& notice) {
        UMBEL_TRY { port().notice(notice); }
        UMBEL_CATCH(...) {  // An observer that throws loses this notice; it must not stop the client.
        }
    }
    Session& obtain(link_id id) {
        if (Session* const known = sessions_.find_any(id)) return *known;
        pipeline_options const pipe = settings_.pipeline_for(
            id, is_leased(id.mode) ? cancel_token::of(id) : sessions_.place_of(id), engine_.routes().facts());
        link_options const link = settings_.link_for(id, engine_.routes().meter_of(id.node));
        events_.make_room(sessions().size() + 1);
        return sessions_.add(id, port().make_session(id, pipe, link));
    }

    void arm_timer() noexcept {
        timer_.ring_by(closed_ ? never : engine_.next_due(), [this](instant due) { return port().arm(due); });
    }

    settings const settings_;
    credential_source credentials_;
    class engine engine_;
    session_table<Session> sessions_;
    parked_calls parked_;              ///< With questions to the control plane.
    inbox settled_{inbox::unbounded};  ///< Calls to complete.
    inbox refused_{inbox::unbounded};  ///< Calls that found no room, and are to be told where.
    std::atomic<bool> refresh_wanted_{false};
    std::atomic<bool> ending_{false};
    std::atomic<bool> abandoned_{false};  ///< An executor is going away, or has gone.
    bool dropping_ = false;               ///< It is going right now.
    event_queue events_;
    bool closed_ = false;
    idle_closing closing_;
    armed_timer timer_;
};

}  // namespace umbel::engine
