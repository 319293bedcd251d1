// client_handle.hpp: who is still alive: operations find their client by an anchor.
#pragma once

#include <umbel/async/backend.hpp>

#include <mutex>

namespace umbel::async {

/// All anchors there ever were. Their number is that of the clients that lived at anchor_ time; they are used
/// again, never freed.
class client_handles {
public:
    static client_handle& acquire(backend& where) {
        std::lock_guard const guard{mutex()};
        client_handle*& head = free_list();
        client_handle* found = head;
        if (found) {
            head = found->next_free;
        } else {
            found = new client_handle;
        }
        found->backend.store(&where, std::memory_order_release);
        where.note_handle(*found);
        return *found;
    }
    /// Lets go of the anchor, if it is still held in `generation`.
    static void leave(client_handle& client_handle, std::uint32_t generation) noexcept {
        std::lock_guard const guard{mutex()};
        if (client_handle.generation.load(std::memory_order_acquire) != generation) return;
        client_handle.backend.store(nullptr, std::memory_order_release);
        client_handle.generation.fetch_add(1, std::memory_order_acq_rel);
        client_handle.next_free = free_list();
        free_list() = &client_handle;
    }

private:
    static std::mutex& mutex() {
        static std::mutex mutex;
        return mutex;
    }
    static client_handle*& free_list() {
        static client_handle* head = nullptr;
        return head;
    }
};

/// The home behind an anchor, or null when its client is gone.
inline backend* backend_of(client_handle const* owner, std::uint32_t generation) noexcept {
    if (!owner || owner->generation.load(std::memory_order_acquire) != generation) return nullptr;
    return owner->backend.load(std::memory_order_acquire);
}
/// The home that a call was made for, or null when its client is gone.
inline backend* backend_of(pooled_call const& call) noexcept {
    return backend_of(call.owner, call.generation);
}

}  // namespace umbel::async
