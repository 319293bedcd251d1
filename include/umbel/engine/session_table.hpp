// session_table.hpp: the sessions of one client, each found by its link without a lock. It opens and closes
// none.
#pragma once

#include <umbel/engine/call.hpp>

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
    /// Adds the session of a link. Precondition: find(id) is null. Throws std::bad_alloc.
    Session& add(link_id id, std::unique_ptr<Session> session) {
        UMBEL_ASSERT(find(id) == nullptr);
        sessions_.push_back(std::move(session));
        slots_[place_of(id)].store(sessions_.back().get(), std::memory_order_release);
        return *sessions_.back();
    }
    /// Lets find() find none any more. The sessions stay in all().
    void hide_all() noexcept {
        for (auto& slot : slots_) slot.store(nullptr, std::memory_order_release);
    }

    std::vector<std::unique_ptr<Session>> const& all() const noexcept { return sessions_; }
    /// A number of its own for each link.
    std::size_t place_of(link_id id) const noexcept {
        return (id.context * std::size_t{nodes_max_} + id.node) * 2 + static_cast<std::size_t>(id.mode);
    }

private:
    std::uint16_t nodes_max_;
    std::vector<std::atomic<Session*>> slots_;
    std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace umbel::engine
