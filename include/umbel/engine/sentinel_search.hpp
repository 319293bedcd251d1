// sentinel_search.hpp: finds the primary of a replication group by the sentinels that watch it: asks them,
// has the servers asked that they name, and lets sentinels tell when that changes. It publishes nothing,
// and does not decide when sentinels are asked.
#pragma once

#include <umbel/engine/group_search.hpp>
#include <umbel/engine/node_supervisor.hpp>
#include <umbel/engine/refresh_candidates.hpp>
#include <umbel/engine/sentinel_query.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::engine {

/// The sentinels of one client. All that are known are asked at one time; when all that are connected and
/// more than half of them have answered, or nobody is left who might, the servers that they name are asked by
/// ROLE, the most credible first (cluster::nominees_of), until one says that it is the primary. A sentinel
/// that knows nothing, is out of date, or names a server that is none is outvoted so, or asked again later.
/// Rule: Redis Sentinel documentation, "Guidelines for Redis clients with support for Redis Sentinel".
class sentinel_search {
public:
    /// Sentinels that are asked: the seeds, and others that they know.
    static constexpr std::size_t sentinels_max = 16;

    sentinel_search(control_state& shared, node_supervisor& links, group_search& roles, query_port port,
                    call_list& questions)
        : shared_{shared}, links_{links}, roles_{roles}, questions_{questions} {
        if (!is_on()) return;
        for (auto& place : queries_) place = std::make_unique<sentinel_query>(port);
    }

    /// True for a client whose seeds are sentinels.
    bool is_on() const noexcept { return !shared_.options.sentinels.primary_name.empty(); }
    bool any_running() const noexcept {
        return is_on() && std::any_of(queries_.begin(), queries_.end(),
                                      [](auto const& query) { return query->running(); });
    }
    bool has_room() const noexcept {
        return std::any_of(queries_.begin(), queries_.end(),
                           [](auto const& query) { return !query->running(); });
    }

    /// A refresh begins. Returns the sentinels that it asks; those with a connection come first.
    std::vector<std::uint16_t> begin(random_source& random, instant now) {
        views_.clear();
        tellers_.clear();
        ++round_;
        std::vector<std::uint16_t> order;
        for (auto const* const some : {&shared_.options.seeds, &learned_})
            for (cluster::endpoint const& address : *some) {
                std::uint16_t const number = shared_.nodes.obtain(address, now);
                if (number == link_id::no_node || shared_.nodes[number].member) continue;
                shared_.nodes[number].sentinel = true;
                shared_.nodes[number].role = cluster::node_role::replica;  // See node::tells.
                if (std::find(order.begin(), order.end(), number) == order.end()) order.push_back(number);
            }
        candidates::shuffle(order, 0, random);
        std::stable_partition(order.begin(), order.end(), [this](std::uint16_t number) {
            return is_up(shared_.nodes[number].link(link_mode::primary));
        });
        awaited_ = order.size();
        connected_.clear();
        for (std::uint16_t const number : order)
            if (is_up(shared_.nodes[number].link(link_mode::primary))) connected_.push_back(number);
        return order;
    }

    /// Asks a sentinel. Precondition: has_room().
    void ask(std::uint16_t number) {
        auto const free = std::find_if(queries_.begin(), queries_.end(),
                                       [](auto const& query) { return !query->running(); });
        (*free)->start({number, link_mode::primary}, shared_.nodes[number].address.host,
                       shared_.options.sentinels.primary_name, shared_.options.refresh_timeout, questions_);
        (*free)->round = round_;
    }

    /// A sentinel has answered.
    group_finding take(sentinel_query& query, instant now) {
        std::uint16_t const number = query.asked();
        result<cluster::sentinel_view> told = query.take();
        if (query.round != round_) return {};
        --awaited_;
        std::erase(connected_, number);
        std::optional<error> why;
        if (!told) {
            why = explained(told.error());
        } else if (is_new(*told)) {
            told->primary = shared_.options.addresses(std::move(told->primary));
            for (cluster::endpoint& replica : told->replicas)
                replica = shared_.options.addresses(std::move(replica));
            tellers_.push_back(number);
            views_.push_back(std::move(*told));
        }
        return elect({group_finding::outcome::waits, number, {}, std::move(why)}, now);
    }
    /// A sentinel has answered after the end of the refresh that has asked it. True when it has newer news.
    bool hears_late(sentinel_query& query, instant now) {
        result<cluster::sentinel_view> const told = query.take();
        if (!told || query.round != round_) return false;
        subscribe(now);
        return told->config_epoch > believed_epoch_;
    }
    /// False when sentinels name different servers: some of them will hear of the others' soon.
    bool agree() const noexcept {
        return std::all_of(views_.begin(), views_.end(), [this](cluster::sentinel_view const& view) {
            return view.primary == views_.front().primary;
        });
    }
    /// A server has been asked what it is. Returns what follows from that here.
    group_finding judge(group_finding&& role, instant now) {
        if (!is_on() || role.is == group_finding::outcome::waits || role.is == group_finding::outcome::found)
            return std::move(role);
        cluster::endpoint const& address = shared_.nodes[role.node].address;
        for (cluster::sentinel_view const& view : views_)
            if (role.is == group_finding::outcome::refused && view.primary == address)
                return {group_finding::outcome::found,
                        role.node,
                        cluster::group_topology(address, view.replicas),
                        {}};
        role.is = group_finding::outcome::waits;
        return elect(std::move(role), now);
    }

    /// The group that was found is believed. From now on sentinels tell when it changes.
    void believe(cluster::endpoint const& primary, instant now) {
        if (!is_on()) return;
        learned_.clear();
        // One that has answered is asked again, also where it is alone and nobody names it.
        for (std::uint16_t const teller : tellers_) learn(shared_.nodes[teller].address);
        for (cluster::sentinel_view const& view : views_) {
            if (view.primary == primary) believed_epoch_ = epoch_of(primary);
            for (cluster::endpoint const& other : view.sentinels) learn(shared_.options.addresses(other));
        }
        let_go();
        subscribe(now);
    }

private:
    /// Passwords are for servers: who forgets that sentinels have theirs is told so.
    static error explained(error const& why) {
        if (why != errc::no_auth && why != errc::wrong_password) return why;
        return {why.code(), why.delivery(), std::string{why.message()} + " (options.sentinel_password)"};
    }
    bool is_new(cluster::sentinel_view const& told) const noexcept {
        auto const same = [&told](auto const& view) { return !told.id.empty() && view.id == told.id; };
        return std::none_of(views_.begin(), views_.end(), same);
    }
    std::uint64_t epoch_of(cluster::endpoint const& primary) const noexcept {
        std::uint64_t highest = 0;
        for (cluster::sentinel_view const& view : views_)
            if (view.primary == primary) highest = std::max(highest, view.config_epoch);
        return highest;
    }
    bool is_listed(cluster::endpoint const& address) const noexcept {
        auto const& seeds = shared_.options.seeds;
        return std::find(seeds.begin(), seeds.end(), address) != seeds.end() ||
               std::find(learned_.begin(), learned_.end(), address) != learned_.end();
    }
    void learn(cluster::endpoint other) {
        bool const has_place = shared_.options.seeds.size() + learned_.size() < sentinels_max;
        if (has_place && !is_listed(other)) learned_.push_back(std::move(other));
    }
    /// Closes the connections to sentinels that are asked no more, so that their numbers are freed.
    void let_go() {
        for (std::uint16_t number = 0; number < shared_.nodes.size(); ++number) {
            node& peer = shared_.nodes[number];
            if (!peer.sentinel || is_listed(peer.address)) continue;
            peer.tells = false;
            links_.shut_all(number);
        }
    }

    /// Has the next server asked that sentinels name. `latest`: what has just come of the one before, which
    /// says that it waits.
    group_finding elect(group_finding latest, instant now) {
        std::size_t const all = cluster::electorate(views_);
        std::vector<cluster::nominee> named = cluster::nominees_of(views_);
        bool const agreed = connected_.empty() && 2 * views_.size() > all && named.front().known;
        if (awaited_ != 0 && !agreed) return latest;
        std::string const told = cluster::told_by(named, all);
        cluster::drop_unlikely(named, believed_epoch_, all);
        for (cluster::nominee const& next : named) {
            std::uint16_t const number = shared_.nodes.obtain(next.address, now);
            if (number == link_id::no_node || shared_.nodes[number].sentinel) continue;
            if (!roles_.has_asked(number) && roles_.ask(number).is == group_finding::outcome::waits)
                return latest;
            if (roles_.is_asking(number)) return latest;
        }
        if (awaited_ != 0 || roles_.any_running() || views_.empty()) {
            if (views_.empty() && awaited_ == 0) latest.is = group_finding::outcome::failed;
            return latest;
        }
        std::string why = "no server confirms what the sentinels say: " + told;
        if (latest.why) why.append("; ").append(latest.why->message());
        return {group_finding::outcome::failed, latest.node, std::move(latest.group),
                error{errc::no_reachable_node, delivery::not_sent, why}};
    }

    /// Has the sentinels that answer tell of +switch-master, each by a connection of its own: one alone may
    /// be the one that hears late, or lies. A message ends that connection, for nobody awaits a reply there;
    /// so a refresh begins, and the connection is made anew.
    void subscribe(instant now) {
        for (auto const* const some : {&shared_.options.seeds, &learned_})
            for (cluster::endpoint const& address : *some) {
                std::uint16_t const number = shared_.nodes.find(address);
                if (number == link_id::no_node) continue;
                node& peer = shared_.nodes[number];
                if (peer.tells || !peer.sentinel || !is_up(peer.link(link_mode::primary))) continue;
                if (peer.link(link_mode::replica).state != link_state::idle) continue;
                links_.open({number, link_mode::replica}, now);
                peer.tells = true;
            }
    }

    control_state& shared_;
    node_supervisor& links_;
    group_search& roles_;
    call_list& questions_;
    std::array<std::unique_ptr<sentinel_query>, 5> queries_;
    std::vector<cluster::endpoint> learned_;     ///< Sentinels beside the seeds.
    std::vector<cluster::sentinel_view> views_;  ///< Of the running refresh.
    std::vector<std::uint16_t> tellers_;         ///< Who has told them.
    std::vector<std::uint16_t> connected_;       ///< Those that may, and were connected when it began.
    std::size_t awaited_ = 0;                    ///< Sentinels that may still answer.
    std::uint32_t round_ = 0;                    ///< Counts the refreshes.
    std::uint64_t believed_epoch_ = 0;
};

}  // namespace umbel::engine
