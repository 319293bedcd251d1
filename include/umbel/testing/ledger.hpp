// ledger.hpp: what the model's nodes have really executed, and which keys the model itself may have lost. It judges nothing.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_view.hpp>

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace umbel::testing {

/// One command that a node has executed.
/// Lifetime: `words` and `reply` live during the notice only.
struct execution {
    engine::instant when{0};
    node_number node = nobody;
    bool write = false;
    bool as_primary = false;   ///< The node took itself for the primary of the slot.
    bool readonly_link = false;  ///< The connection had sent READONLY.
    bool foreign = false;      ///< The node does not belong to the cluster.
    model_words const& words;
    std::string const& reply;
};

/// Passes executions on to whoever checks them, and remembers which keys a failover (or an interrupted resharding) may have lost.
class ledger {
public:
    void watch(std::function<void(execution const&)> by) { watcher_ = std::move(by); }
    void executed(execution const& what) {
        ++count_;
        if (watcher_) watcher_(what);
    }
    void lost_key(std::string const& key) { keys_.insert(key); }
    void lost_slot(std::uint16_t slot) { slots_.insert(slot); }
    bool may_be_lost(std::string_view key) const {
        return keys_.find(key) != keys_.end() || slots_.contains(cluster::slot_of(key).value());
    }
    std::uint64_t count() const noexcept { return count_; }

private:
    std::function<void(execution const&)> watcher_;
    std::set<std::string, std::less<>> keys_;
    std::set<std::uint16_t> slots_;
    std::uint64_t count_ = 0;
};

}  // namespace umbel::testing
