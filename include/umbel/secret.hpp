// secret.hpp: texts that leave no trace in memory: passwords and tokens. It knows no protocol.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace umbel {

/// Overwrites memory, also where the compiler sees that nobody will read it.
inline void wipe(void* memory, std::size_t bytes) noexcept {
    auto* const at = static_cast<unsigned char volatile*>(memory);
    for (std::size_t i = 0; i < bytes; ++i) at[i] = 0;
}

/// Overwrites a text, and leaves it empty. What the text has given back to the heap before stays as it is.
inline void wipe(std::string& text) noexcept {
    text.resize(text.capacity());  // Within its memory: this does not throw.
    wipe(text.data(), text.size());
    text.clear();
}

/// As std::allocator, but memory is overwritten before it is given back.
template <class Value>
struct wiping_allocator {
    using value_type = Value;

    wiping_allocator() noexcept = default;
    template <class Other>
    wiping_allocator(wiping_allocator<Other> const&) noexcept {}

    Value* allocate(std::size_t count) { return std::allocator<Value>{}.allocate(count); }
    void deallocate(Value* memory, std::size_t count) noexcept {
        wipe(static_cast<void*>(memory), count * sizeof(Value));
        std::allocator<Value>{}.deallocate(memory, count);
    }
    friend bool operator==(wiping_allocator, wiping_allocator) noexcept { return true; }
};

/// Bytes that are overwritten before their memory is given back. They never stand in the object itself.
using wiped_bytes = std::vector<char, wiping_allocator<char>>;

/// A text that nobody else may read: its memory is overwritten before it is given back, and it is not
/// printed. It is made of any text, and copied and moved as one. Errors: throws std::bad_alloc.
class secret {
public:
    secret() noexcept = default;
    template <std::convertible_to<std::string_view> Text>
        requires(!std::same_as<Text, secret>)
    secret(Text const& text) : secret{std::string_view{text}, 0} {}

    bool empty() const noexcept { return bytes_.empty(); }
    std::size_t size() const noexcept { return bytes_.size(); }
    /// The text. Lifetime: until the secret is assigned to, moved or destroyed. Who copies it must wipe it.
    std::string_view view() const noexcept { return {bytes_.data(), bytes_.size()}; }

    /// Compares in a time that does not tell where the two differ.
    friend bool operator==(secret const& left, secret const& right) noexcept {
        if (left.size() != right.size()) return false;
        unsigned difference = 0;
        for (std::size_t i = 0; i < left.size(); ++i)
            difference |= static_cast<unsigned>(static_cast<unsigned char>(left.bytes_[i] ^ right.bytes_[i]));
        return difference == 0;
    }

private:
    secret(std::string_view text, int) : bytes_(text.begin(), text.end()) {}

    wiped_bytes bytes_;
};

/// Replaces `hidden` in `text` by asterisks, wherever it stands: a server may repeat in an error what it was
/// sent. Errors: throws std::bad_alloc.
inline std::string without(std::string_view text, secret const& hidden) {
    std::string shown;
    if (hidden.empty()) return shown.assign(text), shown;
    for (std::size_t at = 0; at < text.size();) {
        bool const found = text.substr(at).starts_with(hidden.view());
        shown.append(found ? std::string_view{"***"} : text.substr(at, 1));
        at += found ? hidden.size() : 1;
    }
    return shown;
}

}  // namespace umbel
