// stream_state.hpp: what a session knows of its present stream: whether there is one, what is under way on
// it, and the number by which notices of older streams are told. It touches no socket.
#pragma once

#include <cstdint>
#include <utility>

namespace umbel::engine {

/// One stream after the other. Precondition of all: called by the session's owner.
class stream_state {
public:
    /// True while there is a stream, connected or on its way.
    bool is_open() const noexcept { return open_; }
    /// Numbers the streams.
    std::uint32_t epoch() const noexcept { return epoch_; }
    /// True when a notice of this number belongs to the present stream.
    bool is_current(std::uint32_t epoch) const noexcept { return open_ && epoch == epoch_; }

    void begin() noexcept {
        ++epoch_;
        open_ = true;
    }
    /// Returns whether there was a stream. What is pending on it comes too late from now on.
    bool end() noexcept {
        ++epoch_;
        write_blocked = reading = unread = false;
        return std::exchange(open_, false);
    }

    bool write_blocked = false;  ///< The kernel has no room; on_writable() will come.
    bool reading = false;        ///< A read is under way.
    bool unread = false;         ///< Bytes have arrived that are not settled yet.

private:
    bool open_ = false;
    std::uint32_t epoch_ = 0;
};

}  // namespace umbel::engine
