// model_routing.hpp: which keys a model node serves by what it believes of the cluster, and what it says of
// those that it does not serve. It runs no command.
#pragma once

#include <umbel/testing/model_session.hpp>
#include <umbel/testing/model_topology_reply.hpp>
#include <umbel/testing/model_transaction.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace umbel::testing {

/// The error line of a command that is not served by the node with this view and this store; empty when it
/// is. `cluster_ok()` is asked only where the slot has an owner.
/// Rule: redis-server 7 cluster.c, getNodeByQuery() and clusterRedirectClient().
template <class ClusterOk>
std::string redirection_line(model_view const& view, model_store const& store, model_session const& from,
                             model_keys const& keys, bool asking, ClusterOk cluster_ok) {
    if (keys.names.empty()) return {};
    std::uint16_t const slot = keys.slot;
    if (!keys.in_one_slot()) return "CROSSSLOT Keys in request don't hash to the same slot";
    node_number const owner = view.owner_of(slot);
    if (owner == nobody) return "CLUSTERDOWN Hash slot not served";
    if (!cluster_ok()) return "CLUSTERDOWN The cluster is down";
    bool const leaving = owner == view.self && view.migrating.contains(slot);
    bool const coming = view.importing.contains(slot);
    std::size_t const missing = leaving || coming ? keys.missing_in(store) : 0;
    topology_words const told{view, from.resp3};
    if (leaving && missing != 0) {
        if (missing != keys.names.size()) return "TRYAGAIN Multiple keys request during rehashing of slot";
        return "ASK " + std::to_string(slot) + ' ' + told.target(view.migrating.at(slot));
    }
    if (coming && asking) {
        if (keys.several() && missing != 0) return "TRYAGAIN Multiple keys request during rehashing of slot";
        return {};
    }
    bool const copies = !view.me().primary;
    if (from.readonly && copies && !keys.write && view.me().follows == owner) return {};
    if (owner != view.self) return "MOVED " + std::to_string(slot) + ' ' + told.target(owner);
    return {};
}

}  // namespace umbel::testing
