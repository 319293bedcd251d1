// router.hpp: from a call to the connection it should take, read by every thread without a lock.
// It knows node numbers, not addresses, and changes nothing but itself.
#pragma once

#include <umbel/cluster/slot_table.hpp>
#include <umbel/engine/call.hpp>
#include <umbel/engine/client_facts.hpp>
#include <umbel/engine/latency_meter.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

namespace umbel::engine {

/// What the client knows of the deployment.
enum class known_as : std::uint8_t { nothing, cluster, standalone };

/// What reads should know of a node; written by the control plane and by connections, read by every thread.
struct node_health {
    std::atomic<bool> unhealthy{
        false};  ///< It is down, silent, loading, or its circuit breaker is open: reads avoid it.
    std::atomic<bool> same_zone{false};       ///< It stands in the client's availability zone.
    std::atomic<std::int64_t> latency_ns{0};  ///< How long its replies take; 0: not measured.
};

/// The routing table with what surrounds it.
/// Threading: route(), version() and known() from any thread; the rest from the engine's owner.
class router {
public:
    /// Node numbers, too, are below `shards_max`.
    explicit router(std::uint16_t shards_max)
        : table_{shards_max}, health_{std::make_unique<node_health[]>(shards_max)} {}

    /// True for a command of one slot that its primary serves: nearly every one.
    static bool is_plain(call const& call) noexcept {
        return call.slot.is_one() &&
               (call.reads == read_from::primary || !has(call.flags, cluster::command_flags::read_only));
    }
    /// The link of a plain call. Precondition: is_plain(call). Cost: wait-free; two acquire loads.
    UMBEL_ALWAYS_INLINE link_id route_plain(call const& call) const noexcept {
        return {table_.primary_of(call.slot.slot()), link_mode::primary, call.link.context};
    }

    /// The link a call should take now; none when the slot has no owner, or no replica where only replicas
    /// may serve. `rotation` spreads reads and commands without a slot; `avoid` is a node that has just
    /// failed a replica read. Cost: wait-free; two or three acquire loads for a primary.
    link_id route(call const& call, std::uint32_t rotation,
                  std::uint16_t avoid = link_id::no_node) const noexcept {
        if (is_plain(call)) [[likely]]
            return route_plain(call);
        link_id there = choose(call, rotation, avoid);
        there.context = call.link.context;
        return there;
    }

    /// Set from the moment on at which the client was told to close. Threading: any.
    void begin_closing() noexcept { facts_.closing.store(true, std::memory_order_relaxed); }
    std::atomic<bool> const& closing() const noexcept { return facts_.closing; }
    /// From now on the client has credentials, or somebody to ask for them.
    void note_credentials() noexcept { facts_.has_credentials.store(true, std::memory_order_relaxed); }
    client_facts const& facts() const noexcept { return facts_; }

    known_as known() const noexcept { return known_.load(std::memory_order_acquire); }
    /// Grows with every change of the topology.
    std::uint32_t version() const noexcept { return version_.load(std::memory_order_relaxed); }

    /// For a connection to `node`.
    latency_meter meter_of(std::uint16_t node) noexcept { return {&measured_, &health_[node].latency_ns}; }
    node_health const& health_of(std::uint16_t node) const noexcept { return health_[node]; }
    node_health& health_of(std::uint16_t node) noexcept { return health_[node]; }
    cluster::slot_table& table() noexcept { return table_; }
    cluster::slot_table const& table() const noexcept { return table_; }
    void learned(known_as kind) noexcept {
        version_.fetch_add(1, std::memory_order_relaxed);
        known_.store(kind, std::memory_order_release);
    }

private:
    /// The node of a call that is not plain, and which of its connections.
    link_id choose(call const& call, std::uint32_t rotation, std::uint16_t avoid) const noexcept {
        if (call.slot.is_unroutable() && (call.slot.is_named_node() || known() != known_as::standalone))
            [[unlikely]]
            return {};
        cluster::slot const slot = call.slot.is_one() ? call.slot.slot() : some_slot(rotation);
        if (call.reads == read_from::primary || !has(call.flags, cluster::command_flags::read_only))
            [[likely]]
            return {table_.primary_of(slot), link_mode::primary};
        return route_read(call.reads, slot, rotation,
                          avoid != link_id::no_node || !call.retry ? avoid : call.retry->from.node);
    }

    /// A command without a key may go anywhere: to the owner of some slot, another one each time.
    /// Cost: linear in the number of slots only where the slot whose turn it is has no owner.
    cluster::slot some_slot(std::uint32_t rotation) const noexcept {
        std::uint32_t const first = (rotation * 2654435761u) >> 18;
        for (std::uint32_t step = 0; step < cluster::slot_count && known() != known_as::nothing; ++step) {
            cluster::slot const slot{static_cast<std::uint16_t>((first + step) % cluster::slot_count)};
            if (table_.primary_of(slot) != link_id::no_node) [[likely]]
                return slot;
        }
        return cluster::slot{static_cast<std::uint16_t>(first)};
    }

    UMBEL_NEVER_INLINE link_id route_read(umbel::read_from reads, cluster::slot slot, std::uint32_t rotation,
                                          std::uint16_t avoid) const noexcept {
        link_id const primary{table_.primary_of(slot), link_mode::primary};
        if (reads == read_from::replica || reads == read_from::prefer_replica) {
            // The replica whose turn it is can nearly always serve.
            std::uint16_t const next = table_.replica_of(slot, rotation);
            if (next != link_id::no_node && next != avoid && fit(next)) [[likely]]
                return {next, link_mode::replica};
        }
        std::array<std::uint16_t, cluster::slot_table::replicas_max> listed;
        std::span const replicas{listed.data(), table_.replicas_of(slot, listed)};
        if (reads == read_from::lowest_latency)
            if (link_id const link = quickest(replicas, primary.node, rotation, avoid)) return link;
        if (reads == read_from::same_zone) {
            std::uint16_t const near = next_in_rotation(replicas, rotation, [&](std::uint16_t node) {
                return node != avoid && fit(node) && in_zone(node);
            });
            if (near != link_id::no_node) return {near, link_mode::replica};
        }
        std::size_t first = rotation;
        if (reads == read_from::any) {
            std::size_t const pick = rotation % (replicas.size() + 1);
            if (pick == replicas.size() && primary && primary.node != avoid && fit(primary.node))
                return primary;
            if (pick != replicas.size()) first = pick;
        }
        std::uint16_t const other =
            next_in_rotation(replicas, first, [&](std::uint16_t node) { return node != avoid && fit(node); });
        if (other != link_id::no_node) return {other, link_mode::replica};
        if (reads != read_from::replica && primary) return primary;
        // No node is well: a replica is asked all the same, and the one that has just failed only as the
        // last.
        std::uint16_t const any =
            next_in_rotation(replicas, rotation, [&](std::uint16_t node) { return node != avoid; });
        return {any != link_id::no_node || replicas.empty() ? any : avoid, link_mode::replica};
    }

    /// The node that has replied quickest of late. Nodes that are not measured yet have their turn. Now and
    /// then every node has, because a slow one may have become quick.
    link_id quickest(std::span<std::uint16_t const> replicas, std::uint16_t primary, std::uint32_t rotation,
                     std::uint16_t avoid) const noexcept {
        if (!measured_.load(std::memory_order_relaxed)) measured_.store(true, std::memory_order_relaxed);
        // Scrambled, because callers whose reads come in a rhythm must not meet the same turn for ever.
        std::uint32_t const dice = rotation * 2654435761u;
        bool const explores = dice >> 27 == 0;
        std::uint32_t const first = dice >> 8;
        link_id best, unmeasured;
        std::int64_t least = std::numeric_limits<std::int64_t>::max();
        for (std::size_t step = 0; step <= replicas.size(); ++step) {
            std::size_t const at = (first + step) % (replicas.size() + 1);
            link_id const link = at == replicas.size() ? link_id{primary, link_mode::primary}
                                                       : link_id{replicas[at], link_mode::replica};
            if (!link || link.node == avoid || !fit(link.node)) continue;
            if (explores) return link;
            std::int64_t const took = health_[link.node].latency_ns.load(std::memory_order_relaxed);
            if (took == 0 && !unmeasured) unmeasured = link;
            if (took != 0 && took < least) least = took, best = link;
        }
        return unmeasured && (!best || dice >> 29 == 1) ? unmeasured : best;
    }

    bool in_zone(std::uint16_t node) const noexcept {
        return health_[node].same_zone.load(std::memory_order_relaxed);
    }
    bool fit(std::uint16_t node) const noexcept {
        return !health_[node].unhealthy.load(std::memory_order_relaxed);
    }

    /// The first node for which `will` holds, beginning with the one whose turn it is; no_node where there is
    /// none.
    template <class Will>
    static std::uint16_t next_in_rotation(std::span<std::uint16_t const> nodes, std::size_t first,
                                          Will will) noexcept {
        for (std::size_t step = 0; step < nodes.size(); ++step) {
            std::uint16_t const node = nodes[(first + step) % nodes.size()];
            if (will(node)) return node;
        }
        return link_id::no_node;
    }

    cluster::slot_table table_;
    std::unique_ptr<node_health[]> health_;
    std::atomic<std::uint32_t> version_{0};
    mutable std::atomic<bool> measured_{false};  ///< A command reads by latency.
    std::atomic<known_as> known_{known_as::nothing};
    client_facts facts_;
};

}  // namespace umbel::engine
