// session_table.hpp: the sessions of one client, each found by its link without a lock. It opens and closes
// none.
#pragma once

#include <umbel/engine/call.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace umbel::engine {

/// At most one session a link; sessions live as long as the table.
/// Threading: find() from any thread; the rest by the control plane's owner.
template <class Session>
class session_table {
public:
    session_table(std::uint16_t nodes_max, unsigned contexts)
        : nodes_max_{nodes_max}, slots_(std::size_t{nodes_max} * 2 * contexts) {}

    /// The session of a link; null where there is none yet. Precondition: the link names a node.
    UMBEL_ALWAYS_INLINE Session* find(link_id id) const noexcept {
        return slots_[place_of(id)].load(std::memory_order_acquire);
    }
    /// The same, of any link, a lease among them.
    Session* find_any(link_id id) const noexcept {
        if (!is_leased(id.mode)) return find(id);
        lease_index const* const leases = leases_.load(std::memory_order_acquire);
        lease_block const* const block =
            leases ? (*leases)[lease_block_of(id)].load(std::memory_order_acquire) : nullptr;
        return block ? (*block)[lease_number(id.mode)].load(std::memory_order_acquire) : nullptr;
    }
    /// Adds the session of a link. Precondition: find_any(id) is null. Throws std::bad_alloc.
    Session& add(link_id id, std::unique_ptr<Session> session) {
        UMBEL_ASSERT(find_any(id) == nullptr);
        std::atomic<Session*>& slot = is_leased(id.mode) ? lease_slot_of(id) : slots_[place_of(id)];
        sessions_.push_back(std::move(session));
        slot.store(sessions_.back().get(), std::memory_order_release);
        return *sessions_.back();
    }
    /// Lets find() find none any more. The sessions stay in all().
    void hide_all() noexcept {
        for (auto& slot : slots_) slot.store(nullptr, std::memory_order_release);
        leases_.store(nullptr, std::memory_order_release);
    }

    std::vector<std::unique_ptr<Session>> const& all() const noexcept { return sessions_; }
    /// A number of its own for each link that is no lease.
    std::size_t place_of(link_id id) const noexcept {
        return (id.context * std::size_t{nodes_max_} + id.node) * 2 + static_cast<std::size_t>(id.mode);
    }

private:
    /// The leases of one node and context, by number; and these, by node and context. Both are made when the
    /// first lease needs them, and stay.
    using lease_block = std::array<std::atomic<Session*>, leases_limit>;
    using lease_index = std::vector<std::atomic<lease_block*>>;

    std::size_t lease_block_of(link_id id) const noexcept {
        return id.context * std::size_t{nodes_max_} + id.node;
    }
    std::atomic<Session*>& lease_slot_of(link_id id) {
        if (!index_) {
            index_ = std::make_unique<lease_index>(slots_.size() / 2);
            leases_.store(index_.get(), std::memory_order_release);
        }
        std::atomic<lease_block*>& place = (*index_)[lease_block_of(id)];
        if (!place.load(std::memory_order_relaxed)) {
            blocks_.push_back(std::make_unique<lease_block>());
            place.store(blocks_.back().get(), std::memory_order_release);
        }
        return (*place.load(std::memory_order_relaxed))[lease_number(id.mode)];
    }

    std::uint16_t nodes_max_;
    std::vector<std::atomic<Session*>> slots_;
    std::vector<std::unique_ptr<Session>> sessions_;
    std::unique_ptr<lease_index> index_;
    std::vector<std::unique_ptr<lease_block>> blocks_;
    std::atomic<lease_index*> leases_{nullptr};
};

}  // namespace umbel::engine
