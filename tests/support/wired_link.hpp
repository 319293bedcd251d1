// wired_link.hpp: one link with the hands that a connection would have, and calls that note what they are
// told.
#pragma once

#include <umbel/engine/link.hpp>

#include "support/script_values.hpp"

#include <algorithm>
#include <list>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::test {

using namespace std::chrono_literals;

namespace wiring {

using progress = engine::link::progress;

inline engine::link_options const usual{.connect_timeout = 2s,
                                        .probe_after = 1s,
                                        .probe_timeout = 2s,
                                        .silent_timeouts_max = 3,
                                        .doubt_after = 0s};

inline engine::handshake_plan plain() {
    engine::handshake_plan plan;
    plan.protocol = protocol::resp2;
    plan.extent = umbel::handshake::minimal;
    return plan;
}

struct wired {
    engine::link link;
    engine::instant now{1000s};
    engine::instant armed_for = engine::never;  ///< As a session's timer.
    std::list<scripted_call> calls;
    unsigned returned = 0;

    explicit wired(engine::link_options const& options = usual,
                   cluster::policy policy = cluster::surface_redirects{})
        : link{engine::pipeline_options{.judging = {.policy = policy}}, options, nullptr} {}
    explicit wired(engine::pipeline_options pipeline, cluster::policy policy = cluster::surface_redirects{})
        : link{(pipeline.judging.policy = policy, pipeline), usual, nullptr} {}
    wired(wired const&) = delete;
    wired& operator=(wired const&) = delete;
    ~wired() {
        link.pipe().fail_all(errc::cancelled);
        collect();
    }

    void dial(engine::handshake_plan plan = plain()) {
        link.connecting(std::move(plan), "10.0.0.1:6379", {3, engine::link_mode::primary}, now);
    }
    started start(std::string_view command, call_options const& options = {}) {
        scripted_call& call = calls.emplace_back(command, options);
        link.accept(call, now);
        collect();
        return started{call};
    }
    std::string written(std::size_t at_most = SIZE_MAX) { return written_by(link, at_most); }
    progress receive(std::string_view bytes) {
        auto const room = link.space();
        std::copy_n(bytes.data(), bytes.size(), room.data());
        link.arrived(bytes.size(), now);
        progress seen = link.settle(100, now);
        while (seen == progress::more) seen = link.settle(100, now);
        collect();
        return seen;
    }
    bool pass(engine::duration span) {
        stand_still(span);
        return look();
    }
    /// Time passes, and nobody looks.
    void stand_still(engine::duration span) {
        armed_for = link.next_due();
        now += span;
    }
    bool look() {
        bool const alive = link.tick(now, armed_for);
        collect();
        return alive;
    }
    /// Looks as a session does: whenever it is due.
    bool pass_in_steps(engine::duration span) {
        engine::instant const end = now + span;
        while (now < end)
            if (!pass(std::min(link.next_due(), end) - now)) return false;
        return true;
    }
    void lose(errc why) {
        link.lost(why, "gone", now);
        collect();
    }
    void collect() {
        while (engine::call* const call = link.pipe().finished().pop()) call->kind->complete(*call);
        while (engine::call* const call = link.pipe().returned().pop()) {
            ++returned;
            call->kind->fail(*call, error{errc::cancelled, delivery::not_sent});
            call->kind->complete(*call);
        }
    }
};

}  // namespace wiring
}  // namespace umbel::test
