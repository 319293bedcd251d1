// engine_topology.hpp: the part of the engine that asks for topologies and lives by them. Included by
// engine.hpp.
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
    refresh_begun_at_ = now;
    refresh_queries_ = 0;
    if (!heard_.text.empty()) heard_before_ = std::exchange(heard_, {});
    refresher_.begin(candidates(now), now);
}

/// Nodes in the order in which they are asked: who has just sent a MOVED, for it knows more than the others
/// may; then those with a connection that answers, then other members, then whom a redirect has named, then
/// the seeds. All members may leave before any topology has told of those that came: then only a redirect
/// has. What such a node tells is judged like the word of any stranger: it counts when nobody of the known
/// cluster has answered for a while.
inline std::vector<std::uint16_t> engine::candidates(instant now) {
    std::vector<std::uint16_t> order;
    auto const shuffle_from = [&](std::size_t first) {
        for (std::size_t at = order.size(); at > first + 1; --at)
            std::swap(order[at - 1], order[first + refresher_.random().below(at - first)]);
    };
    std::uint16_t const teller = std::exchange(teller_, link_id::no_node);
    if (teller != link_id::no_node && nodes_[teller].in_use && nodes_[teller].doubted_until <= now &&
        nodes_[teller].any_up())
        order.push_back(teller);
    auto const add_members = [&](bool connected) {
        std::size_t const first = order.size();
        for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
            node const& node = nodes_[number];
            bool const up = is_up(node.link(link_mode::primary)) && node.doubted_until <= now;
            if (node.member && up == connected && number != teller) order.push_back(number);
        }
        shuffle_from(first);
    };
    add_members(true);
    add_members(false);
    for (std::uint16_t number = 0; number < nodes_.size(); ++number)
        if (nodes_[number].named && number != teller) order.push_back(number);
    std::size_t const first_seed = order.size();
    for (cluster::endpoint const& seed : options_.seeds) {
        std::uint16_t const number = nodes_.obtain(seed, now);
        if (number != link_id::no_node && std::find(order.begin(), order.end(), number) == order.end())
            order.push_back(number);
    }
    shuffle_from(first_seed);
    return order;
}

/// Asks by links of the first loop, on whose context the engine itself lives: no other can keep it waiting.
inline void engine::ask_candidates(instant now) {
    while (refresher_.should_ask(now)) {
        auto const free =
            std::find_if(queries_.begin(), queries_.end(), [](auto const& query) { return !query->running(); });
        if (free == queries_.end()) return refresher_.hold();
        query& asked = **free;
        std::uint16_t const number = refresher_.take_candidate(now);
        bool const automatic = options_.source == topology_source::automatic;
        asked.start(number, nodes_[number].where.host, automatic ? begins_with_ : options_.source,
                    automatic && !epochs_refused_, options_.refresh_timeout, patches_.now());
        ++counters_.topology_queries;
        ++refresh_queries_;
        send(asked, now);
    }
    // Everybody was asked, nobody is left to answer: the refresh has failed.
    bool const silent =
        std::none_of(queries_.begin(), queries_.end(), [](auto const& query) { return query->running(); });
    if (refresher_.running() && refresher_.exhausted() && silent) conclude(now);
}

inline void engine::send(query& asked, instant now) {
    link_id const there{asked.asked(), link_mode::primary};
    call* const epochs = asked.epochs_call();
    guarded(asked.map_call(), [&] { place(asked.map_call(), there, now); });
    if (epochs) guarded(*epochs, [&] { place(*epochs, there, now); });
}

inline void engine::on(query_settled& seen, instant now) {
    query& whole = *static_cast<query_call*>(seen.answered)->whole;
    if (!whole.settled()) return;
    if (!closed_) answered(whole, now);
    tick(now);
}

inline void engine::answered(query& query, instant now) {
    bool const automatic = options_.source == topology_source::automatic;
    bool const alone = options_.deployment == deployment::standalone;
    result<cluster::topology> told = query.take();
    if (automatic && query.epochs_refused()) epochs_refused_ = true;
    if (automatic && query.map_refused()) {
        // What one node refuses the others will refuse too; when everything is refused, the next refresh
        // begins anew.
        begins_with_ = query.next_source().value_or(topology_source::shards);
        if (!told && !alone && refresher_.running() && query.ask_otherwise(options_.refresh_timeout))
            return send(query, now);
        if (!told) begins_with_ = topology_source::shards;
    }
    if (!refresher_.running()) return;  // Somebody else was faster.
    std::uint16_t const number = query.asked();
    if (!told) return refused(query, told.error(), now);
    if (alone)
        return adopt({cluster::standalone_topology(nodes_[number].where), patches_.now(), number}, now);
    for (cluster::node_info& announced : told->nodes)
        announced.where = options_.addresses(std::move(announced.where));
    view seen{std::move(*told), query.asked_at(), number};
    std::size_t const covered = seen.told.covered_slots();
    if (router_.known() == known_as::cluster && !cluster::shares_known_node(topology_, seen.told) &&
        !is_sure_member(query)) {
        if (covered == cluster::slot_count) foreign_ = std::move(seen);
        return not_helped(
            number,
            error{errc::no_reachable_node, delivery::not_executed, "the node belongs to another cluster"},
            now);
    }
    if (covered == 0)
        return not_helped(number,
                          error{errc::cluster_down, delivery::not_executed, "the node knows no slots"}, now);
    if (covered == cluster::slot_count) return adopt(std::move(seen), now);
    // Full coverage is preferred: others are heard before a view with holes is believed.
    if (!best_ || best_->told.covered_slots() < covered) best_ = std::move(seen);
    refresher_.hurry(now);
    ask_candidates(now);
}

/// True when the node that answered is, by its own word, the member that it is taken for, and not another
/// server at its address. Such a node is believed even if it tells of nobody who was known: old servers leave
/// out nodes without slots, and all slots may have moved to new nodes.
inline bool engine::is_sure_member(query const& query) const noexcept {
    node const& peer = nodes_[query.asked()];
    std::string const& told = query.self_id().empty() ? peer.link(link_mode::primary).node_id : query.self_id();
    return peer.member && !peer.id.empty() && told == peer.id;
}

/// A node has told no topology. A server without cluster mode, or one that lets this user ask nothing about
/// clusters, is served as a whole where it may be one that stands alone.
inline void engine::refused(query& query, error const& why, instant now) {
    std::uint16_t const number = query.asked();
    bool const cluster_mode = nodes_[number].runs_as == server_mode::cluster;
    bool const asked_in_vain =
        options_.source == topology_source::automatic && query.map_refused() && query.tried_all();
    switch (options_.deployment) {
        case deployment::standalone: {
            bool const replied =
                origin_of(why.code()) != origin::transport && origin_of(why.code()) != origin::limit;
            if (replied && why.delivery() == delivery::not_executed)
                return adopt({cluster::standalone_topology(nodes_[number].where), patches_.now(), number},
                             now);
            break;
        }
        case deployment::automatic:
            if (why.code() != errc::bad_argument && (!asked_in_vain || cluster_mode)) break;
            if (router_.known() != known_as::cluster)
                return adopt({cluster::standalone_topology(nodes_[number].where), patches_.now(), number},
                             now);
            // Another server at the address of a member is no reason to forget the cluster, unless nobody of
            // it answers any more.
            if (why.code() != errc::bad_argument) break;
            foreign_ = view{cluster::standalone_topology(nodes_[number].where), patches_.now(), number};
            return not_helped(
                number,
                error{errc::no_reachable_node, delivery::not_executed, "the node runs without cluster mode"},
                now);
        case deployment::cluster:
            if (why.code() == errc::bad_argument)
                return not_helped(number,
                                  error{errc::bad_argument, delivery::not_sent,
                                        "the seed is a server without cluster mode"},
                                  now);
            break;
    }
    if (!asked_in_vain) return not_helped(number, why, now);
    std::string message = "the server answers none of CLUSTER SHARDS, SLOTS and NODES: ";
    message += why.message();
    not_helped(number,
               error{query.denied() ? errc::no_permission : errc::bad_argument, delivery::not_sent, message},
               now);
}

inline void engine::not_helped(std::uint16_t number, error why, instant now) {
    bool answered = true;
    switch (origin_of(why.code())) {
        case origin::caller:
        case origin::server: break;
        case origin::limit:
        case origin::transport: answered = why.code() == errc::no_reachable_node; [[fallthrough]];
        case origin::protocol:
        case origin::cluster: only_refusals_ = false; break;
    }
    if (answered) heard_.replied = why.code();
    quote(number, why);
    last_error_ = why.from(nodes_[number].name);
    refresher_.hurry(now);
    ask_candidates(now);
}

/// Keeps what a node has said, for whoever waits in vain.
inline void engine::quote(std::uint16_t number, error const& why) noexcept {
    if (heard_.text.size() >= answers_bytes_max) return;
    try {
        std::string said = nodes_[number].name + ": ";
        said += name_of(why.code());
        if (why.message() != name_of(why.code())) said.append(", ").append(why.message());
        heard_.text.append(heard_.text.empty() ? "" : "; ").append(said);
    } catch (...) {
        // An explanation less.
    }
}

/// No candidate is left: the best view counts, or the refresh has failed.
inline void engine::conclude(instant now) {
    if (best_) {
        view chosen = std::move(*best_);
        best_.reset();
        return adopt(std::move(chosen), now);
    }
    // Nobody of the known cluster has answered for a while, and the addresses speak for another: it was built
    // anew.
    if (foreign_ && refresher_.failures() >= rebuilt_after_failures) {
        view rebuilt = std::move(*foreign_);
        foreign_.reset();
        topology_ = {};
        return adopt(std::move(rebuilt), now);
    }
    refresher_.failed(now);
    observe([&] {
        return refresh_ended{
            refresh_ended::outcome::failed, {}, heard_.text, refresh_queries_, now - refresh_begun_at_};
    });
    // A password is not mended by waiting: whoever waits for the first topology is told at once.
    if (router_.known() == known_as::nothing && only_refusals_ && last_error_ && !options_.seeds.empty()) {
        call_list all;
        waiting_.clear(all);
        while (call* const call = all.pop())
            finish(*call, last_error_->code(), delivery::not_sent, last_error_->message(),
                   last_error_->node());
    }
    release(false, now);
}

/// Lives by a new view of the cluster, where it is fresher than the present one.
inline void engine::adopt(view seen, instant now) {
    cluster::topology& incoming = seen.told;
    auto const is_well = [](cluster::node_info const& told) { return cluster::is_routable(told.health); };
    refresher_.succeeded(now, std::all_of(incoming.nodes.begin(), incoming.nodes.end(), is_well));
    last_error_.reset();
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) nodes_[number].named = false;
    bool const alone = incoming.told_by == cluster::source::standalone;
    bool const first = router_.known() == known_as::nothing;
    if (alone) patches_.clear();
    cluster::topology merged = first || alone || topology_.told_by == cluster::source::standalone
                                   ? std::move(incoming)
                                   : cluster::merge(topology_, incoming);
    bool const differs = first || cluster::differs(topology_, merged);
    std::vector<std::uint16_t> numbers;
    numbers.reserve(merged.nodes.size());
    for (cluster::node_info const& told : merged.nodes)
        numbers.push_back(differs ? nodes_.obtain(told.where, now) : nodes_.find(told.where));
    // MOVED may have patched slots meanwhile. What the cluster says counts, unless it was asked before.
    cluster::publish_summary const stored =
        router_.table().publish(cluster::patched_assignments{merged, numbers, patches_, seen.asked_at}.all());
    patches_.settle(seen.asked_at);
    patches_.each_target([&](std::uint16_t number) { nodes_[number].left_at = now; });
    if (differs) {
        settle_members(merged, numbers, now);
        call_off_attempts(merged, numbers, now);
        topology_ = std::move(merged);
        router_.learned(alone ? known_as::standalone : known_as::cluster);
        ++counters_.topology_changes;
        observe([&] {
            return topology_changed{router_.version(), topology_.nodes.size(), topology_.shards.size()};
        });
    } else {
        for (std::size_t at = 0; at < numbers.size(); ++at)
            note_zone(numbers[at], merged.nodes[at].availability_zone, now);
        close_strangers(now);
    }
    // An answer that was older than a redirect has confirmed nothing of it: the next one will.
    if (patches_.any_after(seen.asked_at)) refresher_.want(now);
    bool const changed = differs || !stored.unchanged();
    observe([&] {
        auto const how = changed ? refresh_ended::outcome::changed : refresh_ended::outcome::unchanged;
        return refresh_ended{how, nodes_[seen.by].name, {}, refresh_queries_, now - refresh_begun_at_};
    });
    release(changed, now);
}

/// Notes roles, and closes what does not belong to the topology any more. Seeds are kept as names, not as
/// connections.
inline void engine::settle_members(cluster::topology const& told, std::vector<std::uint16_t> const& numbers,
                                   instant now) {
    std::vector<bool> present(nodes_.size(), false);
    for (std::size_t at = 0; at < numbers.size(); ++at) {
        if (numbers[at] == link_id::no_node) continue;
        present[numbers[at]] = true;
        node& node = nodes_[numbers[at]];
        cluster::node_info const& info = told.nodes[at];
        // A connection that has sent READONLY is made anew when the role changes.
        if (node.member && node.role != info.role) shut_all(numbers[at], link_mode::replica, now);
        node.member = true;
        node.role = info.role;
        node.health = info.health;
        node.id = info.id;
        note_zone(numbers[at], info.availability_zone, now);
    }
    // Whom a redirect has named since is in use, though the answer does not know it yet.
    std::vector<bool> awaited(nodes_.size(), false);
    patches_.each_target([&](std::uint16_t number) { awaited[number] = true; });
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node& node = nodes_[number];
        if (!node.in_use || present[number]) continue;
        if (node.member) node.left_at = now;
        node.member = false;
        if (awaited[number]) continue;
        shut_all(number, link_mode::primary, now);
        shut_all(number, link_mode::replica, now);
    }
}

/// Closes what only a redirect has named, a while ago, and the topology still does not know.
inline void engine::close_strangers(instant now) {
    for (std::uint16_t number = 0; number < nodes_.size(); ++number) {
        node const& node = nodes_[number];
        if (!node.in_use || node.member || now - node.left_at < node_table::rest) continue;
        shut_all(number, link_mode::primary, now);
        shut_all(number, link_mode::replica, now);
    }
}

/// A refresh has ended: those who waited for it are routed anew.
inline void engine::release(bool changed, instant now) {
    call_list freed;
    waiting_.refreshed(changed, freed);
    while (call* const call = freed.pop()) {
        guarded(*call, [&] {
            // Who would ask the node that has refused him keeps to the pace of all those.
            bool const again =
                call->retry && call->retry->from && router_.route(*call, turn_).node == call->retry->from.node;
            again ? resume(*call, now) : reroute(*call, link_id::no_node, now);
        });
    }
}

}  // namespace umbel::engine
