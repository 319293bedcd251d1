// model_replication.hpp: how replicas get the data of their primary: late, in order, or as a whole copy where
// the link was broken. It knows no clients and elects nobody.
#pragma once

#include <umbel/testing/model_members.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// Asynchronous replication between the members.
/// Rule: Redis Cluster specification, "Write safety".
class model_replication : public model_members {
public:
    using model_members::model_members;

protected:
    /// Notes which writes are lost when `loser` gives up its copies of the keys that `concerned` names: those
    /// that no other primary has seen.
    template <class Concerned>
    void give_up(model_node const& loser, std::string_view reason, Concerned concerned) {
        std::size_t writes = 0;
        std::set<std::string, std::less<>> keys;
        for (auto const& [key, value] : loser.store) {
            if (!concerned(key)) continue;
            std::vector<std::uint64_t> kept;
            for (auto const& node : nodes()) {
                if (node.get() == &loser || !node->primary() || !is_member(node->number())) continue;
                if (auto const at = node->store.find(key); at != node->store.end())
                    kept.push_back(at->second.history);
            }
            if (kept.empty() && book_.was_deleted(key))
                book_.lost_key(key, instant{0}, time_.now(), reason);
            else
                writes += book_.gave_up(key, value.history, kept, reason);
        }
        if (writes == 0) return;
        time_.note([&] {
            return "node " + std::to_string(loser.number()) + " loses " + std::to_string(writes) +
                   " writes: " + std::string{reason};
        });
    }
    /// A primary deletes what it holds of slots that it has lost to another one.
    /// Rule: redis-server 7 cluster.c, clusterUpdateSlotsConfigWith(), "dirty slots".
    void clear_slots(model_node& at, std::string_view reason, slot_set const& slots) {
        auto const concerned = [&](std::string const& key) {
            return slots.test(cluster::slot_of(key).value());
        };
        give_up(at, reason, concerned);
        std::vector<std::string> gone;
        for (auto const& [key, value] : at.store)
            if (concerned(key)) gone.push_back(key);
        for (std::string const& key : gone) at.store.erase(key);
        replicate(at, gone);
    }

    void replicate(model_node& by, std::vector<std::string> const& keys) {
        for (auto const& node : nodes()) {
            model_node& copy = *node;
            if (copy.primary() || copy.view.me().follows != by.number() || !copy.link_up) continue;
            if (!hear(by.number(), copy.number())) {
                copy.link_up = false;
                continue;
            }
            std::vector<std::pair<std::string, std::optional<model_value>>> news;
            for (std::string const& key : keys) {
                auto const at = by.store.find(key);
                news.emplace_back(key, at == by.store.end() ? std::nullopt : std::optional{at->second});
            }
            ++copy.repl_sent;
            send(
                by.number(), copy.number(),
                [sync = copy.sync_number, from = by.number(), news](model_node& there) {
                    if (!there.link_up || there.sync_number != sync || there.view.me().follows != from)
                        return;
                    for (auto const& [key, value] : news) {
                        if (value)
                            there.store[key] = *value;
                        else
                            there.store.erase(key);
                    }
                    ++there.repl_applied;
                },
                time_.between(0ms, options_.replication_lag_max));
        }
    }
    /// A replica looks after its link, and takes a whole copy where it has none.
    void keep_copy(model_node& at) {
        node_number const from = at.view.me().follows;
        if (from == nobody) return;
        if (!hear(at.number(), from)) at.link_up = false;
        if (at.link_up || at.syncing || !can_sync(at, from)) return;
        at.syncing = true;
        time_.in(time_.between(10ms, 60ms), [this, &at, from] {
            if (!can_sync(at, from)) return void(at.syncing = false);
            at.loading = true;
            time_.in(time_.between(2ms, 20ms), [this, &at, from] { take_copy(at, from); });
        });
    }

private:
    bool can_sync(model_node const& at, node_number from) {
        model_node const& source = (*this)[from];
        return running(at) && running(source) && hear(at.number(), from) && source.primary() &&
               !at.primary() && at.view.me().follows == from;
    }
    void take_copy(model_node& at, node_number from) {
        at.syncing = at.loading = false;
        if (!can_sync(at, from)) return;
        model_node const& source = (*this)[from];
        if (std::exchange(at.may_know_more, false))
            give_up(at, "a failover made another copy the truth", [](std::string const&) { return true; });
        at.store = source.store;
        at.link_up = true;
        ++at.sync_number;
        at.repl_sent = at.repl_applied = 0;
    }
};

}  // namespace umbel::testing
