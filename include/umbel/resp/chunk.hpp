// chunk.hpp: the reference-counted memory that replies are read into, and the bound on how much of it users may hold.
// It knows neither replies nor connections.
#pragma once

#include <umbel/config.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace umbel::resp {

/// Counts the bytes of chunks that user values hold, against a bound. Whole chunks are charged, once, however many values stand in them.
/// A large value that fills its chunk may be held beyond the bound: a copy would take as much.
/// Threading: every member from any thread. Lifetime: each chunk keeps its budget alive.
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

/// Memory with a header in front of it, one allocation. A reader owns a chunk through chunk_ref; user values hold it through pin.
/// Both counts are apart, so that the reader sees when nobody else looks at the bytes, and the budget is charged for users only.
/// Threading: pins may be copied and released from any thread; the first pin of a chunk is taken on the reader's.
class chunk {
public:
    /// Errors: throws std::bad_alloc. Cost: one allocation of which only the header is touched.
    static chunk* create(std::size_t capacity, std::shared_ptr<pin_budget> budget) {
        void* const memory = ::operator new(sizeof(chunk) + capacity);
        return ::new (memory) chunk{capacity, std::move(budget)};
    }

    chunk(chunk const&) = delete;
    chunk& operator=(chunk const&) = delete;

    char* data() noexcept { return reinterpret_cast<char*>(this + 1); }
    char* end() noexcept { return data() + capacity_; }
    std::size_t capacity() const noexcept { return capacity_; }

    /// True while a user value holds the chunk. False is final until the reader's thread pins again: then the bytes may be overwritten.
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
        // The reader may pin anew from here on; it charges anew, so what this pin was charged for is given back whatever happens.
        if (budget_) budget_->release(capacity_);
        release();
    }

private:
    chunk(std::size_t capacity, std::shared_ptr<pin_budget> budget) noexcept : budget_{std::move(budget)}, capacity_{capacity} {}
    ~chunk() = default;

    UMBEL_NEVER_INLINE void destroy() noexcept {
        std::size_t const bytes = sizeof(chunk) + capacity_;
        this->~chunk();
        ::operator delete(static_cast<void*>(this), bytes);
    }

    std::atomic<std::uint32_t> owners_{1};
    std::atomic<std::uint32_t> pins_{0};
    std::shared_ptr<pin_budget> const budget_;
    std::size_t const capacity_;
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
