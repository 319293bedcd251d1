// ownership.hpp: who may touch an object that belongs to no thread: whoever has work for it, for one turn.
// It knows neither the object nor its inbox; it only decides who looks into that inbox next.
//
// Use. Work stands in a lock-free inbox first, then it is brought:
//
//     inbox.push(work);
//     if (owner.bring()) do take_everything_and_serve(inbox); while (!owner.release());
//
// or, where an owner can do without the inbox:
//
//     if (owner.owned_here()) return serve(work);     // A handler of this very turn has brought it.
//     if (owner.try_acquire()) {
//         take_everything_and_serve(inbox);           // What was left before goes before.
//         serve(work);
//         while (!owner.release()) take_everything_and_serve(inbox);
//     } else {
//         inbox.push(work);                           // And so on, as above.
//     }
//
// A producer that did not find the inbox empty need not bring: who did find it so does, or the owner has
// taken both. An owner that stops while work is left, to let others run, brings it again from a handler that
// it posts before it lets go.
#pragma once

#include <umbel/config.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// The address of something that each thread has of its own: a name for the thread that costs no call.
inline constinit thread_local char thread_mark_place = 0;
inline std::uintptr_t thread_mark() noexcept { return reinterpret_cast<std::uintptr_t>(&thread_mark_place); }

/// One owner at a time, no lock, and nobody waits: whoever finds the object owned leaves word, and the owner
/// goes round once more.
///
/// Guarantees: between bring(), or a try_acquire(), that returned true and the release() that returns true,
/// nobody else owns; all that earlier owners wrote is visible; and what a producer wrote before a bring()
/// that returned false is visible to a round of an owner that begins after it. So work that stands in the
/// inbox before bring() is taken.
/// Cost: one read-modify-write to take, one to let go. Who finds it owned: one, whatever the owner does
/// (wait-free).
/// `Atomic` is std::atomic; a model checker puts its own there.
/// Threading: bring(), try_acquire() and owned_here() from any thread; release() from the owner's.
template <template <class> class Atomic>
class basic_ownership {
public:
    basic_ownership() noexcept = default;
    basic_ownership(basic_ownership const&) = delete;
    basic_ownership& operator=(basic_ownership const&) = delete;

    /// Takes ownership where nobody has it. False: somebody has, and nothing was told; work that must not
    /// wait for another occasion is to be put into the inbox and brought.
    [[nodiscard]] bool try_acquire(std::uintptr_t me = thread_mark()) noexcept {
        // A failed exchange would take the cache line from the owner for nothing.
        if (state_.load(std::memory_order_relaxed) != free) return false;
        std::uint32_t expected = free;
        // Acquire: what the last owner wrote before its release() is visible from here on.
        if (!state_.compare_exchange_strong(expected, owned, std::memory_order_acquire,
                                            std::memory_order_relaxed))
            return false;
        owner_.store(me, std::memory_order_relaxed);
        return true;
    }

    /// Says that work stands in the inbox. True: the caller owns now, and runs the turn. False: the present
    /// owner will look once more.
    /// Precondition: !owned_here(); an owner looks into its inbox itself.
    [[nodiscard]] bool bring(std::uintptr_t me = thread_mark()) noexcept {
        if (try_acquire(me)) return true;
        // Always an exchange, also where `brought` may stand there already: to find that by a load would not
        // do. The owner changes the state and then looks into the inbox, the producer fills the inbox and
        // then looks at the state; with a load each of them could miss the other. Of two exchanges of one
        // word the second reads the first. Either the owner's comes second: it acquires what is released
        // here, so that its next look finds the work. Or this one does: it leaves `brought`, which the
        // owner's release() meets. An exchange of another producer in between continues the release sequence,
        // so that this one's work is acquired with it.
        std::uint32_t const before = state_.exchange(brought, std::memory_order_acq_rel);
        if (before != free) return false;
        // Let go in between: the caller owns. That the state says `brought` costs one more look into the
        // inbox.
        owner_.store(me, std::memory_order_relaxed);
        return true;
    }

    /// Lets go, unless work was brought since the last round began. False: the caller owns still, and looks
    /// into the inbox again.
    [[nodiscard]] bool release(std::uintptr_t me = thread_mark()) noexcept {
        UMBEL_ASSERT(owner_.load(std::memory_order_relaxed) == me);
        owner_.store(nobody, std::memory_order_relaxed);
        std::uint32_t expected = owned;
        // Release: what this owner wrote is visible to the next one.
        if (state_.compare_exchange_strong(expected, free, std::memory_order_release,
                                           std::memory_order_relaxed))
            return true;
        owner_.store(me, std::memory_order_relaxed);
        // An exchange, not a store: it must read what the last producer left (see bring()). Acquire: that
        // producer's work is visible.
        state_.exchange(owned, std::memory_order_acquire);
        return false;
    }

    /// True where this thread owns, in whatever depth of calls. Cost: one plain load. Only the owner writes
    /// its own mark, and takes it away before it lets go; so a thread that reads its own mark owns, and by
    /// coherence it never reads an older one of its own. What others read there is at most another's mark.
    [[nodiscard]] bool owned_here(std::uintptr_t me = thread_mark()) const noexcept {
        return owner_.load(std::memory_order_relaxed) == me;
    }

    /// For a look from outside: somebody owns, or did a moment ago.
    bool is_owned() const noexcept { return state_.load(std::memory_order_relaxed) != free; }

private:
    static constexpr std::uint32_t free = 0;     // Nobody owns; whoever filled the inbox is about to bring.
    static constexpr std::uint32_t owned = 1;    // Somebody owns.
    static constexpr std::uint32_t brought = 2;  // Somebody owns, and has to look once more.
    static constexpr std::uintptr_t nobody = 0;

    Atomic<std::uint32_t> state_{free};
    Atomic<std::uintptr_t> owner_{nobody};
};

using ownership = basic_ownership<std::atomic>;

}  // namespace umbel::engine
