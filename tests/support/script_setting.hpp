// script_setting.hpp: where scripts play: the cluster of most of them, and what their client is told.
#pragma once

#include <umbel/engine/engine_options.hpp>
#include <umbel/engine/link.hpp>

#include "support/script_values.hpp"

#include <chrono>
#include <string>

namespace umbel::test {

using namespace std::chrono_literals;

// The cluster of most scripts. `a` owns foo (12182) and has two replicas, `b` owns bar (5061), `c` owns qux
// (9995).
inline constexpr char const* a = "10.0.0.1:6379";
inline constexpr char const* b = "10.0.0.2:6379";
inline constexpr char const* c = "10.0.0.3:6379";
inline constexpr char const* d = "10.0.0.4:6379";
inline constexpr char const* e = "10.0.0.5:6379";
inline constexpr char const* d_reads = "10.0.0.4:6379/replica";
inline constexpr char const* e_reads = "10.0.0.5:6379/replica";
inline std::string usual_layout() {
    return cluster_slots({{0, 5460, {b}}, {5461, 10922, {c}}, {10923, 16383, {a, d, e}}});
}

/// What a script's client is told. Plain wire: RESP2, minimal handshake, CLUSTER SLOTS; no chance: everything
/// is seeded.
struct script_options {
    engine::engine_options engine;
    engine::pipeline_options pipeline;
    engine::link_options link;
    bool boots = true;  ///< Begin with the usual layout known, `a` connected and all writes taken.
    bool connects_by_itself = true;  ///< Connection attempts succeed at once.

    script_options() {
        engine.seeds = {{"10.0.0.1", 6379}};
        engine.plan.protocol = protocol::resp2;
        engine.plan.extent = umbel::handshake::minimal;
        engine.source = topology_source::slots;
        engine.judging = {cluster::policy{}, 5, 5ms, 100ms};
        engine.refreshing = {
            .interval_min = 100ms, .interval = 0ms, .stagger = 250ms, .delay = 20ms, .delay_max = 1s};
        engine.nodes_max = 64;
        pipeline.judging = engine.judging;
        link = {.connect_timeout = 2s,
                .probe_after = 0s,
                .probe_timeout = 2s,
                .silent_timeouts_max = 3,
                .doubt_after = 0s};
    }
    /// The same policy for links and engine.
    script_options& judged_by(cluster::policy const& policy) {
        engine.judging.policy = pipeline.judging.policy = policy;
        return *this;
    }
    /// What may have run is sent again as `chosen` says.
    script_options& repeating(retry_unknown chosen) {
        engine.judging.unknown = pipeline.judging.unknown = chosen;
        return *this;
    }
};

}  // namespace umbel::test
