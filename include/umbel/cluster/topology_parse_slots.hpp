// cluster/topology_parse_slots.hpp: reads the reply of CLUSTER SLOTS, in RESP2 and RESP3, of old servers and
// new. It knows the layout of that reply and nothing of how it was asked for.
#pragma once

#include <umbel/cluster/topology_parse.hpp>
#include <umbel/resp/view.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace umbel::cluster {

namespace detail {

/// Calls `use(name, value)` for the pairs of a map, or of the flat array that RESP2 sends for one; false when
/// `pairs` is neither.
template <class Use>
bool for_each_pair(resp::view pairs, Use use) {
    bool const flat = pairs.kind() == resp::type::array && pairs.children_count() % 2 == 0;
    if (pairs.kind() != resp::type::map && !flat) return false;
    for (auto const& [name, value] : pairs.pairs()) {
        if (!use(name.text(), value)) return false;
    }
    return true;
}

inline bool is_list(resp::view value) noexcept {
    return value.kind() == resp::type::array || value.kind() == resp::type::set;
}

/// Reads a port; 0 stands for none.
inline bool read_port(resp::view value, std::uint16_t& port) noexcept {
    std::int64_t const number = value.integer().value_or(-1);
    if (number < 0 || number > 0xffff) return false;
    port = static_cast<std::uint16_t>(number);
    return true;
}

/// Reads one CLUSTER SLOTS reply.
class slots_reader {
public:
    explicit slots_reader(parse_context const& context) : builder_{source::slots, context} {}

    result<topology> read(resp::view reply) {
        if (!is_list(reply)) return bad_topology("CLUSTER SLOTS", "the reply is no array");
        for (resp::view const entry : reply.children()) {
            if (!read_entry(entry)) return bad_topology("CLUSTER SLOTS", builder_.reason());
        }
        return builder_.finish();
    }

private:
    /// Entry layout: first slot, last slot, primary, replicas …
    bool read_entry(resp::view entry) {
        if (!is_list(entry) || entry.children_count() < 2)
            return builder_.refuse("an entry without a range of slots");
        auto at = entry.children().begin();
        std::optional<std::int64_t> const first = (*at++).integer();
        std::optional<std::int64_t> const last = (*at++).integer();
        if (!first || !last) return builder_.refuse("a slot that is no number");

        std::uint32_t shard = builder_.none;
        for (; at != entry.children().end(); ++at) {
            std::uint32_t node = builder_.none;
            if (!read_node(*at, shard == builder_.none, node)) return false;
            if (shard == builder_.none) {
                shard = node == builder_.none ? builder_.new_shard() : builder_.shard_of_primary(node);
            } else if (node != builder_.none) {
                builder_.add_replica(shard, node);
            }
        }
        if (shard == builder_.none) shard = builder_.new_shard();
        return builder_.add_range(shard, *first, *last);
    }

    /// Node layout: host, port, and since version 4 the id, and since version 7 a list of further addresses.
    bool read_node(resp::view entry, bool primary, std::uint32_t& index) {
        if (!is_list(entry) || entry.children_count() < 2)
            return builder_.refuse("a node without host and port");
        auto at = entry.children().begin();
        resp::view const host = *at++;
        resp::view const port = *at++;
        auto const end = entry.children().end();
        std::string_view const id = at == end ? std::string_view{} : (*at++).text();
        // Where slots are fragmented, an answer names each node thousands of times. Only the first time costs
        // more than this comparison.
        if (!id.empty() && (index = builder_.find(id)) != builder_.none) return true;

        node_info node;
        if (!host.is_null() && !host.is_text()) return builder_.refuse("a host that is no string");
        if (!read_port(port, builder_.context().tls ? node.tls_port : node.port))
            return builder_.refuse("a port that is none");
        placing const placement =
            place(node, host.text(), builder_.context().tls ? node.tls_port : node.port, builder_.context());
        if (placement == placing::malformed) return builder_.refuse("a host that cannot be one");
        if (placement == placing::hidden) return true;
        if (id.empty() && (index = builder_.find(node.address)) != builder_.none) return true;
        if (id.size() > host_bytes_max) return builder_.refuse("a node id of more than 255 bytes");
        node.id.assign(id);
        node.role = primary ? node_role::primary : node_role::replica;
        if (is_ipv4(host.text()) || is_ipv6(host.text())) {
            node.ip.assign(host.text());
        } else {
            node.hostname.assign(host.text());
        }
        if (at != end && !read_addresses(*at, node))
            return builder_.refuse("further addresses that cannot be read");
        return builder_.add_node(std::move(node), id, index);
    }

    static bool read_addresses(resp::view pairs, node_info& node) {
        if (pairs.is_null()) return true;
        return for_each_pair(pairs, [&node](std::string_view name, resp::view value) {
            if (value.text().size() > host_bytes_max) return false;
            if (name == "ip") node.ip.assign(value.text());
            if (name == "hostname") node.hostname.assign(value.text());
            return true;
        });
    }

    topology_builder builder_;
};

}  // namespace detail

/// Reads the reply of CLUSTER SLOTS. A node with the host "?" is left out, null and "" stand for the queried
/// host; entries of one primary become one shard. The answer carries neither config epochs nor health: nodes
/// count as online. Errors: protocol_error (delivery executed) for anything that no cluster says. Cost:
/// linear in the number of elements. Rule: CLUSTER SLOTS, "Nested result array".
inline result<topology> parse_cluster_slots(resp::view reply, parse_context const& context) {
    return detail::slots_reader{context}.read(reply);
}

}  // namespace umbel::cluster
