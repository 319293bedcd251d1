// secure_transport.hpp: a transport whose bytes are encrypted: a channel (encryption.hpp) over the socket of
// a stream_transport. It knows no OpenSSL and no protocol.
#pragma once

#include <umbel/async/asio.hpp>
#include <umbel/encryption.hpp>
#include <umbel/net/transport.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::net {

/// Connects as a stream_transport does, then has its channel shake hands: the stream is connected when the
/// node is verified.
///
/// The channel is touched only by the owner of the connection. Asio's handlers note what has happened, and
/// ask for a step (on_step); proceed() does it. A read waits until the socket has bytes, and receives and
/// decrypts them then. What was encrypted and did not fit into the socket is sent by the transport itself,
/// whether or not somebody waits to write more.
class secure_transport final : public stream_transport, private byte_stream {
public:
    secure_transport(asio::any_io_executor const& executor, transport_owner& owner, std::uint32_t epoch,
                     silence_limits const& silence, std::chrono::milliseconds connect_timeout,
                     std::shared_ptr<name_lookup> lookup, std::shared_ptr<encryption> security)
        : stream_transport{executor, owner, epoch, silence, connect_timeout, std::move(lookup)},
          security_{std::move(security)} {}

    void connect(cluster::endpoint const& node) override {
        node_ = node;
        stream_transport::connect(node);
    }
    void proceed() override {
        if (closed()) return;
        if (!channel_) return stream_transport::proceed();
        if (stage_ == stage::greeting && is_impatient()) return report(asio::error::timed_out);
        // A handler that throws must not keep the others from what they wait for.
        struct rest {
            secure_transport& self;
            bool done = false;
            ~rest() {
                if (!done && !self.closed()) self.post_step();
            }
        } afterwards{*this};
        if (take(is_writable | lost_room) != 0) {
            awaits_room_ = false;
            go_on_writing();
            if (!channel_) return static_cast<void>(afterwards.done = true);  // Another address is tried.
        }
        std::uint8_t const came = closed() ? std::uint8_t{0} : take(is_readable | lost_bytes | has_turn);
        if ((came & has_turn) != 0) awaits_turn_ = false;
        if ((came & (is_readable | lost_bytes)) != 0) {
            awaits_bytes_ = false;
            channel_->readable();
        }
        if (came != 0) stage_ == stage::greeting ? shake_hands() : go_on_reading();
        afterwards.done = true;
    }

    void read(std::span<char> into) override {
        room_ = into;
        channel_->has_unread() ? ask_for_turn() : await_bytes();
    }
    /// How many plain bytes there are is known when they are decrypted.
    std::size_t bytes_waiting() noexcept override { return 0; }
    void wait_writable() override {
        wants_write_ = true;
        await_room();
    }
    std::size_t write_some(std::span<engine::write_piece const> pieces, async::error_code& problem) override {
        std::array<std::span<char const>, engine::outbox::pieces_max> plain;
        for (std::size_t at = 0; at < pieces.size(); ++at) plain[at] = {pieces[at].data, pieces[at].size};
        std::size_t count = 0;
        switch (channel_->write({plain.data(), pieces.size()}, count)) {
            case encrypted_channel::progress::done: break;
            case encrypted_channel::progress::wants_read:
            case encrypted_channel::progress::wants_write:
            case encrypted_channel::progress::wants_turn: problem = asio::error::would_block; break;
            case encrypted_channel::progress::ended:
            case encrypted_channel::progress::failed: problem = asio::error::broken_pipe; break;
        }
        // Without memory for that, the next write sends it.
        if (!problem && channel_->has_unsent())
            static_cast<void>(async::retry_alloc([this] { await_room(); }));
        return count;
    }

    void close() noexcept override {
        if (!closed() && channel_) channel_->close();
        stream_transport::close();
    }
    /// What is encrypted and has not left is dropped, too.
    void abort() noexcept override {
        stream_transport::reset_on_close();
        stream_transport::close();
    }

    std::string words_of(async::error_code problem) const noexcept override {
        bool const told = channel_ && !channel_->failure().empty();
        std::string words = told ? engine::text_of(channel_->failure()) : transport::words_of(problem);
        if (!elsewhere_.empty())
            static_cast<void>(async::try_alloc(
                [&] { words += " (before, at another address of this name: " + elsewhere_ + ')'; }));
        return words;
    }
    std::string_view waits_for() const noexcept override {
        return stage_ == stage::greeting
                   ? ": the TLS handshake is not answered; perhaps the node speaks no TLS"
                   : "";
    }
    bool refused_by_tls() const noexcept override { return channel_ && channel_->refused(); }

private:
    enum class stage : std::uint8_t { connecting, greeting, open };
    using progress = encrypted_channel::progress;

    /// What has happened since the last step. Where a notice is lost, nobody knows what it would have told.
    static constexpr std::uint8_t is_readable = 1, is_writable = 2, has_turn = 4, lost_bytes = 8,
                                  lost_room = 16, lost_turn = 32;

    /// Which of them have happened; from now on they have not.
    std::uint8_t take(std::uint8_t kinds) noexcept {
        return static_cast<std::uint8_t>(
            happened_.fetch_and(static_cast<std::uint8_t>(~kinds), std::memory_order_acquire) & kinds);
    }
    /// True where a notice that was asked for will still come.
    bool will_come(bool& asked, std::uint8_t lost) noexcept {
        if (asked && take(lost) != 0) asked = false;
        return asked;
    }

    // ---- Steps, by the owner of the connection --------------------------------------------------

    void established() override {
        stage_ = stage::greeting;
        forget_notices();
        channel_ = security_->open(node_.host, node_.port, *this);
        if (!channel_ || !async::try_alloc([&] { limit_patience(); }))
            return owner().on_connected(*this, asio::error::no_memory, true);
        shake_hands();
    }
    /// Those of a socket that is closed. What is still to come is taken for news of this one, which does no
    /// harm.
    void forget_notices() noexcept {
        if (take(is_readable | lost_bytes) != 0) awaits_bytes_ = false;
        if (take(is_writable | lost_room) != 0) awaits_room_ = false;
        if (take(has_turn | lost_turn) != 0) awaits_turn_ = false;
    }
    /// TLS has failed with the present address: connects to the next one of the name. False: there is none.
    bool go_elsewhere(async::error_code problem) noexcept {
        if (problem == asio::error::no_memory || !has_other_addresses()) return false;
        elsewhere_.clear();
        elsewhere_ = problem == asio::error::timed_out ? engine::text_of("the TLS handshake was not answered")
                                                       : words_of(problem);
        channel_.reset();
        stage_ = stage::connecting;
        try_other_address();
        return true;
    }
    void shake_hands() {
        progress const step = channel_->shake_hands();
        switch (step) {
            case progress::done:
                stage_ = stage::open;
                be_patient();
                elsewhere_.clear();
                if (!expect(progress::done)) return;
                return owner().on_connected(*this, {}, true);
            case progress::wants_read:
            case progress::wants_write:
            case progress::wants_turn: static_cast<void>(expect(step)); return;
            case progress::ended:
            case progress::failed: return report(asio::error::connection_aborted);
        }
    }
    void go_on_reading() {
        if (room_.empty()) return;
        std::size_t count = 0;
        progress const step = channel_->read(room_, count);
        if (!expect(step)) return;
        switch (step) {
            case progress::done: room_ = {}; return owner().on_read(*this, {}, count);
            case progress::wants_read:
            case progress::wants_write:
            case progress::wants_turn: return;
            case progress::ended: return report(asio::error::eof);
            case progress::failed: return report(asio::error::connection_aborted);
        }
    }
    /// There is room for what is encrypted, and perhaps for more.
    void go_on_writing() {
        progress const step = channel_->flush();
        if (step == progress::failed) return report(asio::error::broken_pipe);
        if (step != progress::done) return static_cast<void>(expect(step));
        if (stage_ == stage::greeting) return shake_hands();
        if (std::exchange(wants_write_, false)) owner().on_writable(*this, {});
        // A read that had to answer something first.
        if (!closed()) go_on_reading();
    }

    /// Waits for what a step wants, and for room where encrypted bytes wait. False: the stream has ended for
    /// want of memory.
    bool expect(progress step) {
        bool const good = async::retry_alloc([&] {
            if (channel_->has_unsent()) await_room();
            if (step == progress::wants_read) await_bytes();
            if (step == progress::wants_turn) ask_for_turn();
        });
        if (!good) report(asio::error::no_memory);
        return good;
    }
    /// The stream cannot be opened, or has ended: whoever waits is told.
    void report(async::error_code problem) {
        if (stage_ == stage::greeting && go_elsewhere(problem)) return;
        if (stage_ == stage::greeting) return owner().on_connected(*this, problem, true);
        bool const reads = !std::exchange(room_, {}).empty();
        reads ? owner().on_read(*this, problem, 0) : owner().on_writable(*this, problem);
    }

    // ---- Waiting --------------------------------------------------------------------------------

    template <auto Call, auto Lose>
    auto handler(async::handler_memory& memory) {
        return async::drop_aware_handler<secure_transport, Call, Lose>{*this, memory, owner().keep_alive(),
                                                                       shared_from_this()};
    }
    void await_bytes() {
        if (will_come(awaits_bytes_, lost_bytes)) return;
        socket().async_wait(
            socket_type::wait_read,
            handler<&secure_transport::bytes_came, &secure_transport::bytes_lost>(bytes_memory_));
        awaits_bytes_ = true;
    }
    void await_room() {
        if (will_come(awaits_room_, lost_room)) return;
        socket().async_wait(
            socket_type::wait_write,
            handler<&secure_transport::room_came, &secure_transport::room_lost>(room_memory_));
        awaits_room_ = true;
    }
    void ask_for_turn() {
        if (will_come(awaits_turn_, lost_turn)) return;
        post_turn();
        awaits_turn_ = true;
    }

    // Threading: any; another thread may own the connection.
    void post_turn() {
        asio::post(socket().get_executor(),
                   handler<&secure_transport::turn_came, &secure_transport::turn_lost>(turn_memory_));
    }
    bool post_step() noexcept {
        return async::retry_alloc([this] { post_turn(); });
    }
    void note(std::uint8_t kind) {
        happened_.fetch_or(kind, std::memory_order_release);
        owner().on_step(*this);
    }
    void bytes_came(async::error_code) { note(is_readable); }
    void room_came(async::error_code) { note(is_writable); }
    void turn_came() { note(has_turn); }
    /// A step asks again; without memory for one, the owner does.
    void lose(std::uint8_t kind, bool of_read) noexcept {
        happened_.fetch_or(kind, std::memory_order_release);
        if (kind == lost_turn || !post_step()) owner().on_notice_lost(*this, of_read);
    }
    void bytes_lost() noexcept { lose(lost_bytes, true); }
    void room_lost() noexcept { lose(lost_room, false); }
    void turn_lost() noexcept { lose(lost_turn, true); }

    // ---- byte_stream: the socket ----------------------------------------------------------------

    transfer receive(std::span<char> room) noexcept override {
        async::error_code problem = asio::error::interrupted;
        std::size_t count = 0;
        while (problem == asio::error::interrupted)
            count = socket().read_some(asio::buffer(room.data(), room.size()), problem);
        return outcome(problem, count);
    }
    transfer send(std::span<char const> first, std::span<char const> second) noexcept override {
        std::array<asio::const_buffer, 2> const both{asio::const_buffer{first.data(), first.size()},
                                                     asio::const_buffer{second.data(), second.size()}};
        async::error_code problem = asio::error::interrupted;
        std::size_t count = 0;
        while (problem == asio::error::interrupted)
            count =
                first.empty() ? socket().write_some(both[1], problem) : socket().write_some(both, problem);
        return outcome(problem, count);
    }
    static transfer outcome(async::error_code problem, std::size_t count) noexcept {
        if (!problem) return {byte_stream::outcome::moved, count};
        if (problem == asio::error::would_block || problem == asio::error::try_again)
            return {byte_stream::outcome::blocked};
        if (problem == asio::error::eof) return {byte_stream::outcome::ended};
        return {byte_stream::outcome::failed, 0, problem.value()};
    }

    std::shared_ptr<encryption> const security_;
    cluster::endpoint node_;
    std::unique_ptr<encrypted_channel> channel_;
    std::string elsewhere_;  ///< Why TLS has failed with the address before.
    std::span<char> room_;   ///< Of the read that waits; empty where none does.
    std::atomic<std::uint8_t> happened_{0};
    stage stage_ = stage::connecting;
    bool awaits_bytes_ = false;  ///< Each is cleared by its own notice only.
    bool awaits_room_ = false;
    bool awaits_turn_ = false;
    bool wants_write_ = false;  ///< The owner waits for room.
    async::handler_memory bytes_memory_;
    async::handler_memory room_memory_;
    async::handler_memory turn_memory_;
};

}  // namespace umbel::net
