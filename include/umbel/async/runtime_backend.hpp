// runtime_backend.hpp: the part of a backend that is the same over every runtime: it hands on what operations
// ask to engine::runtime. It knows neither threads nor timers nor connections.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/engine/cancel_share.hpp>
#include <umbel/engine/led_shards.hpp>
#include <umbel/engine/router.hpp>
#include <umbel/engine/snapshot_of.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::async {

/// A backend whose calls live in an engine::runtime. `Self` derives from this, and its runtime() returns the
/// runtime.
template <class Self>
class runtime_backend : public backend {
public:
    void start(engine::call& call) override { runtime().begin(call); }
    engine::link_id choose(engine::call const& call) const override { return runtime().choose_link(call); }
    void start_at(engine::call& call, engine::link_id to) override { runtime().begin_at(call, to); }
    void start_leased(engine::call& call) override { runtime().begin_leased(call); }
    void start_on_lease(engine::call& call, engine::link_id lease) override {
        runtime().begin_on_lease(call, lease);
    }
    void take_back(engine::lease_token& lease) override { runtime().take_back(lease); }
    void request_cancel(shared_token& token) override {
        token.wanted.store(true, std::memory_order_seq_cst);
        token.references.fetch_add(1, std::memory_order_relaxed);
        runtime().forward_cancel(engine::cancel_share{token});
        if (attachment* const kept = attached()) kept->cancel_wanted(token);
    }
    void refuse_new() noexcept override { runtime().refuse_new(); }
    void answer(pooled_call& call) override { runtime().ask(call); }
    void complete_later(engine::call& call) override { runtime().complete_soon(call); }
    bool standalone() const noexcept override {
        return runtime().routes().known() == engine::known_as::standalone;
    }
    void want_refresh() override { runtime().want_refresh(); }
    void reauthenticate(std::shared_ptr<credentials const> fresh) override {
        runtime().reauthenticate(std::move(fresh));
    }
    void shut_down() override { runtime().end(); }

    void await_topology(engine::call& call) override { runtime().complete_with_topology(call); }
    void close_when_idle(pooled_call& call) override { runtime().complete_when_idle(call); }
    void give_up_waits(std::string why) override {
        runtime().happened(engine::waits_given_up{std::move(why)});
    }
    std::vector<node_snapshot> nodes() const override {
        return engine::nodes_of(runtime().control(),
                                [this](engine::link_id id) { return runtime().session_of(id); });
    }
    cluster::topology topology() const override { return runtime().control().topology(); }
    std::vector<engine::led_shard> leaders() const override {
        auto const& control = runtime().control();
        return leaders_.now(control.routes().table(), control.nodes(), control.topology(),
                            control.routes().version());
    }
    umbel::statistics statistics() const override {
        return engine::statistics_of(runtime().control(), runtime().sessions());
    }

    /// Answers a question to the control plane.
    void answer_question(engine::call& call) {
        auto& question = static_cast<pooled_call&>(call);
        question.on_control(*this, question);
    }

protected:
    using backend::backend;
    ~runtime_backend() = default;

private:
    auto& runtime() noexcept { return static_cast<Self&>(*this).runtime(); }
    auto& runtime() const noexcept { return static_cast<Self const&>(*this).runtime(); }

    mutable engine::leader_list leaders_;  ///< The control plane's owner's.
};

}  // namespace umbel::async
