// transport.hpp: one byte stream to one node, as readiness and non-blocking transfers; and its TCP and Unix forms.
// It knows no protocol. Another transport (TLS) offers the same few functions.
#pragma once

#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/net/managed.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/generic/stream_protocol.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

namespace umbel::net {

/// Who is told what a transport has noticed. Kept alive by `keeper()` while an operation is pending.
class transport_owner {
public:
    virtual void on_connected(std::uint32_t epoch, asio::error_code problem, bool resolved) = 0;
    virtual void on_read(std::uint32_t epoch, asio::error_code problem, std::size_t count) = 0;
    virtual void on_writable(std::uint32_t epoch, asio::error_code problem) = 0;
    /// What was begun will not be told: Asio had no memory to call its handler.
    virtual void read_lost(std::uint32_t) noexcept {}
    virtual void wait_lost(std::uint32_t) noexcept {}
    virtual std::shared_ptr<void> keeper() = 0;

protected:
    ~transport_owner() = default;
};

/// One attempt at one connection. Every notification carries the epoch it was made with; what comes late is recognised by it.
/// Threading: the connection's strand. Writes never block: would_block is an answer.
class transport : public std::enable_shared_from_this<transport> {
public:
    virtual ~transport() = default;
    /// Resolves and connects; tells on_connected once.
    virtual void connect(cluster::endpoint const& where) = 0;
    /// Reads at least one byte; tells on_read once. The memory must stay until then, or until close().
    virtual void read(std::span<char> into) = 0;
    /// Tells on_writable once, when a write will make progress.
    virtual void wait_writable() = 0;
    virtual std::size_t write_some(std::span<engine::write_piece const> pieces, asio::error_code& problem) = 0;
    /// Ends the stream. What was written is delivered still, as far as the peer takes it.
    virtual void close() noexcept = 0;
    /// Ends the stream by a reset: what the peer has not acknowledged is dropped. What something on the way
    /// holds (a proxy, a NAT, a load balancer) may reach the peer all the same, and so may what its kernel
    /// has taken already.
    virtual void abort() noexcept = 0;
};

/// TCP, or a Unix socket where the endpoint is a path.
class stream_transport final : public transport {
public:
    using socket_type = asio::basic_stream_socket<asio::generic::stream_protocol, asio::any_io_executor>;

    using address = asio::generic::stream_protocol::endpoint;

    /// `connect_timeout` is what the owner grants; the addresses of one name share it, so that a dead one leaves time for the others.
    stream_transport(asio::any_io_executor const& executor, transport_owner& owner, std::uint32_t epoch,
                     std::chrono::milliseconds user_timeout, std::chrono::milliseconds connect_timeout)
        : owner_{owner},
          epoch_{epoch},
          user_timeout_{user_timeout},
          connect_timeout_{connect_timeout},
          socket_{executor},
          resolver_{executor},
          patience_{executor} {}

    void connect(cluster::endpoint const& where) override {
        if (where.is_unix()) {
            try {
                return connect({asio::local::stream_protocol::endpoint{where.host}});
            } catch (...) {
                return report(asio::error::name_too_long);
            }
        }
        asio::error_code problem;
        auto const numeric = asio::ip::make_address(where.host, problem);
        if (!problem) return connect({asio::ip::tcp::endpoint{numeric, where.port}});
        resolver_.async_resolve(where.host, std::to_string(where.port), asio::ip::tcp::resolver::numeric_service,
                                [this, self = shared_from_this(), keep = owner_.keeper()](asio::error_code failed, asio::ip::tcp::resolver::results_type found) {
                                    if (failed) return owner_.on_connected(epoch_, failed, false);
                                    guarded([&] {
                                        std::vector<address> targets;
                                        for (auto const& entry : found) targets.emplace_back(entry.endpoint());
                                        connect(std::move(targets));
                                    });
                                });
    }
    /// Connects to the first of these that answers; tells on_connected once.
    void connect(std::vector<address> targets) {
        targets_ = std::move(targets);
        try_next(asio::error::not_found);
    }

    /// Asio tries at once and waits only when nothing is there: no system call more than a raw loop makes.
    void read(std::span<char> into) override {
        socket_.async_read_some(asio::buffer(into.data(), into.size()),
                                handler_of<stream_transport, &stream_transport::has_read, &stream_transport::lost_read>{*this, owner_.keeper(), shared_from_this()});
    }
    void wait_writable() override {
        socket_.async_wait(socket_type::wait_write,
                           handler_of<stream_transport, &stream_transport::writable, &stream_transport::lost_wait>{*this, owner_.keeper(), shared_from_this()});
    }

    std::size_t write_some(std::span<engine::write_piece const> pieces, asio::error_code& problem) override {
        if (pieces.size() == 1) return socket_.write_some(asio::buffer(pieces[0].data, pieces[0].size), problem);
        std::array<asio::const_buffer, engine::outbox::pieces_max> buffers;
        for (std::size_t i = 0; i < pieces.size(); ++i) buffers[i] = asio::const_buffer{pieces[i].data, pieces[i].size};
        return socket_.write_some(std::span<asio::const_buffer const>{buffers.data(), pieces.size()}, problem);
    }

    void close() noexcept override {
        closed_ = true;
        asio::error_code ignored;
        // Asio asks for memory to cancel a resolution; without it the answer comes and finds this closed.
        static_cast<void>(managed([&] { resolver_.cancel(); }));
        static_cast<void>(managed([&] { patience_.cancel(); }));
        static_cast<void>(managed([&] { socket_.close(ignored); }));
    }

    /// Over TCP. A Unix socket has nothing on the way: what was written is the peer's.
    /// Rule: RFC 9293, "ABORT Call"; socket(7), SO_LINGER with a time of zero.
    void abort() noexcept override {
        asio::error_code ignored;
        if (socket_.is_open()) socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
        close();
    }

private:
    /// A step of connecting; without memory for it there is no connection.
    template <class Step>
    void guarded(Step&& step) {
        if (!managed(step)) owner_.on_connected(epoch_, asio::error::no_memory, true);
    }
    void has_read(asio::error_code problem, std::size_t count) { owner_.on_read(epoch_, problem, count); }
    void lost_read() noexcept { owner_.read_lost(epoch_); }
    void writable(asio::error_code problem) { owner_.on_writable(epoch_, problem); }
    void lost_wait() noexcept { owner_.wait_lost(epoch_); }

    /// Tries the addresses of one name in turn.
    void try_next(asio::error_code latest) {
        if (closed_) return owner_.on_connected(epoch_, asio::error::operation_aborted, true);
        if (next_ == targets_.size()) return report(latest);
        auto const target = targets_[next_++];
        asio::error_code problem;
        if (socket_.is_open()) socket_.close(problem);
        socket_.open(target.protocol(), problem);
        if (problem) return try_next(problem);
        if (next_ != targets_.size()) wait_at_most(connect_timeout_ / targets_.size());
        socket_.async_connect(target, [this, self = shared_from_this(), keep = owner_.keeper()](asio::error_code failed) {
            patience_.cancel();
            if (failed) return guarded([&] { try_next(failed); });
            prepare();
            owner_.on_connected(epoch_, {}, true);
        });
    }
    /// Gives the present address up after a while. One that has answered meanwhile has moved on, or needs no timer any more.
    void wait_at_most(std::chrono::milliseconds share) {
        patience_.expires_after(share);
        patience_.async_wait([this, which = next_, self = shared_from_this(), keep = owner_.keeper()](asio::error_code stopped) {
            asio::error_code ignored;
            if (!stopped && which == next_ && !connected_ && !closed_) socket_.cancel(ignored);
        });
    }
    /// Nothing could even be tried: told from the executor, never inside connect().
    void report(asio::error_code problem) {
        asio::post(socket_.get_executor(), [this, problem, self = shared_from_this(), keep = owner_.keeper()] { owner_.on_connected(epoch_, problem, true); });
    }

    void prepare() noexcept {
        connected_ = true;
        asio::error_code ignored;
        socket_.non_blocking(true, ignored);
        bool const tcp = targets_[next_ - 1].protocol().family() != AF_UNIX;
        if (!tcp) return;
        socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
        socket_.set_option(asio::socket_base::keep_alive{true}, ignored);
#if defined(__linux__)
        // Bytes that a frozen host never acknowledges end the connection (RFC 5482, "TCP User Timeout Option").
        if (user_timeout_.count() > 0) {
            auto const value = static_cast<unsigned>(user_timeout_.count());
            ::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
        }
#endif
    }

    transport_owner& owner_;
    std::uint32_t const epoch_;
    std::chrono::milliseconds const user_timeout_;
    std::chrono::milliseconds const connect_timeout_;
    socket_type socket_;
    asio::ip::basic_resolver<asio::ip::tcp, asio::any_io_executor> resolver_;
    asio::steady_timer patience_;
    std::vector<address> targets_;
    std::size_t next_ = 0;
    bool connected_ = false;
    bool closed_ = false;
};

}  // namespace umbel::net
