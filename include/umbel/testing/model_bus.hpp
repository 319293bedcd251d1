// model_bus.hpp: how model nodes learn of each other: heartbeats, failure detection, elections.
// It knows no clients. The rules are those of the Redis Cluster specification, with times scaled to the node
// timeout.
#pragma once

#include <umbel/testing/model_replication.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// The cluster bus with all its nodes.
class model_bus : public model_replication {
public:
    using model_replication::model_replication;

    /// Adds a server that nobody knows yet.
    model_node& add(std::string id, cluster::endpoint address, std::string hostname) {
        model_node& node = place();
        node.view.me() = {
            .known = true, .id = std::move(id), .where = std::move(address), .hostname = std::move(hostname)};
        node.changed = [this](model_node& by, std::vector<std::string> const& keys) { replicate(by, keys); };
        node.link_up = true;
        return node;
    }
    void meet(node_number at, node_number whom) {
        model_peer& known = (*this)[at].view.peer(whom);
        model_peer const& himself = (*this)[whom].view.me();
        if (known.known) return;
        known = {.known = true,
                 .id = himself.id,
                 .where = himself.where,
                 .hostname = himself.hostname,
                 .zone = himself.zone,
                 .primary = himself.primary,
                 .follows = himself.follows,
                 .config_epoch = himself.config_epoch,
                 .heard = time_.now()};
    }
    void start(node_number which) {
        time_.in(time_.between(0ms, options_.heartbeat), [this, which] { beat(which); });
    }

    /// Tells everybody at once how it stands.
    void announce(node_number from) {
        auto const told = std::make_shared<pulse const>(pulse_of((*this)[from]));
        for (std::size_t to = 0; to < size(); ++to) {
            if (static_cast<node_number>(to) == from || !(*this)[from].view.peers[to].known) continue;
            send(from, static_cast<node_number>(to), [this, told](model_node& at) { hear_pulse(at, *told); });
        }
    }

    void follow(model_node& at, node_number whom) {
        model_view& view = at.view;
        view.me().primary = false;
        view.me().follows = whom;
        view.close_all_slots();
        at.link_up = false;
        at.election_at = engine::never;
        at.forced = false;
        resume(at);
        time_.note([&] {
            return "node " + std::to_string(at.number()) + " now follows node " + std::to_string(whom);
        });
        announce(at.number());
    }
    /// Takes over all slots of the old primary under a new epoch.
    void promote(model_node& at, std::uint64_t epoch) {
        model_view& view = at.view;
        node_number const before = view.me().follows;
        for (std::uint16_t slot = 0; slot < cluster::slot_count; ++slot)
            if (view.owner[slot] == before) view.set_owner(slot, at.number());
        view.current_epoch = std::max(view.current_epoch, epoch);
        view.me().primary = true;
        view.me().follows = nobody;
        view.me().config_epoch = epoch;
        at.link_up = true;
        at.may_know_more = true;
        // What a copy that never synced holds of slots that have moved away since then is reached by nobody
        // any more.
        clear_slots(at, "a promoted copy held keys of slots that had moved", ~view.slots_of(at.number()));
        at.forced = false;
        at.election_at = engine::never;
        ++at.sync_number;
        last_promotion_ = time_.now();
        ++promotions_;
        time_.note([&] {
            return "node " + std::to_string(at.number()) + " is primary now, epoch " + std::to_string(epoch);
        });
        announce(at.number());
    }
    /// A coordinated failover that `at`, a replica, was asked for. `takeover` asks nobody.
    void fail_over_to(node_number at, bool force, bool takeover) {
        model_node& heir = (*this)[at];
        if (heir.primary() || heir.is != model_node::state::running) return;
        if (takeover) return promote(heir, heir.view.current_epoch + 1);
        node_number const before = heir.view.me().follows;
        heir.forced = true;
        if (force || !hear(at, before)) return elect(heir);
        model_node& old = (*this)[before];
        old.paused = true;
        time_.in(2s, [this, &old] { resume(old); });
        time_.in(5ms, [this, &heir, &old, before] { catch_up(heir, old, before, 40); });
    }

    std::uint64_t promotions() const noexcept { return promotions_; }
    instant last_promotion() const noexcept { return last_promotion_; }

    /// Delivers what stood in the queue of a node that was frozen.
    void thaw(model_node& at) {
        at.is = model_node::state::running;
        bool const clients_first = time_.chance(50);
        if (clients_first) at.serve_all();
        for (auto& deferred : std::exchange(at.bus_backlog, {})) deferred();
        if (!clients_first) at.serve_all();
    }

private:
    struct pulse {
        node_number from;
        bool primary;
        node_number follows;
        std::uint64_t config_epoch;
        std::uint64_t current_epoch;
        std::uint64_t slots_version;
        std::shared_ptr<slot_set const> slots;
        std::vector<node_number> suspects;
        std::vector<node_number> known;
    };

    void resume(model_node& at) {
        if (!std::exchange(at.paused, false)) return;
        time_.soon([&at] {
            if (at.is == model_node::state::running) at.serve_all();
        });
    }

    pulse pulse_of(model_node const& node) {
        pulse made{node.number(),
                   node.primary(),
                   node.view.me().follows,
                   node.view.me().config_epoch,
                   node.view.current_epoch,
                   node.view.version,
                   {},
                   {},
                   {}};
        auto& [version, kept] = claims_[node.number()];
        if (!kept || version != node.view.version) {
            kept = std::make_shared<slot_set const>(node.view.slots_of(node.number()));
            version = node.view.version;
        }
        made.slots = kept;
        for (std::size_t i = 0; i < node.view.peers.size(); ++i) {
            if (node.view.peers[i].suspected) made.suspects.push_back(static_cast<node_number>(i));
            if (node.view.peers[i].known && !node.view.peers[i].failed)
                made.known.push_back(static_cast<node_number>(i));
        }
        return made;
    }

    void hear_pulse(model_node& at, pulse const& told) {
        model_view& view = at.view;
        model_peer& from = view.peer(told.from);
        if (!from.known) {
            if (forgotten_.contains(told.from) || forgotten_.contains(at.number())) return;
            meet(at.number(), told.from);
        }
        for (node_number const number : told.known)
            if (!forgotten_.contains(number)) meet(at.number(), number);
        from.heard = time_.now();
        from.suspected = false;
        view.current_epoch = std::max(view.current_epoch, told.current_epoch);
        note_role(at, told);
        clear_failure(at, told.from);
        accuse(at, told);
        if (!told.primary) return;
        from.config_epoch = std::max(from.config_epoch, told.config_epoch);
        auto& [theirs, ours, epoch] = at.heard_claims[told.from];
        if (theirs != told.slots_version || ours != view.version || epoch != from.config_epoch) {
            auto const changed = view.claimed(told.from, *told.slots);
            if (changed.must_follow)
                follow(at, told.from);
            else if (changed.lost.any())
                clear_slots(at, "a claim under a higher epoch took the slot", changed.lost);
            theirs = told.slots_version;
            ours = view.version;
            epoch = from.config_epoch;
        }
        // Rule: Redis Cluster specification, "Configuration epochs conflicts resolution algorithm".
        if (at.primary() && view.me().config_epoch == told.config_epoch && view.me().id > from.id)
            view.me().config_epoch = ++view.current_epoch;
    }
    void note_role(model_node& at, pulse const& told) {
        model_view& view = at.view;
        model_peer& from = view.peer(told.from);
        if (from.primary && !told.primary) {
            // A primary that became a replica has no slots any more; whoever has them will say so.
            for (std::uint16_t slot = 0; slot < cluster::slot_count; ++slot)
                if (view.owner[slot] == told.from) view.set_owner(slot, nobody);
        }
        from.primary = told.primary;
        from.follows = told.primary ? nobody : told.follows;
        bool const chained =
            !at.primary() && view.me().follows == told.from && !told.primary && told.follows != nobody;
        if (chained && told.follows != at.number()) follow(at, told.follows);
    }
    void clear_failure(model_node& at, node_number whom) {
        model_peer& peer = at.view.peer(whom);
        if (!peer.failed) return;
        bool const serves = peer.primary && at.view.count_of(whom) != 0;
        if (!serves || time_.now() - peer.failed_at > 2 * options_.node_timeout) peer.failed = false;
    }
    void accuse(model_node& at, pulse const& told) {
        auto const voters = at.view.voters();
        if (std::find(voters.begin(), voters.end(), told.from) == voters.end()) return;
        for (std::size_t i = 0; i < at.view.peers.size(); ++i) {
            auto const whom = static_cast<node_number>(i);
            bool const accused =
                std::find(told.suspects.begin(), told.suspects.end(), whom) != told.suspects.end();
            if (accused)
                at.view.peers[i].accusers.insert(told.from);
            else
                at.view.peers[i].accusers.erase(told.from);
            if (accused) consider_failed(at, whom);
        }
    }
    /// Rule: Redis Cluster specification, "Failure detection": a majority of primaries makes a suspicion a
    /// failure.
    void consider_failed(model_node& at, node_number whom) {
        model_peer& peer = at.view.peer(whom);
        if (peer.failed || !peer.suspected) return;
        auto const voters = at.view.voters();
        std::size_t count = 0;
        for (node_number const voter : voters)
            count += voter == at.number() || peer.accusers.contains(voter) ? 1u : 0u;
        if (count < voters.size() / 2 + 1) return;
        mark_failed(at, whom);
        for (std::size_t to = 0; to < size(); ++to)
            if (static_cast<node_number>(to) != at.number() && at.view.peers[to].known)
                send(at.number(), static_cast<node_number>(to),
                     [this, whom](model_node& there) { mark_failed(there, whom); });
    }
    void mark_failed(model_node& at, node_number whom) {
        model_peer& peer = at.view.peer(whom);
        if (whom == at.number() || peer.failed || !peer.known) return;
        peer.failed = peer.suspected = true;
        peer.failed_at = time_.now();
        time_.note([&] {
            return "node " + std::to_string(at.number()) + " holds node " + std::to_string(whom) +
                   " for failed";
        });
        if (!at.primary() && at.view.me().follows == whom) plan_election(at);
    }

    void beat(node_number which) {
        time_.in(options_.heartbeat, [this, which] { beat(which); });
        model_node& at = (*this)[which];
        if (!running(at)) return;
        announce(which);
        for (std::size_t i = 0; i < size(); ++i) {
            model_peer& peer = at.view.peers[i];
            if (!peer.known || static_cast<node_number>(i) == which) continue;
            if (time_.now() - peer.heard > options_.node_timeout) peer.suspected = true;
            consider_failed(at, static_cast<node_number>(i));
        }
        at.cluster_ok();
        if (!at.primary()) keep_copy(at);
    }

    // ---- Elections ------------------------------------------------------------------------------

    void plan_election(model_node& at) {
        if (at.election_at != engine::never) return;
        at.election_at = engine::after(
            time_.now(), options_.node_timeout / 10 + time_.between(0ms, options_.node_timeout / 5));
        time_.at(at.election_at, [this, &at] {
            if (at.election_at == time_.now() && running(at)) elect(at);
        });
    }
    void elect(model_node& at) {
        model_view& view = at.view;
        node_number const before = view.me().follows;
        at.election_at = engine::never;
        if (at.primary() || before == nobody || view.count_of(before) == 0 ||
            (!at.forced && !view.peer(before).failed))
            return;
        at.election_epoch = ++view.current_epoch;
        at.votes = 0;
        time_.note([&] {
            return "node " + std::to_string(at.number()) + " asks for votes, epoch " +
                   std::to_string(at.election_epoch);
        });
        auto const slots = std::make_shared<slot_set const>(view.slots_of(before));
        bool const forced = at.forced;
        for (std::size_t to = 0; to < size(); ++to) {
            if (static_cast<node_number>(to) == at.number() || !view.peers[to].known) continue;
            send(at.number(), static_cast<node_number>(to),
                 [this, who = at.number(), before, epoch = at.election_epoch,
                  claim = view.peer(before).config_epoch, slots,
                  forced](model_node& voter) { vote(voter, who, before, epoch, claim, *slots, forced); });
        }
        time_.in(2 * options_.node_timeout, [this, &at] {
            if (running(at) && !at.primary() && at.view.peer(at.view.me().follows).failed) plan_election(at);
        });
    }
    /// Rule: Redis Cluster specification, "Masters reply to replica vote request".
    void vote(model_node& voter, node_number who, node_number before, std::uint64_t epoch,
              std::uint64_t claim, slot_set const& slots, bool forced) {
        model_view& view = voter.view;
        if (!voter.primary() || view.count_of(voter.number()) == 0 || epoch < view.current_epoch) return;
        view.current_epoch = epoch;
        if (voter.last_vote_epoch >= epoch || (!forced && !view.peer(before).failed)) return;
        auto const last = voter.voted_at.find(before);
        if (!forced && last != voter.voted_at.end() && time_.now() - last->second < 2 * options_.node_timeout)
            return;
        for (std::size_t at = 0; at < cluster::slot_count; ++at)
            if (slots.test(at) && view.owner[at] != nobody && view.peer(view.owner[at]).config_epoch > claim)
                return;
        voter.last_vote_epoch = epoch;
        voter.voted_at[before] = time_.now();
        send(voter.number(), who, [this, epoch](model_node& there) {
            if (there.primary() || there.election_epoch != epoch) return;
            if (++there.votes == there.view.majority()) promote(there, epoch);
        });
    }
    void catch_up(model_node& heir, model_node& old, node_number before, unsigned tries) {
        if (!running(heir) || heir.primary() || heir.view.me().follows != before) return;
        if (running(old) && old.paused && tries != 0 &&
            (!heir.link_up || heir.repl_applied != heir.repl_sent)) {
            time_.in(5ms, [this, &heir, &old, before, tries] { catch_up(heir, old, before, tries - 1); });
            return;
        }
        if (tries == 0) heir.forced = false;
        elect(heir);
    }

    std::map<node_number, std::pair<std::uint64_t, std::shared_ptr<slot_set const>>> claims_;
    std::uint64_t promotions_ = 0;
    instant last_promotion_{0};
};

}  // namespace umbel::testing
