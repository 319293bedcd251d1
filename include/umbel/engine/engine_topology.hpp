// engine_topology.hpp: the part of the engine that asks for topologies and lives by them. Included by engine.hpp.
#pragma once

#include <umbel/engine/engine.hpp>

#include <algorithm>
#include <utility>

namespace umbel::engine {

inline void engine::begin_refresh(instant now) {
    ++counters_.refreshes;
    best_.reset();
    foreign_.reset();
    only_refusals_ = true;
    refresher_.begin(candidates(now), now);
}

/// Nodes in the order in which they are asked: those with a connection that answers, then other members, then whom a redirect has named, then
/// the seeds. All members may leave before any topology has told of those that came: then only a redirect has. What such a node tells is
/// judged like the word of any stranger: it counts when nobody of the known cluster has answered for a while.
inline std::vector<std::uint16_t> engine::candidates(instant now) {
    std::vector<std::uint16_t> order;
    auto const shuffle_from = [&](std::size_t first) {
        for (std::size_t at = order.size(); at > first + 1; --at)
            std::swap(order[at - 1], order[first + refresher_.random().below(at - first)]);
    };
    auto const add_members = [&](bool connected) {
        std::size_t const first = order.size();
        for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
            node const& one = nodes_[number];
            bool const up = is_up(one.link(link_mode::primary)) && one.doubted_until <= now;
            if (one.member && up == connected) order.push_back(number);
        }
        shuffle_from(first);
    };
    add_members(true);
    add_members(false);
    for (std::uint16_t number = 0; number < nodes_.size(); ++number)
        if (nodes_[number].named) order.push_back(number);
    std::size_t const first_seed = order.size();
    for (cluster::endpoint const& seed : options_.seeds) {
        std::uint16_t const number = nodes_.obtain(seed, now);
        if (number != link_id::no_node && std::find(order.begin(), order.end(), number) == order.end()) order.push_back(number);
    }
    shuffle_from(first_seed);
    return order;
}

/// Asks by links of the first loop, on whose context the engine itself lives: no other can keep it waiting.
inline void engine::ask_candidates(instant now) {
    while (refresher_.should_ask(now)) {
        auto const free = std::find_if(queries_.begin(), queries_.end(), [](auto const& one) { return !one->running(); });
        if (free == queries_.end()) return refresher_.hold();
        query& asked = **free;
        std::uint16_t const number = refresher_.take_candidate(now);
        topology_source first = options_.source;
        if (first == topology_source::automatic) first = shards_unknown_ ? topology_source::slots : topology_source::shards;
        asked.start(number, nodes_[number].where.host, first, options_.source == topology_source::automatic, options_.refresh_timeout);
        ++counters_.topology_queries;
        link_id const there{number, link_mode::primary};
        guarded(asked.map_call(), [&] { place(asked.map_call(), there, now); });
        if (call* const epochs = asked.epochs_call()) guarded(*epochs, [&] { place(*epochs, there, now); });
    }
    // Everybody was asked, nobody is left to answer: the refresh has failed.
    bool const silent = std::none_of(queries_.begin(), queries_.end(), [](auto const& one) { return one->running(); });
    if (refresher_.running() && refresher_.exhausted() && silent) conclude(now);
}

inline void engine::on(query_settled& seen, instant now) {
    query& whole = *static_cast<query_call*>(seen.one)->whole;
    if (!whole.settled()) return;
    if (!closed_) answered(whole, now);
    tick(now);
}

inline void engine::answered(query& one, instant now) {
    // An old server: the next candidate is asked in the old way, and so will this one be.
    if (one.map_unknown()) shards_unknown_ = true;
    result<cluster::topology> told = one.take();
    if (!refresher_.running()) return;  // Somebody else was faster.
    bool const alone = options_.deployment == deployment::standalone;
    if (!told) {
        error const& why = told.error();
        bool const replied = origin_of(why.code()) != origin::transport && origin_of(why.code()) != origin::limit;
        if (alone ? replied && why.delivery() == delivery::not_executed : why.code() == errc::bad_argument) {
            if (options_.deployment != deployment::cluster) return adopt(cluster::standalone_topology(nodes_[one.asked()].where), now);
            return not_helped(error{errc::bad_argument, delivery::not_sent, "the seed is a server without cluster mode"}, now);
        }
        return not_helped(why.from(nodes_[one.asked()].name), now);
    }
    if (alone) return adopt(cluster::standalone_topology(nodes_[one.asked()].where), now);
    for (cluster::node_info& announced : told->nodes) announced.where = options_.addresses(std::move(announced.where));
    bool const stranger = router_.known() == known_as::cluster && !cluster::shares_known_node(topology_, *told);
    if (stranger) {
        if (told->covered_slots() == cluster::slot_count) foreign_ = std::move(*told);
        return not_helped(error{errc::no_reachable_node, delivery::not_executed, "the node belongs to another cluster"}, now);
    }
    std::size_t const covered = told->covered_slots();
    if (covered == 0) return not_helped(error{errc::cluster_down, delivery::not_executed, "the node knows no slots"}, now);
    if (covered == cluster::slot_count) return adopt(std::move(*told), now);
    // Full coverage is preferred: others are heard before a view with holes is believed.
    if (!best_ || best_->covered_slots() < covered) best_ = std::move(*told);
    refresher_.hurry(now);
    ask_candidates(now);
}

inline void engine::not_helped(error why, instant now) {
    switch (origin_of(why.code())) {
        case origin::caller:
        case origin::server: break;
        case origin::limit:
        case origin::transport:
        case origin::protocol:
        case origin::cluster: only_refusals_ = false; break;
    }
    last_error_ = std::move(why);
    refresher_.hurry(now);
    ask_candidates(now);
}

/// No candidate is left: the best view counts, or the refresh has failed.
inline void engine::conclude(instant now) {
    if (best_) {
        cluster::topology chosen = std::move(*best_);
        best_.reset();
        return adopt(std::move(chosen), now);
    }
    // Nobody of the known cluster has answered for a while, and the addresses speak for another: it was built anew.
    if (foreign_ && refresher_.failures() >= rebuilt_after_failures) {
        cluster::topology const rebuilt = std::move(*foreign_);
        foreign_.reset();
        topology_ = {};
        return adopt(rebuilt, now);
    }
    refresher_.failed(now);
    // A password is not mended by waiting: whoever waits for the first topology is told at once.
    if (router_.known() == known_as::nothing && only_refusals_ && last_error_ && !options_.seeds.empty()) {
        call_list all;
        waiting_.clear(all);
        while (call* const one = all.pop()) finish(*one, last_error_->code(), delivery::not_sent, last_error_->message(), last_error_->node());
    }
    release(false, now);
}

/// Lives by a new view of the cluster, where it is fresher than the present one.
inline void engine::adopt(cluster::topology incoming, instant now) {
    auto const is_well = [](cluster::node_info const& told) { return cluster::is_routable(told.health); };
    refresher_.succeeded(now, std::all_of(incoming.nodes.begin(), incoming.nodes.end(), is_well));
    last_error_.reset();
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) nodes_[number].named = false;
    bool const alone = incoming.told_by == cluster::source::standalone;
    bool const first = router_.known() == known_as::nothing;
    cluster::topology merged =
        first || alone || topology_.told_by == cluster::source::standalone ? std::move(incoming) : cluster::merge(topology_, incoming);
    if (!first && !cluster::differs(topology_, merged)) {
        // MOVED may have patched slots meanwhile; what the cluster says counts.
        std::vector<std::uint16_t> numbers;
        for (cluster::node_info const& told : merged.nodes) {
            numbers.push_back(nodes_.find(told.where));
            note_zone(numbers.back(), told.availability_zone, now);
        }
        cluster::publish_summary const stored = router_.table().publish(merged, numbers);
        close_strangers(now);
        return release(stored.slots_changed != 0 || stored.shards_changed != 0, now);
    }
    std::vector<std::uint16_t> numbers;
    numbers.reserve(merged.nodes.size());
    for (cluster::node_info const& told : merged.nodes) numbers.push_back(nodes_.obtain(told.where, now));
    router_.table().publish(merged, numbers);
    settle_members(merged, numbers, now);
    call_off_attempts(merged, numbers, now);
    topology_ = std::move(merged);
    router_.learned(alone ? known_as::standalone : known_as::cluster);
    ++counters_.topology_changes;
    observe([&] { return topology_changed{router_.version(), topology_.nodes.size(), topology_.shards.size()}; });
    release(true, now);
}

/// Notes roles, and closes what does not belong to the topology any more. Seeds are kept as names, not as connections.
inline void engine::settle_members(cluster::topology const& told, std::vector<std::uint16_t> const& numbers, instant now) {
    std::vector<bool> present(nodes_.size(), false);
    for (std::size_t at = 0; at < numbers.size(); ++at) {
        if (numbers[at] == link_id::no_node) continue;
        present[numbers[at]] = true;
        node& one = nodes_[numbers[at]];
        cluster::node_info const& info = told.nodes[at];
        // A connection that has sent READONLY is made anew when the role changes.
        if (one.member && one.role != info.role) shut_all(numbers[at], link_mode::replica, now);
        one.member = true;
        one.role = info.role;
        one.health = info.health;
        one.id = info.id;
        note_zone(numbers[at], info.availability_zone, now);
    }
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node& one = nodes_[number];
        if (!one.in_use || present[number]) continue;
        if (one.member) one.left_at = now;
        one.member = false;
        shut_all(number, link_mode::primary, now);
        shut_all(number, link_mode::replica, now);
    }
}

/// Closes what only a redirect has named, a while ago, and the topology still does not know.
inline void engine::close_strangers(instant now) {
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node const& one = nodes_[number];
        if (!one.in_use || one.member || now - one.left_at < node_table::rest) continue;
        shut_all(number, link_mode::primary, now);
        shut_all(number, link_mode::replica, now);
    }
}

/// A refresh has ended: those who waited for it are routed anew.
inline void engine::release(bool changed, instant now) {
    call_list freed;
    waiting_.refreshed(changed, freed);
    while (call* const one = freed.pop()) {
        guarded(*one, [&] {
            // Who would ask the node that has refused him keeps to the pace of all those.
            bool const again = one->way && one->way->from && router_.route(*one, turn_).node == one->way->from.node;
            again ? resume(*one, now) : reroute(*one, link_id::no_node, now);
        });
    }
}

}  // namespace umbel::engine
