// role_reply.hpp: reads the reply of ROLE: what a server is in its replication group, and whom it names. It
// knows neither how that was asked for nor what follows from it.
#pragma once

#include <umbel/cluster/topology_parse.hpp>
#include <umbel/resp/view.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// What a server says of itself.
struct role_reply {
    enum class role : std::uint8_t { primary, replica, sentinel };

    role is = role::primary;
    std::optional<endpoint> primary;  ///< Of a replica, where it tells an address that can be one.
    std::vector<endpoint> replicas;   ///< Of a primary: those that are connected and up to date.
};

namespace detail {

/// The address that two elements of a reply name; nothing where nobody can connect to it. A port comes as a
/// number, or as its digits.
inline std::optional<endpoint> read_address(resp::view host, resp::view port, parse_context const& context) {
    std::int64_t number = port.integer().value_or(0);
    std::uint16_t digits = 0;
    if (port.is_text() && read_port(port.text(), digits)) number = digits;
    if (number <= 0 || number > 0xffff) return std::nullopt;
    node_info node;
    if (place(node, host.text(), static_cast<std::uint16_t>(number), context) != placing::placed)
        return std::nullopt;
    return std::move(node.address);
}

}  // namespace detail

/// Reads the reply of ROLE. A replica whose address cannot be one is left out.
/// Errors: protocol_error (delivery executed) for what no server says, and for more replicas than
/// context.nodes_max. Rule: ROLE command, "Output format": ["master", offset, [[host, port, offset] …]],
/// ["slave", host, port, state, offset], ["sentinel", [name …]]; a primary lists its replicas that are online
/// (replication.c, roleCommand).
inline result<role_reply> parse_role(resp::view reply, parse_context const& context) {
    role_reply told;
    bool const listed = reply.is_aggregate() && reply.children_count() >= 2 && reply.child(0).is_text();
    std::string_view const word = listed ? reply.child(0).text() : std::string_view{};
    if (word == "sentinel") {
        told.is = role_reply::role::sentinel;
    } else if ((word == "slave" || word == "replica") && reply.children_count() >= 3) {
        told.is = role_reply::role::replica;
        told.primary = detail::read_address(reply.child(1), reply.child(2), context);
    } else if (word == "master" || word == "primary") {
        if (reply.children_count() < 3 || !reply.child(2).is_aggregate()) return told;
        if (reply.child(2).children_count() > context.nodes_max)
            return detail::bad_topology("ROLE", "more replicas than the client accepts");
        for (resp::view const entry : reply.child(2).children()) {
            if (!entry.is_aggregate() || entry.children_count() < 2) continue;
            if (auto address = detail::read_address(entry.child(0), entry.child(1), context))
                told.replicas.push_back(std::move(*address));
        }
    } else {
        return detail::bad_topology("ROLE", "the reply tells no role");
    }
    return told;
}

}  // namespace umbel::cluster
