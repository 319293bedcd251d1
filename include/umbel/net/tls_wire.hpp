// tls_wire.hpp: how OpenSSL reaches the byte stream beneath a channel, and what it has encrypted that the
// stream has not taken yet. It knows no plain byte.
#pragma once

#include <umbel/encryption.hpp>
#include <umbel/net/tls_gather.hpp>
#include <umbel/net/tls_handles.hpp>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace umbel::net {

/// The BIO of one channel. It asks the stream for nothing that a short answer has shown not to be there.
class tls_wire {
public:
    /// Room for one record: its bytes, and what TLS adds to them.
    static constexpr std::size_t record_room = tls_gather::record_bytes_max + 512;
    /// So many records leave by one send.
    static constexpr std::size_t records_max = 7;
    /// How often a step receives before others have their turn: a peer that sends without end, and nothing
    /// for the reader, must not hold the thread.
    static constexpr unsigned receives_max = 32;

    explicit tls_wire(byte_stream& beneath) noexcept : stream_{beneath} {}
    tls_wire(tls_wire const&) = delete;
    tls_wire& operator=(tls_wire const&) = delete;

    /// Becomes the BIO of `raw`; false where memory has run out. Lifetime: must outlive `raw`.
    bool attach(SSL& raw) noexcept {
        BIO* const made = method() ? BIO_new(method()) : nullptr;
        if (!made) return false;
        BIO_set_data(made, this);
        BIO_set_init(made, 1);
        SSL_set_bio(&raw, made, made);
        return true;
    }

    // ---- Receiving ------------------------------------------------------------------------------

    /// The stream may have bytes again.
    void readable() noexcept { drained_ = false; }
    void begin_step() noexcept {
        receives_left_ = receives_max;
        paused_ = false;
    }
    /// The stream has no more bytes at the moment.
    bool drained() const noexcept { return drained_; }
    /// The bound of one step was reached: there may be more.
    bool paused() const noexcept { return paused_; }
    /// The peer has closed its end of the stream.
    bool at_end() const noexcept { return ended_; }
    /// The errno of a stream that has failed; 0 where it has not.
    int system_error() const noexcept { return system_error_; }

    // ---- Sending --------------------------------------------------------------------------------

    /// What is encrypted from now on waits for flush(); or leaves at once, with what has waited.
    void collect(bool on) noexcept { collecting_ = on; }
    bool has_unsent() const noexcept { return begin_ != end_; }
    /// Gives back the memory of what waited, where nothing waits any more: a connection may never need it
    /// after its handshake.
    void trim() noexcept {
        if (!has_unsent()) bytes_.reset();
    }
    /// True when one more record can be kept, where the stream does not take it.
    bool has_room() const noexcept { return bytes_max - (end_ - begin_) >= record_room; }
    bool has_room_for_two() const noexcept { return bytes_max - (end_ - begin_) >= 2 * record_room; }

    /// Sends what waits. `moved`: all of it; `blocked`: the rest waits for room.
    byte_stream::outcome flush() noexcept {
        if (system_error_ != 0) return byte_stream::outcome::failed;
        if (!has_unsent()) return byte_stream::outcome::moved;
        static_cast<void>(send({}));
        if (system_error_ != 0) return byte_stream::outcome::failed;
        return has_unsent() ? byte_stream::outcome::blocked : byte_stream::outcome::moved;
    }

private:
    static constexpr std::size_t bytes_max = records_max * record_room;

    static BIO_METHOD* method() noexcept {
        // Never freed: a channel may live until the process ends.
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "umbel");
            if (!fresh) return fresh;
            BIO_meth_set_read(fresh, [](BIO* bio, char* room, int size) noexcept {
                return of(bio).receive(*bio, {room, static_cast<std::size_t>(size)});
            });
            BIO_meth_set_write(fresh, [](BIO* bio, char const* bytes, int size) noexcept {
                return of(bio).take(*bio, {bytes, static_cast<std::size_t>(size)});
            });
            BIO_meth_set_ctrl(fresh, [](BIO* bio, int what, long, void*) noexcept -> long {
                if (what == BIO_CTRL_EOF) return of(bio).ended_ ? 1 : 0;
                return what == BIO_CTRL_FLUSH ? 1 : 0;
            });
            return fresh;
        }();
        return made;
    }
    static tls_wire& of(BIO* bio) noexcept { return *static_cast<tls_wire*>(BIO_get_data(bio)); }

    int receive(BIO& bio, std::span<char> room) noexcept {
        BIO_clear_retry_flags(&bio);
        if (ended_) return 0;
        if (system_error_ != 0) return -1;
        if (!drained_ && receives_left_ != 0) {
            --receives_left_;
            byte_stream::transfer const came = stream_.receive(room);
            switch (came.how) {
                case byte_stream::outcome::moved:
                    drained_ = came.count < room.size();
                    return static_cast<int>(came.count);
                case byte_stream::outcome::blocked: drained_ = true; break;
                case byte_stream::outcome::ended: ended_ = true; return 0;
                case byte_stream::outcome::failed: break_by(came.system_error); return -1;
            }
        }
        paused_ = !drained_;
        BIO_set_retry_read(&bio);
        return -1;
    }
    /// Takes what OpenSSL has encrypted: sends it, or keeps it.
    int take(BIO& bio, std::span<char const> bytes) noexcept {
        BIO_clear_retry_flags(&bio);
        if (system_error_ != 0) return -1;
        std::span<char const> rest = bytes;
        if (!collecting_ || bytes.size() > bytes_max - (end_ - begin_)) rest = send(bytes);
        if (system_error_ != 0) return -1;
        if (rest.empty() || keep(rest)) return static_cast<int>(bytes.size());
        // What has not left is offered again, when there is room.
        std::size_t const left = bytes.size() - rest.size();
        if (left != 0) return static_cast<int>(left);
        BIO_set_retry_write(&bio);
        return -1;
    }
    /// Sends what waits, and `more` behind it; returns what is left of `more`.
    std::span<char const> send(std::span<char const> more) noexcept {
        std::span<char const> const waiting{bytes_.get() + begin_, end_ - begin_};
        byte_stream::transfer const left = stream_.send(waiting, more);
        switch (left.how) {
            case byte_stream::outcome::moved: break;
            case byte_stream::outcome::blocked: return more;
            case byte_stream::outcome::ended:
            case byte_stream::outcome::failed: break_by(left.system_error); return more;
        }
        std::size_t const of_waiting = std::min(left.count, waiting.size());
        begin_ += of_waiting;
        if (begin_ == end_) begin_ = end_ = 0;
        return more.subspan(left.count - of_waiting);
    }
    bool keep(std::span<char const> bytes) noexcept {
        if (bytes.size() > bytes_max - (end_ - begin_)) return false;
        if (!bytes_) bytes_.reset(new (std::nothrow) char[bytes_max]);
        if (!bytes_) return false;
        if (bytes.size() > bytes_max - end_) {
            std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
            end_ -= std::exchange(begin_, 0);
        }
        std::memcpy(bytes_.get() + end_, bytes.data(), bytes.size());
        end_ += bytes.size();
        return true;
    }
    void break_by(int system_error) noexcept { system_error_ = system_error != 0 ? system_error : EIO; }

    byte_stream& stream_;
    std::unique_ptr<char[]> bytes_;  ///< Those that wait stand from begin_ to end_.
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    unsigned receives_left_ = 0;
    int system_error_ = 0;
    bool collecting_ = true;
    bool drained_ = false;
    bool paused_ = false;
    bool ended_ = false;
};

}  // namespace umbel::net
