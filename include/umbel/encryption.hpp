// encryption.hpp: what a connection needs of TLS, as interfaces: a byte stream beneath, plain bytes above.
// <umbel/tls.hpp> implements them. It knows no OpenSSL, no socket and no Asio.
#pragma once

#include <umbel/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace umbel {

/// The byte stream beneath a channel: a socket, or the script of a test. It never blocks.
class byte_stream {
public:
    enum class outcome : std::uint8_t {
        moved,    ///< Some bytes.
        blocked,  ///< None at the moment.
        ended,    ///< The peer sends no more.
        failed,   ///< The stream is broken.
    };
    struct transfer {
        outcome how = outcome::moved;
        std::size_t count = 0;  ///< Of bytes; positive where they were moved.
        int system_error = 0;   ///< The errno of a stream that has failed.
    };

    /// Receives at most so many bytes. Fewer mean that there are no more at the moment.
    virtual transfer receive(std::span<char> room) noexcept = 0;
    /// Sends the bytes of both, the first before the second, as far as there is room.
    virtual transfer send(std::span<char const> first, std::span<char const> second) noexcept = 0;

protected:
    ~byte_stream() = default;
};

/// One encrypted connection over a byte stream. Threading: one owner at a time. It never waits: where it can
/// do no more, it says for what.
class encrypted_channel {
public:
    enum class progress : std::uint8_t {
        done,         ///< The step is complete.
        wants_read,   ///< It goes on when the stream has bytes: say so by readable().
        wants_write,  ///< It goes on when the stream takes bytes.
        wants_turn,   ///< It goes on at once, but others should have their turn before.
        ended,        ///< The peer has ended the stream; failure() says how.
        failed,       ///< failure() says why. Nothing is possible any more.
    };
    using pieces = std::span<std::span<char const> const>;

    virtual ~encrypted_channel() = default;

    /// The stream beneath may have bytes again.
    virtual void readable() noexcept = 0;
    /// Goes on until the peer is verified. Nothing can be read or written before that.
    virtual progress shake_hands() = 0;
    /// Reads what has come, at least one byte where it is done, straight into `room`.
    virtual progress read(std::span<char> room, std::size_t& count) = 0;
    /// True when the next read() may find bytes although the stream beneath has none.
    virtual bool has_unread() const noexcept = 0;
    /// Encrypts from the front of `plain` as much as there is room for, and sends it at once, or when the
    /// stream has room: `count` bytes, at least one where it is done. close() drops what waits for room.
    virtual progress write(pieces plain, std::size_t& count) = 0;
    /// True while encrypted bytes wait for room in the stream.
    virtual bool has_unsent() const noexcept = 0;
    /// Sends them, as far as there is room.
    virtual progress flush() noexcept = 0;
    /// Tells the peer that nothing more will come, if that can be sent at once.
    virtual void close() noexcept = 0;

    /// Why it has failed or ended, in words.
    virtual std::string const& failure() const noexcept = 0;
    /// True when the fault lies in what one side makes of the other's certificate, or of its TLS at all: a
    /// new attempt will meet it again. False for a stream that broke.
    virtual bool refused() const noexcept = 0;
};

/// How the connections of a client are encrypted: options::tls, made by umbel::tls(). Threading: any.
class encryption {
public:
    virtual ~encryption() = default;

    /// Errors: bad_argument, naming the option of TLS that is wrong.
    virtual result<void> check() const = 0;
    /// Reads certificates and keys again. Connections that are made later use them. Blocks while it reads,
    /// and throws std::bad_alloc where memory runs out. Errors: bad_argument, naming what cannot be read;
    /// what was read before stays in use.
    virtual result<void> reload() = 0;
    /// A channel to the node at this address, over `beneath`; null where memory has run out. Precondition:
    /// check() has succeeded. Lifetime: `beneath` must outlive the channel.
    virtual std::unique_ptr<encrypted_channel> open(std::string_view host, std::uint16_t port,
                                                    byte_stream& beneath) noexcept = 0;
};

}  // namespace umbel
