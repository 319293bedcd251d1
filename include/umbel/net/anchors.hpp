// anchors.hpp: who is still alive: operations find their client by an anchor.
#pragma once

#include <umbel/net/home.hpp>

#include <mutex>

namespace umbel::net {

/// All anchors there ever were. Their number is that of the clients that lived at one time; they are used
/// again, never freed.
class anchor_registry {
public:
    static anchor& moor(home& where) {
        std::lock_guard const guard{mutex()};
        anchor*& head = free_list();
        anchor* one = head;
        if (one) {
            head = one->next_free;
        } else {
            one = new anchor;
        }
        one->home.store(&where, std::memory_order_release);
        where.moored_at(*one);
        return *one;
    }
    /// Lets go of the anchor, if it is still held in `generation`.
    static void leave(anchor& one, std::uint32_t generation) noexcept {
        std::lock_guard const guard{mutex()};
        if (one.generation.load(std::memory_order_acquire) != generation) return;
        one.home.store(nullptr, std::memory_order_release);
        one.generation.fetch_add(1, std::memory_order_acq_rel);
        one.next_free = free_list();
        free_list() = &one;
    }

private:
    static std::mutex& mutex() {
        static std::mutex one;
        return one;
    }
    static anchor*& free_list() {
        static anchor* head = nullptr;
        return head;
    }
};

/// The home behind an anchor, or null when its client is gone.
inline home* home_of(anchor const* owner, std::uint32_t generation) noexcept {
    if (!owner || owner->generation.load(std::memory_order_acquire) != generation) return nullptr;
    return owner->home.load(std::memory_order_acquire);
}
/// The home that a call was made for, or null when its client is gone.
inline home* home_of(pooled_call const& one) noexcept { return home_of(one.owner, one.generation); }

}  // namespace umbel::net
