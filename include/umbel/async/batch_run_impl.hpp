// batch_run_impl.hpp: behind the boundary: how the commands of a batch are sent, a bounded number at a time,
// in order within a slot, and how their operation completes when the last has settled. It knows no type of
// result, and no node: neighbours share one write because they begin in one turn.
#pragma once

#include <umbel/async/batch_run.hpp>
#include <umbel/async/batch_seats.hpp>
#include <umbel/async/try_alloc.hpp>

#include <algorithm>
#include <atomic>
#include <bitset>
#include <memory>
#include <mutex>
#include <utility>

namespace umbel::async {

/// A batch that is being sent.
///
/// Locking: `pending_` counts the calls under way. While its bit `attention` is not set, a call that settles
/// only counts itself out. Otherwise it takes the mutex and sees to it that others begin. Calls begin outside
/// of the mutex, by one thread at a time, in the order of the batch.
/// Threading: parts settle on any thread; the thread that settles the last part completes the operation.
class batch_run final : public call_group {
public:
    batch_run(pooled_call& whole, batch_list&& list, batch_origin const& origin, batch_manner&& manner,
              batch_end end) noexcept
        : whole_{whole},
          list_{std::move(list)},
          origin_{origin},
          manner_{std::move(manner)},
          end_{end},
          next_{list_.first()},
          oldest_{next_} {}
    batch_run(batch_run const&) = delete;
    batch_run& operator=(batch_run const&) = delete;
    ~batch_run() override { end_.destroy_state(); }
    static void* operator new(std::size_t bytes) { return block_pool::take(bytes); }
    static void operator delete(void* at, std::size_t bytes) noexcept { block_pool::give_back(at, bytes); }

    // Inline here already: else each object file that sees its definition would hold the vtable.
    inline void start(backend& backend) override;
    /// Ends a batch that has not begun.
    inline void fail_all(error const& why) noexcept override;
    void allow_time(engine::duration left) noexcept override { origin_.timeout = left; }

    static void complete(engine::call& base);
    static void drop(engine::call& base) noexcept;
    static void note_return(engine::call& base) noexcept;
    static bool hold(engine::call& base) noexcept;

private:
    using part_state = batch_part::state;
    using slot_set = std::bitset<cluster::slot_count>;

    /// In `pending_`, which counts by twos: a call that settles has more to do than to count itself out.
    static constexpr std::uint64_t attention = 1;
    static constexpr std::uint64_t single = 2;

    static batch_run& of(engine::call& base) noexcept {
        return *static_cast<batch_run*>(part_link::of(base).run);
    }

    void settled(batch_part& part);
    /// More begin when half of them have settled, so that they share writes.
    bool has_room() const noexcept { return under_way_ <= manner_.window / 2; }
    bool tells_progress() const noexcept { return manner_.progress && settled_ - told_ > manner_.window / 4; }
    bool changes_something(batch_part const& part) noexcept;
    void note_held(batch_part const& part) noexcept {
        ++held_;
        held_slots_.set(part.slot.slot().value() % held_slots_.size());
    }
    std::size_t calls_max() const noexcept;
    void end_operation();
    void begin_more();
    void drop_held(batch_part& dropped) noexcept;
    bool keep(batch_part& part, engine::call& call) noexcept;
    engine::call_list collect() noexcept;
    void release_held(slot_set& unsettled, slot_set& retried, engine::call_list& ready) noexcept;
    void begin(batch_part& part, engine::call_list& ready) noexcept;
    pooled_call* ready_call(batch_part& part) noexcept;
    void finish() noexcept;

    void release(pooled_call& call) noexcept;

    pooled_call& whole_;
    batch_list list_;
    batch_origin origin_;
    batch_manner const manner_;
    batch_end end_;
    backend* backend_ = nullptr;
    std::atomic<std::uint64_t> pending_{single | attention};
    std::atomic<bool> dropped_{false};
    batch_seats seats_;

    std::mutex mutex_;
    batch_part* next_;           ///< The first that has neither begun nor is held.
    batch_part* oldest_;         ///< All before it have settled.
    std::size_t under_way_ = 0;  ///< With those that are held. Exact while `attention` is set from the start.
    std::size_t held_ = 0;
    std::bitset<1024> held_slots_;  ///< Slots of those held, modulo its size; may name more.
    std::size_t settled_ = 0;
    std::size_t told_ = 0;        ///< Of the settled ones, by the progress callback.
    std::size_t split_into_ = 0;  ///< Parts that have come in from commands that were split.
    bool retrying_ = false;       ///< A command was sent again.
    bool starting_ = false;       ///< A thread begins calls.
    bool again_ = false;          ///< It has to look again.
};

// ---- From the beginning to the end --------------------------------------------------------------

inline void batch_run::start(backend& backend) {
    backend_ = &backend;
    if (whole_.token && !seats_.make(backend, static_cast<shared_token&>(*whole_.token), calls_max())) {
        whole_.kind->fail(whole_, error{errc::no_memory, delivery::not_sent});
        return backend.complete_later(whole_);
    }
    begin_more();
    if (pending_.fetch_sub(single, std::memory_order_acq_rel) / single != 1) return;
    if (dropped_.load(std::memory_order_relaxed)) return whole_.kind->drop(whole_);
    finish();
    backend.complete_later(whole_);
}

/// The most calls that may be under way at a time.
inline std::size_t batch_run::calls_max() const noexcept {
    std::size_t most = list_.size();
    for (batch_part* part = list_.first(); part && most < manner_.window; part = part->next)
        if (part->unusual) most += part->size;
    return std::min(most, manner_.window);
}

inline void batch_run::fail_all(error const& why) noexcept {
    for (batch_part* part = list_.first(); part; part = part->next)
        part->kind->store_error(part->place, error{why});
    finish();
}

/// Stores the outcome of the operation, which may take over the list.
inline void batch_run::finish() noexcept {
    for (batch_part* part = split_into_ ? list_.first() : nullptr; part; part = part->next)
        if (part->unusual) part->unusual->join();
    end_.finish(end_.state, list_, whole_);
    end_.destroy_state();
}

/// A part has its result. The batch may be gone afterwards.
inline void batch_run::settled(batch_part& part) {
    part.is.store(part_state::settled, std::memory_order_relaxed);
    std::uint64_t seen = pending_.load(std::memory_order_relaxed);
    while ((seen & attention) == 0) {
        if (!pending_.compare_exchange_weak(seen, seen - single, std::memory_order_acq_rel,
                                            std::memory_order_relaxed))
            continue;
        if (seen != single) return;
        return end_operation();
    }
    if (changes_something(part)) begin_more();
    if (pending_.fetch_sub(single, std::memory_order_acq_rel) / single == 1) end_operation();
}
/// Counts a settled part. True when others may begin because of it.
inline bool batch_run::changes_something(batch_part const& part) noexcept {
    std::lock_guard const guard{mutex_};
    --under_way_;
    ++settled_;
    bool const releases = part.slot.is_one() && held_slots_[part.slot.slot().value() % held_slots_.size()];
    return releases || (next_ && has_room()) || tells_progress();
}
inline void batch_run::end_operation() {
    if (dropped_.load(std::memory_order_relaxed)) return whole_.kind->drop(whole_);
    finish();
    whole_.kind->complete(whole_);
}

/// Begins what may begin now. Precondition: the caller is counted in `pending_`.
inline void batch_run::begin_more() {
    std::unique_lock lock{mutex_};
    if (std::exchange(starting_, true)) {
        again_ = true;
        return;
    }
    do {
        again_ = false;
        engine::call_list ready = collect();
        bool const tells = tells_progress();
        std::size_t const settled = tells ? told_ = settled_ : told_;
        lock.unlock();
        if (tells) {
            UMBEL_TRY { manner_.progress(settled, list_.size() + split_into_); }
            UMBEL_CATCH(...) {  // It must not stop the batch.
            }
        }
        while (engine::call* const call = ready.pop()) backend_->start(*call);
        lock.lock();
    } while (again_);
    starting_ = false;
    if (!next_ && held_ == 0 && !manner_.progress) pending_.fetch_and(~attention, std::memory_order_acq_rel);
}

// ---- Which calls begin --------------------------------------------------------------------------

/// Makes the calls that may begin now. Precondition: the mutex is held.
inline engine::call_list batch_run::collect() noexcept {
    engine::call_list ready;
    if (dropped_.load(std::memory_order_relaxed)) return ready;
    std::size_t const before = under_way_;
    if (!retrying_ && !manner_.strict) [[likely]] {
        bool const room = has_room();
        while (room && next_ && under_way_ < manner_.window) begin(*std::exchange(next_, next_->next), ready);
    } else {
        slot_set unsettled, retried;
        release_held(unsettled, retried, ready);
        slot_set& blocked = manner_.strict ? unsettled : retried;
        bool const room = has_room();
        while (room && next_ && under_way_ < manner_.window) {
            batch_part& part = *std::exchange(next_, next_->next);
            if (part.unusual) part.slot = part.unusual->slot(origin_);
            if (part.slot.is_one() && blocked[part.slot.slot().value()]) {
                part.is.store(part_state::held, std::memory_order_relaxed);
                note_held(part), ++under_way_;
                continue;
            }
            begin(part, ready);
            if (manner_.strict && part.slot.is_one() &&
                part.is.load(std::memory_order_relaxed) != part_state::settled)
                blocked.set(part.slot.slot().value());
        }
    }
    pending_.fetch_add((under_way_ - before) * single, std::memory_order_relaxed);
    return ready;
}

/// Releases those held whose predecessors have settled, and notes the slots of all that have not, and of
/// those behind which no new command may begin.
inline void batch_run::release_held(slot_set& unsettled, slot_set& retried,
                                    engine::call_list& ready) noexcept {
    while (oldest_ != next_ && oldest_->is.load(std::memory_order_relaxed) == part_state::settled)
        oldest_ = oldest_->next;
    held_slots_.reset();
    for (batch_part* part = oldest_; part != next_; part = part->next) {
        part_state const is = part->is.load(std::memory_order_relaxed);
        if (is == part_state::settled || !part->slot.is_one()) continue;
        std::size_t const slot = part->slot.slot().value();
        if (is == part_state::held && !unsettled[slot]) {
            --held_;
            --under_way_;
            if (part->call) {
                part->is.store(part_state::under_way, std::memory_order_relaxed);
                ++under_way_;
                ready.push(*std::exchange(part->call, nullptr));
            } else {
                begin(*part, ready);
            }
            if (part->is.load(std::memory_order_relaxed) == part_state::settled) continue;
            // Those behind it may go with it, in order, unless the order is strict.
            if (manner_.strict) unsettled.set(slot);
        } else {
            unsettled.set(slot);
        }
        if (part->again || is == part_state::held) retried.set(slot);
        if (part->is.load(std::memory_order_relaxed) == part_state::held)
            held_slots_.set(slot % held_slots_.size());
    }
}

/// Makes the call of a part, or settles the part. Precondition: the mutex is held.
UMBEL_ALWAYS_INLINE void batch_run::begin(batch_part& part, engine::call_list& ready) noexcept {
    pooled_call* const call = ready_call(part);
    if (!call) {
        part.is.store(part_state::settled, std::memory_order_relaxed);
        ++settled_;
        return;
    }
    part.is.store(part_state::under_way, std::memory_order_relaxed);
    ++under_way_;
    ready.push(*call);
}

/// A call for the part; null when the part has its error.
UMBEL_ALWAYS_INLINE pooled_call* batch_run::ready_call(batch_part& part) noexcept {
    auto const refuse = [&](error&& why) -> pooled_call* {
        part.kind->store_error(part.place, std::move(why));
        return nullptr;
    };
    if (whole_.token && whole_.token->wanted.load(std::memory_order_relaxed)) [[unlikely]]
        return refuse(error{errc::cancelled, delivery::not_sent});
    pooled_call* call = pool::take_recycled();
    if (!call && !try_alloc([&] { call = pool::take(*origin_.owner); })) [[unlikely]]
        return refuse(error{errc::no_memory, delivery::not_sent});
    call->owner = origin_.owner;
    call->generation = origin_.generation;
    call->reads = origin_.reads;
    call->timeout = origin_.timeout;
    call->link.context = whole_.link.context;
    call->kind = &part.kind->call;
    ::new (static_cast<void*>(call->handler_space)) part_link{this, &part};
    if (!part.unusual) [[likely]] {
        call->bytes = part.bytes;
        call->size = part.size;
        call->slot = part.slot;
        call->flags = part.flags;
        if (part.longest > origin_.argument_bytes_max) [[unlikely]] {
            pool::recycle(call);
            return refuse(error{errc::bad_argument, delivery::not_sent,
                                "an argument is longer than options.argument_bytes_max"});
        }
    } else {
        filled const how = fill_unusual(list_, part, *call, origin_);
        if (how == filled::refused) pool::recycle(call);
        if (how == filled::split) {
            for (batch_part* more = part.next; more != next_; more = more->next) ++split_into_;
            next_ = part.next;
        }
        if (how != filled::ready) return nullptr;
        part.slot = call->slot;
    }
    if (whole_.token) [[unlikely]] {
        seats_.seat(*call);
    }
    return call;
}

// ---- How calls leave ----------------------------------------------------------------------------

inline void batch_run::complete(engine::call& base) {
    batch_run& self = of(base);
    batch_part& part = *part_link::of(base).part;
    self.release(static_cast<pooled_call&>(base));
    self.settled(part);
}

/// Gives a call back that has no result of its own.
UMBEL_ALWAYS_INLINE void batch_run::release(pooled_call& call) noexcept {
    if (call.token) [[unlikely]] {
        std::lock_guard const guard{mutex_};
        seats_.vacate(call);
    }
    pool::recycle(&call);
}

/// The executors are going away: no other part begins, and the operation is dropped with the last.
inline void batch_run::drop(engine::call& base) noexcept {
    batch_run& self = of(base);
    batch_part& part = *part_link::of(base).part;
    self.release(static_cast<pooled_call&>(base));
    self.drop_held(part);
    if (self.pending_.fetch_sub(single, std::memory_order_acq_rel) / single == 1)
        self.whole_.kind->drop(self.whole_);
}
inline void batch_run::drop_held(batch_part& dropped) noexcept {
    engine::call_list calls;
    {
        std::lock_guard const guard{mutex_};
        dropped.is.store(part_state::settled, std::memory_order_relaxed);
        dropped_.store(true, std::memory_order_relaxed);
        for (batch_part* part = oldest_; held_ != 0 && part != next_; part = part->next) {
            if (part->is.load(std::memory_order_relaxed) != part_state::held) continue;
            part->is.store(part_state::settled, std::memory_order_relaxed);
            if (part->call) calls.push(*std::exchange(part->call, nullptr));
            --held_;
            pending_.fetch_sub(single, std::memory_order_relaxed);
        }
        next_ = nullptr;
    }
    while (engine::call* const call = calls.pop()) release(static_cast<pooled_call&>(*call));
}

/// From now on no new command of the slot begins until this one has settled.
inline void batch_run::note_return(engine::call& base) noexcept {
    batch_run& self = of(base);
    std::lock_guard const guard{self.mutex_};
    part_link::of(base).part->again = self.retrying_ = true;
}

inline bool batch_run::hold(engine::call& base) noexcept {
    return of(base).keep(*part_link::of(base).part, base);
}
/// Keeps a call that would be sent again while an earlier command of its slot has not settled.
inline bool batch_run::keep(batch_part& part, engine::call& call) noexcept {
    if (!part.slot.is_one()) return false;
    std::lock_guard const guard{mutex_};
    // A part that counts itself out afterwards sees the bit; the part that did so before is seen as settled.
    pending_.fetch_or(attention, std::memory_order_acq_rel);
    if (dropped_.load(std::memory_order_relaxed)) return false;
    for (batch_part* earlier = oldest_; earlier != &part; earlier = earlier->next) {
        if (earlier->slot != part.slot || earlier->is.load(std::memory_order_relaxed) == part_state::settled)
            continue;
        call.form.asking = false;
        part.call = &static_cast<pooled_call&>(call);
        part.is.store(part_state::held, std::memory_order_relaxed);
        note_held(part);
        return true;
    }
    return false;
}

}  // namespace umbel::async
