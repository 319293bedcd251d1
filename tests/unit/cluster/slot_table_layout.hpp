// slot_table_layout.hpp: a topology as the slot table takes it, written down in one line, and what the table
// says of a slot.
#pragma once

#include <umbel/cluster/slot_table.hpp>

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

inline std::unique_ptr<slot_table> make_table(std::uint16_t shards_max = 64) {
    return std::make_unique<slot_table>(shards_max);
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
