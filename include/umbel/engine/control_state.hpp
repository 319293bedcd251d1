// control_state.hpp: what the parts of the control plane share: options, the node table, the routes,
// counters, and the actions of the present turn. It decides nothing and knows none of those parts.
#pragma once

#include <umbel/engine/action.hpp>
#include <umbel/engine/backoff.hpp>
#include <umbel/engine/credential_keeper.hpp>
#include <umbel/engine/engine_options.hpp>
#include <umbel/engine/node.hpp>
#include <umbel/engine/router.hpp>

#include <utility>
#include <vector>

namespace umbel::engine {

/// The shared state of dispatcher, topology tracker and node supervisor. Threading: the engine's owner, save
/// what `routes` lets every thread read.
struct control_state {
    explicit control_state(engine_options chosen)
        : options{std::move(chosen)},
          random{options.seed},
          identity{options.plan.identity, options.asks_credentials, options.connect_timeout},
          routes{options.nodes_max},
          nodes{options.nodes_max, options.contexts} {
        options.judging.client = &routes.facts();
        if (identity.any()) routes.note_credentials();
    }
    control_state(control_state const&) = delete;
    control_state& operator=(control_state const&) = delete;

    /// Reports what `make()` returns, if there is an observer. An observer that cannot be told for lack of
    /// memory loses this notice.
    template <class Make>
    void observe(Make&& make) noexcept {
        if (!options.observed) return;
        UMBEL_TRY { actions.emplace_back(std::forward<Make>(make)()); }
        UMBEL_CATCH(...) {
        }
    }

    engine_options options;
    random_source random;
    credential_keeper identity;
    router routes;
    node_table nodes;
    std::vector<action> actions;
    engine_counters counters;
    bool in_group = false;  ///< The members are a primary and its replicas by their own word.
    bool closed = false;
};

}  // namespace umbel::engine
