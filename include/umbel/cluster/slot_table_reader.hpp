// cluster/slot_table_reader.hpp: the reading half of the routing table: slot → shard → primary and replicas,
// wait-free. It knows nodes by number only, and it never stores; slot_table.hpp is the one writer.
//
// A slot's entry names a shard record; the record's head packs a version, the number of replicas and the
// primary into one word, and every change of a record takes a new version. Records without slots are used
// again, so a reader validates what it read: entry, head, entry again, head again.
//
// Why an answer was always published: let the reader have seen shard k in the entry between two loads of the
// same head W of record k. W is unique, because versions are. Had the entry lost k before W was stored, the
// reader's acquire of W would have made that loss visible to its second look at the entry. Had W been
// replaced before the entry was given k, acquiring that k would have made the replacement visible to its
// second look at the head. So there was a moment when the entry held k and record k held W; and the writer
// orders its stores so that every such pair belongs to the old topology or to the new one.
#pragma once

#include <umbel/cluster/shard_record.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>
#include <umbel/config.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace umbel::cluster {

/// The reading half of the routing table. `Atomic` is std::atomic; a model checker puts its own there.
/// Threading: every public function from any thread.
/// Cost: 32 KiB of entries in place, 64 bytes for each shard record, allocated once; addresses never change.
template <template <class> class Atomic>
class basic_slot_table_reader {
public:
    basic_slot_table_reader(basic_slot_table_reader const&) = delete;
    basic_slot_table_reader& operator=(basic_slot_table_reader const&) = delete;

    /// The node that serves `slot`, or no_node.
    /// Cost: wait-free: two dependent loads, and two more of the same cache lines that nothing waits for.
    UMBEL_ALWAYS_INLINE std::uint16_t primary_of(slot slot) const noexcept {
        return read(slot, no_node, [](auto const&, shard_head head) noexcept { return head.primary(); });
    }

    /// Writes the replicas of the shard that serves `slot` to `out`, as many as fit, and returns how many
    /// were written. Cost: wait-free: as primary_of, and one load for each replica.
    std::size_t replicas_of(slot slot, std::span<std::uint16_t> out) const noexcept {
        return read(slot, std::size_t{0}, [out](auto const& record, shard_head head) noexcept {
            std::size_t const count = std::min<std::size_t>(head.replicas(), out.size());
            for (std::size_t index = 0; index < count; ++index) out[index] = record.replica(head, index);
            return count;
        });
    }

    /// The replica whose turn it is, counting round the shard's replicas; no_node when it has none.
    /// Cost: wait-free: as primary_of, and one load.
    std::uint16_t replica_of(slot slot, std::uint32_t rotation) const noexcept {
        return read(slot, no_node, [rotation](auto const& record, shard_head head) noexcept {
            return head.replicas() == 0 ? no_node : record.replica(head, rotation % head.replicas());
        });
    }

    /// The number of shard records there are.
    std::uint16_t shards_max() const noexcept { return shards_max_; }

protected:
    explicit basic_slot_table_reader(std::uint16_t shards_max)
        : records_{std::make_unique<shard_record<Atomic>[]>(shards_max)}, shards_max_{shards_max} {
        UMBEL_ASSERT(shards_max > 0 && shards_max < no_shard);
        for (auto& entry : entries_) entry.store(no_shard, std::memory_order_relaxed);
    }
    ~basic_slot_table_reader() = default;

    shard_record<Atomic>& record(std::uint16_t shard) noexcept { return records_[shard]; }
    shard_record<Atomic> const& record(std::uint16_t shard) const noexcept { return records_[shard]; }

    /// The shard number of a slot. The writer, which alone stores entries, reads them relaxed.
    std::uint16_t entry(std::size_t index,
                        std::memory_order order = std::memory_order_relaxed) const noexcept {
        return entries_[index].load(order);
    }
    /// Stores a shard number: whoever reads it sees all that the writer stored before.
    void set_entry(std::size_t index, std::uint16_t shard) noexcept {
        entries_[index].store(shard, std::memory_order_release);
    }

private:
    /// Validation fails only when the writer changes this very shard or entry between two neighbouring loads.
    /// A reader that met this so often in a row answers "no node", which routes nobody wrongly: the caller
    /// looks again.
    static constexpr int attempts_max = 64;

    template <class Value, class Look>
    UMBEL_ALWAYS_INLINE Value read(slot slot, Value none, Look look) const noexcept {
        auto const& entry = entries_[slot.value()];
        std::uint16_t shard = entry.load(std::memory_order_acquire);
        for (int attempts = attempts_max; shard != no_shard;) {
            auto const& record = records_[shard];
            shard_head const head = record.head(std::memory_order_acquire);
            Value const found = look(record, head);
            std::uint16_t const again = entry.load(std::memory_order_acquire);
            if (again == shard && record.head(std::memory_order_relaxed) == head) [[likely]]
                return found;
            if (--attempts == 0) break;
            shard = again;
        }
        return none;
    }

    alignas(64) std::array<Atomic<std::uint16_t>, slot_count> entries_;
    std::unique_ptr<shard_record<Atomic>[]> records_;
    std::uint16_t shards_max_;
};

using slot_table_reader = basic_slot_table_reader<std::atomic>;

}  // namespace umbel::cluster
