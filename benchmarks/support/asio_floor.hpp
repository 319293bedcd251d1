// asio_floor.hpp: what coroutines on Asio cost at least: the reads and writes of a client, each command
// awaited in asio::awaitable<> and resumed inline from the read. No routing, no deadline, no value; replies
// are only counted by their bytes.
#pragma once

#include <support/traffic.hpp>

#include <asio.hpp>

#include <bit>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace bench {

/// Two ways to read with Asio: a receive that is tried at once and then waits, or a wait and one receive.
enum class asio_reading : std::uint8_t { read_some, wait_first };

/// What a command is to the one who sends it.
enum class asio_command : std::uint8_t {
    coroutine,  ///< An asio::awaitable<std::size_t> of its own, as clients on Asio are written; it awaits an
                ///< operation with use_awaitable.
    operation,  ///< An operation awaited as it is: no frame of its own, nothing allocated, no result at all.
                ///< The least that can be had.
};

/// A ring of suspended coroutines. `Link` is a connection; it has append(bytes, size).
template <class Link>
class asio_ring {
public:
    /// Makes room for so many commands at a time; a small ring stays in the cache. Precondition: nothing is
    /// outstanding.
    void expect(unsigned outstanding) {
        queue_ = std::vector<waiting>(std::bit_ceil(std::size_t{outstanding} + 1));
        head_ = tail_ = 0;
    }

    /// Sends one encoded command; completes when as many replies have come as commands were sent up to it.
    auto send(char const* bytes, std::size_t size) {
        return asio::async_initiate<asio::deferred_t const, void()>(begin{}, asio::deferred, this, bytes,
                                                                    size);
    }
    /// The same as a coroutine. Returns the bytes of the reply.
    asio::awaitable<std::size_t> command(char const* bytes, std::size_t size) {
        using told = void(asio::error_code, std::size_t);
        co_return co_await asio::async_initiate<asio::use_awaitable_t<> const, told>(
            begin{}, asio::use_awaitable, this, bytes, size);
    }

protected:
    /// So many bytes have come: resumes those whose replies are whole.
    void resume(std::size_t got, std::size_t reply_bytes) {
        carry_ += got;
        std::size_t const replies = carry_ / reply_bytes;
        carry_ %= reply_bytes;
        for (std::size_t i = 0; i < replies; ++i) {
            waiting& one = queue_[head_++ & (queue_.size() - 1)];
            one.resume(one, reply_bytes);
        }
    }

private:
    struct waiting {
        void (*resume)(waiting&, std::size_t) = nullptr;
        alignas(std::max_align_t) std::byte space[48];
    };
    struct begin {
        template <class Handler>
        void operator()(Handler&& handler, asio_ring* self, char const* bytes, std::size_t size) const {
            using kept = std::decay_t<Handler>;
            static_assert(sizeof(kept) <= sizeof(waiting::space));
            waiting& place = self->next_place();
            ::new (static_cast<void*>(place.space)) kept{std::forward<Handler>(handler)};
            place.resume = [](waiting& mine, std::size_t reply_bytes) {
                kept& stored = *std::launder(reinterpret_cast<kept*>(mine.space));
                kept taken{std::move(stored)};
                stored.~kept();
                if constexpr (std::is_invocable_v<kept, asio::error_code, std::size_t>)
                    std::move(taken)(asio::error_code{}, reply_bytes);
                else
                    std::move(taken)();
            };
            static_cast<Link*>(self)->append(bytes, size);
        }
    };

    waiting& next_place() {
        if (tail_ - head_ == queue_.size())
            die("asio floor", "more commands are outstanding than it has room for");
        return queue_[tail_++ & (queue_.size() - 1)];
    }

    std::vector<waiting> queue_;
    std::size_t head_ = 0, tail_ = 0, carry_ = 0;
};

/// One connection: one read and one write a turn.
class asio_link final : public asio_ring<asio_link> {
public:
    asio_link(asio::io_context& io, address const& where, asio_reading reading)
        : socket_{io}, reading_{reading} {
        socket_.connect({asio::ip::make_address(where.host), where.port});
        socket_.set_option(asio::ip::tcp::no_delay{true});
        socket_.non_blocking(true);
    }
    asio_link(asio_link const&) = delete;
    asio_link& operator=(asio_link const&) = delete;

    void start(std::size_t const& reply_bytes) {
        asio::co_spawn(socket_.get_executor(), read(reply_bytes), asio::detached);
    }
    void stop() { socket_.close(); }

    void append(char const* bytes, std::size_t size) {
        if (end_ + size > out_.size()) [[unlikely]]
            out_.resize(out_.size() * 2);
        std::memcpy(out_.data() + end_, bytes, size);
        end_ += size;
        if (in_turn_ || scheduled_) return;
        scheduled_ = true;
        asio::post(socket_.get_executor(), [this] {
            scheduled_ = false;
            flush();
        });
    }

private:
    asio::awaitable<void> read(std::size_t const& reply_bytes) {
        for (;;) {
            std::size_t got = 0;
            try {
                if (reading_ == asio_reading::wait_first) {
                    co_await socket_.async_wait(asio::ip::tcp::socket::wait_read, asio::deferred);
                    asio::error_code problem;
                    got = socket_.read_some(asio::buffer(in_), problem);
                    if (problem && problem != asio::error::would_block) co_return;
                } else {
                    got = co_await socket_.async_read_some(asio::buffer(in_), asio::deferred);
                }
            } catch (asio::system_error const&) {
                co_return;
            }
            in_turn_ = true;
            resume(got, reply_bytes);
            in_turn_ = false;
            flush();
        }
    }
    void flush() {
        while (begin_ != end_ && !blocked_) {
            asio::error_code problem;
            begin_ += socket_.write_some(asio::buffer(out_.data() + begin_, end_ - begin_), problem);
            if (problem == asio::error::would_block) {
                blocked_ = true;
                socket_.async_wait(asio::ip::tcp::socket::wait_write, [this](asio::error_code) {
                    blocked_ = false;
                    flush();
                });
            } else if (problem) {
                die("asio floor", problem.message());
            }
        }
        if (begin_ == end_) begin_ = end_ = 0;
    }

    asio::ip::tcp::socket socket_;
    asio_reading const reading_;
    std::vector<char> in_ = std::vector<char>(1 << 16), out_ = std::vector<char>(1 << 16);
    std::size_t begin_ = 0, end_ = 0;
    bool in_turn_ = false, scheduled_ = false, blocked_ = false;
};

/// Connections to all nodes that the traffic goes to. Whoever derives connects them.
template <class Link>
class asio_contender : public contender {
public:
    asio_contender(std::string name, traffic const& what, asio_command command)
        : contender{std::move(name)}, traffic_{what}, command_{command} {}
    ~asio_contender() override {
        for (auto& link : links_) link->stop();
        io_.restart();
        io_.run();
    }

    void run(job const& what, measured& out) override {
        meter count{what, out};
        reply_bytes_ = traffic_.reply_bytes(what.kind);
        busy_ = what.outstanding;
        for (auto& link : links_) link->expect(what.outstanding);
        for (unsigned i = 0; i < what.outstanding; ++i) {
            switch (command_) {
                case asio_command::coroutine:
                    asio::co_spawn(io_, work(what.kind, count), asio::detached);
                    break;
                case asio_command::operation:
                    asio::co_spawn(io_, work_bare(what.kind, count), asio::detached);
                    break;
            }
        }
        io_.restart();
        io_.run();
    }

protected:
    asio::io_context& io() noexcept { return io_; }
    void add(std::unique_ptr<Link> connected) {
        links_.push_back(std::move(connected));
        links_.back()->start(reply_bytes_);
    }

private:
    asio::awaitable<void> work(command_kind which, meter& count) {
        while (count.take()) {
            planned const& next = traffic_.command(which, sequence_++);
            std::int64_t const since = count.sample();
            std::size_t const came =
                co_await links_[next.node]->command(traffic_.wire(which) + next.at, next.size);
            if (came != reply_bytes_) die(this->name(), "a reply has another size");
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }
    asio::awaitable<void> work_bare(command_kind which, meter& count) {
        while (count.take()) {
            planned const& next = traffic_.command(which, sequence_++);
            std::int64_t const since = count.sample();
            co_await links_[next.node]->send(traffic_.wire(which) + next.at, next.size);
            count.sampled(since);
            count.done();
        }
        if (--busy_ == 0) io_.stop();
    }

    traffic const& traffic_;
    asio_command const command_;
    asio::io_context io_{1};
    std::vector<std::unique_ptr<Link>> links_;
    std::size_t reply_bytes_ = 1;
    std::size_t sequence_ = 0;
    unsigned busy_ = 0;
};

class asio_floor final : public asio_contender<asio_link> {
public:
    explicit asio_floor(traffic const& what, asio_command command,
                        asio_reading reading = asio_reading::read_some)
        : asio_contender{command == asio_command::operation   ? "Asio floor, no coroutine a command"
                         : reading == asio_reading::read_some ? "Asio floor"
                                                              : "Asio floor, wait and receive",
                         what, command} {
        for (address const& one : what.nodes()) add(std::make_unique<asio_link>(io(), one, reading));
    }
};

}  // namespace bench
