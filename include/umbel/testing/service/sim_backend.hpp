// sim_backend.hpp: the backend of an umbel::client whose nodes are a model cluster and whose time is virtual.
// It decides nothing: the runtime is the one that clients of real servers have.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/completion.hpp>
#include <umbel/async/runtime_backend.hpp>
#include <umbel/net/settings.hpp>
#include <umbel/testing/sim_driver.hpp>

#include UMBEL_ASIO_HEADER(post.hpp)
#include UMBEL_ASIO_HEADER(system_executor.hpp)

#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace umbel::testing {

/// Where the calls of one simulated client live.
/// Lifetime: borrows timeline and network until abandon(). Threading: one thread.
class sim_backend final : public async::runtime_backend<sim_backend> {
public:
    /// Handlers complete on their executors, those without one on `executor`, never inside a step of the
    /// timeline: so every settled call is posted there, and there is no context of the client's own.
    sim_backend(timeline& time, network& net, asio::any_io_executor executor, net::settings const& chosen)
        : runtime_backend{std::move(executor), {}, chosen.hedge_percent_max},
          time_{time},
          driver_{time, net, chosen} {
        driver_.completes = [this](engine::call& call) {
            asio::post(get_executor(), async::posted_completion{static_cast<async::pooled_call&>(call)});
        };
        driver_.answers = [this](engine::call& call) { answer_question(call); };
        if (!chosen.observer) return;
        driver_.on_notice = [watching = chosen.observer](engine::action const& action) {
            tell(*watching, action);
        };
        driver_.on_slow = [watching = chosen.observer](engine::call_slow const& slow) {
            watching->slow(slow);
        };
    }

    /// The stage ends: whatever is pending is destroyed, with its handlers, and what they begin finds that
    /// the client has gone.
    void abandon() noexcept {
        leave_executors(asio::system_executor{});
        driver_.abandon();
    }

    // ---- What a backend does on virtual time ----------------------------------------------------

    sim_driver& runtime() noexcept { return driver_; }
    sim_driver const& runtime() const noexcept { return driver_; }
    engine::instant now() const noexcept override { return driver_.clock(); }
    void call_after(std::unique_ptr<wait>& kept, engine::duration span, std::function<void()> then) override {
        // Only the timeline owns the action, which may own whoever waits.
        struct sim_wait final : wait {
            std::weak_ptr<std::function<void()>> seen;
            ~sim_wait() override {
                if (auto const action = seen.lock()) *action = nullptr;
            }
        };
        auto waiting = std::make_unique<sim_wait>();
        auto const action = std::make_shared<std::function<void()>>(std::move(then));
        waiting->seen = action;
        kept = std::move(waiting);
        time_.in(span, [action] {
            if (auto const due = std::exchange(*action, nullptr)) due();
        });
    }

private:
    static void tell(umbel::observer& watching, engine::action const& action) {
        std::visit(
            [&watching](auto const& happened) {
                if constexpr (requires { watching.notice(happened); }) watching.notice(happened);
            },
            action);
    }

    timeline& time_;
    sim_driver driver_;
};

}  // namespace umbel::testing
