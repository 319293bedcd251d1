// cluster/slot_table.hpp: the routing table and its one writer: publishes topologies, learns from MOVED
// and moves shards. It knows nodes by number only: what a number means, and when it may be used again, is
// the engine's business.
//
// The order of the stores keeps every pair of slot and node that a reader can see within the old topology or
// the new one: first the records that lose no slot are changed in place and the others are written anew into
// free records; then the entries are pointed at them; only then are records without slots free again.
#pragma once

#include <umbel/cluster/shard_assignment.hpp>
#include <umbel/cluster/slot_table_reader.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace umbel::cluster {

/// What a MOVED did to the slot table.
enum class moved_effect : std::uint8_t {
    ignored,  ///< The entry was changed meanwhile, or says the same already, or no shard record was free.
    slot_patched,  ///< This one slot belongs to the named node now.
    shard_moved,   ///< The named node was a known replica of the owner: it has taken over the whole shard.
};

/// What publishing a topology changed.
struct publish_summary {
    std::uint32_t slots_changed = 0;  ///< Entries that name another shard record than before.
    std::uint32_t shards_changed =
        0;  ///< Shard records written: new ones, and changed primaries or replicas.
    std::uint32_t slots_uncovered = 0;  ///< Entries without a shard afterwards.
    std::uint32_t shards_dropped = 0;   ///< Shards for which no record was free; their slots are uncovered.

    /// True when nothing was stored.
    constexpr bool unchanged() const noexcept { return slots_changed == 0 && shards_changed == 0; }
};

/// The routing table.
/// Threading: what basic_slot_table_reader offers from any thread; all functions below from one thread at a
/// time.
template <template <class> class Atomic>
class basic_slot_table : public basic_slot_table_reader<Atomic> {
public:
    /// Shard records that can be in use at one time, unless the constructor is told otherwise.
    static constexpr std::uint16_t shards_max_default = 4096;
    static constexpr std::size_t replicas_max = shard_record<Atomic>::replicas_max;

    /// Precondition: 0 < shards_max < no_shard.
    explicit basic_slot_table(std::uint16_t shards_max = shards_max_default)
        : reader{shards_max}, slots_of_(shards_max), free_(shards_max), free_count_{shards_max} {
        used_.reserve(shards_max);
        for (std::uint16_t shard = 0; shard < shards_max; ++shard) free_[shard] = shard;
    }

    /// Makes the table say what `shards` say; slots that none of them names become uncovered. Stores only
    /// what differs. Shards of the same primary become one, of overlapping ranges the later one counts,
    /// replicas beyond replicas_max are left out. Cost: linear in slot_count and in the number of ranges;
    /// allocates until the writer's scratch has grown.
    publish_summary publish(std::span<shard_assignment const> shards) {
        ++changes_;
        prepare(shards);
        choose_by_primary(shards);
        choose_by_slots();
        find_leavers();
        publish_summary summary;
        write_records(shards, summary);
        point_entries(summary);
        release_unused();
        return summary;
    }

    /// Publishes `view`; numbers[i] is the number of view.nodes[i], or no_node for a node that is not to be
    /// used. Failed and loading replicas are left out. Precondition: numbers.size() == view.nodes.size().
    publish_summary publish(topology const& view, std::span<std::uint16_t const> numbers) {
        return publish(assignment_list{view, numbers}.all());
    }

    /// Lets a MOVED teach the table: `answered_by` said that `slot` belongs to `to`. Moves the whole shard
    /// when `to` is a known replica of the owner, otherwise patches this slot. An entry that is not the
    /// answering shard's (any more) is left alone. `answered_by` may be a replica of the shard, or no_node
    /// when the slot had no node to ask. Precondition: to != no_node. Rule: Redis Cluster specification,
    /// "MOVED redirection".
    moved_effect on_moved(slot slot, std::uint16_t answered_by, std::uint16_t to) {
        UMBEL_ASSERT(to != no_node);
        std::uint16_t const shard = entry(slot.value());
        if (answers_for(shard, answered_by) && shard != no_shard && record(shard).lists(to)) {
            std::uint16_t const from = primary_in(shard);
            if (from != no_node)
                return move_shard(from, to) ? moved_effect::shard_moved : moved_effect::ignored;
        }
        return learn_moved(slot, answered_by, to) ? moved_effect::slot_patched : moved_effect::ignored;
    }

    /// Patches one slot as on_moved does, and never more than that. Returns whether anything changed.
    /// Precondition: to != no_node.
    bool learn_moved(slot slot, std::uint16_t answered_by, std::uint16_t to) {
        UMBEL_ASSERT(to != no_node);
        std::uint16_t const shard = entry(slot.value());
        if (!answers_for(shard, answered_by) || (shard != no_shard && primary_in(shard) == to)) return false;
        ++changes_;
        std::uint16_t target = record_of_primary(to);
        if (target == no_shard) target = take_record(to, {});
        if (target == no_shard) return false;
        point(slot.value(), target);
        release_unused();
        return true;
    }

    /// A failover: `to` becomes the primary of all slots of `from` and takes over its replicas; `from`
    /// becomes one of them. Returns whether anything changed: not when `from` is the primary of no slot.
    /// Precondition: to != no_node.
    bool move_shard(std::uint16_t from, std::uint16_t to) {
        UMBEL_ASSERT(to != no_node);
        std::uint16_t const shard = record_of_primary(from);
        if (shard == no_shard || from == to) return false;
        ++changes_;
        auto replicas = replicas_in(shard);
        std::erase(replicas, to);
        if (replicas.size() >= replicas_max) replicas.pop_back();
        replicas.push_back(from);
        std::uint16_t const patched = record_of_primary(to);
        rename(shard, to);
        record(shard).write(to, replicas);
        // Slots that a MOVED gave to the new primary before now join its shard.
        if (patched != no_shard) point_all(patched, shard);
        of_primary_[to] = shard;
        release_unused();
        return true;
    }

    /// Grows with whatever may have changed the table: what was read of it holds while this stays the same.
    std::uint64_t changes() const noexcept { return changes_; }

private:
    using reader = basic_slot_table_reader<Atomic>;
    using reader::entry;
    using reader::record;

    static constexpr std::uint16_t no_assignment = 0xffff;

    std::uint16_t primary_in(std::uint16_t shard) const noexcept {
        return record(shard).head(std::memory_order_relaxed).primary();
    }

    std::vector<std::uint16_t> replicas_in(std::uint16_t shard) const {
        shard_head const head = record(shard).head(std::memory_order_relaxed);
        std::vector<std::uint16_t> listed(head.replicas());
        for (std::size_t index = 0; index < listed.size(); ++index)
            listed[index] = record(shard).replica(head, index);
        return listed;
    }

    /// True when what `node` says about a slot of `shard` may change it: it serves that shard, or nobody
    /// does.
    bool answers_for(std::uint16_t shard, std::uint16_t node) const noexcept {
        return shard == no_shard || primary_in(shard) == no_node || primary_in(shard) == node ||
               record(shard).lists(node);
    }

    // --- Shard records and who uses them ---------------------------------------------------------

    std::uint16_t record_of_primary(std::uint16_t node) const noexcept {
        return node < of_primary_.size() ? of_primary_[node] : no_shard;
    }

    /// Notes that `shard` is `node`'s from now on, and no longer the old primary's.
    void rename(std::uint16_t shard, std::uint16_t node) {
        std::uint16_t const before = primary_in(shard);
        if (record_of_primary(before) == shard) of_primary_[before] = no_shard;
        if (node == no_node) return;
        if (node >= of_primary_.size()) of_primary_.resize(std::size_t{node} + 1, no_shard);
        of_primary_[node] = shard;
    }

    std::uint16_t take_record(std::uint16_t primary, std::span<std::uint16_t const> replicas) {
        if (free_count_ == 0) return no_shard;
        std::uint16_t const shard = free_[free_first_];
        rename(shard, primary);
        used_.push_back(shard);
        free_first_ = (free_first_ + 1) % free_.size();
        --free_count_;
        record(shard).write(primary, replicas);
        return shard;
    }

    void point(std::size_t at, std::uint16_t shard) noexcept {
        std::uint16_t const before = entry(at);
        if (before != no_shard) --slots_of_[before];
        if (shard != no_shard) ++slots_of_[shard];
        this->set_entry(at, shard);
    }

    void point_all(std::uint16_t from, std::uint16_t to) noexcept {
        for (std::size_t at = 0; at < slot_count; ++at) {
            if (entry(at) == from) point(at, to);
        }
    }

    /// Puts records that no entry names any more at the end of the ring of free ones.
    void release_unused() noexcept {
        std::erase_if(used_, [this](std::uint16_t shard) {
            if (slots_of_[shard] != 0) return false;
            std::uint16_t const primary = primary_in(shard);
            if (record_of_primary(primary) == shard) of_primary_[primary] = no_shard;
            free_[(free_first_ + free_count_) % free_.size()] = shard;
            ++free_count_;
            return true;
        });
    }

    // --- Publishing, step by step ----------------------------------------------------------------

    /// Lays the new topology out by slot: target_[slot] is the index of the assignment that names it.
    void prepare(std::span<shard_assignment const> shards) {
        UMBEL_ASSERT(shards.size() < no_assignment);
        target_.assign(slot_count, no_assignment);
        chosen_.assign(shards.size(), no_shard);
        claimed_by_.assign(slots_of_.size(), no_assignment);
        loses_slots_.assign(slots_of_.size(), false);
        for (std::size_t index = 0; index < shards.size(); ++index) {
            if (shards[index].primary == no_node && shards[index].replicas.empty()) continue;
            std::uint16_t const own = same_primary_before(shards, index);
            for (slot_range const range : shards[index].ranges) {
                if (range.last < range.first) continue;
                std::fill(target_.begin() + range.first.value(), target_.begin() + range.last.value() + 1,
                          own);
            }
        }
    }

    /// The first assignment with the same primary as `index`: two shards of one primary are one shard.
    std::uint16_t same_primary_before(std::span<shard_assignment const> shards, std::size_t index) {
        std::uint16_t const primary = shards[index].primary;
        if (primary == no_node) return static_cast<std::uint16_t>(index);
        if (primary >= first_with_.size()) first_with_.resize(std::size_t{primary} + 1, no_assignment);
        std::uint16_t const first = first_with_[primary];
        if (first < index && shards[first].primary == primary) return first;
        first_with_[primary] = static_cast<std::uint16_t>(index);
        return static_cast<std::uint16_t>(index);
    }

    /// A shard stays in the record that names its primary.
    void choose_by_primary(std::span<shard_assignment const> shards) {
        for (std::size_t index = 0; index < shards.size(); ++index) {
            std::uint16_t const shard = record_of_primary(shards[index].primary);
            if (shard == no_shard || claimed_by_[shard] != no_assignment) continue;
            claimed_by_[shard] = static_cast<std::uint16_t>(index);
            chosen_[index] = shard;
        }
    }

    /// A shard whose primary is new here takes over the record of its first slot, unless that has a claim on
    /// it already: a failover then changes one record and no entry.
    void choose_by_slots() {
        for (std::size_t at = 0; at < slot_count; ++at) {
            std::uint16_t const index = target_[at];
            std::uint16_t const shard = entry(at);
            if (index == no_assignment || shard == no_shard || chosen_[index] != no_shard) continue;
            if (claimed_by_[shard] != no_assignment) continue;
            claimed_by_[shard] = index;
            chosen_[index] = shard;
        }
    }

    /// Marks the records from which a slot goes away: while an entry still names one, it must not begin to
    /// say something new.
    void find_leavers() {
        for (std::size_t at = 0; at < slot_count; ++at) {
            std::uint16_t const shard = entry(at);
            if (shard == no_shard) continue;
            std::uint16_t const index = target_[at];
            if (index == no_assignment || chosen_[index] != shard) loses_slots_[shard] = true;
        }
    }

    void write_records(std::span<shard_assignment const> shards, publish_summary& summary) {
        slots_to_get_.assign(shards.size(), false);
        for (std::uint16_t const index : target_) {
            if (index != no_assignment) slots_to_get_[index] = true;
        }
        for (std::size_t index = 0; index < shards.size(); ++index) {
            if (!slots_to_get_[index]) continue;
            auto const& [primary, replicas, ranges] = shards[index];
            std::uint16_t& shard = chosen_[index];
            if (shard != no_shard && record(shard).says(primary, replicas)) continue;
            if (shard != no_shard && !loses_slots_[shard]) {
                rename(shard, primary);
                record(shard).write(primary, replicas);
            } else {
                shard = take_record(primary, replicas);
                if (shard == no_shard) ++summary.shards_dropped;
            }
            if (shard != no_shard) ++summary.shards_changed;
        }
    }

    void point_entries(publish_summary& summary) noexcept {
        for (std::size_t at = 0; at < slot_count; ++at) {
            std::uint16_t const index = target_[at];
            std::uint16_t const shard = index == no_assignment ? no_shard : chosen_[index];
            if (shard == no_shard) ++summary.slots_uncovered;
            if (entry(at) == shard) continue;
            point(at, shard);
            ++summary.slots_changed;
        }
    }

    std::uint64_t changes_ = 0;
    std::vector<std::uint32_t> slots_of_;    // Record → how many entries name it.
    std::vector<std::uint16_t> of_primary_;  // Node → its record as a primary, or no_shard.
    std::vector<std::uint16_t> used_;        // The records in use.
    std::vector<std::uint16_t> free_;  // A ring: the record that has been free for longest is used next.
    std::size_t free_first_ = 0;
    std::size_t free_count_ = 0;

    // Scratch of publish(), kept so that it allocates once.
    std::vector<std::uint16_t> target_;      // Slot → assignment.
    std::vector<std::uint16_t> chosen_;      // Assignment → record.
    std::vector<std::uint16_t> claimed_by_;  // Record → assignment.
    std::vector<std::uint16_t>
        first_with_;  // Node → an assignment that names it as primary; checked before it is believed.
    std::vector<bool> loses_slots_;   // By record.
    std::vector<bool> slots_to_get_;  // By assignment.
};

using slot_table = basic_slot_table<std::atomic>;

}  // namespace umbel::cluster
