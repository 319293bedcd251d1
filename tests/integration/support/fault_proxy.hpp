// fault_proxy.hpp: stands between a client and one node and spoils what passes: in pieces, late, cut at a
// byte, withheld, with junk in between; or keeps what a connection has sent until its client is gone, as a
// middlebox may. It knows bytes, and of the protocol only how a client's first command begins: links between
// servers are let through unharmed.
#pragma once

#include <asio/as_tuple.hpp>
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace umbel::test {

/// What a proxy does to all that passes. All zero: nothing.
struct conduct {
    std::size_t piece = 0;              ///< Bytes passed on at a time.
    std::chrono::microseconds delay{};  ///< Before each piece.
    bool hold_requests = false;         ///< Nothing passes to the node; no end is told either.
    bool hold_replies = false;          ///< Nothing passes to the client.
    std::size_t cut_after =
        0;               ///< A connection's replies are cut after a random number of bytes, this on average.
    std::string junk{};  ///< Said to the client before the node's next reply, once on each connection.
};

/// Cuts the connection at one byte of one command, or of its reply; or withholds the rest of the reply until
/// the conduct is set anew.
struct ambush {
    enum class side : std::uint8_t { request, reply };
    enum class manner : std::uint8_t { reset, end, stall };

    std::string command = {};  ///< Its bytes on the wire.
    side where = side::request;
    std::size_t at = 0;  ///< So many bytes are let through.
    manner how = manner::reset;
};

/// Threading: made and asked by the test's thread, working on the context's one thread.
class fault_proxy {
    using tcp = asio::ip::tcp;
    static constexpr auto quietly = asio::as_tuple(asio::use_awaitable);

public:
    fault_proxy(asio::io_context& io, std::uint16_t target)
        : io_{io},
          node_{asio::ip::address_v4::loopback(), target},
          acceptor_{io, {asio::ip::address_v4::loopback(), 0}} {
        asio::co_spawn(io_, accept(), asio::detached);
    }
    fault_proxy(fault_proxy const&) = delete;

    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
    std::uint64_t sprung() const noexcept { return sprung_; }
    std::uint64_t cuts() const noexcept { return cuts_; }
    std::uint64_t stalls() const noexcept { return stalls_; }
    /// Bytes of detained connections that have reached the node after all.
    std::uint64_t late_bytes() const noexcept { return late_bytes_; }

    // ---- On the context's thread ----------------------------------------------------------------

    void behave(conduct now) {
        now_ = std::move(now);
        for (auto const& wire : links_) wire->junk = now_.junk;
        changed();
    }
    /// One ambush at a time; it springs once.
    void lay(ambush trap) { trap_ = std::move(trap); }
    /// Keeps what clients send from now on over the connections that stand; new ones pass. Ends of clients
    /// are not heard meanwhile.
    void detain() {
        for (auto const& wire : links_) wire->detained = wire->from_client;
    }
    /// Lets what was detained reach the node, whether its client is there still or not.
    void release() {
        for (auto const& wire : links_) wire->released = std::exchange(wire->detained, false);
        changed();
    }
    void close() {
        std::error_code ignored;
        acceptor_.close(ignored);
        auto const all = links_;
        for (auto const& one : all) end(*one, ambush::manner::reset);
    }

private:
    struct link {
        link(asio::io_context& io, tcp::socket accepted) : client{std::move(accepted)}, node{io}, turn{io} {}
        tcp::socket client;
        tcp::socket node;
        asio::steady_timer turn;  ///< Cancelled whenever the proxy's conduct changes.
        std::string request;      ///< Withheld because it may be the beginning of the ambushed command.
        std::optional<std::size_t> reply_left;
        ambush::manner how = ambush::manner::reset;
        std::string junk;
        bool from_client = false;
        bool detained = false;  ///< What its client says waits.
        bool released = false;  ///< It has waited, and waits no more.
        bool begun = false;
        bool ended = false;
    };
    using shared_link = std::shared_ptr<link>;

    asio::awaitable<void> accept() {
        for (;;) {
            auto [wrong, socket] = co_await acceptor_.async_accept(quietly);
            if (wrong) co_return;
            auto const one = std::make_shared<link>(io_, std::move(socket));
            one->turn.expires_at(std::chrono::steady_clock::time_point::max());
            links_.insert(one);
            asio::co_spawn(io_, serve(one), asio::detached);
        }
    }
    asio::awaitable<void> serve(shared_link one) {
        auto const [wrong] = co_await one->node.async_connect(node_, quietly);
        std::error_code ignored;
        one->client.set_option(tcp::no_delay{true}, ignored);
        one->node.set_option(tcp::no_delay{true}, ignored);
        if (wrong) {
            end(*one, ambush::manner::reset);
            links_.erase(one);
            co_return;
        }
        asio::co_spawn(io_, replies(one), asio::detached);
        co_await requests(one);
        links_.erase(one);
    }

    asio::awaitable<void> requests(shared_link one) {
        std::array<char, 16384> chunk;
        while (!one->ended) {
            auto const [wrong, size] = co_await one->client.async_read_some(asio::buffer(chunk), quietly);
            if (wrong) break;
            std::string_view const said{chunk.data(), size};
            // Clients of the library greet with HELLO; servers that replicate do not.
            if (!std::exchange(one->begun, true)) {
                one->from_client = said.find("HELLO") != std::string_view::npos;
                if (one->from_client && now_.cut_after != 0)
                    one->reply_left = random_() % (2 * now_.cut_after);
            }
            one->request.append(said);
            bool const sprung = one->from_client && springs(*one);
            std::string passed = one->request.substr(0, one->request.size() - (sprung ? 0 : withheld(*one)));
            one->request.erase(0, passed.size());
            if (!co_await pass(one, one->node, std::move(passed), &conduct::hold_requests)) break;
            if (sprung && !one->reply_left) break;
        }
        end(*one, one->how);
    }
    /// True when the ambushed command is there; what must not pass any more is cut off then.
    bool springs(link& wire) {
        if (!trap_) return false;
        std::size_t const found = wire.request.find(trap_->command);
        if (found == std::string::npos) return false;
        wire.how = trap_->how;
        if (trap_->where == ambush::side::request)
            wire.request.resize(found + std::min(trap_->at, trap_->command.size()));
        else
            wire.reply_left = trap_->at;
        trap_.reset();
        ++sprung_;
        return true;
    }
    /// Bytes at the end of what was said that may be the beginning of the ambushed command.
    std::size_t withheld(link const& wire) const {
        if (!trap_ || !wire.from_client) return 0;
        std::string_view const said = wire.request;
        for (std::size_t size = std::min(said.size(), trap_->command.size() - 1); size != 0; --size)
            if (std::string_view{trap_->command}.starts_with(said.substr(said.size() - size))) return size;
        return 0;
    }

    asio::awaitable<void> replies(shared_link one) {
        std::array<char, 16384> chunk;
        while (!one->ended) {
            auto const [wrong, size] = co_await one->node.async_read_some(asio::buffer(chunk), quietly);
            if (wrong) break;
            std::string said{chunk.data(), size};
            if (one->from_client && !one->junk.empty()) said.insert(0, std::exchange(one->junk, {}));
            bool const last = one->reply_left && *one->reply_left <= said.size();
            std::string rest;
            if (last) {
                rest = said.substr(*one->reply_left);
                said.resize(*one->reply_left);
            } else if (one->reply_left) {
                *one->reply_left -= said.size();
            }
            if (!co_await pass(one, one->client, std::move(said), &conduct::hold_replies)) break;
            if (!last) continue;
            if (one->how != ambush::manner::stall) {
                ++cuts_;
                break;
            }
            one->reply_left.reset();
            ++stalls_;
            co_await one->turn.async_wait(quietly);
            if (!co_await pass(one, one->client, std::move(rest), &conduct::hold_replies)) break;
        }
        end(*one, one->how);
    }

    /// Passes bytes on as the proxy's conduct wants it; false when the link has ended.
    asio::awaitable<bool> pass(shared_link one, tcp::socket& to, std::string bytes, bool conduct::* held) {
        for (std::size_t at = 0; at < bytes.size() && !one->ended;) {
            while (one->from_client && waits(*one, held) && !one->ended)
                co_await one->turn.async_wait(quietly);
            if (one->from_client && now_.delay.count() != 0) {
                asio::steady_timer pause{io_, now_.delay};
                co_await pause.async_wait(quietly);
            }
            std::size_t const most = one->from_client && now_.piece != 0 ? now_.piece : bytes.size();
            std::size_t const size = std::min(most, bytes.size() - at);
            auto const [wrong, written] =
                co_await asio::async_write(to, asio::buffer(bytes.data() + at, size), quietly);
            if (wrong) co_return false;
            at += written;
            if (one->released && held == &conduct::hold_requests) late_bytes_ += written;
            // A turn for the other side, so that it meets the piece alone.
            if (at < bytes.size()) co_await asio::post(asio::use_awaitable);
        }
        co_return !one->ended;
    }
    bool waits(link const& wire, bool conduct::* held) const {
        return now_.*held || (wire.detained && held == &conduct::hold_requests);
    }
    void end(link& wire, ambush::manner how) {
        if (std::exchange(wire.ended, true)) return;
        std::error_code ignored;
        if (how == ambush::manner::reset) wire.client.set_option(asio::socket_base::linger{true, 0}, ignored);
        wire.client.close(ignored);
        // The node is told politely, so that it still does what it was asked for.
        wire.node.close(ignored);
        wire.turn.cancel(ignored);
    }
    void changed() {
        for (auto const& wire : links_) wire->turn.cancel();
    }

    asio::io_context& io_;
    tcp::endpoint node_;
    tcp::acceptor acceptor_;
    conduct now_;
    std::optional<ambush> trap_;
    std::set<shared_link> links_;
    std::mt19937 random_{20261122};
    std::atomic<std::uint64_t> sprung_{0};
    std::atomic<std::uint64_t> cuts_{0};
    std::atomic<std::uint64_t> stalls_{0};
    std::atomic<std::uint64_t> late_bytes_{0};
};

}  // namespace umbel::test
