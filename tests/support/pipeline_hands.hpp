// pipeline_hands.hpp: a pipeline with hands: commands go in, bytes come out, bytes go in, answers come out.
// It knows no link and no engine.
#pragma once

#include <umbel/engine/pipeline.hpp>

#include "support/script_values.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <list>
#include <string>
#include <vector>

namespace umbel::test {

using namespace std::chrono_literals;
using engine::pipeline;

struct hands {
    pipeline pipe;
    engine::instant now{1000s};
    std::list<scripted_call> calls;
    std::vector<std::string> returned;

    explicit hands(engine::pipeline_options const& options = {}) : pipe{options, nullptr} {
        pipe.serve("10.0.0.1:6379", {0, engine::link_mode::primary});
    }
    hands(hands const&) = delete;
    hands& operator=(hands const&) = delete;
    ~hands() {
        pipe.fail_all(errc::cancelled);
        collect();
        for (auto const& call : calls) {
            CHECK(call.answers <= 1);
            CHECK(call.completions == call.answers);
        }
    }

    started start(std::string_view command, call_options const& options = {}) {
        scripted_call& one = calls.emplace_back(command, options);
        pipe.accept(one, now);
        collect();
        return started{one};
    }
    /// Everything that waits to be written, as the kernel gets it.
    std::string written(std::size_t at_most = SIZE_MAX) { return written_by(pipe, at_most); }
    pipeline::progress receive(std::string_view bytes, unsigned at_most = 100) {
        while (!bytes.empty()) {
            auto const room = pipe.space();
            std::size_t const part = std::min(room.size(), bytes.size());
            std::copy_n(bytes.data(), part, room.data());
            pipe.arrived(part);
            bytes.remove_prefix(part);
            if (auto const seen = settle(at_most); seen == pipeline::progress::broken) return seen;
        }
        return settle(at_most);
    }
    pipeline::progress settle(unsigned at_most = 100) {
        auto seen = pipe.settle(at_most, now);
        while (seen == pipeline::progress::more) seen = pipe.settle(at_most, now);
        collect();
        return seen;
    }
    void cancel(started const& one) {
        pipe.cancel(one.call());
        collect();
    }
    void pass(engine::duration span) {
        now += span;
        pipe.expire(now);
        collect();
    }
    void lose(errc why = errc::connection_lost) {
        pipe.lose(why, "gone", now);
        collect();
    }
    void collect() {
        while (engine::call* const call = pipe.finished().pop()) call->kind->complete(*call);
        while (engine::call* const call = pipe.returned().pop())
            returned.push_back(static_cast<scripted_call*>(call)->command);
    }
};

inline constexpr auto drained = pipeline::progress::drained;
inline constexpr auto broken = pipeline::progress::broken;

}  // namespace umbel::test
