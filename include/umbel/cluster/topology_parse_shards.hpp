// cluster/topology_parse_shards.hpp: reads the reply of CLUSTER SHARDS, in RESP2 and RESP3.
// It knows the layout of that reply and nothing of how it was asked for.
#pragma once

#include <umbel/cluster/topology_parse.hpp>
#include <umbel/cluster/topology_parse_slots.hpp>
#include <umbel/resp/view.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::cluster {

namespace detail {

/// Reads one CLUSTER SHARDS reply.
class shards_reader {
public:
    explicit shards_reader(parse_context const& context) : builder_{source::shards, context} {}

    result<topology> read(resp::view reply) {
        if (!is_list(reply)) return bad_topology("CLUSTER SHARDS", "the reply is no array");
        for (resp::view const entry : reply.children()) {
            if (!read_entry(entry)) {
                return bad_topology("CLUSTER SHARDS",
                                    builder_.reason().empty() ? "an entry is no map" : builder_.reason());
            }
        }
        return builder_.finish();
    }

private:
    bool read_entry(resp::view entry) {
        std::optional<resp::view> slots;
        std::optional<resp::view> nodes;
        bool const is_map = for_each_pair(entry, [&](std::string_view name, resp::view value) {
            if (name == "slots") slots = value;
            if (name == "nodes") nodes = value;
            return true;
        });
        if (!is_map) return builder_.refuse("an entry that is no map");
        if (!slots || !nodes) return builder_.refuse("a shard without slots or nodes");
        if (!is_list(*slots) || slots->children_count() % 2 != 0)
            return builder_.refuse("slots that are no list of ranges");
        if (!is_list(*nodes)) return builder_.refuse("nodes that are no list");

        members_.clear();
        for (resp::view const view : nodes->children()) {
            if (!read_node(view)) return false;
        }
        std::uint32_t const shard = join_members(slots->children_count() != 0);
        if (shard == builder_.none) return true;
        for (auto const& [first, last] : slots->pairs()) {
            if (!first.integer() || !last.integer()) return builder_.refuse("a slot that is no number");
            if (!builder_.add_range(shard, *first.integer(), *last.integer())) return false;
        }
        return true;
    }

    /// Makes the nodes of one entry a shard. After a failover servers list the dead primary beside the new
    /// one, both as masters (seen on valkey-server 8.0): the one in better health is the primary, and the
    /// other is no replica.
    std::uint32_t join_members(bool has_slots) {
        std::uint32_t primary = builder_.none;
        for (std::uint32_t const node : members_) {
            if (builder_.node(node).role != node_role::primary) continue;
            if (primary == builder_.none || builder_.node(node).health < builder_.node(primary).health)
                primary = node;
        }
        if (primary == builder_.none && members_.empty() && !has_slots) return builder_.none;
        std::uint32_t const shard =
            primary == builder_.none ? builder_.new_shard() : builder_.shard_of_primary(primary);
        for (std::uint32_t const node : members_) {
            if (builder_.node(node).role == node_role::replica) builder_.add_replica(shard, node);
        }
        return shard;
    }

    struct raw_node {
        std::string_view id;
        std::string_view host;
        bool has_host = false;
        bool has_port = false;
        node_info info;
    };

    bool read_node(resp::view entry) {
        raw_node raw;
        bool const is_map = for_each_pair(
            entry, [&](std::string_view name, resp::view value) { return read_field(name, value, raw); });
        if (!is_map) return builder_.reason().empty() ? builder_.refuse("a node that is no map") : false;
        node_info& node = raw.info;
        if (raw.id.empty() || raw.id.size() > host_bytes_max) return builder_.refuse("a node without an id");
        if (!raw.has_port) return builder_.refuse("a node without a port");
        if (!raw.has_host) raw.host = node.ip;

        // Where something in front of a server speaks TLS for it, the server tells a plain port only.
        std::uint16_t const port = builder_.context().tls && node.tls_port != 0 ? node.tls_port : node.port;
        placing const placement = place(node, raw.host, port, builder_.context());
        if (placement == placing::malformed) return builder_.refuse("a host that cannot be one");
        if (placement == placing::hidden) {
            if (port == 0 && node.tls_port != 0) builder_.note_tls_only();
            return true;
        }
        std::uint32_t index = builder_.find(raw.id);
        if (index == builder_.none) {
            node.id.assign(raw.id);
            if (!builder_.add_node(std::move(node), raw.id, index)) return false;
        }
        members_.push_back(index);
        return true;
    }

    bool read_field(std::string_view name, resp::view value, raw_node& raw) {
        std::string_view const text = value.text();
        if (text.size() > host_bytes_max) return builder_.refuse("a field of more than 255 bytes");
        if (name == "id") raw.id = text;
        if (name == "ip") raw.info.ip.assign(text);
        if (name == "hostname") raw.info.hostname.assign(text);
        if (name == "availability-zone") raw.info.availability_zone.assign(text);
        if (name == "endpoint") {
            raw.host = text;
            raw.has_host = true;
        }
        if (name == "port" || name == "tls-port") {
            if (!read_port(value, name == "port" ? raw.info.port : raw.info.tls_port))
                return builder_.refuse("a port that is none");
            raw.has_port = true;
        }
        if (name == "replication-offset") raw.info.replication_offset = value.integer().value_or(0);
        if (name == "role")
            raw.info.role = text == "master" || text == "primary" ? node_role::primary : node_role::replica;
        if (name == "health") raw.info.health = health_of(text);
        return true;
    }

    static node_health health_of(std::string_view text) noexcept {
        if (text == "fail" || text == "failed") return node_health::failed;
        return text == "loading" ? node_health::loading : node_health::online;
    }

    topology_builder builder_;
    std::vector<std::uint32_t> members_;  // The nodes of the entry that is being read.
};

}  // namespace detail

/// Reads the reply of CLUSTER SHARDS: maps in RESP3, flat arrays in RESP2. Where to connect is the field
/// `endpoint`: null and "" stand for the queried host, a node with "?" is left out, and so is one that has
/// a port for TLS only, where the client speaks none. Fields that are not known are passed over. The answer
/// carries no config epochs. Errors: protocol_error (delivery executed) for anything that no cluster says.
/// Cost: linear in the number of elements. Rule: CLUSTER SHARDS, "Behavior".
inline result<topology> parse_cluster_shards(resp::view reply, parse_context const& context) {
    return detail::shards_reader{context}.read(reply);
}

}  // namespace umbel::cluster
