// model_replication.hpp: how replicas get the data of their primary: late, in order, or as a whole copy where the link was broken.
// It knows no clients and elects nobody.
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
    void replicate(model_node& by, std::vector<std::string> const& keys) {
        for (auto const& one : nodes()) {
            model_node& copy = *one;
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
            send(by.number(), copy.number(), [sync = copy.sync_number, from = by.number(), news](model_node& there) {
                if (!there.link_up || there.sync_number != sync || there.view.me().follows != from) return;
                for (auto const& [key, value] : news) {
                    if (value) there.store[key] = *value;
                    else there.store.erase(key);
                }
                ++there.repl_applied;
            }, time_.between(0ms, options_.replication_lag_max));
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
        return running(at) && running(source) && hear(at.number(), from) && source.primary() && !at.primary() && at.view.me().follows == from;
    }
    void take_copy(model_node& at, node_number from) {
        at.syncing = at.loading = false;
        if (!can_sync(at, from)) return;
        model_node const& source = (*this)[from];
        if (std::exchange(at.wrote_as_primary, false)) {
            for (auto const& [key, value] : at.store) {
                auto const there = source.store.find(key);
                if (there == source.store.end() || !(there->second == value)) book_.lost_key(key);
            }
            for (auto const& [key, value] : source.store)
                if (!at.store.contains(key)) book_.lost_key(key);
        }
        at.store = source.store;
        at.link_up = true;
        ++at.sync_number;
        at.repl_sent = at.repl_applied = 0;
    }
};

}  // namespace umbel::testing
