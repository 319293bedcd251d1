// topology_tracker.hpp: asks nodes for the topology, judges their answers, and publishes what it believes to
// the slot table. It routes no call: its own queries leave by questions(), and who waited for the end of a
// refresh is the caller's business.
#pragma once

#include <umbel/cluster/slot_patches.hpp>
#include <umbel/engine/group_search.hpp>
#include <umbel/engine/membership.hpp>
#include <umbel/engine/query.hpp>
#include <umbel/engine/refresh_answers.hpp>
#include <umbel/engine/refresh_candidates.hpp>
#include <umbel/engine/refresher.hpp>
#include <umbel/engine/sentinel_search.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::engine {

/// What has become of the running refresh.
struct refresh_result {
    bool ended = false;
    bool changed = false;  ///< Commands are routed otherwise now.
    /// Why no topology can be learned, where waiting does not mend it; else null. Lifetime: until the next
    /// call of the tracker.
    error const* hopeless = nullptr;
};

/// Keeps the client's topology fresh.
class topology_tracker {
public:
    topology_tracker(control_state& shared, health_monitor& health, node_supervisor& links, query_port port)
        : shared_{shared},
          members_{shared, health, links},
          refresher_{shared.options.refreshing, shared.options.seed ^ 0x5deece66dull},
          group_{shared, port, questions_},
          sentinels_{shared, links, group_, port, questions_} {
        for (auto& place : queries_) place = std::make_unique<query>(port, shared.options.tls);
    }

    /// A newer topology is wanted; a running refresh serves this wish, too.
    void want(instant now) noexcept { refresher_.want(now); }
    /// An unhealthy node may be well again: refreshes soon.
    void look_soon(instant now) noexcept { refresher_.look_soon(now); }

    /// Begins a refresh and asks further nodes, where that is due.
    refresh_result advance(instant now);
    /// Memory ran out in advance(): what was due stays due, but not at once.
    void put_off(instant now) noexcept {
        if (refresher_.should_begin(now)) refresher_.failed(now);
    }
    /// A query has been answered. Precondition: none of its calls is under way.
    refresh_result answered(query& query, instant now);
    /// The same of a question about a replication group.
    refresh_result answered(group_query& query, instant now) {
        group_finding found = group_.take(query, now);
        if (!refresher_.running()) return {};
        return look_at(sentinels_.judge(std::move(found), now), now);
    }
    refresh_result answered(sentinel_query& query, instant now) {
        if (refresher_.running()) return look_at(sentinels_.take(query, now), now);
        if (sentinels_.hears_late(query, now)) refresher_.want(now);
        return {};
    }
    instant next_due() const noexcept { return refresher_.next_due(); }

    /// Calls to be sent now, each to its own `link`.
    call_list& questions() noexcept { return questions_; }

    /// Lets a MOVED teach the slot table: its slot belongs to node `owner`, or of a REDIRECT everything. What
    /// was asked earlier must not take that back, but for a REDIRECT, whose server says it again.
    void learn_moved(retry_state const& moved, std::uint16_t owner, instant now);

    /// The same of a notice that slots of `from` have moved to `to`.
    void learn_migrated(cluster::slot slot, std::uint16_t from, std::uint16_t to);
    /// Commands for a node take its second number from now on; the links of the first one drain. May be
    /// repeated where memory has run out.
    void succeed(std::uint16_t from, std::uint16_t to, instant now);

    /// Frees the numbers of nodes that are gone.
    void sweep(instant now) {
        patches_.each_target([&](std::uint16_t number) { shared_.nodes[number].left_at = now; });
        // A running refresh holds the numbers of candidates that it has not asked yet.
        if (!refresher_.running()) shared_.nodes.sweep(now);
    }

    cluster::topology const& topology() const noexcept { return topology_; }
    /// Why no topology is known.
    refresh_complaints const& complaints() const noexcept { return answers_.complaints(); }

private:
    /// Refreshes in which only strangers answered, before they are believed.
    static constexpr unsigned rebuilt_after_failures = 2;

    void begin(instant now);
    refresh_result ask_candidates(instant now);
    void send(query& query);
    refresh_result refused(query& query, error const& why, instant now);
    refresh_result not_helped(std::uint16_t number, error const& why, instant now);
    refresh_result conclude(instant now);
    refresh_result look_at(group_finding&& found, instant now);
    refresh_result adopt_standalone(std::uint16_t number, instant now);
    void learn_redirect(std::uint16_t from, std::uint16_t leader, instant now);
    refresh_result adopt(topology_view&& view, instant now);
    bool publish(topology_view&& view, instant now);
    bool any_running() const noexcept {
        return group_.any_running() || sentinels_.any_running() ||
               std::any_of(queries_.begin(), queries_.end(),
                           [](auto const& query) { return query->running(); });
    }

    control_state& shared_;
    membership members_;
    refresher refresher_;
    std::array<std::unique_ptr<query>, 4> queries_;
    call_list questions_;
    group_search group_;
    sentinel_search sentinels_;
    refresh_answers answers_;
    cluster::topology topology_;
    cluster::slot_patches patches_;
    std::uint16_t redirected_by_ = link_id::no_node;  ///< The node that sent the latest MOVED.
    topology_source first_source_ =
        topology_source::shards;   ///< The first command that is not known to be refused.
    bool epochs_refused_ = false;  ///< This user may not call CLUSTER NODES.
    instant begun_at_{0};
    unsigned queries_sent_ = 0;  ///< In the running refresh.
};

inline refresh_result topology_tracker::advance(instant now) {
    if (refresher_.should_begin(now)) begin(now);
    return ask_candidates(now);
}

inline void topology_tracker::begin(instant now) {
    ++shared_.counters.refreshes;
    answers_.begin();
    group_.begin();
    begun_at_ = now;
    queries_sent_ = 0;
    std::uint16_t const redirecting = std::exchange(redirected_by_, link_id::no_node);
    refresher_.begin(sentinels_.is_on() ? sentinels_.begin(refresher_.random(), now)
                                        : refresh_candidates(shared_.nodes, shared_.options.seeds,
                                                             redirecting, refresher_.random(), now),
                     now);
}

inline refresh_result topology_tracker::ask_candidates(instant now) {
    while (refresher_.should_ask(now)) {
        auto const free = std::find_if(queries_.begin(), queries_.end(),
                                       [](auto const& query) { return !query->running(); });
        if (sentinels_.is_on() ? !sentinels_.has_room() : free == queries_.end()) {
            refresher_.hold();
            return {};
        }
        std::uint16_t const number = refresher_.take_candidate(now);
        ++shared_.counters.topology_queries;
        ++queries_sent_;
        if (sentinels_.is_on()) {
            sentinels_.ask(number);
            refresher_.hurry(now);
            continue;
        }
        query& next = **free;
        bool const automatic = shared_.options.source == topology_source::automatic;
        next.start(number, shared_.nodes[number].address.host,
                   automatic ? first_source_ : shared_.options.source, automatic && !epochs_refused_,
                   shared_.options.refresh_timeout, patches_.now());
        send(next);
    }
    // Every candidate was asked, and no answer is missing: the refresh has failed.
    return refresher_.running() && refresher_.exhausted() && !any_running() ? conclude(now)
                                                                            : refresh_result{};
}

/// Asks by a link of context 0: the engine itself runs there, so no other context can delay the question.
inline void topology_tracker::send(query& query) {
    link_id const link{query.asked(), shared_.nodes[query.asked()].question_mode()};
    query.map_call().link = link;
    questions_.push(query.map_call());
    if (call* const epochs = query.epochs_call()) {
        epochs->link = link;
        questions_.push(*epochs);
    }
}

inline refresh_result topology_tracker::answered(query& query, instant now) {
    UMBEL_ASSERT(!query.running());
    bool const automatic = shared_.options.source == topology_source::automatic;
    bool const alone = shared_.options.deployment == deployment::standalone;
    result<cluster::topology> answer = query.take();
    if (automatic && query.epochs_refused()) epochs_refused_ = true;
    if (automatic && query.map_refused()) {
        // A command that one node refuses the others will refuse, too. When all commands are refused, the
        // next refresh begins with the first one again.
        first_source_ = query.next_source().value_or(topology_source::shards);
        if (!answer && !alone && refresher_.running() &&
            query.ask_otherwise(shared_.options.refresh_timeout)) {
            send(query);
            return {};
        }
        if (!answer) first_source_ = topology_source::shards;
    }
    if (!refresher_.running()) return {};  // Another node was faster.
    std::uint16_t const number = query.asked();
    if (!answer) return refused(query, answer.error(), now);
    if (alone) return adopt_standalone(number, now);
    for (cluster::node_info& announced : answer->nodes)
        announced.address = shared_.options.addresses(std::move(announced.address));
    topology_view view{std::move(*answer), query.asked_at(), number};
    std::size_t const covered = view.topology.covered_slots();
    if (shared_.routes.known() == known_as::cluster &&
        !cluster::shares_known_node(topology_, view.topology) &&
        !is_sure_member(shared_.nodes[number], query.self_id())) {
        if (covered == cluster::slot_count) answers_.keep_foreign(std::move(view));
        return not_helped(
            number,
            error{errc::no_reachable_node, delivery::not_executed, "the node belongs to another cluster"},
            now);
    }
    if (covered == 0)
        return not_helped(number,
                          error{errc::cluster_down, delivery::not_executed, "the node knows no slots"}, now);
    if (covered == cluster::slot_count) return adopt(std::move(view), now);
    answers_.keep_partial(std::move(view));
    refresher_.hurry(now);
    return ask_candidates(now);
}

/// A node has told no topology. A server without cluster mode, or one that refuses this user every question
/// about clusters, is served as a stand-alone server where it may be one.
inline refresh_result topology_tracker::refused(query& query, error const& why, instant now) {
    std::uint16_t const number = query.asked();
    bool const cluster_mode = shared_.nodes[number].runs_as == server_mode::cluster;
    bool const refuses_all =
        shared_.options.source == topology_source::automatic && query.map_refused() && query.tried_all();
    switch (shared_.options.deployment) {
        case deployment::standalone: {
            bool const replied =
                origin_of(why.code()) != origin::transport && origin_of(why.code()) != origin::limit;
            if (replied && why.delivery() == delivery::not_executed) return adopt_standalone(number, now);
            break;
        }
        case deployment::automatic:
            if (why.code() != errc::bad_argument && (!refuses_all || cluster_mode)) break;
            if (shared_.routes.known() != known_as::cluster) return adopt_standalone(number, now);
            // Another server at a member's address is no reason to forget the cluster, unless no node of the
            // cluster answers any more.
            if (why.code() != errc::bad_argument) break;
            answers_.keep_foreign(
                {cluster::standalone_topology(shared_.nodes[number].address), patches_.now(), number});
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
    if (!refuses_all) return not_helped(number, why, now);
    std::string message = "the server answers none of CLUSTER SHARDS, SLOTS and NODES: ";
    message += why.message();
    return not_helped(
        number, error{query.denied() ? errc::no_permission : errc::bad_argument, delivery::not_sent, message},
        now);
}

inline refresh_result topology_tracker::not_helped(std::uint16_t number, error const& why, instant now) {
    answers_.keep_failure(shared_.nodes[number], why);
    refresher_.hurry(now);
    return ask_candidates(now);
}

/// No candidate is left: the fullest view counts, or the refresh has failed.
inline refresh_result topology_tracker::conclude(instant now) {
    if (auto fullest = answers_.take_partial()) return adopt(std::move(*fullest), now);
    // No node of the known cluster has answered for a while, and its addresses speak for another cluster: it
    // was built anew.
    if (refresher_.failures() >= rebuilt_after_failures) {
        if (auto rebuilt = answers_.take_foreign()) {
            topology_ = {};
            return adopt(std::move(*rebuilt), now);
        }
    }
    refresher_.failed(now);
    shared_.observe([&] {
        return refresh_ended{
            refresh_ended::outcome::failed, {}, answers_.text(), queries_sent_, now - begun_at_};
    });
    // A wrong password is not mended by waiting: calls that wait for the first topology fail at once.
    bool const first = shared_.routes.known() == known_as::nothing && !shared_.options.seeds.empty();
    return {.ended = true, .changed = false, .hopeless = first ? answers_.permanent_error() : nullptr};
}

/// A server without cluster mode may be one of a replication group, unless it is to be asked nothing else.
inline refresh_result topology_tracker::adopt_standalone(std::uint16_t number, instant now) {
    if (shared_.options.source == topology_source::automatic) return look_at(group_.ask(number), now);
    return adopt({cluster::standalone_topology(shared_.nodes[number].address), patches_.now(), number}, now);
}

inline refresh_result topology_tracker::look_at(group_finding&& found, instant now) {
    // A replica is believed where nothing is known, and its primary cannot be asked.
    if (found.group && found.is != group_finding::outcome::found &&
        shared_.routes.known() == known_as::nothing)
        answers_.keep_partial({std::move(*found.group), patches_.now(), found.node});
    switch (found.is) {
        case group_finding::outcome::waits:
            if (found.why) answers_.keep_failure(shared_.nodes[found.node], *found.why);
            if (sentinels_.is_on()) refresher_.hurry(now);
            return ask_candidates(now);
        case group_finding::outcome::failed: return not_helped(found.node, *found.why, now);
        case group_finding::outcome::refused:
            found.group = cluster::standalone_topology(shared_.nodes[found.node].address);
            break;
        case group_finding::outcome::found:
            sentinels_.believe(found.group->nodes.front().address, now);
            break;
    }
    if (!sentinels_.is_on() && shared_.in_group && !cluster::shares_known_node(topology_, *found.group)) {
        answers_.keep_foreign({std::move(*found.group), patches_.now(), found.node});
        error const why{errc::no_reachable_node, delivery::not_executed, "the server is of another group"};
        return not_helped(found.node, why, now);
    }
    return adopt({std::move(*found.group), patches_.now(), found.node}, now);
}

/// Believes a view: the refresh has succeeded.
inline refresh_result topology_tracker::adopt(topology_view&& view, instant now) {
    refresher_.succeeded(now, is_well(view.topology) && sentinels_.agree());
    answers_.forget_error();
    for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number)
        shared_.nodes[number].named = false;
    std::uint64_t const asked_at = view.asked_at;
    std::uint16_t const from = view.node;
    bool const changed = publish(std::move(view), now);
    // An answer older than a redirect has confirmed nothing of it: the next one will.
    if (patches_.any_after(asked_at)) refresher_.want(now);
    shared_.observe([&] {
        auto const how = changed ? refresh_ended::outcome::changed : refresh_ended::outcome::unchanged;
        return refresh_ended{how, shared_.nodes[from].name, {}, queries_sent_, now - begun_at_};
    });
    return {.ended = true, .changed = changed};
}

/// Publishes a view where it is fresher than the present topology; true when commands are routed otherwise
/// now.
inline bool topology_tracker::publish(topology_view&& view, instant now) {
    cluster::topology& incoming = view.topology;
    bool const alone = incoming.told_by == cluster::source::standalone;
    bool const first = shared_.routes.known() == known_as::nothing;
    if (alone) patches_.clear();
    shared_.in_group = alone && incoming.self == cluster::topology::none;
    cluster::topology merged = first || alone || topology_.told_by == cluster::source::standalone
                                   ? std::move(incoming)
                                   : cluster::merge(topology_, incoming);
    merged.hides_tls_nodes = incoming.hides_tls_nodes;
    bool const differs = first || cluster::differs(topology_, merged);
    std::vector<std::uint16_t> numbers;
    numbers.reserve(merged.nodes.size());
    for (cluster::node_info const& info : merged.nodes)
        numbers.push_back(differs ? shared_.nodes.obtain(info.address, now)
                                  : shared_.nodes.find(info.address));
    // MOVED may have patched slots meanwhile. The cluster's answer counts, unless it was asked for before.
    cluster::publish_summary const stored = shared_.routes.table().publish(
        cluster::patched_assignments{merged, numbers, patches_, view.asked_at}.all());
    patches_.settle(view.asked_at);
    patches_.each_target([&](std::uint16_t number) { shared_.nodes[number].left_at = now; });
    if (!differs) {
        members_.confirm(merged, numbers, now);
        return !stored.unchanged();
    }
    members_.apply(merged, numbers, patches_, now);
    topology_ = std::move(merged);
    shared_.routes.learned(alone ? known_as::standalone : known_as::cluster);
    ++shared_.counters.topology_changes;
    shared_.observe([&] {
        return topology_changed{shared_.routes.version(), topology_.nodes.size(), topology_.shards.size()};
    });
    return true;
}

}  // namespace umbel::engine

#include <umbel/engine/topology_tracker_impl.hpp>
