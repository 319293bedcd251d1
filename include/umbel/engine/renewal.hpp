// renewal.hpp: what is done where a node says MOVED and names its own address: the name stands for another
// server by now, or for several, so a new connection may lead to the owner. It moves no call.
#pragma once

#include <umbel/engine/node_supervisor.hpp>

#include <cstdint>

namespace umbel::engine {

/// A MOVED names the node that has sent it: has the connection that it came by made anew, unless that has
/// been done since. Returns when the command may go there again: now, or at the latest then. A connection is
/// not replaced before it has lived for options::reconnect_delay, so that one name before servers that never
/// agree costs so many connections and no more.
/// Rule: none is written; redis-server says MOVED with the owner's announced endpoint, which with
/// cluster-preferred-endpoint-type hostname may be a name that several nodes share.
inline instant renewed(control_state& shared, node_supervisor& links, retry_state const& moved, instant now) {
    // What was asked by a replica's connection goes on by the primary's, which is another one.
    if (moved.from.mode == link_mode::replica) return now;
    // A lease that is older than the node's shared connection is not lent again: so that one is replaced.
    bool const by_lease = is_leased(moved.from.mode);
    link_id const from = by_lease ? link_id{moved.from.node, link_mode::primary} : moved.from;
    link_status const& link = shared.nodes[from.node].link(from.mode, from.context);
    switch (link.state) {
        case link_state::idle:
        case link_state::down: return now;
        case link_state::opening: return by_lease ? after(now, shared.options.reconnect_delay) : now;
        case link_state::closing: break;
        case link_state::up: {
            if (link.up_since > moved.left_at) return now;
            instant const earliest = after(link.up_since, shared.options.reconnect_delay);
            if (now < earliest) return earliest;
            links.replace(from);
            break;
        }
    }
    return after(now, shared.options.refresh_timeout);
}

}  // namespace umbel::engine
