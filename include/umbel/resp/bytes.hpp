// bytes.hpp: a run of bytes that a user keeps: short ones inside, others where they were received, or copied.
// It knows nothing of replies; reply.hpp decides what is pinned.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/chunk.hpp>
#include <umbel/resp/copy.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::resp {

/// Immutable bytes with shared ownership, 32 bytes large. Up to 24 bytes stand inside; more stand in the
/// chunk they were received in, which is pinned, or in a copy. Copies share and never allocate. Lifetime:
/// view() is valid while this object lives and is not assigned to; short bytes move with the object. Outlives
/// the client. Threading: copies may be used and released from any thread.
class bytes {
public:
    static constexpr std::size_t inside_max = 24;

    bytes() noexcept : size_{0}, outside_{false}, inside_{} {}
    /// Copies `text`. Errors: throws std::bad_alloc beyond 24 bytes.
    explicit bytes(std::string_view text) : bytes{} {
        if (text.size() <= inside_max) {
            put_inside(text);
            return;
        }
        pin copy = pin::alone(text.size());
        char* const data = copy.get()->data();
        std::memcpy(data, text.data(), text.size());
        put_outside({data, text.size()}, std::move(copy));
    }
    /// Shares `text`, which stands in the chunk that `held` pins. Precondition: `held` is not empty.
    bytes(std::string_view text, pin held) noexcept : bytes{} {
        UMBEL_ASSERT(held);
        if (text.size() <= inside_max) {
            put_inside(text);
        } else {
            put_outside(text, std::move(held));
        }
    }

    bytes(bytes const& other) noexcept : bytes{} {
        copy_words(other);
        if (outside_) outer_.chunk->add_pin();
    }
    bytes(bytes&& other) noexcept : bytes{} {
        copy_words(other);
        other.size_ = 0;
        other.outside_ = false;
    }
    bytes& operator=(bytes other) noexcept {
        swap(*this, other);
        return *this;
    }
    ~bytes() {
        if (outside_) outer_.chunk->drop_pin();
    }

    char const* data() const noexcept { return outside_ ? outer_.data : inside_; }
    std::size_t size() const noexcept { return static_cast<std::size_t>(size_); }
    bool empty() const noexcept { return size_ == 0; }
    std::string_view view() const noexcept { return {data(), size()}; }
    std::string str() const { return std::string{view()}; }

    char const* begin() const noexcept { return data(); }
    char const* end() const noexcept { return data() + size(); }

    /// The chunk the bytes stand in; null for short bytes, which stand inside.
    chunk* source() const noexcept { return outside_ ? outer_.chunk : nullptr; }

    friend void swap(bytes& left, bytes& right) noexcept {
        bytes held;
        held.copy_words(left);
        left.copy_words(right);
        right.copy_words(held);
        held.outside_ = false;
    }
    friend bool operator==(bytes const& left, bytes const& right) noexcept {
        return left.view() == right.view();
    }
    friend bool operator==(bytes const& left, std::string_view right) noexcept {
        return left.view() == right;
    }
    friend auto operator<=>(bytes const& left, bytes const& right) noexcept {
        return left.view() <=> right.view();
    }
    friend auto operator<=>(bytes const& left, std::string_view right) noexcept {
        return left.view() <=> right;
    }
    friend std::ostream& operator<<(std::ostream& out, bytes const& value) { return out << value.view(); }

private:
    struct outer {
        char const* data;
        resp::chunk* chunk;
    };

    void put_inside(std::string_view text) noexcept {
        size_ = text.size() & (UINT64_MAX >> 1);
        copy_text(inside_, text.data(), text.size());
    }
    void put_outside(std::string_view text, pin held) noexcept {
        size_ = text.size() & (UINT64_MAX >> 1);
        outside_ = true;
        outer_ = {text.data(), held.detach()};
    }
    void copy_words(bytes const& other) noexcept {
        size_ = other.size_;
        outside_ = other.outside_;
        std::memcpy(inside_, other.inside_, sizeof inside_);
    }

    std::uint64_t size_ : 63;
    std::uint64_t outside_ : 1;
    union {
        outer outer_;
        char inside_[inside_max];
    };
};
static_assert(sizeof(bytes) == 32);

}  // namespace umbel::resp

namespace umbel {
using resp::bytes;
}  // namespace umbel

template <>
struct std::hash<umbel::resp::bytes> {
    std::size_t operator()(umbel::resp::bytes const& value) const noexcept {
        return std::hash<std::string_view>{}(value.view());
    }
};
