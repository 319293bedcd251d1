// renewal.hpp: what is done where a node says MOVED and names its own address: the name stands for another
// server by now, or for several, so a new connection may lead to the owner. It moves no call.
#pragma once

#include <umbel/engine/node_supervisor.hpp>

#include <algorithm>

namespace umbel::engine {

/// A MOVED names the node that has sent it: has the connection that it came by made anew, unless that has
/// been done since. Returns when the command may go there again: now, or at the latest then. A connection is
/// not replaced before it has lived for options::reconnect_delay; and for twice as long as the one before it,
/// up to reconnect_delay_max, where that was replaced for the same reason a short while ago. So one name
/// before servers that never agree costs few connections.
/// Rule: none is written; redis-server says MOVED with the owner's announced endpoint, which with
/// cluster-preferred-endpoint-type hostname may be a name that several nodes share.
inline instant renew_link(control_state& shared, node_supervisor& links, retry_state const& moved,
                          instant now) {
    // What was asked by a replica's connection goes on by the primary's, which is another one.
    if (moved.from.mode == link_mode::replica) return now;
    // A lease that is older than the node's shared connection is not lent again: so that one is replaced.
    bool const by_lease = is_leased(moved.from.mode);
    link_id const from = by_lease ? link_id{moved.from.node, link_mode::primary} : moved.from;
    link_status& link = shared.nodes[from.node].link(from.mode, from.context);
    switch (link.state) {
        case link_state::idle:
        case link_state::down: return now;
        case link_state::opening: return by_lease ? after(now, shared.options.reconnect_delay) : now;
        case link_state::closing: break;
        case link_state::up: {
            if (link.up_since > moved.left_at) return now;
            duration const least = shared.options.reconnect_delay, most = shared.options.reconnect_delay_max;
            instant const earliest = after(link.up_since, std::max(least, link.renewal_pause));
            if (now < earliest) return earliest;
            links.replace(from);
            bool const has_helped = now - link.up_since > 2 * most;
            link.renewal_pause = has_helped ? least : std::min(2 * std::max(least, link.renewal_pause), most);
            break;
        }
    }
    return after(now, shared.options.refresh_timeout);
}

}  // namespace umbel::engine
