// inbox.hpp: how calls come to their next owner from any thread: lock-free, bounded, one wake-up for many.
// It knows no thread; whoever finds it empty must see to it that it is drained.
#pragma once

#include <umbel/engine/call.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// A multi-producer stack that is taken whole and turned round.
/// Threading: push() from any thread, take() from one at a time.
class inbox {
public:
    enum class pushed : std::uint8_t {
        first,  ///< It was empty: the pusher must wake the owner.
        more,   ///< The owner is on its way already.
        full,   ///< The bound is reached; nothing was pushed.
    };

    static constexpr std::uint32_t unbounded = 0xffffffffu;

    explicit inbox(std::uint32_t bound) noexcept : bound_{bound} {}

    pushed push(call& pending) noexcept {
        if (count_.fetch_add(1, std::memory_order_relaxed) >= bound_) {
            count_.fetch_sub(1, std::memory_order_relaxed);
            return pushed::full;
        }
        call* head = head_.load(std::memory_order_relaxed);
        do {
            pending.next = head;
        } while (!head_.compare_exchange_weak(head, &pending, std::memory_order_release,
                                              std::memory_order_relaxed));
        return head == nullptr ? pushed::first : pushed::more;
    }

    /// Takes a call only behind others, so that its owner is on its way already; false, and nothing has
    /// happened, where there are none or the bound is reached.
    bool push_behind(call& pending) noexcept {
        call* head = head_.load(std::memory_order_relaxed);
        if (!head) return false;
        if (count_.fetch_add(1, std::memory_order_relaxed) < bound_) {
            do {
                pending.next = head;
                if (head_.compare_exchange_weak(head, &pending, std::memory_order_release,
                                                std::memory_order_relaxed))
                    return true;
            } while (head);
        }
        count_.fetch_sub(1, std::memory_order_relaxed);
        return false;
    }

    bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }
    /// About how many there are.
    std::uint32_t size() const noexcept { return count_.load(std::memory_order_relaxed); }

    /// Takes everything, oldest first; the list is empty when there is nothing.
    call_list take() noexcept {
        call* newest = head_.exchange(nullptr, std::memory_order_acquire);
        call* oldest = nullptr;
        std::uint32_t taken = 0;
        while (newest) {
            fetch(*newest);  // Another thread's cache has it.
            call* const older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
            ++taken;
        }
        if (taken != 0) count_.fetch_sub(taken, std::memory_order_relaxed);
        call_list all;
        while (oldest) {
            call* const newer = oldest->next;
            all.push(*oldest);
            oldest = newer;
        }
        return all;
    }

private:
    std::atomic<call*> head_{nullptr};
    std::atomic<std::uint32_t> count_{0};
    std::uint32_t const bound_;
};

}  // namespace umbel::engine
