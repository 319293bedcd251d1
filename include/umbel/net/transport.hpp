// transport.hpp: one byte stream to one node, by readiness and non-blocking transfers; and its form over TCP
// and Unix sockets. It knows no protocol.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/async/try_alloc.hpp>
#include <umbel/cluster/endpoint.hpp>
#include <umbel/engine/outbox.hpp>
#include <umbel/engine/session_port.hpp>
#include <umbel/net/descriptors.hpp>
#include <umbel/net/name_resolver.hpp>

#include UMBEL_ASIO_HEADER(any_io_executor.hpp)
#include UMBEL_ASIO_HEADER(buffer.hpp)
#include UMBEL_ASIO_HEADER(connect.hpp)
#include UMBEL_ASIO_GENERIC_HEADER(stream_protocol.hpp)
#include UMBEL_ASIO_IP_HEADER(tcp.hpp)
#include UMBEL_ASIO_LOCAL_HEADER(stream_protocol.hpp)
#include UMBEL_ASIO_HEADER(post.hpp)
#include UMBEL_ASIO_HEADER(steady_timer.hpp)

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#endif

namespace umbel::net {

class transport;

/// Hears what a transport notices. keep_alive() keeps it alive while an operation is pending. Threading:
/// called on the thread on which Asio completes an operation.
class transport_owner {
public:
    virtual void on_connected(transport& from, async::error_code problem, bool resolved) = 0;
    virtual void on_read(transport& from, async::error_code problem, std::size_t count) = 0;
    virtual void on_writable(transport& from, async::error_code problem) = 0;
    /// An operation will not report its end: Asio had no memory to call its handler.
    virtual void on_notice_lost(transport& from, bool of_read) noexcept = 0;
    /// Something has happened by which the stream can go on: the owner of the connection is to call
    /// from.proceed().
    virtual void on_step(transport& from) = 0;
    virtual std::shared_ptr<void> keep_alive() = 0;

protected:
    ~transport_owner() = default;
};

/// What became of a write that ended with `problem`.
inline engine::write_outcome outcome_of(async::error_code problem) noexcept {
    if (!problem) return engine::write_outcome::wrote;
    if (problem == asio::error::would_block || problem == asio::error::try_again)
        return engine::write_outcome::blocked;
    return problem == asio::error::interrupted ? engine::write_outcome::interrupted
                                               : engine::write_outcome::failed;
}

/// What a transport has noticed while somebody else owned its connection.
struct transport_news {
    static constexpr std::uint8_t connected = 1, read = 2, writable = 4, read_lost = 8, write_lost = 16,
                                  step = 32;

    std::atomic<std::uint8_t> which{0};  ///< The kinds of news; a bit is set after the fields below are
                                         ///< written. There is at most one of each kind.
    async::error_code connect_problem;
    bool resolved = false;
    async::error_code read_problem;
    std::size_t count = 0;
    async::error_code write_problem;
};

/// One attempt at one connection. Every notice names its transport, so that a notice of an older one is
/// recognised. Threading: called by the connection's owner. Writes never block; they may return would_block.
class transport : public std::enable_shared_from_this<transport> {
public:
    explicit transport(std::uint32_t epoch) noexcept : epoch_{epoch} {}
    transport(transport const&) = delete;
    transport& operator=(transport const&) = delete;
    virtual ~transport() = default;

    std::uint32_t epoch() const noexcept { return epoch_; }
    transport_news& news() noexcept { return news_; }

    /// Resolves and connects; calls on_connected() once.
    virtual void connect(cluster::endpoint const& address) = 0;
    /// Goes on after on_step(): connects further, or receives, decrypts and sends.
    virtual void proceed() {}
    /// Reads at least one byte; calls on_read() once. Lifetime: the memory must stay until then, or until
    /// close().
    virtual void read(std::span<char> into) = 0;
    /// The number of bytes that the next read will find, if known; else 0.
    virtual std::size_t bytes_waiting() noexcept { return 0; }
    /// Calls on_writable() once, when a write will make progress.
    virtual void wait_writable() = 0;
    virtual std::size_t write_some(std::span<engine::write_piece const> pieces,
                                   async::error_code& problem) = 0;
    /// Ends the stream gracefully: the kernel still delivers what it has taken. An encrypted stream drops
    /// what it has encrypted and the kernel had no room for.
    virtual void close() noexcept = 0;
    /// Ends the stream by a reset (RST): the kernel drops what the peer has not acknowledged. Bytes that a
    /// middlebox holds (a proxy, a NAT, a load balancer), or that the peer's kernel has taken, may still
    /// reach the server.
    virtual void abort() noexcept = 0;

    /// Why the stream could not be opened, or has ended, in words. Empty where memory has run out.
    virtual std::string words_of(async::error_code problem) const noexcept {
        return problem == asio::error::eof ? engine::text_of("the node closed the connection")
                                           : text_of_transport(problem);
    }
    /// What the stream waits for while it is being opened, where that tells more than that it is not there.
    virtual std::string_view waits_for() const noexcept { return {}; }
    /// True when an encrypted stream could not be agreed upon with the node: see errc::tls_failed.
    virtual bool refused_by_tls() const noexcept { return false; }

private:
    std::uint32_t const epoch_;
    transport_news news_;
};

/// How long the other end may acknowledge nothing before the kernel gives a connection up. Zero: as the
/// system has it.
struct silence_limits {
    std::chrono::milliseconds user_timeout{};  ///< For bytes that were written.
    std::chrono::seconds keepalive_after{};    ///< When nothing is under way, it is probed after so long.
    std::chrono::seconds keepalive_interval{};
    int keepalive_probes = 0;
};

/// A transport over TCP, or over a Unix socket if the endpoint is a path.
class stream_transport : public transport {
public:
    using socket_type = asio::basic_stream_socket<asio::generic::stream_protocol, asio::any_io_executor>;

    using address = asio::generic::stream_protocol::endpoint;
    /// Where the addresses of a name are known, its look-up may take this part of the time to connect.
    static constexpr int lookup_share = 4;

    /// A name is resolved by `lookup`. Its addresses share what that leaves of `connect_timeout`, so that a
    /// dead address leaves time for the others.
    stream_transport(asio::any_io_executor const& executor, transport_owner& owner, std::uint32_t epoch,
                     silence_limits const& silence, std::chrono::milliseconds connect_timeout,
                     std::shared_ptr<name_lookup> lookup)
        : transport{epoch},
          owner_{owner},
          silence_{silence},
          connect_timeout_{connect_timeout},
          socket_{executor},
          lookup_{std::move(lookup)},
          patience_{executor} {}

    void connect(cluster::endpoint const& node) override {
        if (node.is_unix()) {
            // The endpoint throws where a path has no room in it.
            if (node.host.size() >= sizeof(sockaddr_un::sun_path)) return report(asio::error::name_too_long);
            return connect({asio::local::stream_protocol::endpoint{node.host}});
        }
        async::error_code problem;
        auto const numeric = asio::ip::make_address(node.host, problem);
        if (!problem) return connect({asio::ip::tcp::endpoint{numeric, node.port}});
        connect_until_ = std::chrono::steady_clock::now() + connect_timeout_;
        lookup_->start(node.host, connect_timeout_ / lookup_share,
                       [this, port = node.port, self = shared_from_this(), keep = owner_.keep_alive()](
                           async::error_code failed, address_list found) {
                           if (failed) return owner_.on_connected(*this, failed, false);
                           // Kept for proceed(), because the owner may be at work on another thread.
                           bool const kept = async::try_alloc([&] {
                               for (asio::ip::address const& host : in_turns(found))
                                   targets_.emplace_back(asio::ip::tcp::endpoint{host, port});
                           });
                           if (!kept) return owner_.on_connected(*this, asio::error::no_memory, true);
                           step_done(asio::error::not_found);
                       });
    }
    /// Connects to the first address that answers; calls on_connected() once.
    void connect(std::vector<address> targets) {
        connect_until_ = std::chrono::steady_clock::now() + connect_timeout_;
        targets_ = std::move(targets);
        try_next(asio::error::not_found);
    }
    void proceed() override {
        if (closed_) return;
        async::error_code ignored;
        if (is_impatient()) socket_.cancel(ignored);
        if (!step_done_.exchange(false, std::memory_order_acq_rel)) return;
        lookup_->stop_waiting();
        be_patient();
        if (step_result_) return guarded([&] { try_next(step_result_); });
        prepare();
        established();
    }

    /// Asio reads at once and waits only if there is nothing to read, so there is no system call more than in
    /// a raw loop.
    void read(std::span<char> into) override {
        using handler = async::drop_aware_handler<stream_transport, &stream_transport::has_read,
                                                  &stream_transport::read_lost>;
        socket_.async_read_some(asio::buffer(into.data(), into.size()),
                                handler{*this, read_memory_, owner_.keep_alive(), shared_from_this()});
    }
    std::size_t bytes_waiting() noexcept override {
        async::error_code unknown;
        std::size_t const count = socket_.available(unknown);
        return unknown ? 0 : count;
    }
    void wait_writable() override {
        using handler = async::drop_aware_handler<stream_transport, &stream_transport::writable,
                                                  &stream_transport::write_lost>;
        socket_.async_wait(socket_type::wait_write,
                           handler{*this, write_memory_, owner_.keep_alive(), shared_from_this()});
    }

    std::size_t write_some(std::span<engine::write_piece const> pieces, async::error_code& problem) override {
        if (pieces.size() == 1)
            return socket_.write_some(asio::buffer(pieces[0].data, pieces[0].size), problem);
        std::array<asio::const_buffer, engine::outbox::pieces_max> buffers;
        for (std::size_t i = 0; i < pieces.size(); ++i)
            buffers[i] = asio::const_buffer{pieces[i].data, pieces[i].size};
        return socket_.write_some(std::span<asio::const_buffer const>{buffers.data(), pieces.size()},
                                  problem);
    }

    void close() noexcept override {
        closed_ = true;
        async::error_code ignored;
        // An answer that comes all the same finds this transport closed.
        lookup_->give_up();
        static_cast<void>(async::try_alloc([&] { patience_.cancel(); }));
        static_cast<void>(async::try_alloc([&] { socket_.close(ignored); }));
    }

    /// Over TCP only. Bytes written to a Unix socket have reached the peer already.
    /// Rule: RFC 9293, "ABORT Call"; socket(7), SO_LINGER with a time of zero.
    void abort() noexcept override {
        reset_on_close();
        close();
    }

    /// A server that speaks TLS closes as soon as it reads what is none, and says nothing.
    std::string words_of(async::error_code problem) const noexcept override {
        std::string words = transport::words_of(problem);
        if (connected_ && !heard_.load(std::memory_order_relaxed))
            static_cast<void>(async::try_alloc(
                [&] { words += " before it had replied; it may expect TLS (rediss://, options.tls)"; }));
        return words;
    }

protected:
    /// The socket is connected. Called last of all, once for each address that accepts it.
    virtual void established() { owner_.on_connected(*this, {}, true); }

    /// True where the name has addresses that were not tried yet.
    bool has_other_addresses() const noexcept { return next_ != targets_.size(); }
    /// What stands at the present address will not do: connects to the next one.
    /// Precondition: has_other_addresses().
    void try_other_address() noexcept {
        be_patient();
        connected_ = false;
        guarded([&] { try_next(asio::error::not_found); });
    }
    /// Gives the present address its share of the time that is left, where there are others. Errors: throws
    /// std::bad_alloc.
    void limit_patience() {
        if (has_other_addresses()) wait_at_most(share_of_time());
    }
    /// True, once, where that time has passed.
    bool is_impatient() noexcept {
        return impatient_for_.exchange(0, std::memory_order_acq_rel) == patience_number_;
    }
    /// No time is bounded any more. A timer that has rung already is not heard.
    void be_patient() noexcept {
        ++patience_number_;
        static_cast<void>(async::try_alloc([&] { patience_.cancel(); }));
    }

    void reset_on_close() noexcept {
        async::error_code ignored;
        if (socket_.is_open()) socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
    }

    transport_owner& owner() noexcept { return owner_; }
    socket_type& socket() noexcept { return socket_; }
    bool closed() const noexcept { return closed_; }

private:
    /// Runs a step of connecting. Without memory the connection fails.
    template <class Step>
    void guarded(Step&& step) {
        if (!async::try_alloc(step)) owner_.on_connected(*this, asio::error::no_memory, true);
    }
    void has_read(async::error_code problem, std::size_t count) {
        if (!problem) heard_.store(true, std::memory_order_relaxed);
        owner_.on_read(*this, problem, count);
    }
    void writable(async::error_code problem) { owner_.on_writable(*this, problem); }
    void read_lost() noexcept { owner_.on_notice_lost(*this, true); }
    void write_lost() noexcept { owner_.on_notice_lost(*this, false); }

    /// Tries the next address of the name.
    void try_next(async::error_code latest) {
        if (next_ == targets_.size()) return report(latest);
        auto const target = targets_[next_++];
        async::error_code problem;
        if (socket_.is_open()) socket_.close(problem);
        socket_.open(target.protocol(), problem);
        if (problem) return try_next(problem);
        limit_patience();
        socket_.async_connect(target, [this, self = shared_from_this(), keep = owner_.keep_alive()](
                                          async::error_code result) { step_done(result); });
    }
    void step_done(async::error_code result) {
        step_result_ = result;
        step_done_.store(true, std::memory_order_release);
        owner_.on_step(*this);
    }
    /// How long the present address may take: those that are left share the time that is left.
    std::chrono::steady_clock::duration share_of_time() const noexcept {
        auto const left = connect_until_ - std::chrono::steady_clock::now();
        return left / static_cast<std::int64_t>(targets_.size() - next_ + 1);
    }
    /// Starts the timer that gives the present address up.
    void wait_at_most(std::chrono::steady_clock::duration share) {
        patience_.expires_after(share);
        patience_.async_wait([this, which = ++patience_number_, self = shared_from_this(),
                              keep = owner_.keep_alive()](async::error_code stopped) {
            if (stopped) return;
            impatient_for_.store(which, std::memory_order_release);
            owner_.on_step(*this);
        });
    }
    /// Reports a failure from the executor, never inside connect().
    void report(async::error_code problem) {
        asio::post(socket_.get_executor(),
                   [this, problem, self = shared_from_this(), keep = owner_.keep_alive()] {
                       owner_.on_connected(*this, problem, true);
                   });
    }

    void prepare() noexcept {
        async::error_code ignored;
        connected_ = true;
        socket_.non_blocking(true, ignored);
        bool const tcp = targets_[next_ - 1].protocol().family() != AF_UNIX;
        if (!tcp) return;
        socket_.set_option(asio::ip::tcp::no_delay{true}, ignored);
        socket_.set_option(asio::socket_base::keep_alive{true}, ignored);
#if defined(__linux__)
        // Bytes that a frozen host never acknowledges end the connection (RFC 5482, "TCP User Timeout
        // Option").
        set_tcp(TCP_USER_TIMEOUT, silence_.user_timeout.count());
        // A connection that is silent by nature is probed, so that what stands between does not forget it, or
        // its loss is noticed (RFC 1122, "TCP Keep-Alives").
        set_tcp(TCP_KEEPIDLE, silence_.keepalive_after.count());
        set_tcp(TCP_KEEPINTVL, silence_.keepalive_interval.count());
        set_tcp(TCP_KEEPCNT, silence_.keepalive_probes);
#endif
    }

#if defined(__linux__)
    void set_tcp(int option, std::int64_t chosen) noexcept {
        auto const value = static_cast<int>(chosen);
        if (value > 0) ::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
    }
#endif

    transport_owner& owner_;
    silence_limits const silence_;
    std::chrono::milliseconds const connect_timeout_;
    socket_type socket_;
    std::shared_ptr<name_lookup> const lookup_;
    asio::steady_timer patience_;
    std::chrono::steady_clock::time_point connect_until_;
    std::vector<address> targets_;
    std::size_t next_ = 0;
    async::error_code step_result_;  ///< The result of the latest step, if step_done_.
    std::atomic<bool> step_done_{false};
    std::size_t patience_number_ = 1;            ///< Of the latest timer.
    std::atomic<std::size_t> impatient_for_{0};  ///< The number of the timer that has rung; 0: none.
    bool closed_ = false;
    bool connected_ = false;
    std::atomic<bool> heard_{false};  ///< Bytes have come.
    async::handler_memory read_memory_;
    async::handler_memory write_memory_;
};

}  // namespace umbel::net
