// cluster/topology_parse_nodes.hpp: reads the text of CLUSTER NODES, the only answer that carries config
// epochs and migrations. It knows the format of its lines and nothing of how the text was asked for.
#pragma once

#include <umbel/cluster/topology_parse.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace umbel::cluster {

namespace detail {

/// Takes the text up to `separator` off the front of `text`; all of it when there is none.
constexpr std::string_view take_field(std::string_view& text, char separator) noexcept {
    std::size_t const end = std::min(text.find(separator), text.size());
    std::string_view const field = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return field;
}

template <class Number>
bool read_number(std::string_view text, Number& number) noexcept {
    auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// Reads one CLUSTER NODES text. Replicas are joined to their primaries at the end, because these may stand
/// behind them.
class nodes_reader {
public:
    explicit nodes_reader(parse_context const& context) : builder_{source::nodes, context} {}

    result<topology> read(std::string_view text) {
        while (!text.empty()) {
            std::string_view line = take_field(text, '\n');
            if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
            if (!line.empty() && !read_line(line)) return bad_topology("CLUSTER NODES", builder_.reason());
        }
        for (auto const& [replica, primary_id] : replicas_) {
            std::uint32_t const primary = builder_.find(primary_id);
            std::uint32_t const shard =
                primary == builder_.none ? builder_.none : builder_.find_shard(primary);
            if (shard != builder_.none) builder_.add_replica(shard, replica);
        }
        return builder_.finish();
    }

private:
    struct flags {
        bool myself = false;
        bool primary = false;
        bool replica = false;
        bool hidden = false;  // In handshake, or without an address.
        node_health health = node_health::online;
    };

    static flags read_flags(std::string_view text) noexcept {
        flags found;
        while (!text.empty()) {
            std::string_view const flag = take_field(text, ',');
            if (flag == "myself") found.myself = true;
            if (flag == "master") found.primary = true;
            if (flag == "slave" || flag == "replica") found.replica = true;
            if (flag == "handshake" || flag == "noaddr") found.hidden = true;
            if (flag == "fail?" && found.health == node_health::online) found.health = node_health::suspect;
            if (flag == "fail") found.health = node_health::failed;
        }
        return found;
    }

    /// Line layout: <id> <ip:port@cport[,hostname[,name=value…]]> <flags> <primary> <ping> <pong> <epoch>
    /// <link-state> <slot> … Rule: CLUSTER NODES, "Serialization format".
    bool read_line(std::string_view line) {
        std::string_view const id = take_field(line, ' ');
        std::string_view const address = take_field(line, ' ');
        flags const found = read_flags(take_field(line, ' '));
        std::string_view const primary_id = take_field(line, ' ');
        take_field(line, ' ');
        take_field(line, ' ');
        std::string_view const epoch = take_field(line, ' ');
        std::string_view const link = take_field(line, ' ');
        if (link.empty()) return builder_.refuse("a line with too few fields");
        if (builder_.find(id) != builder_.none) return builder_.refuse("two lines with the same node id");

        node_info node;
        if (!read_number(epoch, node.config_epoch))
            return builder_.refuse("a config epoch that is no number");
        placing const placement = read_address(address, node);
        if (placement == placing::malformed)
            return builder_.refuse("a node address that is no host and port");

        std::uint32_t index = builder_.none;
        if (!found.hidden && placement == placing::placed && (found.primary || found.replica)) {
            node.id.assign(id);
            node.role = found.primary ? node_role::primary : node_role::replica;
            node.health = found.health;
            if (!builder_.add_node(std::move(node), id, index)) return false;
            if (found.myself) builder_.set_self(index);
            if (found.replica) replicas_.emplace_back(index, primary_id);
        }
        return read_slots(line, id, index, found.primary);
    }

    placing read_address(std::string_view text, node_info& node) const {
        std::string_view const bus_address = take_field(text, ',');
        std::string_view const hostname = take_field(text, ',');
        split_address const parts = split_last_colon(bus_address.substr(0, bus_address.find('@')));
        if (!parts.has_port || !read_port(parts.port, node.port)) return placing::malformed;
        if (hostname.find('=') == std::string_view::npos) {
            if (!hostname.empty() && !is_host(hostname)) return placing::malformed;
            node.hostname.assign(hostname);
        }
        node.ip.assign(parts.host.substr(0, host_bytes_max));
        return place(node, parts.host, node.port, builder_.context());
    }

    /// The slots of a node that cannot be reached belong to a shard without a primary.
    bool read_slots(std::string_view text, std::string_view id, std::uint32_t index, bool primary) {
        std::uint32_t shard = builder_.none;
        if (primary && index != builder_.none) shard = builder_.shard_of_primary(index);
        while (!text.empty()) {
            std::string_view const field = take_field(text, ' ');
            if (field.empty()) continue;
            if (field.front() == '[') {
                if (!read_migration(field, id)) return false;
                continue;
            }
            std::string_view rest = field;
            std::uint32_t first = 0;
            if (!read_number(take_field(rest, '-'), first))
                return builder_.refuse("a slot that is no number");
            std::uint32_t last = first;
            if (field.find('-') != std::string_view::npos && !read_number(rest, last)) {
                return builder_.refuse("a range of slots that is none");
            }
            if (shard == builder_.none) shard = builder_.new_shard();
            if (!builder_.add_range(shard, first, last)) return false;
        }
        return true;
    }

    /// "[93->-<id>]" says that the slot leaves this node, "[93-<-<id>]" that it comes here.
    bool read_migration(std::string_view field, std::string_view id) {
        std::size_t const arrow = std::min(field.find("->-"), field.find("-<-"));
        if (arrow == std::string_view::npos || field.back() != ']')
            return builder_.refuse("a migration that cannot be read");
        std::string_view const other = field.substr(arrow + 3, field.size() - arrow - 4);
        std::uint16_t number = 0;
        if (!read_number(field.substr(1, arrow - 1), number) || number >= slot_count)
            return builder_.refuse("a slot beyond 16383");
        if (other.empty() || other.size() > host_bytes_max)
            return builder_.refuse("a migration that cannot be read");
        if (builder_.migrations() >= 2 * std::size_t{slot_count})
            return builder_.refuse("more migrations than slots");
        bool const leaves = field[arrow + 1] == '>';
        builder_.add_migration({slot{number}, std::string{leaves ? id : other},
                                std::string{leaves ? other : id},
                                leaves ? migration::direction::migrating : migration::direction::importing});
        return true;
    }

    topology_builder builder_;
    std::vector<std::pair<std::uint32_t, std::string_view>> replicas_;
};

}  // namespace detail

/// Reads the text of CLUSTER NODES. Nodes in handshake, without an address or with the host "?" are left out;
/// a replica whose primary is not there belongs to no shard; a primary without slots is a shard without
/// ranges. Errors: protocol_error (delivery executed) for anything that no cluster says. Cost: linear in the
/// length of the text. Rule: CLUSTER NODES, "Serialization format".
inline result<topology> parse_cluster_nodes(std::string_view text, parse_context const& context) {
    return detail::nodes_reader{context}.read(text);
}

}  // namespace umbel::cluster
