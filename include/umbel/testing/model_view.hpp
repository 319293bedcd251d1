// model_view.hpp: what one model node believes of its cluster, and how it words that. It knows no connections
// and sends nothing. The rules are those of redis-server's cluster.c: slots go to the claim with the higher
// config epoch.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/engine/instant.hpp>
#include <umbel/testing/model_store.hpp>

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace umbel::testing {

/// A node by its number in the model.
using node_number = int;
inline constexpr node_number nobody = -1;

using slot_set = std::bitset<cluster::slot_count>;

/// What a node believes of one node, itself included.
struct model_peer {
    bool known = false;
    std::string id;
    cluster::endpoint where;
    std::string hostname;
    std::string zone{};  ///< availability-zone
    bool primary = true;
    node_number follows = nobody;
    std::uint64_t config_epoch = 0;
    bool suspected = false;
    bool failed = false;
    engine::instant heard{0};
    engine::instant failed_at{0};
    std::set<node_number> accusers{};
};

/// How a node tells where another one is.
enum class endpoint_style : std::uint8_t { ip, hostname, unknown };

/// A slot on its way from one node to another.
struct slot_move {
    node_number from{}, to{};
    bool disagree = false;  ///< Each of the two says that the other has the slot.
};

/// One node's belief.
struct model_view {
    node_number self = nobody;
    std::vector<model_peer> peers;
    std::array<std::int8_t, cluster::slot_count> owner{};
    std::map<std::uint16_t, node_number> migrating;
    std::map<std::uint16_t, node_number> importing;
    std::uint64_t current_epoch = 0;
    std::uint64_t version =
        1;  ///< Grows with every change of owners, or of what keeps a claim from being heard.
    endpoint_style style = endpoint_style::ip;

    model_view() { owner.fill(nobody); }

    model_peer& me() { return peers[static_cast<std::size_t>(self)]; }
    model_peer const& me() const { return peers[static_cast<std::size_t>(self)]; }
    model_peer& peer(node_number which) { return peers[static_cast<std::size_t>(which)]; }
    model_peer const& peer(node_number which) const { return peers[static_cast<std::size_t>(which)]; }
    node_number owner_of(std::uint16_t slot) const { return owner[slot]; }

    /// The primary whose slots this node serves or copies.
    node_number my_primary() const { return me().primary ? self : me().follows; }

    slot_set slots_of(node_number which) const {
        slot_set made;
        for (std::size_t at = 0; at < owner.size(); ++at)
            if (owner[at] == which) made.set(at);
        return made;
    }
    void set_owner(std::uint16_t slot, node_number to) {
        if (owner[slot] == to) return;
        owner[slot] = static_cast<std::int8_t>(to);
        unclaimed_.reset(slot);
        ++version;
    }
    /// CLUSTER SETSLOT … IMPORTING and … STABLE: while a slot is imported no claim of it is heard, so each
    /// claim must be held against it again.
    void begin_import(std::uint16_t slot, node_number from) {
        importing[slot] = from;
        ++version;
    }
    void end_import(std::uint16_t slot) { version += importing.erase(slot); }
    void close_all_slots() {
        version += importing.size();
        importing.clear();
        migrating.clear();
    }
    std::size_t count_of(node_number which) const { return count()[static_cast<std::size_t>(which)]; }

    /// What a claim has changed for this node.
    struct claim_outcome {
        bool must_follow = false;  ///< It has lost all its slots, or its primary all of its, to the claimer.
        slot_set lost;             ///< Slots that were its own until now.
    };
    /// A primary claims slots under its config epoch.
    /// Rule: Redis Cluster specification, "Hash slots configuration propagation".
    claim_outcome claimed(node_number by, slot_set const& slots) {
        claim_outcome made;
        node_number const mine = my_primary();
        bool lost_mine = false;
        std::uint64_t const epoch = peer(by).config_epoch;
        for (std::size_t at = 0; at < owner.size(); ++at) {
            if (owner[at] == by && unclaimed_.test(at) == slots.test(at)) {
                unclaimed_.flip(at);
                ++version;
            }
            if (!slots.test(at) || owner[at] == by) continue;
            auto const slot = static_cast<std::uint16_t>(at);
            if (importing.contains(slot)) continue;
            if (owner[at] != nobody && !unclaimed_.test(at) && peer(owner[at]).config_epoch >= epoch)
                continue;
            if (owner[at] == mine) lost_mine = true;
            if (owner[at] == self) {
                migrating.erase(slot);
                made.lost.set(at);
            }
            set_owner(slot, by);
        }
        made.must_follow = lost_mine && mine != by && mine != nobody && count_of(mine) == 0;
        return made;
    }

    /// Nodes that vote: primaries with slots.
    std::vector<node_number> voters() const {
        std::vector<node_number> found;
        auto const& counts = count();
        for (std::size_t i = 0; i < peers.size(); ++i)
            if (peers[i].known && peers[i].primary && counts[i] != 0)
                found.push_back(static_cast<node_number>(i));
        return found;
    }
    std::size_t majority() const { return voters().size() / 2 + 1; }

    bool covered() const {
        auto const& counts = count();
        if (uncovered_ != 0) return false;
        for (std::size_t i = 0; i < peers.size(); ++i)
            if (counts[i] != 0 && peers[i].failed) return false;
        return true;
    }
    bool sees_majority() const {
        std::size_t seen = 0;
        auto const all = voters();
        for (node_number const number : all)
            if (!peer(number).failed && !peer(number).suspected) ++seen;
        return seen >= all.size() / 2 + 1;
    }

private:
    std::vector<std::size_t> const& count() const {
        if (counted_ == version && counts_.size() == peers.size()) return counts_;
        counts_.assign(peers.size(), 0);
        uncovered_ = 0;
        for (std::int8_t const number : owner) {
            if (number == nobody)
                ++uncovered_;
            else
                ++counts_[static_cast<std::size_t>(number)];
        }
        counted_ = version;
        return counts_;
    }
    slot_set unclaimed_;  ///< Slots whose owner, in this view, no longer claims them.
    mutable std::vector<std::size_t> counts_;
    mutable std::size_t uncovered_ = 0;
    mutable std::uint64_t counted_ = 0;
};

}  // namespace umbel::testing
