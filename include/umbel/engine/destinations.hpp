// destinations.hpp: from the names of nodes to their numbers: where a redirect points, and where a call goes
// whose caller has chosen the node. It moves no call.
#pragma once

#include <umbel/cluster/standalone_topology.hpp>
#include <umbel/engine/control_state.hpp>
#include <umbel/engine/led_shards.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace umbel::engine {

/// The node that a redirect names, new if need be; no_node where it names none, or the arena is full. An
/// empty host means the host that replied. Rule: Redis Cluster specification, "MOVED redirection".
inline std::uint16_t target_of(retry_state const& redirect, control_state& shared, instant now) {
    if (redirect.port == 0) return link_id::no_node;
    node_table& nodes = shared.nodes;
    cluster::endpoint const announced{
        redirect.host.empty() ? nodes[redirect.from.node].address.host : redirect.host, redirect.port};
    std::uint16_t const number = nodes.obtain(shared.options.addresses(announced), now);
    if (number != link_id::no_node && redirect.from && nodes[redirect.from.node].member)
        nodes[number].named = !nodes[number].member;
    return number;
}

/// What an observer is told of a redirect to this node, and of another retry.
inline call_redirected told_of_redirect(retry_state const& redirect, std::uint16_t to,
                                        control_state const& shared) {
    return {shared.nodes[redirect.from.node].name, shared.nodes[to].name, redirect.slot, redirect.fault};
}
inline call_retried told_of_retry(retry_state const& retry, control_state const& shared) {
    return {retry.from ? shared.nodes[retry.from.node].name : std::string{}, retry.fault,
            retry.verdict.delay};
}

/// The node of this "host:port" or id, among those that commands may go to. Cost: linear in their number.
inline std::uint16_t find_node(node_table const& nodes, std::string_view name) noexcept {
    for (std::uint16_t number = 0; number < nodes.size(); ++number) {
        node const& peer = nodes[number];
        bool const usable = peer.in_use && (peer.member || peer.named);
        if (usable && (peer.name == name || peer.id == name)) return number;
    }
    return link_id::no_node;
}

/// Why no node is known for a slot.
inline std::string_view why_uncovered(cluster::topology const& known, bool replicas_only) noexcept {
    if (replicas_only) return "no replica serves the slot";
    if (cluster::lacks_primary(known)) return "only replicas are known, and their primary does not answer";
    return known.hides_tls_nodes
               ? "no node serves the slot without TLS: its nodes tell a tls-port only (options.tls)"
               : "no node serves the slot";
}

/// What is wrong where a call cannot be sent to the link `to`, if there is one.
inline failure unreachable_failure(node_table const& nodes, link_id to, errc why,
                                   std::string_view message) noexcept {
    bool const nameable = origin_of(why) == origin::transport || why == errc::slot_uncovered;
    return {.code = nameable ? why : errc::connect_failed,
            .delivered = delivery::not_sent,
            .message = message,
            .node = to ? std::string_view{nodes[to.node].name} : std::string_view{},
            .from_replica = to && to.mode == link_mode::replica,
            .node_open = to && nodes[to.node].breaker.refuses()};
}

/// The link that a call takes whose caller has chosen the node; none where there is no such node. A replica
/// is asked by the link that has sent READONLY. Rule: Redis Cluster specification, "Scaling reads using
/// replica nodes".
inline link_id destination_of(destination const& meant, control_state const& shared,
                              std::uint8_t context) noexcept {
    cluster::slot_table const& table = shared.routes.table();
    if (meant.shard)
        return {find_leader(*meant.shard, table, shared.nodes).node, link_mode::primary, context};
    if (meant.slot >= 0) {
        cluster::slot const slot{static_cast<std::uint16_t>(meant.slot)};
        return {table.primary_of(slot), link_mode::primary, context};
    }
    std::uint16_t const number = find_node(shared.nodes, meant.node);
    bool const found = number != link_id::no_node;
    return {number, found ? shared.nodes[number].role_mode() : link_mode::primary, context};
}

/// Why there is no link for such a call. slot_uncovered: a topology to come may mend it.
struct missing_destination {
    errc code{};
    std::string message;
};
inline missing_destination why_missing(destination const& meant, control_state const& shared) {
    if (meant.shard && find_leader(*meant.shard, shared.routes.table(), shared.nodes).split)
        return {errc::moved, "the slots of " + meant.shard->name +
                                 " belong to several nodes now, or to one that has the command already"};
    if (!meant.is_one_node()) return {errc::slot_uncovered, "no node serves the slot"};
    return {errc::no_reachable_node,
            "no node of the cluster is known as " + meant.node + " (client::nodes() names them all)"};
}

}  // namespace umbel::engine
