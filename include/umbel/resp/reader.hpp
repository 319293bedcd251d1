// reader.hpp: what a connection holds to turn received bytes into replies: chunks, the parser, and the way
// past replies nobody waits for. It knows neither sockets nor commands: its caller receives into space(),
// says commit(), and asks for replies.
#pragma once

#include <umbel/config.hpp>
#include <umbel/error.hpp>
#include <umbel/resp/chunk.hpp>
#include <umbel/resp/parser.hpp>
#include <umbel/resp/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace umbel::resp {

/// Units: bytes. The reader starts with chunks of the first size and doubles while receives fill the space
/// they are offered.
struct reader_options {
    resp::limits limits{};
    std::size_t chunk_bytes_first = 16 * 1024;
    std::size_t chunk_bytes_max = 64 * 1024;
};

/// Reads replies from bytes as they arrive.
///
/// Lifetime: a view that next() or skip() gave, and all that was decoded from it without pinning, is valid
/// until the next call of next(), skip(), space() or reset(). Values that pinned their chunk outlive the
/// reader. Cost: a few nanoseconds for a short reply that is there; no allocation in steady state. A value
/// longer than a chunk gets a chunk of its exact size, so that only the part that was already there is
/// copied. That size is announced, not memory: what is asked of the system and touched stays at most 64 KiB
/// ahead of what has arrived. Where addresses cannot be reserved, the chunk doubles up to its size instead.
/// Threading: one thread at a time; pinned values go where they please.
class reader {
public:
    enum class status : std::uint8_t {
        ready,      ///< The reply is there, or gone.
        need_more,  ///< Receive into space() and commit().
        fault,      ///< The peer broke the protocol; close the connection, fault() names what is wrong.
        push,       ///< skip() only: a push frame came first and is shown; call skip() again.
    };

    /// Values may pin chunks as far as `budget` allows; without one there is no bound. Bounds out of their
    /// range are moved into it.
    explicit reader(std::shared_ptr<pin_budget> budget = nullptr, reader_options options = {})
        : parser_{options.limits}, budget_{std::move(budget)}, options_{options} {
        options_.limits = parser_.limits();
        options_.chunk_bytes_first = std::max<std::size_t>(options_.chunk_bytes_first, 512);
        options_.chunk_bytes_max = std::max(options_.chunk_bytes_max, options_.chunk_bytes_first);
        target_ = options_.chunk_bytes_first;
    }

    reader(reader const&) = delete;
    reader& operator=(reader const&) = delete;

    /// Where the next receive may write; never empty. In a large reply it has room for the `waiting` bytes
    /// that are known to wait at the socket, and for some more. Errors: throws std::bad_alloc and changes
    /// nothing.
    std::span<char> space(std::size_t waiting = 0) {
        std::size_t const have = available();
        std::size_t const wanted = stage_ == stage::reading ? parser_.wanted() : 0;
        if (!chunk_ || !has_room(have, wanted)) make_room(have, wanted);
        if (chunk_->is_opening() && !chunk_->open(tail_, waiting)) [[unlikely]]
            throw_bad_alloc();
        offered_ = static_cast<std::size_t>(chunk_->end() - tail_);
        mark_quick_end();
        return {tail_, offered_};
    }

    /// Says that `bytes` bytes arrived at the front of space(). Precondition: bytes <= space().size().
    void commit(std::size_t bytes) noexcept {
        UMBEL_ASSERT(bytes <= static_cast<std::size_t>(chunk_->end() - tail_));
        if (bytes == offered_ && offered_ >= target_ / 2)
            target_ = std::min(target_ * 2, options_.chunk_bytes_max);
        tail_ += bytes;
        mark_quick_end();
    }

    /// Gives the next whole reply; a push frame is a reply of kind push. Attributes in front of it are passed
    /// over. Precondition: skip() is not in the middle of a reply. Errors: throws std::bad_alloc; the call
    /// may be repeated.
    [[nodiscard]] UMBEL_ALWAYS_INLINE status next(view& out) {
        char const* const end = quick_reply(head_, quick_end_, short_);
        if (!end) [[unlikely]]
            return next_other(out);
        // Constructed, not copied from `shown_`: the processor would wait until the parts of `shown_` that
        // have just been written have reached memory.
        out = view{&short_, head_, chunk_.get()};
        head_ += end - head_;
        return status::ready;
    }

    /// next() in two steps, for the way of every command, where a few instructions matter. The first step
    /// returns the reply if it is whole, short and of a frequent kind, neither an error nor a push frame.
    /// Otherwise it returns null and does nothing, and the second step must follow.
    [[nodiscard]] UMBEL_ALWAYS_INLINE view const* next_plain() noexcept {
        char const* const end = quick_reply(head_, quick_end_, short_);
        if (!end) [[unlikely]]
            return nullptr;
        shown_.base_ = head_;
        head_ += end - head_;
        return &shown_;
    }
    /// The second step. Precondition and errors: those of next().
    [[nodiscard]] status next_other(view& out);

    /// What next_element() has found.
    enum class element : std::uint8_t {
        ready,      ///< An element is there.
        end,        ///< The reply has no more elements.
        none,       ///< The reply is there, as one: it is no aggregate.
        need_more,  ///< As of status.
        fault,      ///< As of status.
    };
    /// Gives the next reply element by element, where it is an array, a map (keys and values in turn) or a
    /// set: each as soon as it is whole, as a reply of its own. So only one of them has to be held, and the
    /// bounds on a reply hold for each. A reply of the streamed form, or with attributes in front, is given
    /// as one. Until the end has come, only skip() and reset() may be called besides. Precondition and
    /// errors: those of next().
    [[nodiscard]] element next_element(view& out);
    /// True when next_element() has begun a reply, and has not come to its end.
    bool in_elements() const noexcept { return elements_begun_; }

    /// Discards the next whole reply, also one that next() or next_element() has begun to read: its bytes are
    /// dropped as they come. A push frame is no reply: it is shown in `push` with status::push, and the reply
    /// is still to be discarded. Errors: throws std::bad_alloc; the call may be repeated.
    [[nodiscard]] status skip(view& push);

    /// What is wrong, after status::fault: protocol_error, delivery unknown.
    error fault() const noexcept { return to_error(parser_.fault()); }

    /// True when nothing of a further reply has arrived.
    bool at_boundary() const noexcept { return stage_ == stage::between && head_ == tail_; }
    /// True while a large reply arrives: then space() profits from knowing how many bytes wait at the socket.
    bool in_large() const noexcept { return chunk_ && chunk_->is_opening(); }
    /// True while what next() has begun to read is a push frame.
    bool in_push() const noexcept { return stage_ == stage::reading && parser_.in_push(); }
    /// Bytes that have arrived and belong to no finished reply.
    std::size_t available() const noexcept { return static_cast<std::size_t>(tail_ - head_); }

    /// Drops the bytes that have arrived and expects the first byte of a new connection.
    void reset() noexcept {
        parser_.start();
        head_ = tail_ = chunk_ ? chunk_->data() : nullptr;
        if (chunk_ && chunk_->pinned()) {
            chunk_ = {};
            head_ = tail_ = nullptr;
        }
        elements_begun_ = false;
        enter(stage::between);
    }

private:
    // Reading and skipping are in the middle of a reply, or of the attributes in front of it.
    enum class stage : std::uint8_t { between, reading, skipping };

    // Bytes of the current reply that may be looked at: bytes beyond the bound must not change the outcome.
    std::size_t visible() const noexcept {
        return std::min<std::size_t>(available(), options_.limits.reply_bytes_max);
    }

    void enter(stage next) noexcept {
        stage_ = next;
        mark_quick_end();
    }
    // To be called whenever the stage or the end of the bytes has changed.
    void mark_quick_end() noexcept {
        quick_end_ = stage_ == stage::between && options_.limits.reply_bytes_max >= quick_reply_bytes_max
                         ? tail_
                         : head_;
    }

    status read_on(view& out);
    element open_elements() noexcept;
    status skip_value(view& push);
    bool has_room(std::size_t have, std::size_t wanted) noexcept;
    void make_room(std::size_t have, std::size_t wanted);
    void to_front(std::size_t have) noexcept;
    chunk_ref fresh_chunk(std::size_t capacity, std::size_t have) const;
    std::size_t size_for(std::size_t have, std::size_t wanted) const noexcept;
    void use(chunk_ref fresh, std::size_t have) noexcept;
    std::size_t least_room() const noexcept { return std::min<std::size_t>(4096, target_ / 4); }

    char* head_ = nullptr;  // Where the current reply starts.
    char* tail_ = nullptr;  // Where the next byte will arrive.
    // Where the search for short replies ends. It is head_, so that there are none, in the middle of another
    // reply, and where the bound on a reply is so low that a short reply might exceed it.
    char const* quick_end_ = nullptr;
    stage stage_ = stage::between;
    node short_{};
    view shown_{&short_, nullptr};  // The short reply that was read last.
    chunk_ref chunk_;
    chunk_ref spare_;
    parser parser_;
    std::size_t target_ = 0;
    std::size_t offered_ = 0;
    bool elements_begun_ = false;      // The header of a reply is read whose elements follow.
    std::uint64_t elements_left_ = 0;  // So many of them.
    std::shared_ptr<pin_budget> budget_;
    reader_options options_;
};

}  // namespace umbel::resp

#include <umbel/resp/reader_impl.hpp>
