// outbox.hpp: the bytes of one gathered write, from the calls' own memory to the kernel, and how far they
// came. It knows no order of replies and completes nothing.
#pragma once

#include <umbel/engine/fast_append.hpp>
#include <umbel/secret.hpp>

#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace umbel::engine {

/// One contiguous piece of a gathered write.
struct write_piece {
    char const* data = nullptr;
    std::size_t size = 0;
};

/// Collects calls into one gathered write. Small commands are copied side by side; the bytes of large ones
/// and borrowed arguments are written from where they stand. Lifetime: a call whose bytes are referenced must
/// stay until `holds(call)` is false, or be taken over by `adopt`.
class outbox {
public:
    static constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
    static constexpr std::size_t copied_bytes_max = fast_append::command_bytes_max;
    static constexpr std::size_t pieces_max = 64;
    static constexpr std::string_view asking = "*1\r\n$6\r\nASKING\r\n";

    bool drained() const noexcept { return first_ == count_; }
    /// Bytes handed to the kernel since the connection began.
    std::uint64_t kernel_bytes() const noexcept { return kernel_; }
    std::span<write_piece const> pieces() const noexcept {
        return {pieces_.data() + first_, count_ - first_};
    }

    /// True while the next write is being collected and nothing of it has been shown to the kernel.
    bool staging() const noexcept { return staging_; }
    /// True while a write that was shown to the kernel is not wholly in it.
    bool backlog() const noexcept { return !staging_ && !drained(); }
    /// True when the kernel had no room for the rest of the present write.
    bool interrupted() const noexcept { return interrupted_; }

    /// Starts a new write, or goes on with the one that is being collected; false when memory has run out.
    /// Precondition: !backlog().
    UMBEL_NEVER_INLINE bool begin() noexcept {
        if (staging_) return true;
        UMBEL_ASSERT(drained());
        if (!buffer_) buffer_.reset(new (std::nothrow) char[buffer_bytes]);
        if (!buffer_) return false;
        clear();
        staging_ = true;
        return true;
    }

    /// True when a call may be staged now: it is small and plain, and a write is being collected that has
    /// room for it.
    UMBEL_ALWAYS_INLINE bool takes(call const& call) const noexcept {
        return staging_ && call.size <= copied_bytes_max && (call.form.asking | call.form.blocks) == 0 &&
               !call.borrowed && used_ + call.size <= buffer_bytes;
    }
    /// Copies a call into the write that is being collected.
    /// Precondition: takes(call), and every call before it is part of this write or of an earlier one.
    UMBEL_ALWAYS_INLINE void stage(call& call) noexcept { copy_whole(call); }

    /// Lends the room behind what was staged last to a fast append: at most `bytes_max` bytes, and entries of
    /// the in-flight queue up to `until`. Precondition: staging(); afterwards grew() is called before
    /// anything else is done here.
    void lend(fast_append& to, std::size_t bytes_max, std::uint64_t until) noexcept {
        UMBEL_ASSERT(staging_);
        if (!open_) return;  // What was staged last stands elsewhere.
        to.open(buffer_.get() + used_, std::min(bytes_max, buffer_bytes - used_), stream_, until);
    }
    /// The fast append is closed, and has written so many bytes.
    void grew(std::size_t bytes) noexcept {
        used_ += bytes;
        stream_ += bytes;
        pieces_[count_ - 1].size += bytes;
    }

    /// Forgets what was staged: the kernel has not seen it. The calls are there to be added again.
    /// Precondition: staging().
    void unstage() noexcept {
        UMBEL_ASSERT(staging_);
        clear();
        stream_ = sealed_;
        prefixes_ = 0;
    }

    /// The write is complete: it goes to the kernel now. Returns the bytes of the commands in it, those of
    /// ASKING not counted.
    std::size_t seal() noexcept {
        staging_ = false;
        return static_cast<std::size_t>(stream_ - std::exchange(sealed_, stream_)) -
               std::exchange(prefixes_, 0);
    }

    /// True when `call` fits into this write. The first call of a write always fits.
    bool fits(call const& call) const noexcept {
        std::size_t const borrowed = call.borrowed ? call.borrowed->count : 0;
        if (count_ + 2 * borrowed + 3 > pieces_max) return count_ == 0 && used_ == 0;
        return used_ + asking.size() + std::min<std::size_t>(call.size, copied_bytes_max) <= buffer_bytes;
    }

    /// Adds the call's bytes; with `asking` the redirection's prefix in front, in the same write.
    UMBEL_ALWAYS_INLINE void add(call& call) noexcept {
        if (call.form.asking || call.size > copied_bytes_max || call.borrowed) return add_large(call);
        copy_whole(call);
    }

    /// The kernel took `count` bytes from the front.
    void wrote(std::size_t count) noexcept {
        kernel_ += count;
        while (count != 0) {
            write_piece& front = pieces_[first_];
            std::size_t const part = std::min(count, front.size);
            front.data += part;
            front.size -= part;
            count -= part;
            if (front.size == 0) ++first_;
        }
        interrupted_ = !drained();
    }

    /// True while the kernel has not got all bytes of a gathered call.
    bool holds(call const& call) const noexcept { return call.stream_end > kernel_; }

    /// Takes over what is left of a call's bytes, so that the call may go; false when memory has run out.
    bool adopt(call const& call) noexcept {
        UMBEL_TRY {
            for (std::size_t i = first_; i < count_; ++i) {
                if (!belongs(pieces_[i], call)) continue;
                wiped_bytes spill(pieces_[i].data, pieces_[i].data + pieces_[i].size);
                spills_.push_back(std::move(spill));
                pieces_[i].data = spills_.back().data();
            }
        }
        UMBEL_CATCH(...) {
            return false;
        }
        return true;
    }

    /// Forgets everything: the connection is gone.
    void reset() noexcept {
        clear();
        staging_ = interrupted_ = false;
        kernel_ = stream_ = sealed_ = 0;
        prefixes_ = 0;
    }

private:
    void clear() noexcept {
        first_ = count_ = 0;
        used_ = 0;
        open_ = false;
        if (!spills_.empty()) spills_.clear();
    }
    UMBEL_ALWAYS_INLINE void copy_whole(call& call) noexcept {
        copy(call.bytes, call.size);
        stream_ += call.size;
        call.stream_end = stream_;
    }
    UMBEL_ALWAYS_INLINE void copy(char const* data, std::size_t size) noexcept {
        char* const to = buffer_.get() + used_;
        resp::copy_text(to, data, size);
        used_ += size;
        if (open_) {
            pieces_[count_ - 1].size += size;
        } else {
            pieces_[count_++] = {to, size};
            open_ = true;
        }
    }
    void refer(char const* data, std::size_t size) noexcept {
        if (size == 0) return;
        pieces_[count_++] = {data, size};
        open_ = false;
    }

    UMBEL_NEVER_INLINE void add_large(call& call) noexcept {
        if (call.form.asking) {
            copy(asking.data(), asking.size());
            stream_ += asking.size();
            prefixes_ += asking.size();
        }
        std::uint32_t done = 0;
        if (call.borrowed) {
            for (std::uint32_t i = 0; i < call.borrowed->count; ++i) {
                borrowed_piece const& piece = call.borrowed[i];
                own(call, done, piece.at);
                refer(piece.data, piece.size);
                done = piece.at;
            }
        }
        own(call, done, call.size);
        stream_ += call.wire_size();
        call.stream_end = stream_;
    }
    void own(call const& call, std::uint32_t from, std::uint32_t to) noexcept {
        std::uint32_t const length = to - from;
        if (length == 0) return;
        if (length <= copied_bytes_max && used_ + length <= buffer_bytes) {
            copy(call.bytes + from, length);
        } else {
            refer(call.bytes + from, length);
        }
    }
    static bool within(char const* at, char const* from, std::size_t size) noexcept {
        auto const place = reinterpret_cast<std::uintptr_t>(at);
        auto const start = reinterpret_cast<std::uintptr_t>(from);
        return place >= start && place < start + size;
    }
    static bool belongs(write_piece const& piece, call const& call) noexcept {
        if (within(piece.data, call.bytes, call.size)) return true;
        if (call.borrowed)
            for (std::uint32_t i = 0; i < call.borrowed->count; ++i)
                if (within(piece.data, call.borrowed[i].data, call.borrowed[i].size)) return true;
        return false;
    }

    std::unique_ptr<char[]> buffer_;
    std::size_t used_ = 0;
    std::array<write_piece, pieces_max> pieces_{};
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    bool open_ = false;     ///< The last piece grows with what is copied.
    bool staging_ = false;  ///< A write is being collected.
    bool interrupted_ = false;
    std::uint64_t stream_ = 0;  ///< Bytes added since the connection began.
    std::uint64_t sealed_ = 0;  ///< Those of writes that have been shown to the kernel.
    std::uint64_t kernel_ = 0;
    std::size_t prefixes_ = 0;         ///< Bytes of ASKING in the write that is being collected.
    std::vector<wiped_bytes> spills_;  ///< It may be a password.
};

}  // namespace umbel::engine
