// sim_driver.hpp: joins the engine to simulated connections, as net/driver.hpp joins it to real ones on one thread.
// It decides nothing: where calls go is the router's and the engine's business.
#pragma once

#include <umbel/engine/engine.hpp>
#include <umbel/testing/sim_connection.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace umbel::testing {

/// What a simulated client is made from.
struct sim_settings {
    engine::engine_options engine;
    engine::pipeline_options pipeline;
    engine::link_options link;
    duration deadline{};
    umbel::read_from read_from = umbel::read_from::primary;
};

/// Options as a user gives them, in the engine's form. Precondition: they are good.
inline sim_settings settle(umbel::options const& given, cluster::policy const& policy, std::uint64_t seed, unsigned loops = 1) {
    sim_settings made;
    made.engine.loops = loops;
    for (std::size_t i = 0; i < given.seeds.size(); ++i) made.engine.seeds.push_back(*cluster::endpoint::parse(given.seeds[i], 6379));
    engine::handshake_plan& plan = made.engine.plan;
    plan.protocol = given.protocol;
    plan.extent = given.handshake;
    plan.username.assign(given.username);
    plan.password.assign(given.password);
    plan.client_name.assign(given.client_name);
    plan.database = given.database;
    bool const minimal = given.handshake == handshake::minimal;
    made.engine.source = given.topology_source;
    made.engine.deployment = given.deployment;
    made.engine.judging = {policy, given.redirects_max, given.retry_delay, given.retry_delay_max, given.retry_unknown};
    made.engine.budget.percent = given.retry_budget_percent;
    made.engine.budget.floor_per_second = given.retry_budget_floor;
    made.engine.refreshing.interval_min = given.refresh_interval_min;
    made.engine.refreshing.interval = minimal ? duration{0} : duration{given.refresh_interval};
    made.engine.refreshing.delay = given.reconnect_delay;
    made.engine.refreshing.delay_max = given.reconnect_delay_max;
    made.engine.refresh_timeout = given.refresh_timeout;
    made.engine.reconnect_delay = given.reconnect_delay;
    made.engine.reconnect_delay_max = given.reconnect_delay_max;
    for (address_pair const& one : given.address_map) static_cast<void>(made.engine.addresses.add(one.announced, one.reached));
    for (node_zone const& one : given.zones) made.engine.zones.emplace_back(*cluster::endpoint::parse(one.node, 6379), std::string{one.zone});
    made.engine.addresses.ask(given.address_function, given.address_context);
    made.engine.zone.assign(given.availability_zone);
    made.engine.breaker_failures = given.breaker_failures;
    made.engine.waiting_max = given.waiting_max;
    made.engine.nodes_max = given.nodes_max;
    made.engine.seed = seed;
    made.pipeline.judging = made.engine.judging;
    made.pipeline.in_flight_max = given.in_flight_max;
    made.pipeline.queued_bytes_max = given.queued_bytes_max;
    made.pipeline.reply.depth_max = given.reply_depth_max;
    made.pipeline.reply.reply_bytes_max = given.reply_bytes_max;
    made.pipeline.seed = seed + 1;
    made.link.connect_timeout = given.connect_timeout;
    made.link.probe_after = minimal ? duration{0} : duration{given.probe_after};
    made.link.probe_timeout = given.probe_timeout;
    if (!minimal) made.link.doubt_after = std::chrono::milliseconds{50};
    made.deadline = given.deadline;
    made.read_from = given.read_from;
    return made;
}

/// Everything of a simulated client that reacts.
/// Lifetime: events on the timeline point here; it must outlive the timeline's last step.
class sim_driver final : public sim_connection_owner {
public:
    sim_driver(timeline& time, network& net, sim_settings settings)
        : time_{time}, net_{net}, settings_{std::move(settings)},
          engine_{settings_.engine, engine::query_port{this, &sim_driver::query_settled}, engine::traffic_port{this, &sim_driver::requests}},
          slots_(std::size_t{settings_.engine.nodes_max} * 2 * settings_.engine.loops) {
        time_.soon([this] {
            engine_.start(time_.now());
            carry_out();
        });
    }

    /// Sends a call on its way. It completes later, never in here.
    void start(engine::call& one) {
        engine::link_id const to = engine_.routes().route(one, ++turn_);
        one.table_version = engine_.routes().version();
        sim_connection* const there = to ? slot(to).get() : nullptr;
        if (!there) return stranded(one);
        one.link = to;
        there->submit(one);
    }
    /// Asks whoever owns the call behind `token` to give it up.
    void request_cancel(std::shared_ptr<engine::cancel_token> const& token) {
        token->wanted.store(true);
        chase(token);
    }
    /// Everything pending completes with errc::cancelled.
    void shut_down() {
        time_.soon([this] {
            if (closed_) return;
            closed_ = true;
            engine_.close(time_.now());
            carry_out();
            for (auto const& one : connections_) time_.soon([which = one] { which->shut(); });
        });
    }

    /// Everything pending is destroyed, and nobody is told. Nothing may be begun afterwards.
    void abandon() noexcept {
        closed_ = true;
        engine_.close(instant{0});
        engine::call_list all{std::move(stranded_)};
        all.splice(std::move(engine_.finished()));
        all.splice(std::move(engine_.outgoing()));
        for (engine::call_list& one : settled_) all.splice(std::move(one));
        while (engine::call* const one = all.pop()) one->kind->drop(*one);
        for (auto const& one : connections_) one->abandon();
    }
    /// Completes calls whose results are stored, in a step of their own.
    void complete_soon(engine::call_list&& all) {
        settled_.push_back(std::move(all));
        time_.soon([this] { complete_settled(); });
    }
    void want_refresh() { happened(engine::refresh_wanted{}); }
    /// True when no call is under way.
    bool idle() const noexcept {
        return engine_.waiting() == 0 && stranded_.empty() &&
               std::all_of(connections_.begin(), connections_.end(), [](auto const& one) { return one->in_flight() == 0; });
    }

    engine::engine& control() noexcept { return engine_; }
    engine::engine const& control() const noexcept { return engine_; }
    std::vector<sim_connection*> const& connections() const noexcept { return connections_; }
    sim_settings const& settings() const noexcept { return settings_; }

    /// Called with the calls of each diversion before the engine has them, and with nothing afterwards: for checkers.
    std::function<void(engine::call_list const*)> on_diverted;
    /// Called with what observers are told; engine_options::observed has the engine tell it.
    std::function<void(engine::action const&)> on_notice;
    std::function<void(engine::call_slow const&)> on_slow;
    /// Completes calls that are not the engine's own; where it is empty, they complete in the step that has settled them.
    std::function<void(engine::call&)> completes;
    bool forget_tombstones = false;

    // ---- sim_connection_owner -------------------------------------------------------------------------------------------------

    void opened(sim_connection& which) override {
        auto const& greeting = which.link().greeting();
        happened(engine::link_opened{which.id(), which.generation(), greeting.node_id(), greeting.zone()});
    }
    void lost(sim_connection& which, errc why, std::string message) override {
        time_.note([&] { return "client loses " + which.link().pipe().node() + ": " + message; });
        happened(engine::link_lost{which.id(), which.generation(), why, std::move(message), which.link().silent()});
    }
    void closed(sim_connection& which) override { happened(engine::link_closed{which.id(), which.generation()}); }
    void doubted(sim_connection& which) override { happened(engine::refresh_wanted{which.id()}); }
    void diverted(engine::call_list&& calls) override { happened(engine::calls_diverted{std::move(calls)}); }
    void slowed(std::vector<engine::call_slow>&& all) override {
        if (!on_slow) return;
        for (engine::call_slow const& one : all) on_slow(one);
    }
    bool completes_at_once() const override { return !completes; }
    void complete(engine::call& one) override {
        if (completes && !one.internal) return completes(one);
        one.kind->complete(one);
    }
    void stranded(engine::call& one) override {
        bool const first = stranded_.empty();
        stranded_.push(one);
        if (!first) return;
        time_.soon([this] { happened(engine::calls_stranded{std::move(stranded_)}); });
    }

private:
    std::size_t place_of(engine::link_id id) const noexcept {
        return (id.loop * std::size_t{settings_.engine.nodes_max} + id.node) * 2 + static_cast<std::size_t>(id.mode);
    }
    std::unique_ptr<sim_connection>& slot(engine::link_id id) noexcept {
        return slots_[place_of(id)];
    }
    static void query_settled(void* self, engine::call& one) { static_cast<sim_driver*>(self)->happened(engine::query_settled{&one}); }

    static std::uint64_t requests(void* self) {
        std::uint64_t all = 0;
        for (auto* const one : static_cast<sim_driver*>(self)->connections_) all += one->link().pipe().counters().requests();
        return all;
    }

    /// Completes the calls that have waited longest; a handler that throws does not keep the others from theirs.
    void complete_settled() {
        struct round {
            sim_driver& self;
            engine::call_list all;
            explicit round(sim_driver& whose) noexcept : self{whose}, all{std::move(whose.settled_.front())} { self.settled_.pop_front(); }
            round(round const&) = delete;
            round& operator=(round const&) = delete;
            ~round() {
                if (all.empty()) return;
                // In front of those who came later, and with a step for each list.
                self.settled_.push_front(std::move(all));
                self.time_.soon([whose = &self] { whose->complete_settled(); });
            }
        } mine{*this};
        while (engine::call* const one = mine.all.pop()) complete(*one);
    }

    /// Hands an event to the engine and carries out what it says; events that come meanwhile wait their turn.
    void happened(engine::event&& what) {
        events_.push_back(std::move(what));
        if (handling_) return;
        handling_ = true;
        while (!events_.empty()) {
            std::vector<engine::event> batch = std::exchange(events_, {});
            for (engine::event& one : batch) {
                auto const* const diverted = std::get_if<engine::calls_diverted>(&one);
                if (diverted && on_diverted) on_diverted(&diverted->calls);
                engine_.handle(std::move(one), time_.now());
                if (diverted && on_diverted) on_diverted(nullptr);
                carry_out();
            }
        }
        handling_ = false;
    }
    void carry_out() {
        for (engine::action& what : std::exchange(engine_.actions(), {})) std::visit([this](auto& one) { act(one); }, what);
        while (engine::call* const one = engine_.outgoing().pop()) {
            UMBEL_ASSERT(slot(one->link) != nullptr);
            slot(one->link)->submit(*one);
        }
        deliver();
        arm_timer();
    }
    void deliver() {
        if (!engine_.finished().empty()) complete_soon(std::move(engine_.finished()));
    }

    void act(engine::open_link& what) {
        sim_connection& there = obtain(what.link);
        time_.note([&] { return "client connects to " + what.where.to_string() + (what.plan.read_only ? " for replica reads" : ""); });
        // At once: the calls that follow this action must find a link that is on its way.
        there.open(std::move(what));
    }
    void act(engine::close_link& what) {
        sim_connection& there = obtain(what.link);
        time_.note([&] { return "client closes its link to " + engine_.nodes()[what.link.node].name; });
        time_.soon([&there, generation = what.generation] { there.drain(generation); });
    }
    template <class Notice>
    void act(Notice& what) {
        if (on_notice) on_notice(engine::action{std::move(what)});
    }

    sim_connection& obtain(engine::link_id id) {
        auto& known = slot(id);
        if (known) return *known;
        engine::pipeline_options pipeline = settings_.pipeline;
        pipeline.seed = settings_.pipeline.seed + place_of(id);
        engine::link_options link = settings_.link;
        link.meter = engine_.routes().meter_of(id.node);
        known = std::make_unique<sim_connection>(time_, net_, *this, id, pipeline, link);
        known->forget_tombstones = forget_tombstones;
        connections_.push_back(known.get());
        return *known;
    }

    /// Brings a cancellation to the present owner of the call; between two owners the next one sees it by itself.
    void chase(std::shared_ptr<engine::cancel_token> const& token) {
        std::uint32_t const owner = token->owner.load();
        if (owner == engine::cancel_token::nobody) return;
        time_.soon([this, token, owner] {
            if (token->owner.load() != owner) return chase(token);
            if (owner == engine::cancel_token::engine) {
                engine_.cancel(*token->target);
                carry_out();
            } else {
                slot(engine::cancel_token::link_of(owner))->cancel(*token);
            }
        });
    }
    void arm_timer() {
        instant const due = closed_ ? engine::never : engine_.next_due();
        if (due >= armed_for_) return;
        armed_for_ = due;
        time_.at(due, [this, due] {
            if (armed_for_ != due) return;
            armed_for_ = engine::never;
            engine_.tick(time_.now());
            carry_out();
        });
    }

    timeline& time_;
    network& net_;
    sim_settings const settings_;
    engine::engine engine_;
    std::vector<std::unique_ptr<sim_connection>> slots_;
    std::vector<sim_connection*> connections_;
    engine::call_list stranded_;
    std::deque<engine::call_list> settled_;
    std::vector<engine::event> events_;
    bool handling_ = false;
    bool closed_ = false;
    std::uint32_t turn_ = 0;
    instant armed_for_ = engine::never;
};

}  // namespace umbel::testing
