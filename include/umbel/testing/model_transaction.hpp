// model_transaction.hpp: what a model node queues between MULTI and EXEC on one connection, and what keeps
// the commands of one, or of a queue, from being served there. It runs no command.
#pragma once

#include <umbel/cluster/slot.hpp>
#include <umbel/testing/model_store.hpp>

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace umbel::testing {

/// A command with its words.
struct model_call {
    model_command const* which = nullptr;
    model_words words{};
};

/// The transaction of one connection. Rule: redis-server 7 multi.c.
struct model_transaction {
    bool open = false;     ///< MULTI has come, and EXEC has not.
    bool flagged = false;  ///< A command was refused: EXEC will answer EXECABORT.
    std::vector<model_call> queued{};
    /// By key: the write that had left it when it was watched (model_value::history). A key that was moved
    /// away and back is as it was: a server would say that it has changed.
    std::map<std::string, std::uint64_t> watched{};

    /// Ends it; gives what was queued and watched.
    model_transaction take() { return std::exchange(*this, {}); }
    void watch(std::vector<std::string> const& keys, model_store const& store) {
        for (std::string const& key : keys) watched.try_emplace(key, history_of(store, key));
    }
    bool has_changed(model_store const& store) const {
        for (auto const& [key, history] : watched)
            if (history_of(store, key) != history) return true;
        return false;
    }
};

/// The keys of one command, or of all in a transaction, as a node looks at them before it serves them.
/// Rule: redis-server 7 cluster.c, getNodeByQuery(), which takes every command for a transaction.
struct model_keys {
    std::vector<std::string> names{};
    std::uint16_t slot = 0;
    bool write = false;
    bool stale = true;  ///< All of it is served while loading or without a primary.

    void add(model_command const& which, model_words const& words) {
        for (std::size_t const at : keys_in(which, words)) names.push_back(words[at]);
        if (!names.empty()) slot = cluster::slot_of(names.front()).value();
        write = write || which.write;
        stale = stale && which.stale;
    }
    bool in_one_slot() const {
        for (std::string const& name : names)
            if (cluster::slot_of(name).value() != slot) return false;
        return true;
    }
    bool several() const {
        for (std::string const& name : names)
            if (name != names.front()) return true;
        return false;
    }
    std::size_t missing_in(model_store const& store) const {
        std::size_t count = 0;
        for (std::string const& name : names) count += store.contains(name) ? 0u : 1u;
        return count;
    }
};

}  // namespace umbel::testing
