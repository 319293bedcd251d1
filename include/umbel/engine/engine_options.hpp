// engine_options.hpp: what the control plane of a client must be told once, and what it counts. Values only.
#pragma once

#include <umbel/cluster/address_map.hpp>
#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/handshake.hpp>
#include <umbel/engine/judge.hpp>
#include <umbel/engine/refresher.hpp>
#include <umbel/engine/retry_budget.hpp>
#include <umbel/options.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// The sentinels that watch a replication group: the seeds are theirs.
struct sentinel_plan {
    std::string primary_name;  ///< By which they know the group; empty: the seeds are no sentinels.
    handshake_plan plan;       ///< Of connections to them.
};

/// What the engine must be told once. Owns its texts.
struct engine_options {
    std::vector<cluster::endpoint> seeds;
    cluster::address_map addresses;
    handshake_plan plan;
    sentinel_plan sentinels;
    bool asks_credentials = false;                       ///< Somebody gives them; plan.identity is null then.
    duration connect_timeout = std::chrono::seconds{2};  ///< How long who gives them may take.
    bool tls = false;  ///< Connections are encrypted: of nodes that have two ports the other one is meant.
    umbel::topology_source source = umbel::topology_source::automatic;
    umbel::deployment deployment = umbel::deployment::automatic;
    judge_options judging;
    refresher_options refreshing;
    retry_budget_options budget;
    duration refresh_timeout = std::chrono::seconds{1};
    duration reconnect_delay = std::chrono::milliseconds{20};
    duration reconnect_delay_max = std::chrono::seconds{1};
    std::string zone;                                              ///< The client's availability zone.
    std::vector<std::pair<cluster::endpoint, std::string>> zones;  ///< Of nodes whose servers do not tell it.
    unsigned breaker_failures = 5;  ///< In a row, before a node's circuit breaker opens; 0: never.
    std::uint32_t waiting_max = 131072;
    std::size_t connects_max = 64;             ///< Opened at one time.
    std::uint32_t slow_start = 64;             ///< Calls that have waited and go out at once; 0: any number.
    unsigned leases_max = 64;                  ///< Of one node.
    std::uint32_t leases_waiting_max = 16384;  ///< Calls that wait for a lease, of all nodes.
    duration lease_idle = std::chrono::seconds{30};
    duration unblock_timeout = std::chrono::seconds{1};
    duration maintenance_window_max = std::chrono::seconds{60};
    std::uint16_t nodes_max = 2048;
    unsigned contexts = 1;  ///< Of the client; each has connections of its own.
    bool observed = false;  ///< An observer listens: report what only an observer wants to know.
    std::uint64_t seed = 1;
};

/// Counters of the control plane.
struct engine_counters {
    std::uint64_t refreshes = 0;         ///< Refreshes begun.
    std::uint64_t topology_queries = 0;  ///< Nodes asked.
    std::uint64_t topology_changes = 0;
    std::uint64_t moved = 0;
    std::uint64_t asked = 0;
    std::uint64_t retried = 0;
    std::uint64_t retries_denied = 0;  ///< Calls that failed because the retry budget was empty.
    std::uint64_t connects = 0;        ///< Connections opened.
    std::uint64_t disconnects = 0;     ///< Connections lost, or refused.
    std::uint64_t breakers_opened = 0;
    std::uint64_t hand_overs = 0;  ///< Nodes whose commands have gone to a new connection in time.
};

}  // namespace umbel::engine
