// cluster/topology_parse.hpp: what the readers of CLUSTER SHARDS, SLOTS and NODES share: where a node is to
// be reached, and a builder that joins nodes and shards and holds the bounds. It knows none of the three
// formats.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/id_index.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/config.hpp>
#include <umbel/error.hpp>

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace umbel::cluster {

/// What the reader of a topology must know of the connection that asked for it.
/// Lifetime: borrows the host for the call it is given to.
struct parse_context {
    std::string_view queried_host;  ///< Stands in for a node that does not say its host: null or "".
    bool tls = false;               ///< Take the TLS port of nodes that have two.
    std::size_t nodes_max = topology::nodes_max;
};

namespace detail {

inline tl::unexpected<error> bad_topology(std::string_view command, std::string_view reason) {
    std::string message{command};
    message.append(": ").append(reason);
    return fail(errc::protocol_error, delivery::executed, message);
}

/// Whether a node can be reached by what the answer tells.
enum class placing : std::uint8_t {
    placed,
    hidden,  ///< Host "?", or no port for this kind of connection: the node exists, but nobody can connect to
             ///< it.
    malformed,  ///< No host at all would look like this.
};

/// Decides where `node` is to be reached. A host of null reads as "".
/// Rule: CLUSTER SLOTS, "Nested result array": null means the host that was asked, "?" a host that is not
/// known; an empty one is a node that has not learnt its own address yet.
inline placing place(node_info& node, std::string_view host, std::uint16_t port,
                     parse_context const& context) {
    if (host == "?") return placing::hidden;
    if (host.empty()) host = context.queried_host;
    if (host.empty() || port == 0) return placing::hidden;
    bool const is_path = host.front() == '/' && host == context.queried_host;
    if (!is_path && !is_host(host)) return placing::malformed;
    node.address.host.assign(host);
    node.address.port = is_path ? std::uint16_t{0} : port;
    return placing::placed;
}

/// Puts a topology together. A function that returns false has found something that no cluster says; reason()
/// names it. Lifetime: borrows the ids it is given until finish().
class topology_builder {
public:
    static constexpr std::uint32_t none = topology::none;

    topology_builder(source told_by, parse_context const& context) : context_{context} {
        made_.told_by = told_by;
    }

    parse_context const& context() const noexcept { return context_; }
    std::string_view reason() const noexcept { return reason_; }
    bool refuse(std::string_view reason) noexcept {
        reason_ = reason;
        return false;
    }

    node_info& node(std::uint32_t index) noexcept { return made_.nodes[index]; }
    void note_tls_only() noexcept { made_.hides_tls_nodes = true; }
    void set_self(std::uint32_t index) noexcept { made_.self = index; }
    void add_migration(migration migration) { made_.migrations.push_back(std::move(migration)); }
    std::size_t migrations() const noexcept { return made_.migrations.size(); }

    /// The node with this id, or none. Cost: constant.
    std::uint32_t find(std::string_view id) const noexcept { return by_id_.find(id); }
    std::uint32_t find(endpoint const& address) const {
        auto const found = by_endpoint_.find(address);
        return found == by_endpoint_.end() ? none : found->second;
    }

    /// Adds a node that find() did not find. `id` is node.id, where the answer keeps it; old servers send
    /// none.
    bool add_node(node_info&& node, std::string_view id, std::uint32_t& index) {
        if (made_.nodes.size() >= context_.nodes_max) return refuse("more nodes than the client accepts");
        index = static_cast<std::uint32_t>(made_.nodes.size());
        if (id.empty()) {
            by_endpoint_.emplace(node.address, index);
        } else {
            by_id_.add(id, index);
        }
        made_.nodes.push_back(std::move(node));
        shard_of_.push_back(none);
        replica_in_.push_back(none);
        return true;
    }

    /// The shard of a primary, made where it is new: several entries of one primary are one shard.
    std::uint32_t shard_of_primary(std::uint32_t primary) {
        std::uint32_t& known = shard_of_[primary];
        if (known == none) {
            known = new_shard();
            made_.shards[known].primary = primary;
            made_.nodes[primary].role = node_role::primary;
        }
        return known;
    }

    /// A shard whose primary is not known.
    std::uint32_t new_shard() {
        made_.shards.emplace_back();
        return static_cast<std::uint32_t>(made_.shards.size() - 1);
    }

    /// The shard of this primary, or none. Precondition: `primary` is a node.
    std::uint32_t find_shard(std::uint32_t primary) const noexcept {
        UMBEL_ASSERT(primary < shard_of_.size());
        return shard_of_[primary];
    }

    /// A node is a replica of one shard only, the first that names it.
    void add_replica(std::uint32_t shard, std::uint32_t node) {
        if (replica_in_[node] != none || made_.shards[shard].primary == node) return;
        replica_in_[node] = shard;
        made_.shards[shard].replicas.push_back(node);
    }

    /// Gives slots to a shard; each slot once in the whole topology, so the number of ranges is bounded too.
    bool add_range(std::uint32_t shard, std::int64_t first, std::int64_t last) {
        if (first < 0 || last >= slot_count) return refuse("a slot beyond 16383");
        if (last < first) return refuse("a range of slots that ends before it begins");
        for (auto at = static_cast<std::size_t>(first); at <= static_cast<std::size_t>(last); ++at) {
            if (taken_[at]) return refuse("two shards with the same slot");
            taken_[at] = true;
        }
        made_.shards[shard].ranges.push_back(
            {slot{static_cast<std::uint16_t>(first)}, slot{static_cast<std::uint16_t>(last)}});
        return true;
    }

    topology finish() {
        for (shard& shard : made_.shards) {
            if (shard.primary != none) shard.config_epoch = made_.nodes[shard.primary].config_epoch;
        }
        return std::move(made_);
    }

private:
    parse_context const& context_;
    topology made_;
    std::string_view reason_;
    id_index by_id_;
    std::unordered_map<endpoint, std::uint32_t> by_endpoint_;
    std::vector<std::uint32_t> shard_of_;    // Node → the shard it is primary of.
    std::vector<std::uint32_t> replica_in_;  // Node → the shard it is a replica of.
    std::bitset<slot_count> taken_;
};

}  // namespace detail

}  // namespace umbel::cluster
