// try_alloc.hpp: steps that may run out of memory while Asio is involved, and handlers that notice when Asio
// drops them. Unlike engine::try_alloc it marks the thread meanwhile, so that such handlers keep quiet. It
// knows neither connections nor calls.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/engine/try_alloc.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace umbel::async {

/// True while a step of try_alloc() runs on this thread.
inline constinit thread_local bool within_try_alloc = false;

/// Runs `step`, which may throw only std::bad_alloc; returns false if it did. Must not call handlers of
/// users.
template <class Step>
bool try_alloc(Step&& step) noexcept {
    struct scope {
        bool const before = std::exchange(within_try_alloc, true);
        ~scope() { within_try_alloc = before; }
    } const inside;
    UMBEL_TRY {
        std::forward<Step>(step)();
        return true;
    }
    UMBEL_CATCH(...) {
        return false;
    }
}
/// As try_alloc(), with one more attempt.
template <class Step>
bool retry_alloc(Step&& step) noexcept {
    return try_alloc(step) || try_alloc(step);
}

/// The text of an error; empty if there is no memory for it.
inline std::string text_of(error_code problem) noexcept {
    std::string text;
    static_cast<void>(try_alloc([&] { text = problem.message(); }));
    return text;
}

/// Memory for one pending handler, kept inside the handler's owner so that Asio asks no allocator. If it is
/// taken or too small, the heap serves. Threading: any; a handler may end on another thread than it began on.
class handler_memory {
public:
    static constexpr std::size_t size = 320;

    handler_memory() noexcept = default;
    handler_memory(handler_memory const&) = delete;
    handler_memory& operator=(handler_memory const&) = delete;

    void* allocate(std::size_t bytes) {
        if (bytes <= size && !taken_.exchange(true, std::memory_order_acquire)) return space_;
        return ::operator new(bytes);
    }
    void deallocate(void* what) noexcept {
        if (what != static_cast<void*>(space_)) return ::operator delete(what);
        taken_.store(false, std::memory_order_release);
    }

private:
    std::atomic<bool> taken_{false};
    alignas(std::max_align_t) std::byte space_[size];
};

/// The allocator that Asio finds associated with a handler.
template <class Value>
class handler_allocator {
public:
    using value_type = Value;
    explicit handler_allocator(handler_memory& from) noexcept : from_{&from} {}
    template <class Other>
    handler_allocator(handler_allocator<Other> const& other) noexcept : from_{other.from_} {}

    Value* allocate(std::size_t count) { return static_cast<Value*>(from_->allocate(count * sizeof(Value))); }
    void deallocate(Value* what, std::size_t) noexcept { from_->deallocate(what); }
    template <class Other>
    bool operator==(handler_allocator<Other> const& other) const noexcept {
        return from_ == other.from_;
    }

private:
    template <class>
    friend class handler_allocator;
    handler_memory* from_;
};

/// An Asio handler that calls `Lose` on its owner if Asio destroys it uncalled, as Asio does where it has no
/// memory to call it. `Call` and `Lose` are member functions of `Owner`. If an operation could not even
/// begin, only the result of try_alloc() says so. Lifetime: `keep_alive` holds the owner, and with it the
/// memory.
template <class Owner, auto Call, auto Lose>
class drop_aware_handler {
public:
    using allocator_type = handler_allocator<std::byte>;

    drop_aware_handler(Owner& owner, handler_memory& memory, std::shared_ptr<void> keep_alive,
                       std::shared_ptr<void> other = {}) noexcept
        : keep_{std::move(keep_alive)}, also_{std::move(other)}, owner_{&owner}, memory_{&memory} {}
    drop_aware_handler(drop_aware_handler&& other) noexcept
        : keep_{std::move(other.keep_)},
          also_{std::move(other.also_)},
          owner_{std::exchange(other.owner_, nullptr)},
          memory_{other.memory_} {}
    ~drop_aware_handler() {
        if (owner_ && !within_try_alloc) (owner_->*Lose)();
    }
    template <class... Told>
    void operator()(Told&&... told) {
        (std::exchange(owner_, nullptr)->*Call)(std::forward<Told>(told)...);
    }
    allocator_type get_allocator() const noexcept { return allocator_type{*memory_}; }

private:
    std::shared_ptr<void> keep_;
    std::shared_ptr<void> also_;
    Owner* owner_;
    handler_memory* memory_;
};

}  // namespace umbel::async
