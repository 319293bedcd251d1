// chunk.hpp: the reference-counted memory that replies are read into, and the bound on how much of it users
// may hold. It knows neither replies nor connections.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/pages.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace umbel::resp {

namespace detail {

/// Gives back what ::operator new returned for `bytes`. Clang before 19 has the sized form only when an
/// option asks for it.
inline void delete_sized(void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__cpp_sized_deallocation)
    ::operator delete(memory, bytes);
#else
    ::operator delete(memory);
#endif
}

}  // namespace detail

/// Counts the bytes of chunks that user values hold, against a bound. Whole chunks are charged, once, however
/// many values stand in them. A large value that fills its chunk may be held beyond the bound: a copy would
/// take as much. Threading: every member from any thread. Lifetime: each chunk keeps its budget alive.
class pin_budget {
public:
    /// Units: bytes.
    explicit pin_budget(std::uint64_t limit_bytes) noexcept : limit_{limit_bytes} {}

    std::uint64_t limit() const noexcept { return limit_; }
    /// Bytes held at this moment.
    std::uint64_t pinned() const noexcept { return pinned_.load(std::memory_order_relaxed); }

    /// Takes `bytes` if the bound allows it.
    bool try_charge(std::uint64_t bytes) noexcept {
        std::uint64_t held = pinned_.load(std::memory_order_relaxed);
        do {
            if (bytes > limit_ || held > limit_ - bytes) return false;
        } while (!pinned_.compare_exchange_weak(held, held + bytes, std::memory_order_relaxed));
        return true;
    }
    /// Takes `bytes`, bound or not.
    void charge(std::uint64_t bytes) noexcept { pinned_.fetch_add(bytes, std::memory_order_relaxed); }
    void release(std::uint64_t bytes) noexcept { pinned_.fetch_sub(bytes, std::memory_order_relaxed); }

private:
    std::uint64_t const limit_;
    std::atomic<std::uint64_t> pinned_{0};
};

/// Memory with a header in front of it. A reader owns a chunk through chunk_ref; user values hold it through
/// pin. The two are counted apart: so the reader knows when no user value looks at the bytes, and the budget
/// is charged for user values only.
///
/// An ordinary chunk is one allocation. A large chunk is for bytes that are announced and may never come: its
/// addresses are reserved, and open() turns them into memory as the bytes arrive. Where the system cannot
/// reserve addresses at no cost, the chunk is as large as the bytes that have arrived justify, and grow()
/// moves it. Threading: pins may be copied and released from any thread. Only the reader's thread may take
/// the first pin of a chunk, and call open(), grow(), end() and grows().
class chunk {
public:
    /// The most bytes that are made accessible, or allocated, beyond those that have arrived. A chunk that
    /// can only grow doubles instead.
    static constexpr std::size_t ahead_bytes_max = std::size_t{64} * 1024;

    /// Errors: throws std::bad_alloc. Cost: one allocation of which only the header is touched.
    static chunk* create(std::size_t capacity, std::shared_ptr<pin_budget> budget) {
        void* const memory = ::operator new(sizeof(chunk) + capacity);
        return ::new (memory) chunk{kind::ordinary, capacity, capacity, {}, std::move(budget)};
    }

    /// A chunk for `capacity` bytes, of which `have` have arrived: at least so many and one more are
    /// accessible, or its capacity is less. Errors: throws std::bad_alloc. Precondition: have < capacity.
    static chunk* create_large(std::size_t capacity, std::size_t have, std::shared_ptr<pin_budget> budget) {
        UMBEL_ASSERT(have < capacity);
        if (page_run run = page_store::shared().take(sizeof(chunk) + capacity)) {
            if (pages::open(run, opened_for(run, have))) {
                std::size_t const open = std::min(capacity, run.accessible - sizeof(chunk));
                return ::new (static_cast<void*>(run.data))
                    chunk{kind::reserved, capacity, open, run, std::move(budget)};
            }
            pages::release(run);
        }
        std::size_t const first = grown_size(capacity, have);
        void* const memory = std::malloc(sizeof(chunk) + first);
        if (!memory) throw_bad_alloc();
        return ::new (memory) chunk{kind::grown, first, first, {}, std::move(budget)};
    }

    chunk(chunk const&) = delete;
    chunk& operator=(chunk const&) = delete;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    /// Where accessible memory ends.
    char* end() noexcept { return data() + open_; }
    /// Where the chunk ends.
    char* limit() noexcept { return data() + capacity_; }
    std::size_t capacity() const noexcept { return capacity_; }
    /// Bytes of it that are memory.
    std::size_t accessible() const noexcept { return open_; }

    /// True when open() can make more of it accessible.
    bool is_opening() const noexcept { return open_ != capacity_; }
    /// Makes more of the chunk accessible: the bytes up to `tail` have been read, and `waiting` more have
    /// arrived at the socket. False: memory has run out, and nothing has changed. Cost: nothing while half of
    /// what may stand ahead is left.
    bool open(char const* tail, std::size_t waiting) noexcept {
        std::size_t const have = static_cast<std::size_t>(tail - data());
        std::size_t const arrived = have + std::min(waiting, capacity_ - have);
        if (open_ >= arrived + ahead(have) / 2) return true;
        if (!pages::open(run_, opened_for(run_, arrived))) return open_ != have;
        open_ = std::min(capacity_, run_.accessible - sizeof(chunk));
        return true;
    }

    /// True when the chunk has less room than was announced, so that grow() may be needed.
    bool grows() const noexcept { return kind_ == kind::grown; }
    /// True when no user value holds the chunk or is about to let go of it.
    bool is_readers_alone() const noexcept { return owners_.load(std::memory_order_acquire) == 1; }
    /// Returns the chunk enlarged, perhaps at another address: `have` bytes have arrived, and `capacity`
    /// bytes will suffice. Takes over the only share of `old`. Precondition: grows(), is_readers_alone(),
    /// have < capacity. Errors: throws std::bad_alloc, and then nothing has changed.
    static chunk* grow(chunk* old, std::size_t capacity, std::size_t have) {
        UMBEL_ASSERT(old->grows());
        UMBEL_ASSERT(old->is_readers_alone());
        UMBEL_ASSERT(have < capacity);
        std::size_t const before = old->capacity_, wider = std::max(before, grown_size(capacity, have));
        std::shared_ptr<pin_budget> budget = old->budget_;
        old->~chunk();
        void* const moved = std::realloc(static_cast<void*>(old), sizeof(chunk) + wider);
        std::size_t const now = moved ? wider : before;
        chunk* const same = ::new (moved ? moved : static_cast<void*>(old))
            chunk{kind::grown, now, now, {}, std::move(budget)};
        if (!moved) throw_bad_alloc();
        return same;
    }

    /// True while a user value holds the chunk. False is final until the reader's thread pins again: then the
    /// bytes may be overwritten.
    bool pinned() const noexcept { return pins_.load(std::memory_order_acquire) != 0; }

    void acquire() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
    }

    /// Adds a pin, unless it would be the first and the budget does not allow it.
    bool try_pin() noexcept {
        if (pins_.fetch_add(1, std::memory_order_relaxed) != 0) return true;
        if (budget_ && !budget_->try_charge(capacity_)) {
            pins_.fetch_sub(1, std::memory_order_relaxed);
            return false;
        }
        acquire();
        return true;
    }
    /// Adds a pin in any case; the budget is charged all the same.
    void pin_beyond_budget() noexcept {
        if (pins_.fetch_add(1, std::memory_order_relaxed) != 0) return;
        if (budget_) budget_->charge(capacity_);
        acquire();
    }
    /// Precondition: the caller holds a pin.
    void add_pin() noexcept { pins_.fetch_add(1, std::memory_order_relaxed); }
    void drop_pin() noexcept {
        if (pins_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        // From here on the reader may take a new first pin, which charges the budget anew. So this pin gives
        // its charge back in any case.
        if (budget_) budget_->release(capacity_);
        release();
    }

private:
    enum class kind : std::uint8_t { ordinary, reserved, grown };

    chunk(kind what, std::size_t capacity, std::size_t open, page_run run,
          std::shared_ptr<pin_budget> budget) noexcept
        : budget_{std::move(budget)}, capacity_{capacity}, open_{open}, run_{run}, kind_{what} {}
    ~chunk() = default;

    /// How many bytes may be accessible ahead of those that have arrived: a peer that has sent little gets
    /// little.
    static std::size_t ahead(std::size_t have) noexcept {
        return std::clamp(have, ahead_bytes_max / 4, ahead_bytes_max);
    }
    static std::size_t opened_for(page_run const& run, std::size_t have) noexcept {
        std::size_t const page = pages::page_bytes();
        std::size_t const least = (sizeof(chunk) + have) / page + 1;
        return std::min(run.reserved, std::max(least, (sizeof(chunk) + have + ahead(have)) / page) * page);
    }
    static std::size_t grown_size(std::size_t capacity, std::size_t have) noexcept {
        return std::min(capacity, have + std::max(have, ahead_bytes_max));
    }

    UMBEL_NEVER_INLINE void destroy() noexcept {
        std::size_t const bytes = sizeof(chunk) + capacity_;
        kind const what = kind_;
        page_run const run = run_;
        this->~chunk();
        void* const memory = static_cast<void*>(this);
        switch (what) {
            case kind::ordinary: return detail::delete_sized(memory, bytes);
            case kind::reserved: return page_store::shared().give(run);
            case kind::grown: return std::free(memory);
        }
    }

    std::atomic<std::uint32_t> owners_{1};
    std::atomic<std::uint32_t> pins_{0};
    std::shared_ptr<pin_budget> const budget_;
    std::size_t const capacity_;
    std::size_t open_;  // Bytes that are accessible. Only the reader may touch it while is_opening().
    page_run run_;      // Of a reserved chunk, its header included.
    kind const kind_;
};

/// Owns a share of a chunk as its reader does.
class chunk_ref {
public:
    chunk_ref() noexcept = default;
    /// Takes over the share that chunk::create() returned.
    explicit chunk_ref(chunk* owned) noexcept : chunk_{owned} {}
    chunk_ref(chunk_ref&& other) noexcept : chunk_{std::exchange(other.chunk_, nullptr)} {}
    chunk_ref(chunk_ref const& other) noexcept : chunk_{other.chunk_} {
        if (chunk_) chunk_->acquire();
    }
    chunk_ref& operator=(chunk_ref other) noexcept {
        std::swap(chunk_, other.chunk_);
        return *this;
    }
    ~chunk_ref() {
        if (chunk_) chunk_->release();
    }

    chunk* get() const noexcept { return chunk_; }
    chunk* operator->() const noexcept { return chunk_; }
    explicit operator bool() const noexcept { return chunk_ != nullptr; }
    /// Moves a chunk that grows(). Precondition and errors: those of chunk::grow().
    void grow(std::size_t capacity, std::size_t have) { chunk_ = chunk::grow(chunk_, capacity, have); }

private:
    chunk* chunk_ = nullptr;
};

/// Holds a chunk for a user value. Copies share; any thread may release.
class pin {
public:
    pin() noexcept = default;
    pin(pin&& other) noexcept : chunk_{std::exchange(other.chunk_, nullptr)} {}
    pin(pin const& other) noexcept : chunk_{other.chunk_} {
        if (chunk_) chunk_->add_pin();
    }
    pin& operator=(pin other) noexcept {
        std::swap(chunk_, other.chunk_);
        return *this;
    }
    ~pin() {
        if (chunk_) chunk_->drop_pin();
    }

    /// Pins `source`; empty when the budget does not allow it or there is no source.
    static pin of(chunk* source) noexcept {
        pin held;
        if (source && source->try_pin()) held.chunk_ = source;
        return held;
    }
    /// Pins `source`, budget or not. Precondition: source != nullptr.
    static pin beyond_budget(chunk* source) noexcept {
        UMBEL_ASSERT(source != nullptr);
        source->pin_beyond_budget();
        return adopt(source);
    }
    /// Pins a fresh chunk of its own, charged to nobody. Errors: throws std::bad_alloc.
    static pin alone(std::size_t capacity) {
        chunk_ref const fresh{chunk::create(capacity, nullptr)};
        return of(fresh.get());
    }

    chunk* get() const noexcept { return chunk_; }
    explicit operator bool() const noexcept { return chunk_ != nullptr; }
    /// Gives up the chunk without dropping the pin; adopt() takes it back.
    chunk* detach() noexcept { return std::exchange(chunk_, nullptr); }
    static pin adopt(chunk* pinned) noexcept {
        pin held;
        held.chunk_ = pinned;
        return held;
    }

private:
    chunk* chunk_ = nullptr;
};

}  // namespace umbel::resp
