// control_plane.hpp: the parts of the control plane without the engine around them, for tests of one part
// alone.
#pragma once

#include <umbel/engine/dispatcher.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

namespace umbel::test {

/// All parts, joined as the engine joins them; a test calls the one that it is about.
struct control_plane {
    engine::control_state shared;
    engine::health_monitor health{shared};
    engine::node_supervisor links{shared, health};
    engine::topology_tracker topology{shared, health, links, {}};
    engine::dispatcher calls{shared, health, links, topology, {}};

    static constexpr engine::instant begin{std::chrono::seconds{1000}};

    explicit control_plane(engine::engine_options options = usual()) : shared{std::move(options)} {}

    static engine::engine_options usual() {
        engine::engine_options options;
        options.nodes_max = 16;
        options.seeds = {{"10.0.0.1", 6379}};
        options.judging.retry_delay = std::chrono::milliseconds{5};
        options.judging.retry_delay_max = std::chrono::milliseconds{100};
        options.refreshing = {.interval_min = std::chrono::milliseconds{100},
                              .delay = std::chrono::milliseconds{20},
                              .delay_max = std::chrono::seconds{1}};
        return options;
    }

    std::uint16_t add(std::string host) { return shared.nodes.obtain({std::move(host), 6379}, begin); }
    engine::node& node(std::uint16_t number) { return shared.nodes[number]; }
    bool unhealthy(std::uint16_t number) const { return shared.routes.health_of(number).unhealthy.load(); }

    /// Opens the primary link of a node.
    void open(std::uint16_t number, engine::instant now = begin) {
        links.open({number, engine::link_mode::primary}, now);
        engine::link_opened opened;
        opened.link = {number, engine::link_mode::primary};
        opened.generation = node(number).link(engine::link_mode::primary).generation;
        links.on(opened, now);
    }
    /// Loses the primary link of a node.
    engine::link_event_effect lose(std::uint16_t number, engine::instant now,
                                   engine::link_loss how = engine::link_loss::refused) {
        engine::link_lost lost{{number, engine::link_mode::primary},
                               node(number).link(engine::link_mode::primary).generation,
                               errc::connect_failed,
                               "refused",
                               how};
        return links.on(lost, now);
    }
};

}  // namespace umbel::test
