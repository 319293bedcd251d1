// sim_driver.hpp: the port of engine::runtime over virtual time and simulated connections.
// It decides nothing.
#pragma once

#include <umbel/engine/runtime.hpp>
#include <umbel/testing/sim_connection.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace umbel::testing {

/// Everything of a simulated client that reacts.
/// Lifetime: events on the timeline point here; it must outlive the timeline's last step.
class sim_driver final : public engine::runtime<sim_driver, sim_connection>,
                         public engine::quiet_runtime_port,
                         public sim_connection_owner {
public:
    sim_driver(timeline& time, network& net, engine::settings const& chosen, unsigned contexts = 1)
        : runtime{chosen, contexts}, time_{time}, net_{net} {
        time_.soon([this] { start_up(); });
    }

    /// Everything pending is destroyed, and nobody is told. Nothing may be begun afterwards.
    void abandon() noexcept {
        abandon_all([](sim_connection& connection) {
            engine::call_list all;
            connection.abandon(all);
            while (engine::call* const left = all.pop()) left->kind->drop(*left);
        });
    }

    /// Called with the calls of each diversion before the engine has them, and with nothing afterwards: for
    /// checkers.
    std::function<void(engine::call_list const*)> on_returned;
    /// Called with what observers are told; engine_options::observed has the engine tell it.
    std::function<void(engine::action const&)> on_notice;
    std::function<void(engine::call_slow const&)> on_slow;
    /// Completes calls that are not the engine's own; where it is empty, they complete in the step that has
    /// settled them.
    std::function<void(engine::call&)> completes;
    /// Answers what runtime::ask() has brought.
    std::function<void(engine::call&)> answers;
    bool forget_tombstones = false;

    // ---- The port of the runtime ----------------------------------------------------------------

    instant clock() const noexcept { return time_.now(); }
    std::uint32_t next_rotation() const noexcept { return ++rotation_; }
    std::unique_ptr<sim_connection> make_session(engine::link_id id, engine::pipeline_options const& pipeline,
                                                 engine::link_options const& link) {
        auto made = std::make_unique<sim_connection>(time_, net_, *this, id, pipeline, link);
        made->forget_tombstones = forget_tombstones;
        return made;
    }
    void order(sim_connection& there, engine::session_order&& order) noexcept {
        std::visit([&](auto& wanted) { carry_out_later(there, std::move(wanted)); }, order);
    }
    void cancel_in_engine(engine::cancel_share share) {
        time_.soon([this, share = std::make_shared<engine::cancel_share>(std::move(share))] {
            cancel_here(std::move(*share));
        });
    }
    void wake() noexcept {
        if (abandoned() || std::exchange(woken_, true)) return;
        time_.soon([this] {
            woken_ = false;
            turn();
            complete_settled();
        });
    }
    bool arm(instant due) noexcept {
        armed_ = due;
        time_.at(due, [this, due] {
            if (armed_ != due || abandoned()) return;
            armed_ = engine::never;
            time_passed();
        });
        return true;
    }
    bool check_idle_in(duration pause) noexcept {
        time_.in(pause, [this] {
            if (!abandoned()) check_idle();
        });
        return true;
    }
    void answer_question(engine::call& call) { answers(call); }
    template <class Notice>
    void notice(Notice& notice) {
        if (on_notice) on_notice(engine::action{std::move(notice)});
    }
    void before_handling(engine::event const& happened) noexcept {
        auto const* const returned = std::get_if<engine::calls_returned>(&happened);
        if (returned && on_returned) on_returned(&returned->calls);
    }
    void after_handling(engine::event const& happened) noexcept {
        if (std::holds_alternative<engine::calls_returned>(happened) && on_returned) on_returned(nullptr);
    }

    // ---- Both ports -----------------------------------------------------------------------------

    void report(engine::event&& what) override {
        if (auto const* const lost = std::get_if<engine::link_lost>(&what))
            time_.note([&] {
                return "client loses " + session_of(lost->link)->link().pipe().node() + ": " + lost->message;
            });
        happened(std::move(what));
    }
    void complete(engine::call& call) override {
        if (completes && !call.is_internal()) return completes(call);
        call.kind->complete(call);
    }

    // ---- sim_connection_owner -------------------------------------------------------------------

    void park(engine::call& call) noexcept override { runtime::park(call); }
    void slowed(std::vector<engine::call_slow>&& all) override {
        if (!on_slow) return;
        for (engine::call_slow const& slow : all) on_slow(slow);
    }
    bool completes_at_once() const noexcept override { return !completes; }

private:
    /// Connects at once: the calls that follow this action must find a link that is on its way.
    void carry_out_later(sim_connection& there, engine::open_link&& opening) {
        time_.note([&] {
            return "client connects to " + opening.where.to_string() +
                   (opening.plan.read_only ? " for replica reads" : "");
        });
        there.open(std::move(opening));
    }
    void carry_out_later(sim_connection& there, engine::close_link&& closing) {
        time_.note([&] { return "client closes its link to " + control().nodes()[there.id().node].name; });
        time_.soon([&there, closing] { there.drain(closing); });
    }
    void carry_out_later(sim_connection& there, engine::connect_now&& turn) { there.connect_now(turn); }
    void carry_out_later(sim_connection& there, engine::credentials_given&& given) {
        time_.soon([&there, given] { there.take_credentials(engine::credentials_given{given}); });
    }
    void carry_out_later(sim_connection& there, engine::wait_told&& told) {
        time_.soon([&there, told] { there.wait_told(told); });
    }
    void carry_out_later(sim_connection& there, engine::shut_link&&) {
        time_.soon([&there] { there.shut({}); });
    }
    void carry_out_later(sim_connection& there, engine::cancel_share&& share) {
        time_.soon([this, &there, share = std::make_shared<engine::cancel_share>(std::move(share))] {
            if (share->owner() != engine::cancel_token::of(there.id()))
                return forward_cancel(std::move(*share));
            there.cancel(share->token());
        });
    }

    timeline& time_;
    network& net_;
    bool woken_ = false;
    mutable std::uint32_t rotation_ = 0;
    instant armed_ = engine::never;
};

static_assert(engine::runtime_port<sim_driver, sim_connection>);

}  // namespace umbel::testing
