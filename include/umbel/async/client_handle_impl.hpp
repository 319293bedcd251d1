// client_handle_impl.hpp: behind the boundary of client_handle.hpp: where handles come from and go back to.
#pragma once

#include <umbel/async/client_handle.hpp>

#include <mutex>

namespace umbel::async {

/// Every handle ever made. Handles are reused, never freed, so there are as many as the most clients that
/// were alive at once.
class client_handles {
public:
    /// A handle of the client behind `backend`, whose calls find `code`.
    static client_handle& acquire(backend& backend, boundary const& code) {
        std::lock_guard const guard{mutex()};
        client_handle*& head = free_list();
        client_handle* found = head;
        if (found) {
            head = found->next_free;
            UMBEL_ASSERT(found->code == &code);  // Each copy of the code has handles of its own.
        } else {
            found = new client_handle;
            found->code = &code;
        }
        found->backend.store(&backend, std::memory_order_release);
        backend.note_handle(*found);
        return *found;
    }
    /// Releases the handle if `generation` is still its present one.
    static void release(client_handle& handle, std::uint32_t generation) noexcept {
        std::lock_guard const guard{mutex()};
        if (handle.generation.load(std::memory_order_acquire) != generation) return;
        handle.backend.store(nullptr, std::memory_order_release);
        handle.generation.fetch_add(1, std::memory_order_acq_rel);
        handle.next_free = free_list();
        free_list() = &handle;
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

}  // namespace umbel::async
