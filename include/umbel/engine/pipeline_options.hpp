// pipeline_options.hpp: what the data plane of one connection must be told once. Values only.
#pragma once

#include <umbel/engine/judge.hpp>
#include <umbel/resp/reader.hpp>

#include <cstddef>
#include <cstdint>

namespace umbel::engine {

/// What becomes of the notices of maintenance that a server pushes.
struct maintenance_options {
    bool listens = false;
    duration timeout{};        ///< So long a command may take meanwhile; zero: no longer than ever.
    duration usual_timeout{};  ///< Of commands whose callers have chosen none.
    duration window_max{};     ///< So long it lasts at most.
};

/// What a pipeline must be told once.
struct pipeline_options {
    /// Beyond in_flight_max: a PING, an AUTH, the questions of a refresh, and those that end a wait.
    static constexpr unsigned own_calls_max = 6;

    judge_options judging{};
    std::uint32_t in_flight_max = 131072;
    std::size_t queued_bytes_max = std::size_t{64} << 20;
    std::uint32_t slow_start = 0;  ///< Calls in flight at first where the server has just come back.
    resp::limits reply{};
    std::uint64_t seed = 1;
    bool latency_histograms = false;
    duration slow_after{};  ///< From when on an observer is told of a reply; zero: never.
    maintenance_options maintenance{};
};

}  // namespace umbel::engine
