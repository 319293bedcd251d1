// refresh_candidates.hpp: whom a refresh asks for the topology, and in which order. It asks nobody.
#pragma once

#include <umbel/engine/backoff.hpp>
#include <umbel/engine/node.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace umbel::engine {

namespace candidates {

inline void shuffle(std::vector<std::uint16_t>& order, std::size_t first, random_source& random) noexcept {
    for (std::size_t at = order.size(); at > first + 1; --at)
        std::swap(order[at - 1], order[first + random.below(at - first)]);
}

inline void add_members(std::vector<std::uint16_t>& order, node_table const& nodes, bool connected,
                        std::uint16_t except, random_source& random, instant now) {
    std::size_t const first = order.size();
    for (std::uint16_t number = 0; number < nodes.size(); ++number) {
        node const& node = nodes[number];
        bool const up = is_up(node.link(link_mode::primary)) && node.doubted_until <= now;
        if (node.member && up == connected && number != except) order.push_back(number);
    }
    shuffle(order, first, random);
}

}  // namespace candidates

/// The numbers of nodes in the order in which they are asked: the node that has just sent a MOVED
/// (`redirecting`, or no_node), for it may know more than the others; members with a connection that answers;
/// other members; nodes that a redirect has named; the seeds, which get numbers here. All members may leave
/// before a topology has told of their successors: then only a redirect has. The answer of such a node is
/// judged like that of any stranger: it counts when no known node has answered for a while.
inline std::vector<std::uint16_t> refresh_candidates(node_table& nodes,
                                                     std::span<cluster::endpoint const> seeds,
                                                     std::uint16_t redirecting, random_source& random,
                                                     instant now) {
    std::vector<std::uint16_t> order;
    if (redirecting != link_id::no_node && nodes[redirecting].in_use &&
        nodes[redirecting].doubted_until <= now && nodes[redirecting].any_up())
        order.push_back(redirecting);
    candidates::add_members(order, nodes, true, redirecting, random, now);
    candidates::add_members(order, nodes, false, redirecting, random, now);
    for (std::uint16_t number = 0; number < nodes.size(); ++number)
        if (nodes[number].named && number != redirecting) order.push_back(number);
    std::size_t const first_seed = order.size();
    for (cluster::endpoint const& seed : seeds) {
        std::uint16_t const number = nodes.obtain(seed, now);
        if (number != link_id::no_node && std::find(order.begin(), order.end(), number) == order.end())
            order.push_back(number);
    }
    candidates::shuffle(order, first_seed, random);
    return order;
}

}  // namespace umbel::engine
