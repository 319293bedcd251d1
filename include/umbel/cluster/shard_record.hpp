// cluster/shard_record.hpp: one shard of the slot table in shared memory: primary and replicas under one
// versioned word. It knows node numbers and memory order; which slots a record serves is the slot table's
// business.
#pragma once

#include <umbel/config.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace umbel::cluster {

/// Marks "no node" wherever a node number stands.
inline constexpr std::uint16_t no_node = 0xffff;

/// The word that makes a record one thing: version (43 bits), count of replicas (5), primary (16). The
/// version also says which of the record's two banks holds the replicas. It comes back after 2^43 changes: at
/// a million a second, after more than a hundred days.
class shard_head {
public:
    constexpr shard_head() noexcept = default;
    constexpr explicit shard_head(std::uint64_t word) noexcept : word_{word} {}
    constexpr shard_head(std::uint64_t version, std::size_t replicas, std::uint16_t primary) noexcept
        : word_{version << 21 | static_cast<std::uint64_t>(replicas) << 16 | primary} {}

    constexpr std::uint64_t word() const noexcept { return word_; }
    constexpr std::uint64_t version() const noexcept { return word_ >> 21; }
    constexpr std::size_t bank() const noexcept { return version() & 1; }
    constexpr std::uint32_t replicas() const noexcept {
        return static_cast<std::uint32_t>(word_ >> 16) & 31u;
    }
    constexpr std::uint16_t primary() const noexcept { return static_cast<std::uint16_t>(word_); }

    friend constexpr bool operator==(shard_head, shard_head) noexcept = default;

private:
    std::uint64_t word_ = no_node;
};

/// One record: a cache line of its own. Replicas are written to the bank that the head does not name, and
/// then one store of the head turns to them: no reader ever waits for a writer, and one that read from a bank
/// while it was overwritten finds another head. Threading: head() and replica() from any thread, the others
/// from the one writer.
template <template <class> class Atomic>
class alignas(64) shard_record {
public:
    /// Replicas of one shard that are routed to.
    static constexpr std::size_t replicas_max = 14;

    shard_record() noexcept {
        head_.store(shard_head{}.word(), std::memory_order_relaxed);
        for (auto& bank : banks_) {
            for (auto& replica : bank) replica.store(no_node, std::memory_order_relaxed);
        }
    }

    shard_head head(std::memory_order order) const noexcept { return shard_head{head_.load(order)}; }

    /// The replica at `index` under `head`, which is only true if the record's head is still the same
    /// afterwards. Precondition: index < head.replicas().
    std::uint16_t replica(shard_head head, std::size_t index) const noexcept {
        UMBEL_ASSERT(index < head.replicas());
        return banks_[head.bank()][index].load(std::memory_order_acquire);
    }

    /// True when `node` is among the replicas.
    bool lists(std::uint16_t node) const noexcept {
        shard_head const now = head(std::memory_order_relaxed);
        for (std::size_t index = 0; index < now.replicas(); ++index) {
            if (replica(now, index) == node) return true;
        }
        return false;
    }

    /// True when the record says this already; replicas beyond replicas_max do not count.
    bool says(std::uint16_t primary, std::span<std::uint16_t const> replicas) const noexcept {
        shard_head const now = head(std::memory_order_relaxed);
        std::size_t const count = std::min(replicas.size(), replicas_max);
        if (now.primary() != primary || now.replicas() != count) return false;
        for (std::size_t index = 0; index < count; ++index) {
            if (replica(now, index) != replicas[index]) return false;
        }
        return true;
    }

    /// Replaces primary and replicas under a new version.
    /// Whoever reads a replica that is stored here has acquired the head that turned away from this bank, and
    /// fails its validation unless it looks under the new head.
    void write(std::uint16_t primary, std::span<std::uint16_t const> replicas) noexcept {
        std::uint64_t const version = head(std::memory_order_relaxed).version() + 1;
        shard_head const next{version, std::min(replicas.size(), replicas_max), primary};
        auto& bank = banks_[next.bank()];
        for (std::size_t index = 0; index < next.replicas(); ++index)
            bank[index].store(replicas[index], std::memory_order_release);
        head_.store(next.word(), std::memory_order_release);
    }

private:
    Atomic<std::uint64_t> head_;
    std::array<std::array<Atomic<std::uint16_t>, replicas_max>, 2> banks_;
};

}  // namespace umbel::cluster
