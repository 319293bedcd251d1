// cursor.hpp: where the parser stands in the bytes of a reply. It finds lines and the ends of strings, keeps
// the bounds on bytes, and remembers what is wrong and where. It knows no values and owns no bytes.
#pragma once

#include <umbel/config.hpp>
#include <umbel/resp/fault.hpp>
#include <umbel/resp/scan.hpp>
#include <umbel/resp/type.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace umbel::resp {

/// What one step of parsing came to.
enum class parse_step : std::uint8_t {
    proceed,  ///< The next step may follow.
    done,     ///< The reply is complete.
    starved,  ///< Bytes are missing.
    broken,   ///< The bytes are not RESP, or exceed a bound; the cursor holds the fault.
    push,     ///< A push frame comes next, which this reader does not read.
};

/// A position in the bytes of one reply, which may arrive in parts.
/// Lifetime: looks at the bytes of the last call of look_at().
class cursor {
public:
    explicit cursor(limits const& bounds) noexcept
        : line_bytes_max_{bounds.line_bytes_max}, reply_bytes_max_{bounds.reply_bytes_max} {}

    /// Expects the first byte of a reply.
    void start() noexcept {
        position_ = scanned_ = 0;
        forgotten_ = 0;
        fault_ = {};
    }

    /// Goes on with `bytes`. What lies beyond the bound on a reply is not even looked at, so the outcome
    /// cannot depend on how much of it has arrived. Precondition: they start where the reply starts, or where
    /// forget() cut it.
    void look_at(std::span<char> bytes) noexcept {
        data_ = bytes.data();
        size_ =
            static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), reply_bytes_max_ - forgotten_));
    }
    /// True when no more bytes than those that have arrived may belong to the reply.
    bool is_at_bound() const noexcept { return size_ == reply_bytes_max_ - forgotten_; }
    /// True when `bytes` more, behind the line that take_line() found, keep within the bound on a reply.
    bool has_room_for(std::uint64_t bytes) const noexcept {
        return bytes <= reply_bytes_max_ - forgotten_ - scanned_;
    }

    /// The bytes of the reply that may be looked at.
    char* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    std::uint32_t line_bytes_max() const noexcept { return line_bytes_max_; }

    /// The first byte that is not yet consumed. Units: bytes from data().
    std::size_t position() const noexcept { return position_; }
    bool is_at_end() const noexcept { return position_ == size_; }
    char lead() const noexcept { return data_[position_]; }
    std::size_t left() const noexcept { return size_ - position_; }
    /// True when the line at position() was looked at before, and was not whole.
    bool is_inside_line() const noexcept { return scanned_ > position_; }

    /// Finds the line at position() and gives it without its type byte and its CR LF. Consumes nothing: see
    /// pass_line(). What an earlier call looked at is not looked at again.
    parse_step take_line(std::string_view& line) noexcept;
    /// Finds CR LF at `offset`, as soon as the first of the two is there.
    parse_step find_crlf(std::size_t offset) noexcept;
    /// Consumes the line that take_line() found.
    void pass_line() noexcept { position_ = scanned_; }
    /// Consumes the bytes up to `offset`.
    void move_to(std::size_t offset) noexcept { position_ = offset; }
    /// Consumes the bytes up to `offset`, behind a string and its CR LF.
    void pass_string(std::size_t offset) noexcept { position_ = scanned_ = offset; }

    /// Cuts off what is consumed: the next bytes start that many bytes later. Returns their number.
    std::size_t forget() noexcept {
        std::size_t const count = position_;
        forgotten_ += count;
        scanned_ = scanned_ > count ? scanned_ - count : 0;
        position_ = 0;
        return count;
    }

    /// Records what is wrong with the byte at `offset`.
    parse_step stop(fault_kind kind, std::size_t offset) noexcept {
        fault_ = {kind, offset < size_ ? data_[offset] : '\0', forgotten_ + offset};
        return parse_step::broken;
    }
    resp::fault const& fault() const noexcept { return fault_; }

private:
    std::uint32_t line_bytes_max_;
    std::uint64_t reply_bytes_max_;
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t position_ = 0;
    std::size_t scanned_ = 0;      // No line break stands between position_ and here.
    std::uint64_t forgotten_ = 0;  // Bytes of the reply in front of data_.
    resp::fault fault_;
};

inline parse_step cursor::take_line(std::string_view& line) noexcept {
    std::size_t const first = position_ + 1;
    std::size_t const last = std::min<std::size_t>(size_, first + line_bytes_max_ + 1);
    std::size_t const from = std::max(first, scanned_);
    auto const end = static_cast<std::size_t>(find_line_break(data_ + from, data_ + last) - data_);
    scanned_ = end;
    if (end == last)
        return last == first + line_bytes_max_ + 1 ? stop(fault_kind::line_too_long, last - 1)
                                                   : parse_step::starved;
    if (data_[end] == '\n') return stop(fault_kind::carriage_return_missing, end);
    if (end + 1 == size_) return parse_step::starved;
    if (data_[end + 1] != '\n') return stop(fault_kind::line_feed_missing, end + 1);
    line = {data_ + first, end - first};
    scanned_ = end + 2;
    return parse_step::proceed;
}

inline parse_step cursor::find_crlf(std::size_t offset) noexcept {
    if (offset < size_ && data_[offset] != '\r') return stop(fault_kind::value_without_crlf, offset);
    if (offset + 1 >= size_) return parse_step::starved;
    if (data_[offset + 1] != '\n') return stop(fault_kind::value_without_crlf, offset + 1);
    return parse_step::proceed;
}

}  // namespace umbel::resp
