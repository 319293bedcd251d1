// inert_backend.hpp: a backend that sends nothing: a test says what it answers, and when its timers ring.
#pragma once

#include <umbel/async/backend.hpp>
#include <umbel/async/contexts_impl.hpp>
#include <umbel/engine/led_shards.hpp>

#include <asio/io_context.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace at_home {

class inert_backend final : public umbel::async::backend {
    using call = umbel::engine::call;
    using link_id = umbel::engine::link_id;

public:
    std::vector<call*> started{};
    std::vector<call*> completing{};  ///< Completed by the test.
    umbel::engine::instant time{1};
    /// Runs before the clock is read.
    std::function<void()> asked_for_time = [] {};
    /// What becomes of a timer: nothing, until the test says so.
    std::function<void(umbel::engine::duration, std::function<void()>)> timer_armed =
        [](umbel::engine::duration, std::function<void()> const&) {};
    int timers = 0;  ///< That are kept.

    explicit inert_backend(asio::io_context& io)
        : backend{io.get_executor(),
                  umbel::async::contexts{std::vector<asio::any_io_executor>{io.get_executor()}}, 0} {}

    void start(call& begun) override { started.push_back(&begun); }
    link_id choose(call const&) const override { return {}; }
    void start_at(call& begun, link_id) override { start(begun); }
    void start_leased(call& begun) override { start(begun); }
    void start_on_lease(call& begun, link_id) override { start(begun); }
    void request_cancel(umbel::async::shared_token&) override {}
    void refuse_new() noexcept override {}
    void answer(umbel::async::pooled_call& question) override { question.on_control(*this, question); }
    void complete_later(call& settled) override { completing.push_back(&settled); }
    umbel::engine::instant now() const noexcept override {
        asked_for_time();
        return time;
    }
    bool standalone() const noexcept override { return false; }
    void call_after(std::unique_ptr<wait>& kept, umbel::engine::duration span,
                    std::function<void()> then) override {
        struct counted final : wait {
            int& count;
            explicit counted(int& whose) : count{whose} { ++count; }
            ~counted() override { --count; }
        };
        kept = std::make_unique<counted>(timers);
        timer_armed(span, std::move(then));
    }
    void want_refresh() override {}
    void reauthenticate(std::shared_ptr<umbel::credentials const>) override {}
    void shut_down() override {}
    void give_up_waits(std::string) override {}
    void take_back(umbel::engine::lease_token&) override {}
    void await_topology(call& waiting) override { completing.push_back(&waiting); }
    void close_when_idle(umbel::async::pooled_call&) override {}
    std::vector<umbel::node_snapshot> nodes() const override { return {}; }
    umbel::cluster::topology topology() const override { return {}; }
    std::vector<umbel::engine::led_shard> leaders() const override { return {}; }
    umbel::statistics statistics() const override { return {}; }
    /// Completes the calls that wait for it.
    void complete_all() {
        while (!completing.empty()) {
            call* const next = completing.back();
            completing.pop_back();
            next->kind->complete(*next);
        }
    }
};

}  // namespace at_home
