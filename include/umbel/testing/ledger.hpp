// ledger.hpp: what the model's nodes have really executed, and which writes the model itself has lost, when,
// and why. It judges nothing.
#pragma once

#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_view.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace umbel::testing {

/// One command that a node has executed.
/// Lifetime: `words` and `reply` live during the notice only.
struct execution {
    engine::instant when{0};
    node_number node = nobody;
    bool write = false;
    bool as_primary = false;     ///< The node took itself for the primary of the slot.
    bool readonly_link = false;  ///< The connection had sent READONLY.
    bool foreign = false;        ///< The node does not belong to the cluster.
    model_words const& words;
    std::string const& reply;
    bool queued = false;  ///< Between MULTI and EXEC.
};

/// Writes to one key that a real cluster would have lost too: the first and the last of them, by the time of
/// their execution.
struct model_loss {
    engine::instant from{0};
    engine::instant until{0};
    std::string_view reason;  ///< Lives for ever.
};

/// Passes executions on to whoever checks them, and tells which writes a failover (or an interrupted
/// resharding) has lost. Every write to a key is numbered and knows the one before it, so that two copies of
/// a key tell which writes only one of them has seen.
class ledger {
public:
    void watch(std::function<void(execution const&)> by) { watcher_ = std::move(by); }
    void executed(execution const& what) {
        ++count_;
        if (watcher_) watcher_(what);
    }
    std::uint64_t count() const noexcept { return count_; }

    /// A write on top of write `before` (0: the first one). Returns its number, for model_value::history.
    std::uint64_t wrote(engine::instant when, std::uint64_t before) {
        writes_.push_back({when, before});
        return writes_.size();
    }
    /// A primary turns to the key, which write `held` has left it (0: it has none of it). Where that is not
    /// the write that was executed last, wherever that was, the copies have parted (a failover, a stale
    /// primary): from now on the servers are not one register of this key.
    void turned_to(std::string const& key, std::uint64_t held, engine::instant when) {
        auto const latest = latest_.find(key);
        if (held != (latest == latest_.end() ? 0 : latest->second)) parted_.try_emplace(key, when);
    }
    /// A primary has left the key as write `now_held` made it (0: deleted).
    void left(std::string const& key, std::uint64_t now_held) { latest_[key] = now_held; }
    /// Keys whose copies have parted, and when that was first seen.
    std::map<std::string, engine::instant, std::less<>> const& parted() const noexcept { return parted_; }

    /// A client has deleted the key: a copy without it may be newer than one with it.
    void deleted(std::string const& key) { deleted_.insert(key); }
    bool was_deleted(std::string_view key) const { return deleted_.find(key) != deleted_.end(); }

    /// A copy of the key, as write `gone` left it, is given up; other copies are as the writes `kept` left
    /// them. Returns how many writes are lost thereby: those that none of the others has seen.
    std::size_t gave_up(std::string const& key, std::uint64_t gone, std::span<std::uint64_t const> kept,
                        std::string_view reason) {
        std::uint64_t last_common = 0;
        for (std::uint64_t const other : kept) last_common = std::max(last_common, common(gone, other));
        if (gone == last_common) return 0;
        model_loss lost{engine::never, writes_[gone - 1].when, reason};
        std::size_t count = 0;
        for (; gone != last_common; gone = writes_[gone - 1].before, ++count)
            lost.from = writes_[gone - 1].when;
        losses_[key].push_back(lost);
        return count;
    }
    /// Whatever was written to the key in this time may be lost.
    void lost_key(std::string const& key, engine::instant from, engine::instant until,
                  std::string_view reason) {
        losses_[key].push_back({from, until, reason});
    }
    bool may_be_lost(std::string_view key) const { return losses_.find(key) != losses_.end(); }
    std::map<std::string, std::vector<model_loss>, std::less<>> const& losses() const noexcept {
        return losses_;
    }

private:
    /// The last write that both have seen. Numbers grow, so the younger one cannot have been seen by the
    /// other.
    std::uint64_t common(std::uint64_t left, std::uint64_t right) const {
        while (left != right) {
            std::uint64_t& younger = left > right ? left : right;
            younger = writes_[younger - 1].before;
        }
        return left;
    }

    struct write {
        engine::instant when;
        std::uint64_t before;
    };

    std::function<void(execution const&)> watcher_;
    std::vector<write> writes_;
    std::set<std::string, std::less<>> deleted_;
    std::map<std::string, std::vector<model_loss>, std::less<>> losses_;
    std::map<std::string, std::uint64_t, std::less<>> latest_;
    std::map<std::string, engine::instant, std::less<>> parted_;
    std::uint64_t count_ = 0;
};

}  // namespace umbel::testing
