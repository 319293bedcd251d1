// sim_backend.hpp: the home of an umbel::client whose nodes are a model cluster and whose time is virtual.
// It decides nothing: the runtime is the one that clients of real servers have.
#pragma once

#include <umbel/async/completion.hpp>
#include <umbel/async/backend.hpp>
#include <umbel/net/settings.hpp>
#include <umbel/engine/snapshot_of.hpp>
#include <umbel/testing/sim_driver.hpp>

#include <asio/post.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::testing {

/// Where the calls of one simulated client live.
/// Lifetime: borrows timeline and network until abandon(). Threading: one thread.
class sim_backend final : public async::backend {
public:
    /// Handlers complete on their executors, those without one on `executor`, never inside a step of the
    /// timeline: so every settled call is posted there, and there is no context of the client's own.
    sim_backend(timeline& time, network& net, asio::any_io_executor executor, net::settings const& chosen)
        : backend{std::move(executor), {}, chosen.hedge_percent_max}, time_{time}, driver_{time, net, chosen} {
        driver_.completes = [this](engine::call& call) {
            asio::post(this->executor(), async::posted_completion{static_cast<async::pooled_call&>(call)});
        };
        driver_.answers = [this](engine::call& call) {
            auto& asked = static_cast<async::pooled_call&>(call);
            asked.on_control(*this, asked);
        };
        if (!chosen.observer) return;
        driver_.on_notice = [watching = chosen.observer](engine::action const& what) {
            tell(*watching, what);
        };
        driver_.on_slow = [watching = chosen.observer](engine::call_slow const& what) {
            watching->slow(what);
        };
    }

    /// The stage ends: whatever is pending is destroyed, with its handlers, and nothing may be begun
    /// afterwards.
    void abandon() noexcept { driver_.abandon(); }

    // ---- home -----------------------------------------------------------------------------------

    void start(engine::call& call) override { driver_.begin(call); }
    engine::link_id choose(engine::call const& call) const override { return driver_.choose_link(call); }
    void start_at(engine::call& call, engine::link_id to) override { driver_.begin_at(call, to); }
    void request_cancel(async::shared_token& token) override {
        token.references.fetch_add(1, std::memory_order_relaxed);
        driver_.request_cancel(std::shared_ptr<engine::cancel_token>{
            &token, [](engine::cancel_token* shared) { release(*shared); }});
    }
    void refuse_new() noexcept override { driver_.refuse_new(); }
    void answer(async::pooled_call& call) override { driver_.ask(call); }
    void complete_later(engine::call& call) override { driver_.complete_soon(call); }
    bool standalone() const noexcept override {
        return driver_.routes().known() == engine::known_as::standalone;
    }
    std::unique_ptr<wait> call_after(engine::duration span, std::function<void()> then) override {
        struct sim_wait final : wait {
            std::shared_ptr<std::function<void()>> alarm;
            ~sim_wait() override { *alarm = nullptr; }
        };
        auto made = std::make_unique<sim_wait>();
        made->alarm = std::make_shared<std::function<void()>>(std::move(then));
        time_.in(span, [alarm = made->alarm] {
            if (auto const rings = std::exchange(*alarm, nullptr)) rings();
        });
        return made;
    }
    void want_refresh() override { driver_.want_refresh(); }
    void shut_down() override { driver_.end(); }
    void await_topology(engine::call& call) override { driver_.complete_with_topology(call); }
    void close_when_idle(async::pooled_call& call) override { driver_.complete_when_idle(call); }
    std::vector<node_snapshot> nodes() const override {
        return net::nodes_of(driver_.control(),
                             [this](engine::link_id id) { return driver_.session_of(id); });
    }
    cluster::topology topology() const override { return driver_.control().topology(); }
    umbel::statistics statistics() const override {
        return net::statistics_of(driver_.control(), driver_.sessions());
    }

private:
    static void tell(umbel::observer& watching, engine::action const& what) {
        std::visit(
            [&watching](auto const& happened) {
                if constexpr (requires { watching.notice(happened); }) watching.notice(happened);
            },
            what);
    }
    static void release(engine::cancel_token& token) noexcept {
        static_cast<async::shared_token&>(token).release();
    }

    timeline& time_;
    sim_driver driver_;
};

}  // namespace umbel::testing
