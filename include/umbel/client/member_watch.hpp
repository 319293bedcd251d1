// member_watch.hpp: what a multi_client learns from the client of one member, and has it do while another
// member serves. It decides nothing.
#pragma once

#include <umbel/cluster/policy.hpp>
#include <umbel/engine/observer.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace umbel::calling {

/// Who wants to know that a member is in trouble.
class trouble_listener {
public:
    virtual void in_trouble() noexcept = 0;

protected:
    ~trouble_listener() = default;
};

/// The observer of a member's client, who hands on to the user's, and the switch that its policy looks at.
/// Threading: the flags from any thread. Lifetime: kept by the member's client, and keeps the listener: so
/// that one is there as long as anything of the member runs.
class member_watch final : public observer {
public:
    member_watch(std::shared_ptr<trouble_listener> listener, cluster::policy const& judging,
                 std::shared_ptr<observer> user) noexcept
        : listener_{std::move(listener)}, user_{std::move(user)}, judging_{judging} {}

    std::atomic<bool> on_standby{false};  ///< Another member serves: nothing waits here for another attempt.
    std::atomic<bool> troubled{false};    ///< A connection was lost, or could not be made.
    std::atomic<bool> failed{false};      ///< A command has found nobody to serve it.

    cluster::verdict judge(cluster::attempt const& attempt) const noexcept {
        using step = cluster::verdict::step;
        cluster::verdict const told = judging_(attempt);
        bool const waits = told.next == step::retry || told.next == step::refresh;
        return waits && on_standby.load(std::memory_order_acquire) ? cluster::verdict::fail() : told;
    }

    void connected(engine::node_connected const& value) override {
        if (user_) user_->connected(value);
    }
    void connect_failed(engine::node_connect_failed const& value) override {
        note();
        if (user_) user_->connect_failed(value);
    }
    void disconnected(engine::node_disconnected const& value) override {
        if (value.why != errc::cancelled) note();
        if (user_) user_->disconnected(value);
    }
    void reauthenticated(engine::node_reauthenticated const& value) override {
        if (user_) user_->reauthenticated(value);
    }
    void credentials_failed(engine::credentials_failed const& value) override {
        if (user_) user_->credentials_failed(value);
    }
    void topology_changed(engine::topology_changed const& value) override {
        if (user_) user_->topology_changed(value);
    }
    void refreshed(engine::refresh_ended const& value) override {
        if (user_) user_->refreshed(value);
    }
    void redirected(engine::call_redirected const& value) override {
        if (user_) user_->redirected(value);
    }
    void retried(engine::call_retried const& value) override {
        if (user_) user_->retried(value);
    }
    void maintenance(engine::maintenance_announced const& value) override {
        if (user_) user_->maintenance(value);
    }
    void slow(engine::call_slow const& value) override {
        if (user_) user_->slow(value);
    }

private:
    void note() noexcept {
        if (!troubled.exchange(true, std::memory_order_acq_rel)) listener_->in_trouble();
    }

    std::shared_ptr<trouble_listener> listener_;
    std::shared_ptr<observer> user_;
    cluster::policy const judging_;
};

/// The policy of a member's client: the user's, unless the member is on standby. Lifetime: the client keeps
/// the watch.
struct standby_policy {
    member_watch const* watch;
    cluster::verdict operator()(cluster::attempt const& attempt) const noexcept {
        return watch->judge(attempt);
    }
};

}  // namespace umbel::calling
