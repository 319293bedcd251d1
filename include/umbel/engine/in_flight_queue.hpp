// in_flight_queue.hpp: the order of replies on one connection: which call, or which forgotten call, each
// reply belongs to. It knows no bytes and no errors.
#pragma once

#include <umbel/engine/call.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace umbel::engine {

/// A growing power-of-two ring of one-word entries, addressed by positions that only ever increase.
/// An entry is a call, which may be marked as one that takes its reply element by element, or the tombstone
/// of a call that completed early, which keeps the number of replies still to come. Cost: one word an entry;
/// grows by doubling, never shrinks while the connection lives.
class in_flight_queue {
public:
    using position = std::uint64_t;

    class entry {
    public:
        static entry of(call& call) noexcept { return entry{reinterpret_cast<std::uintptr_t>(&call)}; }
        static entry in_elements(call& call) noexcept {
            return entry{reinterpret_cast<std::uintptr_t>(&call) | elements_mark};
        }
        static entry tombstone(unsigned replies) noexcept {
            return entry{(static_cast<std::uintptr_t>(replies) << 1) | 1};
        }
        /// True of a call that is not marked.
        bool is_plain() const noexcept { return (word_ & (1 | elements_mark)) == 0; }
        bool is_tombstone() const noexcept { return (word_ & 1) != 0; }
        unsigned replies() const noexcept { return static_cast<unsigned>(word_ >> 1); }
        /// Precondition: is_plain().
        call* plain_call() const noexcept { return reinterpret_cast<call*>(word_); }
        /// Precondition: !is_tombstone().
        call* awaited_call() const noexcept { return reinterpret_cast<call*>(word_ & ~elements_mark); }
        entry() noexcept = default;

    private:
        friend in_flight_queue;
        static constexpr std::uintptr_t elements_mark = 2;
        static_assert(alignof(call) >= 4);
        explicit entry(std::uintptr_t word) noexcept : word_{word} {}
        std::uintptr_t word_ = 0;
    };

    position head() const noexcept { return head_; }
    position tail() const noexcept { return tail_; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(tail_ - head_); }
    bool empty() const noexcept { return head_ == tail_; }

    entry& operator[](position at) noexcept { return entries_[at & mask_]; }
    entry const& operator[](position at) const noexcept { return entries_[at & mask_]; }

    std::size_t capacity() const noexcept { return capacity_; }
    bool has_room() const noexcept { return size() != capacity_; }
    /// Sees to it that has_room(); false when memory has run out, and then nothing has changed.
    bool make_room() noexcept { return has_room() || grow(); }
    /// Appends. Precondition: has_room().
    UMBEL_ALWAYS_INLINE void push(entry added) noexcept { entries_[tail_++ & mask_] = added; }
    void pop() noexcept { ++head_; }

    /// True when no reply that is still to come is awaited by a user.
    bool awaits_nobody() const noexcept {
        for (position at = head_; at != tail_; ++at)
            if (!(*this)[at].is_tombstone() && !(*this)[at].awaited_call()->is_internal()) return false;
        return true;
    }

    /// Fetches a call that will be needed soon into the cache. What no call stands in any more is fetched in
    /// vain, and does no harm. Inlined by all means: g++ 12 takes a function that only prefetches for one
    /// without effect, and leaves its calls out. Precondition: something was pushed before.
    UMBEL_ALWAYS_INLINE void prefetch(position at) const noexcept { fetch(entries_[at & mask_].word_); }

private:
    UMBEL_NEVER_INLINE bool grow() noexcept {
        std::size_t const larger = capacity_ == 0 ? 64 : capacity_ * 2;
        std::unique_ptr<entry[]> fresh{new (std::nothrow) entry[larger]{}};
        if (!fresh) return false;
        for (position at = head_; at != tail_; ++at) fresh[at & (larger - 1)] = entries_[at & mask_];
        entries_ = std::move(fresh);
        capacity_ = larger;
        mask_ = larger - 1;
        return true;
    }

    std::unique_ptr<entry[]> entries_;
    std::size_t capacity_ = 0;
    position mask_ = 0;
    position head_ = 0;
    position tail_ = 0;
};

}  // namespace umbel::engine
