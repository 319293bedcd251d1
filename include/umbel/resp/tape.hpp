// tape.hpp: the reused flat store of a reply's values. It grows by what has arrived, never by what was
// announced.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/type.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace umbel::resp {

/// A vector of nodes that hands out its raw end, for the parser's inner loop.
class tape {
public:
    std::uint32_t size() const noexcept { return size_; }
    std::uint32_t capacity() const noexcept { return capacity_; }
    bool full() const noexcept { return size_ == capacity_; }
    node const* data() const noexcept { return nodes_.get(); }
    node* data() noexcept { return nodes_.get(); }
    node& operator[](std::uint32_t index) noexcept { return nodes_[index]; }
    /// Precondition: size() != 0.
    node& back() noexcept {
        UMBEL_ASSERT(size_ != 0);
        return nodes_[size_ - 1];
    }

    /// Precondition: not full().
    void push(node const& value) noexcept {
        UMBEL_ASSERT(!full());
        nodes_[size_++] = value;
    }
    /// Precondition: size <= capacity().
    void resize(std::uint32_t size) noexcept {
        UMBEL_ASSERT(size <= capacity_);
        size_ = size;
    }

    /// Doubles the room. Errors: throws std::bad_alloc and changes nothing.
    UMBEL_NEVER_INLINE void grow() {
        std::uint32_t const wider = capacity_ == 0 ? first_nodes : capacity_ * 2;
        auto fresh = std::make_unique_for_overwrite<node[]>(wider);
        if (size_ != 0) std::memcpy(fresh.get(), nodes_.get(), std::size_t{size_} * sizeof(node));
        nodes_ = std::move(fresh);
        capacity_ = wider;
    }

    /// Forgets the values; keeps the room unless an unusually large reply made it unusually large.
    void clear() noexcept {
        size_ = 0;
        if (capacity_ > kept_nodes) [[unlikely]] {
            nodes_.reset();
            capacity_ = 0;
        }
    }

private:
    static constexpr std::uint32_t first_nodes = 64;        // 1 KiB
    static constexpr std::uint32_t kept_nodes = 64 * 1024;  // 1 MiB

    std::unique_ptr<node[]> nodes_;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

}  // namespace umbel::resp
