// block_pool.hpp: memory of batches and of results too large for a call: blocks that are used again, in
// bounded lists, one a size and thread. It knows nothing of what stands in them.
#pragma once

#include <umbel/config.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace umbel::async::block_pool {

inline constexpr std::size_t smallest_bytes = 1024;
inline constexpr unsigned sizes = 7;
inline constexpr std::size_t largest_bytes = smallest_bytes << (sizes - 1);
/// What one list keeps.
inline constexpr std::size_t kept_bytes_max = 256 * 1024;
inline constexpr std::size_t alignment = 64;

struct block {
    block* next;
};
struct block_list {
    block* head;
    std::size_t count;
};
/// The lists of one thread. Trivially destructible, as pool::local: the caretaker empties them when the
/// thread ends.
struct local_lists {
    block_list of_size[sizes];
    bool watched;
    bool ended;
};
inline constinit thread_local local_lists local{};

/// The number of a size: blocks of number n have smallest_bytes << n bytes.
constexpr unsigned size_number(std::size_t bytes) noexcept {
    return static_cast<unsigned>(std::bit_width((bytes - (bytes != 0)) / smallest_bytes));
}
constexpr std::size_t bytes_of(unsigned number) noexcept { return smallest_bytes << number; }

inline void free_block(void* at) noexcept { ::operator delete(at, std::align_val_t{alignment}); }

/// Frees the blocks of a thread when the thread ends.
struct caretaker {
    caretaker() noexcept = default;
    caretaker(caretaker const&) = delete;
    caretaker& operator=(caretaker const&) = delete;
    ~caretaker() {
        local.ended = true;
        for (block_list& list : local.of_size)
            while (block* const first = list.head) {
                list.head = first->next;
                free_block(first);
            }
    }
};

/// A block of at least so many bytes. Errors: throws std::bad_alloc.
UMBEL_NEVER_INLINE inline void* take(std::size_t bytes) {
    unsigned const number = size_number(bytes);
    if (number >= sizes) return ::operator new(bytes, std::align_val_t{alignment});
    block_list& list = local.of_size[number];
    block* const first = list.head;
    if (!first) return ::operator new(bytes_of(number), std::align_val_t{alignment});
    list.head = first->next;
    --list.count;
    return first;
}
/// Takes a block back. `bytes`: as many as were asked for. Threading: any; the block stays with this thread.
UMBEL_NEVER_INLINE inline void give_back(void* at, std::size_t bytes) noexcept {
    unsigned const number = size_number(bytes);
    if (!at) return;
    if (number >= sizes || local.ended) return free_block(at);
    block_list& list = local.of_size[number];
    if (list.count >= kept_bytes_max / bytes_of(number)) return free_block(at);
    if (!std::exchange(local.watched, true)) {
        static thread_local caretaker watching;
        static_cast<void>(&watching);
    }
    list.head = ::new (at) block{list.head};
    ++list.count;
}

}  // namespace umbel::async::block_pool
