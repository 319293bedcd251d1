// scan_progress.hpp: what a scan of a whole cluster has proven to have seen, and what it is at: values and
// the rules between them. It sends nothing.
//
// A slot is proven when one node was scanned from the beginning to the end of its keys, said with each page
// that it serves the slot, all of it, and is still the node that the cluster takes for the slot's owner when
// the end was reached. Then every key of the slot that existed throughout has been seen:
//
//   - SCAN tells every key that was there whenever it looked. Page and testimony are one transaction, so a
//   key
//     that was away, because its slot was migrating or had moved, was away at a page that did not count.
//   - A cursor is valid in one process and for one replication history: another hash seed, or a data set that
//     was replaced, has another order. Both have names (run_id, master_replid), which come with each page;
//     where one of them changes, the node is scanned from the beginning.
//   - A primary that does not know yet that it was replaced would vouch for keys that others have written
//     elsewhere. So the other primaries are asked at the end, and the claim with the highest config epoch
//     counts.
//
// CLUSTERSCAN (Valkey 9.1) is not used: of a slot that is moved key by key its owner answers ASK, and the
// node that this names tells its half of the keys only (seen on Valkey 9.1.2).
//
// Rule: SCAN command, "Scan guarantees"; Redis Cluster specification, "Hash slots configuration propagation".
#pragma once

#include <umbel/cluster/topology.hpp>
#include <umbel/error.hpp>

#include <bitset>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::calling {

using slot_set = std::bitset<cluster::slot_count>;

/// "0-5460,8000": ranges of slots, in order.
inline std::string text_of(slot_set const& slots) {
    std::string text;
    for (std::size_t at = 0; at < slots.size(); ++at) {
        if (!slots.test(at)) continue;
        std::size_t last = at;
        while (last + 1 < slots.size() && slots.test(last + 1)) ++last;
        if (!text.empty()) text += ',';
        text += std::to_string(at);
        if (last != at) text.append("-").append(std::to_string(last));
        at = last;
    }
    return text;
}
/// Reads what text_of() wrote; nothing where it is malformed.
inline std::optional<slot_set> read_slots(std::string_view text) {
    slot_set slots;
    auto const number = [&text](std::size_t& value) {
        auto const [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return code == std::errc{} && value < cluster::slot_count;
    };
    while (!text.empty()) {
        std::size_t first = 0;
        if (!number(first)) return std::nullopt;
        std::size_t last = first;
        if (text.starts_with('-')) {
            text.remove_prefix(1);
            if (!number(last) || last < first) return std::nullopt;
        }
        for (std::size_t at = first; at <= last; ++at) slots.set(at);
        if (text.empty()) break;
        if (text.front() != ',' || text.size() == 1) return std::nullopt;
        text.remove_prefix(1);
    }
    return slots;
}

/// What a node says of itself together with a page.
struct scan_testimony {
    std::string process;  ///< For whom a cursor is valid: process_of().
    std::string id;       ///< As the cluster names it; empty without cluster mode.
    slot_set whole;       ///< Slots that it serves as primary, and none of whose keys is elsewhere.
};

/// The slots that the node which has told the topology serves, all of each.
inline slot_set whole_slots(cluster::topology const& told) {
    slot_set slots;
    if (told.self == cluster::topology::none) return slots;
    for (cluster::shard const& shard : told.shards) {
        if (shard.primary != told.self) continue;
        for (cluster::slot_range const& range : shard.ranges)
            for (std::size_t at = range.first.value(); at <= range.last.value(); ++at) slots.set(at);
    }
    for (cluster::migration const& moving : told.migrations) slots.reset(moving.moved.value());
    return slots;
}

/// A node that is being scanned. Nothing but the times of its pages matters, so a pass may rest for long.
struct scan_pass {
    std::string node;       ///< "host:port".
    std::string process{};  ///< Empty before its first page.
    std::string id{};
    std::string cursor = "0";
    slot_set kept{};  ///< Slots that it has vouched for with each page.

    /// Takes the testimony of a page behind which `next` follows. The end: true.
    bool page(scan_testimony const& told, std::string next) {
        if (process.empty()) {
            process = told.process;
            id = told.id;
            kept = told.whole;
        } else if (process != told.process || id != told.id) {
            *this =
                scan_pass{.node = std::move(node)};  // From the beginning: the cursor was of another order.
            return false;
        }
        kept &= told.whole;
        cursor = std::move(next);
        return cursor == "0";
    }
};

/// All of a scan's state between two pages.
struct scan_progress {
    slot_set proven;
    std::optional<scan_pass> pass;
    std::vector<scan_pass> finished;   ///< Passes of this round that have come to their end.
    std::vector<std::string> visited;  ///< Nodes of this round.
    unsigned rounds = 0;               ///< That have ended and have left slots unproven.
    bool alone = false;                ///< The server has no cluster mode.
    bool done = false;

    bool wants(std::size_t slot) const { return alone || !proven.test(slot); }

    /// The end of a round: what nodes say of the cluster proves slots of the passes that have ended. True
    /// when all are proven, or, if that is `enough`, all that anybody serves.
    bool end_round(std::vector<cluster::topology> const& told, bool served_is_enough) {
        std::vector<std::pair<std::uint64_t, std::string_view>> owners(cluster::slot_count);
        for (cluster::topology const& view : told)
            for (cluster::shard const& shard : view.shards) {
                if (shard.primary == cluster::topology::none) continue;
                std::pair<std::uint64_t, std::string_view> const claim{shard.config_epoch,
                                                                       view.nodes[shard.primary].id};
                for (cluster::slot_range const& range : shard.ranges)
                    for (std::size_t at = range.first.value(); at <= range.last.value(); ++at)
                        if (owners[at].second.empty() || owners[at].first < claim.first) owners[at] = claim;
            }
        unserved.reset();
        for (std::size_t at = 0; at < cluster::slot_count; ++at) {
            if (owners[at].second.empty()) unserved.set(at);
            for (scan_pass const& ended : finished)
                if (ended.kept.test(at) && ended.id == owners[at].second) proven.set(at);
        }
        finished.clear();
        visited.clear();
        done = served_is_enough ? (proven | unserved).all() : proven.all();
        if (!done) ++rounds;
        return done;
    }
    slot_set unserved;  ///< Slots that nobody served at the end of the last round.
};

}  // namespace umbel::calling
