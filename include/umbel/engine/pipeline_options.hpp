// pipeline_options.hpp: what the data plane of one connection must be told once. Values only.
#pragma once

#include <umbel/engine/judge.hpp>
#include <umbel/resp/reader.hpp>

#include <cstddef>
#include <cstdint>

namespace umbel::engine {

/// What a pipeline must be told once.
struct pipeline_options {
    judge_options judging{};
    std::uint32_t in_flight_max = 131072;
    std::size_t queued_bytes_max = std::size_t{64} << 20;
    std::uint32_t slow_start = 0;  ///< Calls in flight at first where the server has just come back.
    resp::limits reply{};
    std::uint64_t seed = 1;
    bool latency_histograms = false;
    duration slow_after{};  ///< From when on an observer is told of a reply; zero: never.
};

}  // namespace umbel::engine
