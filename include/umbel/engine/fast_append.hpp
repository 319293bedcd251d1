// fast_append.hpp: where ordinary commands pass: room in the write that is being collected, measured
// beforehand, so that each of them asks for itself only. It knows no bounds and no connection.
#pragma once

#include <umbel/engine/call.hpp>
#include <umbel/resp/copy.hpp>

#include <bit>
#include <cstdint>

namespace umbel::engine {

/// A window for ordinary commands: room in a write buffer and in the in-flight queue, measured beforehand.
/// Their owners hear what was entered when the window is closed. Lifetime: the memory must stay until then.
class fast_append {
public:
    /// The most bytes of a command that is taken here.
    static constexpr std::size_t command_bytes_max = 4096;

    bool is_open() const noexcept { return begin_ != nullptr; }
    /// Opens the window: `size` bytes from `begin` on, where byte number `stream` of the connection will
    /// stand, and the places of the in-flight queue before `until`.
    void open(char* begin, std::size_t size, std::uint64_t stream, std::uint64_t until) noexcept {
        begin_ = at_ = begin;
        end_ = begin + size;
        ahead_ = stream - address(begin);
        until_ = until;
    }
    /// Returns the bytes entered since it was opened.
    std::size_t close() noexcept {
        auto const entered = static_cast<std::size_t>(at_ - begin_);
        begin_ = at_ = end_ = nullptr;
        return entered;
    }

    /// True when `call` may take the place `position` here. Never while it is closed.
    UMBEL_ALWAYS_INLINE bool admits(call const& call, std::uint64_t position) const noexcept {
        return call.size <= static_cast<std::size_t>(end_ - at_) && call.size <= command_bytes_max &&
               position < until_ && is_ordinary(call);
    }
    /// Copies the command. Precondition: it was admitted.
    UMBEL_ALWAYS_INLINE void enter(call& call) noexcept {
        // Looked up first: to the compiler the bytes might be written over any of it.
        char* const at = at_;
        at_ = at + call.size;
        call.stream_end = ahead_ + address(at_);
        resp::copy_text(at, call.bytes, call.size);
    }

private:
    /// Asked together: few have any.
    UMBEL_ALWAYS_INLINE static bool is_ordinary(call const& call) noexcept {
        return (std::bit_cast<std::uintptr_t>(call.token) | std::bit_cast<std::uintptr_t>(call.borrowed) |
                std::uintptr_t{call.form.bits()}) == 0;
    }
    static std::uint64_t address(char const* of) noexcept { return std::bit_cast<std::uintptr_t>(of); }

    char* begin_ = nullptr;
    char* at_ = nullptr;
    char* end_ = nullptr;
    std::uint64_t ahead_ = 0;  ///< From an address to the connection's byte count.
    std::uint64_t until_ = 0;
};

}  // namespace umbel::engine
