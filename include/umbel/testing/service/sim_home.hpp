// sim_home.hpp: the home of an umbel::client whose nodes are a model cluster and whose time is virtual.
// It does for operations what net/driver.hpp does with sockets; it decides nothing.
#pragma once

#include <umbel/net/completion.hpp>
#include <umbel/net/home.hpp>
#include <umbel/net/settings.hpp>
#include <umbel/net/snapshot_of.hpp>
#include <umbel/testing/sim_driver.hpp>

#include <asio/post.hpp>

#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::testing {

/// Where the calls of one simulated client live.
/// Lifetime: borrows timeline and network until abandon(). Threading: one thread.
class sim_home final : public net::home {
public:
    /// Handlers complete on their executors, those without one on `executor`, never inside a step of the timeline: so every settled call is
    /// posted there, and there is no context of the client's own.
    sim_home(timeline& time, network& net, asio::any_io_executor executor, net::settings chosen)
        : home{std::move(executor), {}, chosen.hedge_percent_max}, time_{time}, driver_{time, net, driver_settings(chosen)} {
        driver_.completes = [this](engine::call& one) { asio::post(this->executor(), net::late_completion{static_cast<net::pooled_call&>(one)}); };
        if (!chosen.observer) return;
        driver_.on_notice = [watching = chosen.observer](engine::action const& what) { tell(*watching, what); };
        driver_.on_slow = [watching = chosen.observer](engine::call_slow const& what) { watching->slow(what); };
    }

    /// The stage ends: whatever is pending is destroyed, with its handlers, and nothing may be begun afterwards.
    void abandon() noexcept {
        abandoned_ = true;
        engine::call_list all{std::move(questions_)};
        all.splice(std::move(closers_));
        while (engine::call* const one = all.pop()) one->kind->drop(*one);
        driver_.abandon();
    }

    // ---- What operations ask for ----------------------------------------------------------------------------------------------

    void start(engine::call& one) override {
        if (abandoned_) return one.kind->drop(one);
        if (!refuses_) return driver_.start(one);
        one.kind->reject(one, error{errc::cancelled, delivery::not_sent, "the client is closed"});
        complete_later(one);
    }
    /// None: so a hedged read, whose delay would pass in real time, is asked of one node.
    engine::link_id choose(engine::call const&) const override { return {}; }
    void start_at(engine::call& one, engine::link_id) override { start(one); }
    void request_cancel(net::shared_token& token) override {
        if (abandoned_) return;
        token.references.fetch_add(1, std::memory_order_relaxed);
        driver_.request_cancel(std::shared_ptr<engine::cancel_token>{&token, [](engine::cancel_token* shared) { release(*shared); }});
    }
    void refuse_new() noexcept override { refuses_ = true; }
    void answer(net::pooled_call& one) override {
        if (abandoned_) return one.kind->drop(one);
        questions_.push(one);
        time_.soon([this] {
            if (engine::call* const next = questions_.pop()) answer_now(static_cast<net::pooled_call&>(*next));
        });
    }
    void complete_later(engine::call& one) override {
        if (abandoned_) return one.kind->drop(one);
        engine::call_list single;
        single.push(one);
        driver_.complete_soon(std::move(single));
    }
    bool standalone() const noexcept override { return driver_.control().routes().known() == engine::known_as::standalone; }
    void want_refresh() override {
        if (!abandoned_) time_.soon([this] { driver_.want_refresh(); });
    }
    void shut_down() override {
        refuses_ = ended_ = true;
        if (!abandoned_) driver_.shut_down();
    }

    void await_topology(engine::call& one) override {
        one.only_waits = true;
        driver_.stranded(one);
    }
    void close_when_idle(net::pooled_call& one) override {
        one.begin(time_.now());
        bool const first = closers_.empty();
        closers_.push(one);
        if (first) check_idle();
    }
    std::vector<node_snapshot> nodes() const override {
        return net::nodes_of(driver_.control(), [this](engine::link_id id) -> sim_connection const* {
            for (sim_connection const* const one : driver_.connections())
                if (one->id() == id) return one;
            return nullptr;
        });
    }
    cluster::topology topology() const override { return driver_.control().topology(); }
    umbel::statistics statistics() const override { return net::statistics_of(driver_.control(), driver_.connections()); }

private:
    static constexpr duration closing_pause = 1ms;

    static sim_settings driver_settings(net::settings const& chosen) {
        return {.engine = chosen.engine,
                .pipeline = chosen.pipeline,
                .link = chosen.link,
                .deadline = chosen.deadline,
                .read_from = chosen.read_from};
    }
    static void tell(umbel::observer& watching, engine::action const& what) {
        std::visit([&watching](auto const& one) {
            if constexpr (requires { watching.notice(one); }) watching.notice(one);
        }, what);
    }
    static void release(engine::cancel_token& token) noexcept { static_cast<net::shared_token&>(token).release(); }

    void answer_now(net::pooled_call& one) {
        if (!ended_) return one.on_control(*this, one);
        one.kind->reject(one, error{errc::cancelled, delivery::not_sent, "the client is closed"});
        complete_later(one);
    }
    /// Closes everything when nothing is under way any more, or the deadline of the first who asked has come.
    void check_idle() {
        engine::call* const first = closers_.front();
        if (!first) return;
        if (!ended_ && !driver_.idle() && first->deadline > time_.now()) {
            time_.in(closing_pause, [this] { check_idle(); });
            return;
        }
        shut_down();
        while (engine::call* const one = closers_.pop()) {
            static constexpr resp::node yes = resp::node::text(resp::type::simple_string, 0, 2);
            one->kind->decode(*one, resp::view{&yes, "OK"});
            complete_later(*one);
        }
    }

    timeline& time_;
    sim_driver driver_;
    engine::call_list questions_;
    engine::call_list closers_;
    bool refuses_ = false;    ///< close() was called.
    bool ended_ = false;      ///< The client is gone, or has drained.
    bool abandoned_ = false;  ///< The stage is gone.
};

}  // namespace umbel::testing
