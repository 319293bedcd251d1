// cluster/slot_patches.hpp: the slots that MOVED has changed since a topology was asked for: an answer that
// is older than a MOVED must not undo it. Values only. It knows nodes by number, and neither the table nor
// who is asked.
#pragma once

#include <umbel/cluster/shard_assignment.hpp>
#include <umbel/cluster/slot.hpp>
#include <umbel/cluster/topology.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace umbel::cluster {

/// The slots that a MOVED has changed in the table and that no topology has confirmed yet, each with the
/// order in which it was learned. A topology that was asked for before a patch was learned may be older than
/// the patch, and is published with the patch on top. Bounds: at most one patch a slot.
class slot_patches {
public:
    /// A moment between two patches. An answer that was asked for at `now()` may know every patch so far, and
    /// none of those to come.
    std::uint64_t now() const noexcept { return count_; }

    /// Notes that `slot` belongs to `to`; with `whole_shard`, that `to` has taken over everything from
    /// `from`.
    void note(slot slot, std::uint16_t from, std::uint16_t to, bool whole_shard) {
        patches_[slot.value()] = {count_ + 1, from, to, whole_shard};
        ++count_;
    }

    /// True when a patch is newer than an answer that was asked for at `asked_at`.
    bool any_after(std::uint64_t asked_at) const noexcept {
        return std::any_of(patches_.begin(), patches_.end(),
                           [=](auto const& known) { return known.second.number > asked_at; });
    }
    /// Calls `take` with the number of each node that a patch leads to.
    template <class Take>
    void each_target(Take&& take) const {
        for (auto const& [at, known] : patches_) take(known.to);
    }

    /// Forgets what an answer, asked for at `asked_at`, has confirmed or corrected.
    void settle(std::uint64_t asked_at) noexcept {
        std::erase_if(patches_, [=](auto const& known) { return known.second.number <= asked_at; });
    }
    void clear() noexcept { patches_.clear(); }
    /// A node has another number from now on.
    void rename(std::uint16_t from, std::uint16_t to) noexcept {
        for (auto& [at, known] : patches_) {
            if (known.from == from) known.from = to;
            if (known.to == from) known.to = to;
        }
    }

private:
    friend class patched_assignments;
    struct patch {
        std::uint64_t number = 0;
        std::uint16_t from = no_node;
        std::uint16_t to = no_node;
        bool whole_shard = false;
    };
    std::map<std::uint16_t, patch> patches_;  // By slot.
    std::uint64_t count_ = 0;
};

/// A topology as it is to be published: the answer, with the patches on top that are newer than it. Lifetime:
/// borrows `view` as long as it is used.
class patched_assignments {
public:
    /// Precondition: numbers.size() == view.nodes.size().
    patched_assignments(topology const& view, std::span<std::uint16_t const> numbers,
                        slot_patches const& patches, std::uint64_t asked_at)
        : published_{view, numbers}, list_(published_.all().begin(), published_.all().end()) {
        std::size_t const count = list_.size();
        for (auto const& [at, patch] : patches.patches_) {
            if (patch.number <= asked_at) continue;
            if (!patch.whole_shard || !fail_over(count, patch.from, patch.to)) add(slot{at}, patch.to);
        }
        // Their vectors no longer grow.
        for (auto const& [to, ranges] : single_) list_.push_back({to, {}, ranges});
    }
    patched_assignments(patched_assignments const&) = delete;
    patched_assignments& operator=(patched_assignments const&) = delete;

    std::span<shard_assignment const> all() const noexcept { return list_; }

private:
    /// Makes `to` the primary of the shard of `from`, and `from` its replica. False where the answer has no
    /// such shard with such a replica.
    bool fail_over(std::size_t count, std::uint16_t from, std::uint16_t to) {
        if (swapped_.contains(from)) return true;
        for (std::size_t index = 0; index < count; ++index) {
            shard_assignment& assignment = list_[index];
            if (assignment.primary != from ||
                std::find(assignment.replicas.begin(), assignment.replicas.end(), to) ==
                    assignment.replicas.end())
                continue;
            std::vector<std::uint16_t>& replicas = swapped_[from];
            replicas.assign(assignment.replicas.begin(), assignment.replicas.end());
            std::replace(replicas.begin(), replicas.end(), to, from);
            assignment.primary = to;
            assignment.replicas = replicas;
            return true;
        }
        return false;
    }
    void add(slot slot, std::uint16_t to) { single_[to].push_back({slot, slot}); }

    assignment_list published_;
    std::vector<shard_assignment> list_;
    std::map<std::uint16_t, std::vector<slot_range>> single_;  // By the node that they belong to.
    std::map<std::uint16_t, std::vector<std::uint16_t>>
        swapped_;  // Replicas, by the primary that has been taken over from.
};

}  // namespace umbel::cluster
