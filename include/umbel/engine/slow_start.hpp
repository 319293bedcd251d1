// slow_start.hpp: how many calls a server gets that has just come back: few at first, and more with each of
// its replies. It knows no bytes and no connection.
#pragma once

#include <umbel/engine/in_flight_queue.hpp>

#include <algorithm>
#include <cstddef>

namespace umbel::engine {

/// A window of calls in flight on one connection. It begins with `first` calls and grows by one with each
/// reply, so that it doubles with each round trip, until it is `growth` times as large and leaves nobody
/// waiting. Rule: RFC 5681, "Slow Start", of which this is the first half: the server's replies are the
/// acknowledgements, and where they stay away nothing is sent.
class slow_start {
public:
    using position = in_flight_queue::position;
    /// The server has shown that it is well when it has answered so many times `first` calls.
    static constexpr std::size_t growth = 64;

    /// `first`: calls in flight at the beginning; 0: there is no slow start.
    explicit slow_start(std::size_t first) noexcept : first_{first} {}

    bool enabled() const noexcept { return first_ != 0; }
    bool on() const noexcept { return window_ != 0; }
    /// Begins, with the queue's `head`, where so many calls are in flight already. Precondition: enabled().
    void begin(position head, std::size_t in_flight) noexcept {
        from_ = head;
        window_ = std::max(first_, in_flight);
    }
    void end() noexcept { window_ = 0; }
    /// A call has left the queue at its head that was never sent: this is no reply.
    void skipped() noexcept { ++from_; }
    /// Calls before this place may be written. Precondition: on().
    position until(position head) const noexcept { return head + window_ + (head - from_); }
    /// True when it has no reason to go on. Precondition: on().
    bool is_over(position head, position tail) const noexcept {
        return head - from_ >= first_ * growth && until(head) >= tail;
    }

private:
    std::size_t first_;
    std::size_t window_ = 0;  ///< At the beginning; 0: it is off.
    position from_ = 0;
};

}  // namespace umbel::engine
