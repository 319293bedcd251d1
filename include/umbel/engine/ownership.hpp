// ownership.hpp: who may touch an object that belongs to no thread: whoever has work for it, for one turn.
// It knows neither the object nor its inbox; it only decides who looks into that inbox next.
//
// Use. Work stands in a lock-free inbox first, then a note of its kind is brought:
//
//     inbox.push(work);
//     if (owner.bring(calls)) while (!owner.release()) serve(owner.take_notes());
//
// or, where an owner can do without the inbox:
//
//     if (owner.owned_here()) return serve(work);     // A handler of this very turn has brought it.
//     if (owner.try_acquire()) {
//         take_everything_and_serve(inbox);           // What was left before goes before.
//         serve(work);
//         while (!owner.release()) serve(owner.take_notes());
//     } else {
//         inbox.push(work);                           // And so on, as above.
//     }
//
// A producer that did not find the inbox empty need not bring: who did find it so does, or the owner has
// taken both. An owner that stops while work is left, to let others run, lets go by release_for_later(), with
// a handler posted that will own and serve.
#pragma once

#include <umbel/config.hpp>

#include <atomic>
#include <cstdint>

namespace umbel::engine {

/// The address of something that each thread has of its own: a name for the thread that costs no call.
inline constinit thread_local char thread_mark_place = 0;
inline std::uintptr_t thread_mark() noexcept { return reinterpret_cast<std::uintptr_t>(&thread_mark_place); }

/// One owner at a time, no lock, and nobody waits: whoever finds the object owned leaves a note, and the
/// owner goes round once more.
///
/// Guarantees: between bring(), or a try_acquire(), that returned true and the release() that returns true,
/// nobody else owns; all that earlier owners wrote is visible; and what a producer wrote before a bring() is
/// visible to the owner whose release() finds the note. So work that stands in the inbox before bring() is
/// taken. Cost: one read-modify-write to take, one to let go. Who finds it owned: one, whatever the owner
/// does (wait-free). `Atomic` is std::atomic; a model checker puts its own there. Threading: bring(),
/// try_acquire() and owned_here() from any thread; the rest from the owner's.
template <template <class> class Atomic>
class basic_ownership {
public:
    /// Kinds of work, as bits; any but the lowest.
    using kinds = std::uint32_t;
    static constexpr kinds any_work = 2;

    basic_ownership() noexcept = default;
    basic_ownership(basic_ownership const&) = delete;
    basic_ownership& operator=(basic_ownership const&) = delete;

    /// Takes ownership where nobody has it. False: somebody has, and nothing was told; work that must not
    /// wait for another occasion is to be put into the inbox and brought.
    [[nodiscard]] bool try_acquire(std::uintptr_t me = thread_mark()) noexcept {
        // A failed exchange would take the cache line from the owner for nothing.
        if ((state_.load(std::memory_order_relaxed) & owned) != 0) return false;
        // Acquire: what the last owner wrote before its release() is visible from here on. Notes stay: they
        // are found by the next release().
        if ((state_.fetch_or(owned, std::memory_order_acquire) & owned) != 0) return false;
        owner_.store(me, std::memory_order_relaxed);
        return true;
    }

    /// Says that there is work of some kind. True: the caller owns now, and finds the note by release().
    /// False: the present owner will find it. Precondition: !owned_here(); an owner looks into its inbox
    /// itself.
    [[nodiscard]] bool bring(kinds note = any_work, std::uintptr_t me = thread_mark()) noexcept {
        // Always a read-modify-write, also where the note may stand there already: to find that by a load
        // would not do. The owner takes the notes and then looks into the inbox, the producer fills the inbox
        // and then looks at the notes; with a load each of them could miss the other. Of two
        // read-modify-writes of one word the second reads the first. Either the owner's comes second: it
        // acquires what is released here, so that its next look finds the work. Or this one does: it leaves a
        // note, which the owner's release() meets. Those of other producers in between continue the release
        // sequence, so that this one's work is acquired with it.
        if ((state_.fetch_or(owned | note, std::memory_order_acq_rel) & owned) != 0) return false;
        owner_.store(me, std::memory_order_relaxed);
        return true;
    }

    /// Lets go, unless there are notes. False: the caller owns still, has taken the notes, and serves what
    /// they say.
    [[nodiscard]] bool release(std::uintptr_t me = thread_mark()) noexcept {
        UMBEL_ASSERT(owner_.load(std::memory_order_relaxed) == me);
        owner_.store(nobody, std::memory_order_relaxed);
        kinds expected = owned;
        // Release: what this owner wrote is visible to the next one.
        if (state_.compare_exchange_strong(expected, free, std::memory_order_release,
                                           std::memory_order_relaxed))
            return true;
        owner_.store(me, std::memory_order_relaxed);
        // An exchange, not a store: it must read what the last producer left (see bring()). Acquire: that
        // producer's work is visible.
        notes_ = state_.exchange(owned, std::memory_order_acquire) & ~owned;
        return false;
    }
    /// What was found by the release() that returned false; nothing when it has been taken.
    kinds take_notes() noexcept {
        kinds const found = notes_;
        notes_ = 0;
        return found;
    }

    /// True where notes were found by whoever has acquired. Cost: one plain load.
    bool noted() const noexcept { return (state_.load(std::memory_order_relaxed) & ~owned) != 0; }
    /// Takes the notes at once.
    kinds collect() noexcept { return state_.exchange(owned, std::memory_order_acquire) & ~owned; }

    /// Lets go although there is work: notes stay, and `unserved` is put back. For an owner that has posted a
    /// handler, which will own and serve, and which brings `posted` where it finds the object owned. False:
    /// that handler has come already, in vain. The caller owns still, has taken the notes, and posts another
    /// one.
    [[nodiscard]] bool release_for_later(kinds unserved, kinds posted,
                                         std::uintptr_t me = thread_mark()) noexcept {
        owner_.store(nobody, std::memory_order_relaxed);
        kinds current = state_.load(std::memory_order_relaxed);
        do {
            if ((current & posted) == 0) continue;
            owner_.store(me, std::memory_order_relaxed);
            notes_ = state_.exchange(owned, std::memory_order_acquire) & ~owned;
            return false;
        } while (!state_.compare_exchange_strong(current, (current | unserved) & ~owned,
                                                 std::memory_order_release, std::memory_order_relaxed));
        return true;
    }

    /// True where this thread owns, in whatever depth of calls. Cost: one plain load. Only the owner writes
    /// its own mark, and takes it away before it lets go; so a thread that reads its own mark owns, and by
    /// coherence it never reads an older one of its own. What others read there is at most another's mark.
    [[nodiscard]] bool owned_here(std::uintptr_t me = thread_mark()) const noexcept {
        return owner_.load(std::memory_order_relaxed) == me;
    }

    /// For a look from outside: somebody owns, or did a moment ago.
    bool is_owned() const noexcept { return (state_.load(std::memory_order_relaxed) & owned) != 0; }

private:
    static constexpr kinds free = 0;   // Nobody owns, and there is no work.
    static constexpr kinds owned = 1;  // Somebody owns.
    static constexpr std::uintptr_t nobody = 0;

    Atomic<kinds> state_{free};
    Atomic<std::uintptr_t> owner_{nobody};
    kinds notes_ = 0;  // The owner's.
};

using ownership = basic_ownership<std::atomic>;

}  // namespace umbel::engine
