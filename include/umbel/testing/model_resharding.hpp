// model_resharding.hpp: how slots go from one model node to another: key by key, or all at one instant. It
// knows no clients.
#pragma once

#include <umbel/testing/model_bus.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace umbel::testing {

/// The cluster bus, and the two ways of moving slots.
class model_resharding : public model_bus {
public:
    using model_bus::model_bus;

    /// Moves a slot with its keys, one key at a time, where that is possible now.
    /// Rule: Redis Cluster specification, "Redis Cluster live reconfiguration".
    void move_slot(std::uint16_t slot, node_number to) {
        node_number const from = truth(slot);
        if (from == nobody || from == to || moving_.contains(slot)) return;
        if (!may_give(from, to)) return;
        model_node& source = (*this)[from];
        model_node& target = (*this)[to];
        log("gives slot " + std::to_string(slot) + " to node " + std::to_string(to), from);
        target.view.begin_import(slot, from);
        source.view.migrating[slot] = to;
        moving_[slot] = {from, to, false};
        time_.in(step(), [this, slot] { move_on(slot); });
    }
    /// Moves those of the slots that the owner of the first has to another node, with all their keys, at one
    /// instant: the keys are copied while the owner serves them, then its clients wait for a moment, and then
    /// all slots have changed hands, or none.
    /// Rule: Valkey 9, CLUSTER MIGRATESLOTS, "Atomic slot migration".
    void move_at_once(std::vector<std::uint16_t> const& slots, node_number to) {
        node_number const from = slots.empty() ? nobody : truth(slots.front());
        if (from == nobody || from == to || at_once_.contains(from) || !may_give(from, to)) return;
        slot_set leaving;
        for (std::uint16_t const slot : slots)
            if (truth(slot) == from && !moving_.contains(slot)) leaving.set(slot);
        log("copies " + std::to_string(leaving.count()) + " slots to node " + std::to_string(to), from);
        at_once_.insert(from);
        time_.in(time_.between(1ms, 40ms), [this, from, to, leaving] { hold_back(from, to, leaving); });
    }
    bool moving() const noexcept { return !moving_.empty() || !at_once_.empty(); }
    duration key_pace = 5ms;  ///< The largest time between two keys of a slot that moves.

protected:
    void log(std::string const& text, node_number which) {
        time_.note([&] { return "node " + std::to_string(which) + ' ' + text; });
    }
    /// Whether CLUSTER SETSLOT is taken by both: "I don't know about node …", "Please use SETSLOT only with
    /// masters."
    bool may_give(node_number from, node_number to) {
        model_node& source = (*this)[from];
        model_node& target = (*this)[to];
        bool const serve =
            running(source) && running(target) && target.primary() && source.primary() && !target.foreign;
        return serve && source.view.peer(to).known && target.view.peer(from).known;
    }
    void hand_over(std::uint16_t slot, node_number from, node_number to) {
        (*this)[to].view.set_owner(slot, to);
        (*this)[from].view.set_owner(slot, to);
    }

    static void bump_epoch(model_node& node, std::uint64_t heard = 0) {
        std::uint64_t highest = std::max(node.view.current_epoch, heard);
        // redis-server keeps its epoch when that is the highest; redis-cli moves one slot after the other,
        // and here many move at once.
        for (model_peer const& peer : node.view.peers) highest = std::max(highest, peer.config_epoch);
        node.view.current_epoch = node.view.me().config_epoch = highest + 1;
    }
    /// What is on its way, for people.
    std::string moves_to_string() const {
        std::string text;
        for (auto const& [slot, way] : moving_)
            text += "slot " + std::to_string(slot) + " moves to " + std::to_string(way.to) + "; ";
        for (node_number const from : at_once_)
            text += "slots of node " + std::to_string(from) + " move at once; ";
        return text;
    }

private:
    duration step() { return time_.between(500us, key_pace); }

    /// The copy is nearly whole: the owner's clients wait until the target has the rest.
    void hold_back(node_number from, node_number to, slot_set const& slots) {
        if (!may_move_at_once(from, to, slots)) return end_at_once(from, "keeps its slots");
        (*this)[from].holds_back = true;
        time_.in(time_.between(1ms, 30ms), [this, from, to, slots] { change_hands(from, to, slots); });
    }
    /// Slots that have changed hands meanwhile, a failover, a node that is silent: all of it is given up.
    bool may_move_at_once(node_number from, node_number to, slot_set const& slots) {
        if (slots.none() || !may_give(from, to) || !hear(from, to) || (*this)[from].paused) return false;
        for (std::uint16_t slot = 0; slot < cluster::slot_count; ++slot)
            if (slots.test(slot) &&
                (truth(slot) != from || (*this)[from].view.owner[slot] != from || moving_.contains(slot)))
                return false;
        return true;
    }
    void change_hands(node_number from, node_number to, slot_set const& slots) {
        model_node& source = (*this)[from];
        if (!source.holds_back || !may_move_at_once(from, to, slots))
            return end_at_once(from, "keeps its slots");
        model_node& target = (*this)[to];
        std::vector<std::string> keys;
        for (auto const& [key, value] : source.store)
            if (slots.test(cluster::slot_of(key).value())) keys.push_back(key);
        for (std::string const& key : keys) hand_key(source, target, key);
        for (std::uint16_t slot = 0; slot < cluster::slot_count; ++slot)
            if (slots.test(slot)) hand_over(slot, from, to);
        bump_epoch(target, std::max(source.view.current_epoch, source.view.me().config_epoch));
        announce(to);
        announce(from);
        end_at_once(from, "has given its slots to node " + std::to_string(to));
    }
    void end_at_once(node_number from, std::string const& how) {
        model_node& source = (*this)[from];
        log(how, from);
        at_once_.erase(from);
        source.holds_back = false;
        time_.soon([&source] {
            if (running(source)) source.serve_all();
        });
    }

    void move_on(std::uint16_t slot) {
        auto& [from, to, disagree] = moving_.at(slot);
        model_node& source = (*this)[from];
        model_node& target = (*this)[to];
        auto const leaving = source.view.migrating.find(slot);
        bool const sound = source.primary() && target.primary() && leaving != source.view.migrating.end() &&
                           leaving->second == to && (disagree || target.view.importing.contains(slot)) &&
                           source.view.owner[slot] == from && truth(slot) == from;
        if (!sound) return mend(slot);
        if (!running(source) || !running(target) || !hear(from, to) || source.paused || target.paused) {
            time_.in(20ms, [this, slot] { move_on(slot); });
            return;
        }
        for (auto at = source.store.begin(); at != source.store.end(); ++at) {
            if (cluster::slot_of(at->first).value() != slot) continue;
            std::string const key = at->first;
            hand_key(source, target, key);
            time_.in(step(), [this, slot] { move_on(slot); });
            return;
        }
        target.view.end_import(slot);
        // In some slots a claim of the source wins the slot back first: one end says ASK, the other MOVED.
        if (!disagree && slot % 4 == 0) {
            disagree = true;
            return void(time_.in((20 + slot % 200) * 1ms, [this, slot] { move_on(slot); }));
        }
        hand_over(slot, from, to);
        source.view.migrating.erase(slot);
        bump_epoch(target, std::max(source.view.current_epoch, source.view.me().config_epoch));
        announce(to);
        announce(from);
        moving_.erase(slot);
    }
    /// MIGRATE … REPLACE of one key.
    void hand_key(model_node& from, model_node& to, std::string const& key) {
        auto const at = from.store.find(key);
        if (to.store.contains(key))
            give_up(to, "a key was moved onto an older copy",
                    [&](std::string const& text) { return text == key; });
        to.store[key] = std::move(at->second);
        from.store.erase(at);
        from.may_know_more = to.may_know_more = true;
        replicate(to, {key});
        replicate(from, {key});
    }
    /// A failover has come between. What redis-cli --cluster fix does as soon as it can: whoever owns the
    /// slot gets the keys that others hold, but of a key that is on both sides the owner's copy stays.
    void mend(std::uint16_t slot) {
        node_number const owner = truth(slot);
        auto const [from, to, disagree] = moving_.at(slot);
        if (owner == nobody || !is_reached(owner, to)) {
            time_.in(20ms, [this, slot] { mend(slot); });
            return;
        }
        log("gets what is left of slot " + std::to_string(slot) + ", whose move is given up", owner);
        moving_.erase(slot);
        (*this)[from].view.migrating.erase(slot);
        for (auto const& node : nodes()) {
            node->view.end_import(slot);
            // Who still takes the slot for his own deletes the keys when he learns better.
            if (!is_member(node->number()) || !node->primary() || node->view.owner[slot] == node->number())
                continue;
            std::vector<std::string> keys;
            for (auto const& [key, value] : node->store)
                if (cluster::slot_of(key).value() == slot && !(*this)[owner].store.contains(key))
                    keys.push_back(key);
            for (std::string const& key : keys) hand_key(*node, (*this)[owner], key);
            clear_slots(*node, "an interrupted move left two copies", slot_set{}.set(slot));
        }
    }
    /// True when everybody runs who may hold keys of a slot that `owner` has and `to` was to get; not who has
    /// been replaced by a failover.
    bool is_reached(node_number owner, node_number to) {
        return std::all_of(nodes().begin(), nodes().end(), [&](auto const& node) {
            if (!is_member(node->number()) || !node->primary()) return true;
            if (node->number() != to && (*this)[owner].view.count_of(node->number()) == 0) return true;
            return running(*node) && !node->paused && hear(node->number(), owner);
        });
    }

    std::map<std::uint16_t, slot_move> moving_;
    std::set<node_number> at_once_;  ///< Nodes whose slots move at one instant.
};

}  // namespace umbel::testing
