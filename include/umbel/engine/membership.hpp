// membership.hpp: applies a topology to the node table: who is a member, in which role, and which links have
// to close. It asks nobody and judges no topology.
#pragma once

#include <umbel/cluster/slot_patches.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/engine/node_supervisor.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace umbel::engine {

/// True when a node that has told a topology is, by its own word, the member that it is taken for, and not
/// another server at that address. `self_id`: its id, where its answer tells it. Its view is believed even if
/// it names no known node: old servers leave out nodes without slots, and all slots may have moved to new
/// nodes.
inline bool is_sure_member(node const& peer, std::string const& self_id) noexcept {
    std::string const& id = self_id.empty() ? peer.link(link_mode::primary).node_id : self_id;
    return peer.member && !peer.id.empty() && id == peer.id;
}

/// Keeps the node table in step with the topology.
class membership {
public:
    membership(control_state& shared, health_monitor& health, node_supervisor& links) noexcept
        : shared_{shared}, health_{health}, links_{links} {}

    /// Records the members of a new topology and their roles, and closes the links of all others. Seeds stay
    /// known as names, not as connections. `patches`: redirects that the topology may not know yet.
    /// Precondition: numbers[i] is the number of topology.nodes[i], or no_node.
    void apply(cluster::topology const& topology, std::span<std::uint16_t const> numbers,
               cluster::slot_patches const& patches, instant now) {
        UMBEL_ASSERT(numbers.size() == topology.nodes.size());
        std::vector<bool> present(shared_.nodes.size(), false);
        std::vector<bool> primary(shared_.nodes.size(), false);
        for (std::size_t at = 0; at < numbers.size(); ++at)
            if (numbers[at] != link_id::no_node && topology.nodes[at].role == cluster::node_role::primary)
                primary[numbers[at]] = true;
        for (std::size_t at = 0; at < numbers.size(); ++at) {
            if (numbers[at] == link_id::no_node) continue;
            present[numbers[at]] = true;
            node& node = shared_.nodes[numbers[at]];
            cluster::node_info const& info = topology.nodes[at];
            // Where one address stands for several members it is where the primary is.
            if (primary[numbers[at]] && info.role != cluster::node_role::primary) continue;
            // A connection that has sent READONLY is never reused after a role change.
            if (node.member && node.role != info.role) links_.shut_all(numbers[at], link_mode::replica);
            node.member = true;
            node.role = info.role;
            node.health = info.health;
            node.id = info.id;
            health_.set_zone(numbers[at], info.availability_zone, now);
        }
        // The target of a newer redirect is in use, though this topology does not know it yet.
        std::vector<bool> redirected_to(shared_.nodes.size(), false);
        patches.each_target([&](std::uint16_t number) { redirected_to[number] = true; });
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
            node& node = shared_.nodes[number];
            if (!node.in_use || node.sentinel || present[number]) continue;
            if (node.member) node.left_at = now;
            node.member = false;
            if (!redirected_to[number] && !node.replaced) links_.shut_all(number);
        }
        call_off_attempts(topology, numbers);
    }

    /// The topology is as before: records what may have changed of its nodes all the same.
    void confirm(cluster::topology const& topology, std::span<std::uint16_t const> numbers, instant now) {
        UMBEL_ASSERT(numbers.size() == topology.nodes.size());
        for (std::size_t at = 0; at < numbers.size(); ++at)
            health_.set_zone(numbers[at], topology.nodes[at].availability_zone, now);
        close_strangers(now);
    }

private:
    /// Closes nodes that only a redirect has named, a while ago, and that the topology still does not know.
    void close_strangers(instant now) {
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
            node const& node = shared_.nodes[number];
            if (node.in_use && !node.member && !node.sentinel && now - node.left_at >= node_table::rest)
                links_.shut_all(number);
        }
    }

    /// Calls off attempts to open links to which nothing is routed any more, so that the calls that wait for
    /// them go to the nodes that have taken over. A link that is open drains instead: it may still bring
    /// replies.
    void call_off_attempts(cluster::topology const& topology, std::span<std::uint16_t const> numbers) {
        std::vector<bool> leads(shared_.nodes.size(), false);
        for (cluster::shard const& shard : topology.shards) {
            if (shard.primary == cluster::topology::none || shard.ranges.empty()) continue;
            if (numbers[shard.primary] != link_id::no_node) leads[numbers[shard.primary]] = true;
        }
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
            node const& node = shared_.nodes[number];
            bool const reads =
                node.member && node.role == cluster::node_role::replica && cluster::is_routable(node.health);
            for (link_mode const mode : {link_mode::primary, link_mode::replica}) {
                if (!node.in_use || node.sentinel) continue;
                if (mode == link_mode::primary ? leads[number] : reads) continue;
                for (unsigned at = 0; at < node.contexts(); ++at) {
                    auto const context = static_cast<std::uint8_t>(at);
                    if (node.link(mode, context).state == link_state::opening)
                        links_.shut({number, mode, context});
                }
            }
        }
    }

    control_state& shared_;
    health_monitor& health_;
    node_supervisor& links_;
};

}  // namespace umbel::engine
