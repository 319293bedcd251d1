// sentinel_reply.hpp: reads what a sentinel answers: who the primary of a replication group is, which
// replicas it has, which other sentinels watch it. It knows neither how that was asked for nor whom to
// believe.
#pragma once

#include <umbel/cluster/role_reply.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>
#include <umbel/resp/view.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// Who leads a replication group, as one sentinel tells it.
struct sentinel_primary {
    endpoint address;
    std::uint64_t config_epoch = 0;  ///< Of the failover that has made it the primary; grows with each.
};

namespace detail {

/// One server, as sentinels tell it: a map, or the flat array that RESP2 sends for one.
struct sentinel_entry {
    std::optional<resp::view> host;
    std::optional<resp::view> port;
    std::uint64_t config_epoch = 0;

    std::optional<endpoint> address(parse_context const& context) const {
        return host && port ? read_address(*host, *port, context) : std::nullopt;
    }
};

inline std::optional<sentinel_entry> read_sentinel_entry(resp::view pairs) {
    sentinel_entry entry;
    bool const read = for_each_pair(pairs, [&entry](std::string_view name, resp::view value) {
        if (name == "ip") entry.host = value;
        if (name == "port") entry.port = value;
        if (name == "config-epoch") {
            for (char const digit : value.text().substr(0, 19))
                if (is_digit(digit))
                    entry.config_epoch = entry.config_epoch * 10 + static_cast<std::uint64_t>(digit - '0');
        }
        return true;
    });
    return read ? std::optional{entry} : std::nullopt;
}

}  // namespace detail

/// Reads the reply of SENTINEL MASTER. Errors: protocol_error (delivery executed) for what no sentinel says.
/// Rule: Redis Sentinel documentation, "Sentinel commands".
inline result<sentinel_primary> parse_sentinel_primary(resp::view reply, parse_context const& context) {
    std::optional<detail::sentinel_entry> const entry = detail::read_sentinel_entry(reply);
    std::optional<endpoint> address = entry ? entry->address(context) : std::nullopt;
    if (!address) return detail::bad_topology("SENTINEL MASTER", "the reply names no address");
    return sentinel_primary{std::move(*address), entry->config_epoch};
}

/// Reads the reply of SENTINEL REPLICAS or SENTINEL SENTINELS: the addresses to which somebody can connect.
/// Errors: protocol_error (delivery executed) for what no sentinel says, and for more than context.nodes_max.
inline result<std::vector<endpoint>> parse_sentinel_list(resp::view reply, parse_context const& context) {
    if (!detail::is_list(reply) || reply.children_count() > context.nodes_max)
        return detail::bad_topology("SENTINEL", "the reply is no list, or too long");
    std::vector<endpoint> all;
    for (resp::view const pairs : reply.children()) {
        std::optional<detail::sentinel_entry> const entry = detail::read_sentinel_entry(pairs);
        if (!entry) return detail::bad_topology("SENTINEL", "the list holds something that is no server");
        if (std::optional<endpoint> address = entry->address(context)) all.push_back(std::move(*address));
    }
    return all;
}

}  // namespace umbel::cluster
