// slot_table_layout.hpp: a topology as the slot table takes it, written down in one line, and what the table
// says of a slot.
#pragma once

#include <umbel/cluster/slot_table.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace umbel::test {

using namespace umbel::cluster;

using numbers = std::vector<std::uint16_t>;
using ranges = std::vector<slot_range>;

inline constexpr slot_range whole{slot{0}, slot{slot_count - 1}};
inline constexpr slot_range lower{slot{0}, slot{8191}};
inline constexpr slot_range upper{slot{8192}, slot{16383}};

/// A slot table that shows its shard records, one unvalidated load at a time.
template <template <class> class Atomic>
class probed_table : public basic_slot_table<Atomic> {
public:
    using basic_slot_table<Atomic>::basic_slot_table;

    /// The number of the shard record that serves `slot`, or no_shard.
    std::uint16_t shard_number_of(slot slot) const noexcept {
        return reader::entry(slot.value(), std::memory_order_acquire);
    }
    /// The primary in shard record `shard` at this moment, whatever slots it serves by now.
    std::uint16_t primary_of_shard(std::uint16_t shard) const noexcept {
        return reader::record(shard).head(std::memory_order_acquire).primary();
    }
    std::size_t uncovered_slots() const noexcept {
        std::size_t count = 0;
        for (std::size_t index = 0; index < slot_count; ++index) count += reader::entry(index) == no_shard;
        return count;
    }

private:
    using reader = basic_slot_table_reader<Atomic>;
};

inline std::unique_ptr<probed_table<std::atomic>> make_table(std::uint16_t shards_max = 64) {
    return std::make_unique<probed_table<std::atomic>>(shards_max);
}

inline numbers replicas_of(slot_table const& table, slot slot) {
    numbers seen(slot_table::replicas_max);
    seen.resize(table.replicas_of(slot, seen));
    return seen;
}

// Owns what the spans of its assignments borrow.
class layout {
public:
    layout& add(std::uint16_t primary, numbers replicas, ranges where) {
        kept_.push_back({primary, std::move(replicas), std::move(where)});
        return *this;
    }
    std::vector<shard_assignment> assignments() const {
        std::vector<shard_assignment> made;
        for (auto const& one : kept_) made.push_back({one.primary, one.replicas, one.where});
        return made;
    }

private:
    struct kept {
        std::uint16_t primary;
        numbers replicas;
        ranges where;
    };
    std::vector<kept> kept_;
};

}  // namespace umbel::test
